package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// errorBody is the error body of requests outside of JSON-RPC.
type errorBody struct {
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason    string `json:"reason"`
			RequestID string `json:"request_id"`
		} `json:"data"`
	} `json:"error"`
}

// newTicket requests a ticket with a body.
func (s *testServer) newTicket(token, body string) string {
	s.t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	response, raw := send(s.t, http.MethodPost, s.url("/v1/tickets"), token, strings.NewReader(body), "Content-Type: "+kind)
	var made struct {
		Ticket    string    `json:"ticket"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(raw, &made); err != nil || response.StatusCode != http.StatusCreated || made.Ticket == "" {
		s.t.Fatalf("status %d, %s", response.StatusCode, raw)
	}
	if left := time.Until(made.ExpiresAt); left <= 0 || left > 30*time.Second {
		s.t.Fatalf("good for %s", left)
	}
	if response.Header.Get("Cache-Control") != "no-store" {
		s.t.Error("a ticket may be cached")
	}
	return made.Ticket
}

// upgrade tries to open a socket and returns the status and the body of a rejection.
func (s *testServer) upgrade(query string, header http.Header) (status int, body []byte) {
	s.t.Helper()
	ws, response, err := websocket.Dial(s.t.Context(), strings.Replace(s.url("/v1/ws"+query), "http", "ws", 1), &websocket.DialOptions{HTTPHeader: header})
	if err == nil { // a rejected page gets the reason as a close code
		status, ended := response.StatusCode, s.endsAtOnce(ws)
		if code := websocket.CloseStatus(ended); code > 0 {
			return int(code), []byte(ended.Error())
		}
		return status, nil
	}
	if response == nil {
		s.t.Fatal(err)
	}
	body, _ = io.ReadAll(response.Body)
	return response.StatusCode, body
}

// endsAtOnce sends a call, whose rejection is the reply of an open connection without conn.hello, and returns the
// error of a connection that is closed instead; nil = there was a reply.
func (s *testServer) endsAtOnce(ws *websocket.Conn) error {
	defer func() { _ = ws.CloseNow() }()
	_ = ws.Write(s.t.Context(), websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1}}`))
	for {
		_, reply, err := ws.Read(s.t.Context())
		if err != nil {
			return err
		}
		if strings.Contains(string(reply), `"result"`) {
			return nil
		}
	}
}

func TestTicketOpensOneSocket(t *testing.T) {
	s := startServer(t)
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	s.call("session.create", object{"session_id": "other"})
	ticket := s.newTicket(token, "")
	c := dial(t, s.url("/v1/ws?ticket="+ticket), "", nil)
	if who := c.hello["principal"].(object); who["session"] != "shop" || who["kind"] != "session" {
		t.Errorf("principal %v", who)
	}

	// The same for any defect of the ticket, except the id of the request.
	requestID := regexp.MustCompile(`"request_id":"[^"]*"`)
	short := s.call("tickets.create", object{"session": "shop", "ttl_ms": 1})
	testkit.Eventually(t, "the end of a ticket", func() bool {
		end, err := time.Parse(time.RFC3339, short["expires_at"].(string))
		return err == nil && time.Now().After(end)
	})
	bodies := map[string]bool{}
	for name, query := range map[string]string{
		"replayed": "?ticket=" + ticket, "expired": "?ticket=" + short["ticket"].(string), "unknown": "?ticket=" + strings.Repeat("A", 43), "empty": "?ticket=",
		"forged": "?ticket=" + ticket[:42] + "A", "twice": "?ticket=" + s.newTicket(token, "") + "&ticket=x", "long": "?ticket=" + strings.Repeat("A", 4000),
		"a token": "?ticket=" + url.QueryEscape(token),
	} {
		status, body := s.upgrade(query, nil)
		var told errorBody
		if err := json.Unmarshal(body, &told); err != nil || status != http.StatusUnauthorized || told.Error.Code != -32001 || told.Error.Data.RequestID == "" {
			t.Errorf("%s: status %d, %s", name, status, body)
		}
		bodies[string(requestID.ReplaceAll(body, nil))] = true
	}
	if len(bodies) != 1 {
		t.Errorf("a refusal tells what is wrong: %v", bodies)
	}

	// By admin for one session, by a call.
	narrow := s.call("tickets.create", object{"session": "shop"})["ticket"].(string)
	c = dial(t, s.url("/v1/ws?ticket="+narrow), "", nil)
	if who := c.hello["principal"].(object); who["session"] != "shop" || who["kind"] != "session" {
		t.Errorf("narrowed to %v", who)
	}
	if sessions := c.hello["sessions"].([]any); len(sessions) != 1 {
		t.Errorf("narrowed to %v", sessions)
	}
	c = dial(t, s.url("/v1/ws?ticket="+s.newTicket(s.token, "{}")), "", nil)
	if sessions := c.hello["sessions"].([]any); len(sessions) < 2 {
		t.Errorf("the admin sees %v", sessions)
	}

	// A new token for the session ends connections authenticated by the old one, and its tickets.
	unused := s.newTicket(token, "")
	s.call("session.update", object{"session": "shop", "token": "another-token-of-shop"})
	if status, _ := s.upgrade("?ticket="+unused, nil); status != http.StatusUnauthorized {
		t.Errorf("a ticket outlives its token: %d", status)
	}
	if strings.Contains(s.logged.String(), ticket) || strings.Contains(s.logged.String(), narrow) {
		t.Error("a ticket is in the log")
	}
}

