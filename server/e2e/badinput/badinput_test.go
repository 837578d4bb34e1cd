package badinput

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// tinyPNG is a picture of one pixel.
const tinyPNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// world is a server with a connected session, one that was never connected, and a peer.
type world struct {
	network, server *e2etest.Process
	session, idle   string
	own, peer       string
}

func startWorld(t *testing.T, extra ...string) *world {
	t.Helper()
	network, root := e2etest.StartSandbox(t)
	dir := t.TempDir()
	w := &world{network: network, session: "bad", idle: "idle", own: "15550300001", peer: "15550300002"}
	w.server = e2etest.StartServer(t, testkit.FreeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"),
		append([]string{"-calls-per-second", "100000", "-call-burst", "100000"}, extra...)...)
	e2etest.PairSession(t, w.server, network, w.session, w.own)
	e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": w.idle}, nil)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": w.peer, "push_name": "Peer"}, nil)
	e2etest.MustCall(t, w.server.Addr, "message.sendText", object{"session": w.session, "to": w.peer, "text": "before"}, nil)
	w.receives(t, "hello")
	return w
}

// receives sends a message from the peer and waits for it; all earlier events are in the journal by then.
func (w *world) receives(t *testing.T, text string) {
	t.Helper()
	e2etest.MustCall(t, w.network.Addr, "sandbox.send", object{"account": w.peer, "to": w.own, "content": object{"type": "text", "text": text}}, nil)
	e2etest.ReadHistory(t, w.server, w.session, 30*time.Second, func(all []e2etest.Event) bool {
		return slices.ContainsFunc(all, func(e e2etest.Event) bool { return e.Data.Text == text })
	})
}

// state returns the state that must not change: sessions, settings, chats, and the messages of the peer.
func (w *world) state(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, ask := range map[string]struct {
		p      *e2etest.Process
		method string
		params object
	}{
		"sessions": {w.server, "session.list", object{"full": true}}, "chats": {w.server, "chat.list", object{"session": w.session}},
		"settings": {w.server, "session.getSettings", object{"session": w.session}}, "profile": {w.server, "profile.get", object{"session": w.session}},
		"groups": {w.server, "group.list", object{"session": w.session}}, "privacy": {w.server, "privacy.getSettings", object{"session": w.session}},
		"contacts": {w.server, "contact.list", object{"session": w.session}}, "inbox": {w.network, "sandbox.listMessages", object{"account": w.peer, "limit": 100}},
	} {
		var raw json.RawMessage
		e2etest.MustCall(t, ask.p.Addr, ask.method, ask.params, &raw)
		out[name] = e2etest.Uptime.ReplaceAllString(string(raw), "")
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
	for line := range strings.Lines(w.server.Text()) {
		if strings.Contains(line, "panic") || strings.Contains(line, "method failed") {
			t.Error(line)
		}
	}
	e2etest.MustCall(t, w.server.Addr, "message.sendText", object{"session": w.session, "to": w.peer, "text": "after"}, nil)
	w.receives(t, "still here")
	e2etest.CheckNetwork(t, w.network)
}

// stream is a socket without subscriptions.
type stream struct{ ws *websocket.Conn }

func (w *world) open(t *testing.T) *stream {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+w.server.Addr+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}})
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
		t.Fatal(r.Raw)
	}
	return s
}

func (s *stream) close() { _ = s.ws.CloseNow() }

func (s *stream) call(t *testing.T, method string, params any) e2etest.Reply {
	t.Helper()
	return s.send(t, e2etest.RequestBody(method, params))
}

func (s *stream) send(t *testing.T, frame []byte) e2etest.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2etest.HangTime)
	defer cancel()
	if err := s.ws.Write(ctx, websocket.MessageText, frame); err != nil {
		t.Fatalf("%.200s: %v", frame, err)
	}
	_, raw, err := s.ws.Read(ctx)
	if err != nil {
		t.Fatalf("%.200s: %v", frame, err)
	}
	r := e2etest.Reply{Raw: string(raw)}
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return r
}

// TestBrokenFramesAreRefused checks that malformed calls get an error, over HTTP and on a socket, which stays open.
func TestBrokenFramesAreRefused(t *testing.T) {
	w := startWorld(t)
	before := w.state(t)
	socket := w.dial(t, e2etest.AdminToken)
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
		e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, []byte(c.body)).Refused(t, c.name, c.code, c.pointer)
		if !utf8.ValidString(c.body) {
			continue // a socket must close on text that is not UTF-8
		}
		socket.send(t, []byte(c.body)).Refused(t, c.name+" on a socket", c.code, c.pointer)
	}
	if r := e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, bytes.Repeat([]byte(" "), 5<<20)); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d %s", r.Status, r.Raw)
	}
	w.unchanged(t, before)
}

// TestBadTokensOpenNothing checks that a credential that is missing, unknown, misplaced or of another session gives no access.
func TestBadTokensOpenNothing(t *testing.T) {
	w := startWorld(t)
	const other = "token-of-the-other-session"
	e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": "other", "token": other}, nil)
	before := w.state(t)
	info := e2etest.RequestBody("session.get", object{"session": w.session})
	for name, token := range map[string]string{
		"none": "", "made up": "no-such-token-0123456789", "almost right": e2etest.AdminToken + "x", "cut off": e2etest.AdminToken[:len(e2etest.AdminToken)-1],
		"long": strings.Repeat("t", 10000), "SQL": "' OR 1=1 --",
	} {
		r := e2etest.PostBody(t, w.server.Addr, token, info)
		r.Refused(t, name, -32001, "-")
		if token != "" && r.Status != http.StatusUnauthorized { // public methods need no token
			t.Errorf("%s: status %d", name, r.Status)
		}
	}
	for _, query := range []string{"token", "access_token", "admin_token", "api_key"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s/v1/rpc?%s=%s", w.server.Addr, query, e2etest.AdminToken), bytes.NewReader(info))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		e2etest.SendRequest(t, req).Refused(t, "the token in the query as "+query, -32001, "-")
	}
	e2etest.PostBody(t, w.server.Addr, other, info).Refused(t, "another session's token", -32002, "-")
	e2etest.PostBody(t, w.server.Addr, other, e2etest.RequestBody("message.sendText", object{"session": w.session, "to": w.peer, "text": "stolen"})).
		Refused(t, "a send with another session's token", -32002, "-")
	e2etest.PostBody(t, w.server.Addr, other, e2etest.RequestBody("session.list", object{})).Refused(t, "the list of sessions with a session's token", -32002, "-")
	e2etest.PostBody(t, w.server.Addr, other, e2etest.RequestBody("session.delete", object{"session": w.session})).Refused(t, "deletion with another session's token", -32002, "-")
	w.open(t).call(t, "conn.hello", object{"protocol": 1, "token": "no-such-token-0123456789"}).Refused(t, "hello with a token made up", -32001, "-")
	w.open(t).call(t, "conn.hello", object{"protocol": 1}).Refused(t, "hello without token", -32001, "-")
	w.open(t).call(t, "session.list", object{}).Refused(t, "a call before hello", -32001, "-")
	w.dial(t, other).call(t, "events.subscribe", object{"filters": []any{object{"sessions": []string{w.session}}}}).
		Refused(t, "events with another session's token", -32002, "-")
	w.unchanged(t, before)
}
