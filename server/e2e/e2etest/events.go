package e2etest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Event is an event as the socket sends it.
type Event struct {
	Session string `json:"session"`
	Offset  uint64 `json:"offset"`
	ID      string `json:"id"`
	Type    string `json:"type"`
	Origin  string `json:"origin"`
	Data    struct {
		MessageID string `json:"message_id"`
		Text      string `json:"text"`
		FromMe    bool   `json:"from_me"`
	} `json:"data"`
}

// ReadHistory reads a session's whole journal over the socket until enough returns true.
func ReadHistory(t *testing.T, server *Process, session string, within time.Duration, enough func(all []Event) bool) []Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+server.Addr+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"waystation.v1"}}) //nolint:bodyclose // the library always closes it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(4 << 20)
	hello, _ := json.Marshal(Object{"jsonrpc": "2.0", "id": 1, "method": "conn.hello", "params": Object{
		"protocol": 1, "client": Object{"name": "e2e", "version": "1"}, "token": AdminToken, "from": "oldest",
		"filters": []any{Object{"sessions": []string{session}}},
	}})
	if err = ws.Write(ctx, websocket.MessageText, hello); err != nil {
		t.Fatal(err)
	}
	var all []Event
	for !enough(all) {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			t.Logf("history of %s ends with %d events: %v", session, len(all), err)
			return all
		}
		var f struct {
			Method string
			Params json.RawMessage
			Error  json.RawMessage
		}
		if err = json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		if f.Error != nil || f.Method == "events.gap" {
			t.Fatalf("%s", raw)
		}
		if f.Method != "event" {
			continue
		}
		var e Event
		if err = json.Unmarshal(f.Params, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}