func TestTicketRefusals(t *testing.T) {
	s := startServer(t, "-tickets-per-principal", "2", "-ticket-ttl", "20s")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	s.call("session.create", object{"session_id": "other"})
	for name, c := range map[string]struct {
		token, kind, body, names string
		status                   int
	}{
		"no token":        {"", "", "", "", http.StatusUnauthorized},
		"unknown token":   {"nobody-has-this-token", "", "", "", http.StatusUnauthorized},
		"other session":   {token, "application/json", `{"session":"other"}`, "", http.StatusForbidden},
		"no such session": {s.token, "application/json", `{"session":"third"}`, "", http.StatusNotFound},
		"unseen session":  {token, "application/json", `{"session":"third"}`, "", http.StatusForbidden},
		"too long":        {token, "application/json", `{"ttl_ms":20001}`, "/ttl_ms", http.StatusBadRequest},
		"no time":         {token, "application/json", `{"ttl_ms":0}`, "/ttl_ms", http.StatusBadRequest},
		"unknown field":   {token, "application/json", `{"scope":"admin"}`, "/scope", http.StatusBadRequest},
		"not JSON":        {token, "application/json", `{"ttl_ms":`, "", http.StatusBadRequest},
		"an array":        {token, "application/json", `[1]`, "", http.StatusBadRequest},
		"a form":          {token, "application/x-www-form-urlencoded", `ttl_ms=1`, "", http.StatusBadRequest},
		"large":           {token, "application/json", strings.Repeat(" ", 5000), "", http.StatusRequestEntityTooLarge},
	} {
		response, raw := send(t, http.MethodPost, s.url("/v1/tickets"), c.token, strings.NewReader(c.body), "Content-Type: "+c.kind)
		var told errorBody
		if err := json.Unmarshal(raw, &told); err != nil || response.StatusCode != c.status || told.Error.Code == 0 || !strings.Contains(string(raw), c.names) {
			t.Errorf("%s: status %d, want %d: %s", name, response.StatusCode, c.status, raw)
		}
	}
	for range 2 {
		s.newTicket(token, "")
	}
	response, raw := send(t, http.MethodPost, s.url("/v1/tickets"), token, nil)
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "1" {
		t.Errorf("a third: status %d, %s", response.StatusCode, raw)
	}
}

// Pages of other origins cannot use anything below /v1, with or without a credential, and receive the reason;
// permitted ones can.
func TestPagesElsewhere(t *testing.T) {
	s := startServer(t, "-allowed-origins", "https://console.example")
	own := "http://" + s.app.listener.Addr().String()
	for page, want := range map[string]bool{
		own: true, "https://console.example": true,
		"null": false, "https://evil-console.example": false, "https://console.example.evil": false, "http://console.example": false,
		"https://console.example:8443": false, "http://127.0.0.1": false, "http://localhost.evil": false,
	} {
		header := http.Header{"Origin": {page}}
		if status, body := s.upgrade("?ticket="+s.newTicket(s.token, ""), header); (status == http.StatusSwitchingProtocols) != want || !want && (status != socket.CloseForbidden || !strings.Contains(string(body), "allowed-origins")) {
			t.Errorf("%s: upgrade has status %d, %s", page, status, body)
		}
		for _, c := range []struct{ method, path string }{
			{http.MethodPost, "/v1/tickets"}, {http.MethodGet, "/v1/media/default-x"}, {http.MethodGet, "/v1/events"}, {http.MethodOptions, "/v1/rpc"},
		} {
			request, err := http.NewRequestWithContext(t.Context(), c.method, s.url(c.path), nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header = http.Header{"Origin": {page}, "Authorization": {"Bearer " + s.token}}
			if c.method == http.MethodOptions {
				request.Header = http.Header{"Origin": {page}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"}}
			}
			response, err := plainHTTP.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			allowed := ""
			if want {
				allowed = page
			}
			if (response.StatusCode != http.StatusForbidden) != want || response.Header.Get("Access-Control-Allow-Origin") != allowed {
				t.Errorf("%s: %s %s: status %d, allowed %q", page, c.method, c.path, response.StatusCode, response.Header.Get("Access-Control-Allow-Origin"))
			}
		}
	}
}
