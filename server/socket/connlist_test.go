package socket

import (
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestConnList(t *testing.T) {
	w := newWorld(t, Config{MaxCloses: 2}, journal.Config{})
	w.append("s1", "Message", 5)
	one, admin := w.dial("session:s1"), w.dial("admin")
	one.hello(object{"from": "oldest", "ack": "manual", "window": object{"events": 2}, "client": object{"name": "crm", "version": "1"}})
	one.events("s1", 1, 2)
	one.call("events.ack", object{"offset": 1}, nil)
	admin.hello(object{"filters": []any{}})
	var all connListResult
	admin.call("conn.list", object{}, &all)
	if all.Total != 2 || len(all.Connections) != 2 || all.More || len(all.LastCloses) != 0 {
		t.Fatalf("%+v", all)
	}
	var r connListResult
	admin.call("conn.list", object{"session": "s1"}, &r)
	if len(r.Connections) != 1 {
		t.Fatalf("%+v", r)
	}
	c := r.Connections[0]
	if c.Principal.Session != "s1" || c.Client != "crm 1" || c.Transport != "websocket" || c.Following != 1 {
		t.Errorf("%+v", c)
	}
	if s := c.Sessions[0]; s.Session != "s1" || s.Acked != 1 || s.Head != 5 || s.Lag != 5-s.Offset || s.Offset < 2 || s.Epoch == "" {
		t.Errorf("%+v", s)
	}
	var page connListResult
	admin.call("conn.list", object{"limit": 1}, &page)
	if len(page.Connections) != 1 || !page.More {
		t.Errorf("%+v", page)
	}
	admin.call("conn.list", object{"limit": 1, "after": page.Connections[0].Conn}, &page)
	if len(page.Connections) != 1 || page.More {
		t.Errorf("%+v", page)
	}
	one.events("s1", 3, 3)
	one.fails(rpc.CodeForbidden, "conn.list", object{})

	_ = one.ws.Close(websocket.StatusGoingAway, "")
	for deadline := time.Now().Add(waitLimit); len(r.LastCloses) == 0; time.Sleep(20 * time.Millisecond) { // the oldest, before the others close
		if admin.call("conn.list", object{}, &r); time.Now().After(deadline) {
			t.Fatal("the closed connection is not listed")
		}
	}
	refused := w.dial("")
	refused.fails(rpc.CodeUnauthenticated, "conn.hello", object{"protocol": 1, "token": "wrong"})
	refused.closed(CloseAuth)
	lost := w.dial("session:s2")
	lost.hello(object{"filters": []any{}})
	_ = lost.net.Close()
	want := map[int]bool{CloseAuth: true, closeLost: true}
	deadline := time.Now().Add(waitLimit)
	for {
		admin.call("conn.list", object{}, &r)
		if r.Total == 1 && len(r.LastCloses) == 2 && want[r.LastCloses[0].Code] && want[r.LastCloses[1].Code] || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(r.LastCloses) != 2 || !want[r.LastCloses[0].Code] || !want[r.LastCloses[1].Code] {
		t.Errorf("%+v", r.LastCloses)
	}
	for _, closed := range r.LastCloses {
		if closed.ByClient || closed.Conn == "" || closed.Code == CloseAuth && closed.Reason == "" || closed.Code == closeLost && closed.Principal != "token-s2" {
			t.Errorf("%+v", closed)
		}
	}
}

// A client that requests heartbeats receives them while nothing else is sent, also when it follows no session.
func TestHeartbeatMessages(t *testing.T) {
	testkit.SkipIfShort(t)
	w := newWorld(t, Config{Heartbeat: time.Second}, journal.Config{})
	w.append("s1", "Message", 3)
	for name, filters := range map[string]any{"one session": []any{object{"sessions": []string{"s1"}}}, "all": []any{object{}}, "none": []any{}} {
		c := w.dial("admin")
		c.hello(object{"filters": filters, "heartbeat": "message"})
		for range 2 {
			var p positionParams
			c.notification("conn.position", &p)
			if p.Session == "s1" && p.Offset != 3 || (p.Session == "") != (name == "none") {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
	silent := w.dial("admin")
	silent.hello(object{"filters": []any{}})
	time.Sleep(2 * time.Second)
	if err := silent.Quiet(); err != nil {
		t.Errorf("without it: %v", err)
	}
	silent.fails(rpc.CodeInvalidRequest, "conn.hello", object{"protocol": 1, "heartbeat": "message"})
	other := w.dial("admin")
	other.fails(rpc.CodeInvalidParams, "conn.hello", object{"protocol": 1, "heartbeat": "none"})
}

// * stands for all in the lists of sessions and types.
func TestStarInFilters(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", 1, "1@g.us")
	w.append("s1", "Receipt", 1)
	for name, c := range map[string]struct {
		filter object
		want   int
	}{
		"types":                   {object{"types": []string{"*"}}, 2},
		"types with others":       {object{"types": []string{"Message", "*"}}, 2},
		"sessions":                {object{"sessions": []string{"*"}}, 2},
		"all":                     {object{"sessions": []string{"*"}, "types": []string{"*"}}, 2},
		"types without one":       {object{"types": []string{"*"}, "exclude_types": []string{"Receipt"}}, 1},
		"types without all":       {object{"types": []string{"*"}, "exclude_types": []string{"*"}}, 0},
		"types and another chat":  {object{"types": []string{"*"}, "chats": []string{"2@g.us"}}, 0},
		"types and the same chat": {object{"types": []string{"*"}, "chats": []string{"1@g.us"}}, 1},
	} {
		conn := w.dial("session:s1")
		conn.hello(object{"filters": []any{c.filter}, "from": "oldest"})
		for range c.want {
			conn.event()
		}
		if err := conn.Quiet(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
