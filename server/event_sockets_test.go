package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// dialEvents opens a WebSocket of wwebjs; status and body are those of a refusal.
func (s *testServer) dialEvents(path string, header http.Header) (ws *websocket.Conn, status int, body string) {
	s.t.Helper()
	ws, response, err := websocket.Dial(s.t.Context(), strings.Replace(s.url(path), "http", "ws", 1), &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		s.t.Cleanup(func() { _ = ws.CloseNow() })
		return ws, http.StatusSwitchingProtocols, ""
	}
	if response == nil {
		s.t.Fatal(err)
	}
	raw, _ := io.ReadAll(response.Body)
	return nil, response.StatusCode, string(raw)
}

// awaitFrame reads frames until one is of a type and contains a text, and returns it.
func awaitFrame(t *testing.T, ws *websocket.Conn, dataType, text string) object {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			t.Fatalf("no frame %s with %s: %v", dataType, text, err)
		}
		var frame object
		if err := json.Unmarshal(raw, &frame); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if frame["dataType"] == dataType && strings.Contains(string(raw), text) {
			return frame
		}
	}
}

func apiKey(token string) http.Header { return http.Header{"X-Api-Key": {token}} }

// The WebSocket of wwebjs pushes the events of the session in the path, to callers who may use it.
func TestEventSockets(t *testing.T) {
	s := startServer(t, "-max-session-connections", "2")
	token := s.pair("shop", "15550100001")
	other := s.pair("cafe", "15550100002")
	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
		body   string
	}{
		"no credential":         {"/ws/shop", nil, 403, "Invalid API key"},
		"unknown key":           {"/ws/shop", apiKey("unknown"), 403, "Invalid API key"},
		"unknown session":       {"/wwebjs/ws/unknown", apiKey(s.token), 404, "session_not_found"},
		"session of another":    {"/ws/shop", apiKey(other), 404, "session_not_found"},
		"bad name":              {"/ws/sh.op", apiKey(s.token), 422, "alphanumerical"},
		"key in the query":      {"/ws/shop?x-api-key=" + token, nil, 403, "Invalid API key"},
		"page of another place": {"/ws/shop", http.Header{"X-Api-Key": {token}, "Origin": {"https://other.example.com"}}, 403, "allowed-origins"},
	} {
		if ws, status, body := s.dialEvents(c.path, c.header); ws != nil || status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: status %d %s", name, status, body)
		}
	}
	if response, _ := send(t, http.MethodGet, s.url("/ws/shop"), "", nil, "X-Api-Key: "+token); response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d without an upgrade", response.StatusCode)
	}

	bySession, _, _ := s.dialEvents("/ws/shop", apiKey(token))
	byAdmin, _, _ := s.dialEvents("/wwebjs/ws/shop", apiKey(s.token))
	if bySession == nil || byAdmin == nil {
		t.Fatal("not open")
	}
	if ws, status, body := s.dialEvents("/ws/shop", apiKey(token)); ws != nil || status != 429 {
		t.Errorf("a third socket: %d %s", status, body)
	}
	s.call("sandbox.send", object{"account": "15550100002", "to": "15550100001", "content": object{"type": "text", "text": "Hello, shop"}})
	for _, ws := range []*websocket.Conn{bySession, byAdmin} {
		frame := awaitFrame(t, ws, "message", "Hello, shop")
		if frame["sessionId"] != "shop" {
			t.Errorf("%v", frame)
		}
		message, _ := frame["data"].(object)["message"].(object)
		if message["from"] != "15550100002@c.us" || message["body"] != "Hello, shop" || message["fromMe"] != false {
			t.Errorf("%v", message)
		}
	}
	// A message of the API is a message_create and its acknowledgements, and nothing else.
	s.call("message.sendText", object{"session": "shop", "to": "15550100002", "text": "Hello, cafe"})
	awaitFrame(t, bySession, "message_create", "Hello, cafe")
	awaitFrame(t, bySession, "message_ack", `"ack":1`)

	s.call("session.update", object{"session": "shop", "token": "another-token-of-the-shop-0123456789"})
	expectClosed(t, bySession, websocket.StatusPolicyViolation)
	s.call("session.delete", object{"session": "shop"})
	expectClosed(t, byAdmin, websocket.StatusNormalClosure)
	left, _, _ := s.dialEvents("/ws/cafe", apiKey(other))
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	expectClosed(t, left, websocket.StatusServiceRestart)
	<-stopped
}

func expectClosed(t *testing.T, ws *websocket.Conn, code websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != code {
				t.Errorf("closed with %d (%v), want %d", got, err, code)
			}
			return
		}
	}
}

// A key in the query counts if the operator allows it.
func TestEventSocketsQueryToken(t *testing.T) {
	s := startServer(t, "-allow-query-tokens")
	created := s.call("session.create", object{"session_id": "shop"})
	ws, status, body := s.dialEvents("/ws/shop?x-api-key="+created["token"].(string), nil)
	if ws == nil {
		t.Fatalf("%d %s", status, body)
	}
	// The QR code is a signal.
	s.call("sandbox.createAccount", object{"number": "15550100001"})
	s.call("session.connect", object{"session": "shop"})
	qr, _ := awaitFrame(t, ws, "qr", "")["data"].(object)
	if code, _ := qr["qr"].(string); !strings.Contains(code, "@") {
		t.Errorf("%v", qr)
	}
	s.call("sandbox.scanQrCode", object{"account": "15550100001", "session": "shop"})
	awaitFrame(t, ws, "authenticated", "")
	awaitFrame(t, ws, "ready", "")
	testkit.Eventually(t, "connected", func() bool { return s.state("shop") == "connected" })
}
