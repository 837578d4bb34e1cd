package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// tinyPNG is a picture of one pixel.
const tinyPNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// hangTime is the time after which a call counts as hanging; none of these calls waits.
const hangTime = 20 * time.Second

// reply is an answer over HTTP or a socket.
type reply struct {
	Status int `json:"-"`
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    struct {
			Reason    string
			Retryable bool
			RequestID string `json:"request_id"`
			Details   struct {
				Field  string
				Fields []struct{ Pointer, Problem string }
			}
		}
	}
	raw string
}

// refused checks that the answer is an error with the code that names exactly one field; "-" means no field.
func (r reply) refused(t *testing.T, what string, code int, pointer string) {
	t.Helper()
	if r.Error == nil {
		t.Errorf("%s: accepted: %.200s", what, r.raw)
		return
	}
	named := []string{}
	for _, f := range r.Error.Data.Details.Fields {
		named = append(named, f.Pointer)
		if f.Problem == "" {
			t.Errorf("%s: %s has no problem", what, f.Pointer)
		}
	}
	wanted := []string{pointer}
	if pointer == "-" {
		wanted = []string{}
	}
	if r.Error.Code != code || !slices.Equal(named, wanted) {
		t.Errorf("%s: code %d, fields %v; want %d, %v: %.300s", what, r.Error.Code, named, code, wanted, r.raw)
	}
	if r.Error.Message == "" || r.Error.Data.Reason == "" || r.Error.Data.RequestID == "" {
		t.Errorf("%s: no message, reason or request id: %.300s", what, r.raw)
	}
}

func request(method string, params any) []byte {
	body, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return body
}

// post sends a raw body.
func post(t *testing.T, addr, token string, body []byte) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/rpc", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	r := answer(t, req)
	checkReplyNames(addr, body, r.Result)
	return r
}

func answer(t *testing.T, req *http.Request) reply {
	t.Helper()
	response, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{Status: response.StatusCode, raw: string(raw)}
	if err := json.Unmarshal(raw, &r); err != nil && len(raw) > 0 && raw[0] != '[' {
		t.Fatalf("%s: %s", response.Status, raw)
	}
	return r
}

// world is a server with a connected session, one that was never connected, and a peer.
type world struct {
	network, server *process
	session, idle   string
	own, peer       string
}

func startWorld(t *testing.T, extra ...string) *world {
	t.Helper()
	network, root := startSandbox(t)
	dir := t.TempDir()
	w := &world{network: network, session: "bad", idle: "idle", own: "15550300001", peer: "15550300002"}
	w.server = startServer(t, freeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"),
		append([]string{"-calls-per-second", "100000", "-call-burst", "100000"}, extra...)...)
	pair(t, w.server, network, w.session, w.own)
	must(t, w.server.addr, "session.create", object{"session_id": w.idle}, nil)
	must(t, network.addr, "sandbox.createAccount", object{"number": w.peer, "push_name": "Peer"}, nil)
	must(t, w.server.addr, "message.sendText", object{"session": w.session, "to": w.peer, "text": "before"}, nil)
	w.receives(t, "hello")
	return w
}

// receives sends a message from the peer and waits for it; all earlier events are in the journal by then.
func (w *world) receives(t *testing.T, text string) {
	t.Helper()
	must(t, w.network.addr, "sandbox.send", object{"account": w.peer, "to": w.own, "content": object{"type": "text", "text": text}}, nil)
	history(t, w.server, w.session, 30*time.Second, func(all []event) bool {
		return slices.ContainsFunc(all, func(e event) bool { return e.Data.Text == text })
	})
}

// uptime matches the parts of a session's state that change by themselves: the history sync goes on after the connection.
var uptime = regexp.MustCompile(`"uptime_seconds":\d+|"history_sync":(null|\{[^}]*\})`)

// state returns the state that must not change: sessions, settings, chats, and the messages of the peer.
func (w *world) state(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, ask := range map[string]struct {
		p      *process
		method string
		params object
	}{
		"sessions": {w.server, "session.list", object{"full": true}}, "chats": {w.server, "chat.list", object{"session": w.session}},
		"settings": {w.server, "session.getSettings", object{"session": w.session}}, "profile": {w.server, "profile.get", object{"session": w.session}},
		"groups": {w.server, "group.list", object{"session": w.session}}, "privacy": {w.server, "privacy.getSettings", object{"session": w.session}},
		"contacts": {w.server, "contact.list", object{"session": w.session}}, "inbox": {w.network, "sandbox.listMessages", object{"account": w.peer, "limit": 100}},
	} {
		var raw json.RawMessage
		must(t, ask.p.addr, ask.method, ask.params, &raw)
		out[name] = uptime.ReplaceAllString(string(raw), "")
	}
	return out
}

// unchanged checks that the state is the same, that there was no internal error, and that the session still works.
func (w *world) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	for name, now := range w.state(t) {
		if now != before[name] {
			t.Errorf("%s changed\nfrom %s\nto   %s", name, before[name], now)
		}
	}
	w.server.mu.Lock()
	log := w.server.log.String()
	w.server.mu.Unlock()
	for line := range strings.Lines(log) {
		if strings.Contains(line, "panic") || strings.Contains(line, "method failed") {
			t.Error(line)
		}
	}
	must(t, w.server.addr, "message.sendText", object{"session": w.session, "to": w.peer, "text": "after"}, nil)
	w.receives(t, "still here")
	checkNetwork(t, w.network)
}

// stream is a socket without subscriptions.
type stream struct{ ws *websocket.Conn }

func (w *world) open(t *testing.T) *stream {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+w.server.addr+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(4 << 20)
	s := &stream{ws}
	t.Cleanup(s.close)
	return s
}

