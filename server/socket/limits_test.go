package socket

import (
	"bytes"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

func TestConnectionsOfOneSession(t *testing.T) {
	w := newWorld(t, Config{MaxPerSession: 2}, journal.Config{})
	first, second := w.dial("session:s1"), w.dial("session:s1")
	first.hello(object{})
	second.hello(object{})
	third := w.dial("session:s1")
	third.fails(rpc.CodeRateLimited, "conn.hello", object{"protocol": 1})
	third.closed(CloseConnectionLimit)
	w.dial("session:s2").hello(object{})
	w.dial("admin").hello(object{})
	_ = first.ws.Close(websocket.StatusNormalClosure, "")
	for end := time.Now().Add(waitLimit); ; {
		c := w.dial("session:s1")
		c.send("conn.hello", object{"protocol": 1})
		if m := c.read(); m.Error == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the place is not free again")
		}
	}
}

func TestExpire(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	a, b := w.dial("session:s1"), w.dial("session:s2")
	a.hello(object{})
	b.hello(object{})
	w.endpoint.Expire("token-s1")
	a.closed(CloseTokenExpired)
	if err := b.Quiet(); err != nil {
		t.Fatal(err)
	}
	w.endpoint.SessionDeleted("s2")
	b.closed(CloseTokenExpired)
}

func TestBadFrames(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind websocket.MessageType
		size int
		code int
	}{
		{"binary", websocket.MessageBinary, 2, CloseBadFrame},
		{"far too large", websocket.MessageText, 6 << 20, CloseBadFrame},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, Config{}, journal.Config{})
			c := w.dial("admin")
			c.hello(object{"filters": []any{}})
			_ = c.ws.Write(t.Context(), tc.kind, bytes.Repeat([]byte("1"), tc.size))
			c.closed(tc.code)
		})
	}
}

func TestFlood(t *testing.T) {
	w := newWorld(t, Config{Burst: 5, Rate: 0.001, Refusals: 10}, journal.Config{})
	c := w.dial("admin")
	c.hello(object{"filters": []any{}})
	for range 4 {
		c.call("test.echo", object{}, nil)
	}
	for range 10 {
		m := c.fails(rpc.CodeRateLimited, "test.echo", object{})
		if !bytes.Contains(m.Error.Data, []byte(`"retry_after_ms":`)) {
			t.Fatalf("%s", m.Error.Data)
		}
	}
	c.fails(rpc.CodeRateLimited, "test.echo", object{})
	c.closed(CloseRate)
}

// TestAckCost: a client may acknowledge each event on its own, and receives an error when even that is too
// much.
func TestAckCost(t *testing.T) {
	w := newWorld(t, Config{Burst: 3, Rate: 0.001, Refusals: 10}, journal.Config{})
	w.append("s1", "Message", 1)
	c := w.dial("admin")
	c.hello(object{"from": "oldest", "ack": "manual"})
	c.events("s1", 1, 1)
	ack := object{"session": "s1", "offset": 1}
	for range 2 * ackShare {
		c.call("events.ack", ack, nil)
	}
	c.fails(rpc.CodeRateLimited, "test.echo", object{})
	c.fails(rpc.CodeRateLimited, "events.ack", ack)
}

func TestInFlight(t *testing.T) {
	w := newWorld(t, Config{InFlight: 2}, journal.Config{})
	c := w.dial("admin")
	c.hello(object{"filters": []any{}})
	first, second := c.send("test.hold", object{"name": "x"}), c.send("test.hold", object{"name": "x"})
	m := c.fails(rpc.CodeRateLimited, "test.echo", object{})
	if !bytes.Contains(m.Error.Data, []byte(`"retry_after_ms":100`)) {
		t.Fatalf("%s", m.Error.Data)
	}
	w.methods.Release("x")
	for range 2 {
		if m := c.read(); m.Error != nil || string(m.ID) != first && string(m.ID) != second {
			t.Fatalf("%+v", m)
		}
	}
	c.call("test.echo", object{}, nil)
}

// With manual ack a connection gets Config.WindowEvents events and Config.WindowBytes bytes before it acknowledges some, also when it asks
// for a larger window.
func TestWindowsOfTheServer(t *testing.T) {
	w := newWorld(t, Config{WindowEvents: 5}, journal.Config{})
	w.append("s1", "Message", 12)
	c := w.dial("session:s1")
	c.hello(object{"from": "oldest", "ack": "manual", "window": object{"events": 12}})
	c.events("s1", 1, 5)
	if err := c.Quiet(); err != nil {
		t.Error("more events than the window:", err)
	}
	c.call("events.ack", object{"offset": 3}, nil)
	c.events("s1", 6, 8)

	w = newWorld(t, Config{WindowBytes: 1}, journal.Config{})
	w.append("s1", "Message", 3)
	c = w.dial("session:s1")
	c.hello(object{"from": "oldest", "ack": "manual"})
	c.events("s1", 1, 1) // one event is sent although it is larger
	if err := c.Quiet(); err != nil {
		t.Error("more bytes than the window:", err)
	}
	c.call("events.ack", object{"offset": 1}, nil)
	c.events("s1", 2, 2)
}