func (w *world) dial(t *testing.T, token string) *stream {
	t.Helper()
	s := w.open(t)
	if r := s.call(t, "conn.hello", object{"protocol": 1, "token": token, "filters": []any{}}); r.Error != nil {
		t.Fatal(r.raw)
	}
	return s
}

func (s *stream) close() { _ = s.ws.CloseNow() }

func (s *stream) call(t *testing.T, method string, params any) reply {
	t.Helper()
	return s.send(t, request(method, params))
}

func (s *stream) send(t *testing.T, frame []byte) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTime)
	defer cancel()
	if err := s.ws.Write(ctx, websocket.MessageText, frame); err != nil {
		t.Fatalf("%.200s: %v", frame, err)
	}
	_, raw, err := s.ws.Read(ctx)
	if err != nil {
		t.Fatalf("%.200s: %v", frame, err)
	}
	r := reply{raw: string(raw)}
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return r
}

// TestBrokenFramesAreRefused checks that malformed calls get an error, over HTTP and on a socket, which stays open.
func TestBrokenFramesAreRefused(t *testing.T) {
	w := startWorld(t)
	before := w.state(t)
	socket := w.dial(t, adminToken)
	for _, c := range []struct {
		name, body string
		code       int
		pointer    string
	}{
		{"cut off", `{"jsonrpc":"2.0","id":1,"method":"server.ping"`, -32700, "-"},
		{"no JSON", `hello`, -32700, "-"},
		{"two values", `{} {}`, -32700, "-"},
		{"a lone quote", `"`, -32700, "-"},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, "-"},
		{"a control character", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\x01\"}", -32700, "-"},
		{"nested deeply", strings.Repeat("[", 100000), -32011, "-"},
		{"an empty batch", `[]`, -32600, "-"},
		{"a number", `7`, -32600, "-"},
		{"no version", `{"id":1,"method":"server.ping"}`, -32600, "-"},
		{"another version", `{"jsonrpc":"1.0","id":1,"method":"server.ping"}`, -32600, "-"},
		{"a method that is a number", `{"jsonrpc":"2.0","id":1,"method":5}`, -32600, "-"},
		{"an id that is an object", `{"jsonrpc":"2.0","id":{},"method":"server.ping"}`, -32600, "-"},
		{"params that are text", `{"jsonrpc":"2.0","id":1,"method":"server.ping","params":"x"}`, -32600, "-"},
		{"params by position", `{"jsonrpc":"2.0","id":1,"method":"session.get","params":["bad"]}`, -32602, ""},
		{"an unknown method", `{"jsonrpc":"2.0","id":1,"method":"message.teleport","params":{}}`, -32601, "-"},
		{"a method in other letters", `{"jsonrpc":"2.0","id":1,"method":"Session.List"}`, -32601, "-"},
		{"a param twice", `{"jsonrpc":"2.0","id":1,"method":"session.get","params":{"session":"bad","session":"idle"}}`, -32602, "/session"},
	} {
		post(t, w.server.addr, adminToken, []byte(c.body)).refused(t, c.name, c.code, c.pointer)
		if !utf8.ValidString(c.body) {
			continue // a socket must close on text that is not UTF-8
		}
		socket.send(t, []byte(c.body)).refused(t, c.name+" on a socket", c.code, c.pointer)
	}
	if r := post(t, w.server.addr, adminToken, bytes.Repeat([]byte(" "), 5<<20)); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d %s", r.Status, r.raw)
	}
	w.unchanged(t, before)
}

// TestBadTokensOpenNothing checks that a credential that is missing, unknown, misplaced or of another session gives no access.
func TestBadTokensOpenNothing(t *testing.T) {
	w := startWorld(t)
	const other = "token-of-the-other-session"
	must(t, w.server.addr, "session.create", object{"session_id": "other", "token": other}, nil)
	before := w.state(t)
	info := request("session.get", object{"session": w.session})
	for name, token := range map[string]string{
		"none": "", "made up": "no-such-token-0123456789", "almost right": adminToken + "x", "cut off": adminToken[:len(adminToken)-1],
		"long": strings.Repeat("t", 10000), "SQL": "' OR 1=1 --",
	} {
		r := post(t, w.server.addr, token, info)
		r.refused(t, name, -32001, "-")
		if token != "" && r.Status != http.StatusUnauthorized { // public methods need no token
			t.Errorf("%s: status %d", name, r.Status)
		}
	}
	for _, query := range []string{"token", "access_token", "admin_token", "api_key"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s/v1/rpc?%s=%s", w.server.addr, query, adminToken), bytes.NewReader(info))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		answer(t, req).refused(t, "the token in the query as "+query, -32001, "-")
	}
	post(t, w.server.addr, other, info).refused(t, "another session's token", -32002, "-")
	post(t, w.server.addr, other, request("message.sendText", object{"session": w.session, "to": w.peer, "text": "stolen"})).
		refused(t, "a send with another session's token", -32002, "-")
	post(t, w.server.addr, other, request("session.list", object{})).refused(t, "the list of sessions with a session's token", -32002, "-")
	post(t, w.server.addr, other, request("session.delete", object{"session": w.session})).refused(t, "deletion with another session's token", -32002, "-")
	w.open(t).call(t, "conn.hello", object{"protocol": 1, "token": "no-such-token-0123456789"}).refused(t, "hello with a token made up", -32001, "-")
	w.open(t).call(t, "conn.hello", object{"protocol": 1}).refused(t, "hello without token", -32001, "-")
	w.open(t).call(t, "session.list", object{}).refused(t, "a call before hello", -32001, "-")
	w.dial(t, other).call(t, "events.subscribe", object{"filters": []any{object{"sessions": []string{w.session}}}}).
		refused(t, "events with another session's token", -32002, "-")
	w.unchanged(t, before)
}
