package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

func TestFilters(t *testing.T) {
	const alice, bob = "1@s.whatsapp.net", "2@lid"
	for _, tc := range []struct {
		name    string
		filters []any
		want    []uint64
	}{
		{"none", []any{}, nil},
		{"all", []any{object{}}, []uint64{1, 2, 3, 4, 5}},
		{"star", []any{object{"sessions": []string{"*"}}}, []uint64{1, 2, 3, 4, 5}},
		{"type", []any{object{"types": []string{"Message"}}}, []uint64{1, 2, 4}},
		{"chat", []any{object{"chats": []string{alice}}}, []uint64{1, 3}},
		{"type and chat", []any{object{"types": []string{"Message"}, "chats": []string{alice}}}, []uint64{1}},
		{"or", []any{object{"types": []string{"Receipt"}}, object{"chats": []string{bob}}}, []uint64{2, 3}},
		{"exclude", []any{object{"exclude_types": []string{"Message"}}}, []uint64{3, 5}},
		{"other session", []any{object{"sessions": []string{"s2"}}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, Config{}, journal.Config{})
			w.append("s1", "Message", 1, alice)
			w.append("s1", "Message", 1, bob)
			w.append("s1", "Receipt", 1, alice)
			w.append("s1", "Message", 1)
			w.append("s1", "Presence", 1)
			c := w.dial("admin")
			c.hello(object{"filters": tc.filters, "from": "oldest"})
			for _, offset := range tc.want {
				c.events("s1", offset, offset)
			}
			if err := c.Quiet(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSubscribe(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	c := w.dial("session:s1")
	c.hello(object{"filters": []any{}})
	w.append("s1", "Message", 3)
	var r subscribeResult
	c.call("events.subscribe", object{"filters": []any{object{}}}, &r)
	if len(r.Sessions) != 1 || r.Sessions[0].Offset != 4 || r.Sessions[0].Head != 3 {
		t.Fatalf("%+v", r)
	}
	w.append("s1", "Message", 1)
	c.events("s1", 4, 4)
	c.call("events.subscribe", object{"filters": []any{object{"types": []string{"Receipt"}}}}, &r)
	if r.Sessions[0].Offset != 5 {
		t.Fatalf("%+v", r)
	}
	w.append("s1", "Message", 1)
	w.append("s1", "Receipt", 1)
	c.events("s1", 6, 6)
	var u unsubscribeResult
	c.call("events.unsubscribe", object{}, &u)
	if len(u.Sessions) != 1 || u.Sessions[0].Offset != 6 {
		t.Fatalf("%+v", u)
	}
	w.append("s1", "Receipt", 1)
	if err := c.Quiet(); err != nil {
		t.Fatal(err)
	}
	many := make([]any, 33)
	for i := range many {
		many[i] = object{}
	}
	c.fails(rpc.CodeInvalidParams, "events.subscribe", object{"filters": many})
	c.fails(rpc.CodeInvalidParams, "events.subscribe", object{})
	c.fails(rpc.CodeForbidden, "events.subscribe", object{"filters": []any{object{"sessions": []string{"s2"}}}})
}

func TestSeek(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", 10)
	c := w.dial("session:s1")
	c.hello(object{})
	var r seekResult
	c.call("events.seek", object{"offset": 7}, &r)
	if r.Offset != 8 || r.Head != 10 || r.Gap != nil {
		t.Fatalf("%+v", r)
	}
	c.events("s1", 8, 10)
	c.call("events.seek", object{"offset": 0}, &r)
	c.events("s1", 1, 10)
	c.call("events.seek", object{"offset": 10}, nil)
	c.fails(rpc.CodePositionLost, "events.seek", object{"offset": 11})
	c.fails(rpc.CodeNotFound, "events.seek", object{"session": "s2", "offset": 1})
	c.fails(rpc.CodeInvalidParams, "events.seek", object{})
	c.fails(rpc.CodeInvalidParams, "events.seek", object{"offset": -1})
	c.fails(rpc.CodeInvalidParams, "events.seek", object{"time": "yesterday"})
	c.fails(rpc.CodeInvalidParams, "events.seek", object{"offset": 1, "time": "2026-01-02T03:04:05Z"})
}

func TestSeekByTime(t *testing.T) {
	var clock atomic.Int64 // milliseconds
	clock.Store(time.Now().Add(-20 * time.Hour).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	w := newWorld(t, Config{}, journal.Config{RetainEvents: 5, SweepEvery: time.Millisecond, RingEvents: 2, Now: now})
	c := w.dial("session:s1")
	c.hello(object{})
	logged := make([]time.Time, 5) // by offset
	for offset := 1; offset < len(logged); offset++ {
		clock.Add(2 * time.Hour.Milliseconds())
		logged[offset] = now()
		w.append("s1", "Message", 1)
		c.events("s1", uint64(offset), uint64(offset))
	}
	seek := func(at time.Time, offset uint64, g *gap) {
		t.Helper()
		var r seekResult
		c.call("events.seek", object{"time": at.In(time.FixedZone("", 3600)).Format(time.RFC3339Nano)}, &r)
		if r.Offset != offset || (g == nil) != (r.Gap == nil) || g != nil && *g != *r.Gap {
			t.Fatalf("%s: %+v %+v", at, r, r.Gap)
		}
		if g != nil {
			var p gapParams
			c.notification("events.gap", &p)
			if p.gap != *g {
				t.Fatalf("%+v", p)
			}
		}
		c.events("s1", offset, r.Head)
	}
	seek(logged[3], 3, nil)
	seek(logged[2].Add(time.Minute), 3, nil)
	seek(logged[1], 1, nil)
	seek(logged[1].Add(-240*time.Hour), 1, nil)
	seek(now().Add(time.Hour), 5, nil)
	// Time passes, and retention removes events.
	clock.Add(2 * time.Hour.Milliseconds())
	w.append("s1", "Message", 4)
	c.events("s1", 5, 8)
	w.awaitOldest("s1", 4)
	seek(logged[4].Add(time.Millisecond), 5, nil)
	seek(logged[2], 4, &gap{1, 3, gapRetention})
	seek(logged[4], 4, &gap{1, 3, gapRetention}) // others of that moment may have been dropped
}

func TestWindow(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", 25)
	c := w.dial("session:s1")
	c.hello(object{"from": "oldest", "ack": "manual", "window": object{"events": 10}})
	c.events("s1", 1, 10)
	if err := c.Quiet(); err != nil {
		t.Fatal("more than the window:", err)
	}
	var r ackResult
	c.call("events.ack", object{"offset": 4}, &r)
	c.events("s1", 11, 14)
	c.call("events.ack", object{"offset": 2}, &r) // older: changes nothing
	if r.Offset != 4 {
		t.Fatalf("%+v", r)
	}
	c.fails(rpc.CodeInvalidParams, "events.ack", object{"offset": 15})
	c.fails(rpc.CodeNotFound, "events.ack", object{"session": "s2", "offset": 1})
	c.call("events.ack", object{"offset": 14}, &r)
	c.events("s1", 15, 24)
	// As a notification, too.
	if err := c.Send([]byte(`{"jsonrpc":"2.0","method":"events.ack","params":{"offset":24}}`)); err != nil {
		t.Fatal(err)
	}
	c.events("s1", 25, 25)
}

func TestGaps(t *testing.T) {
	keepTen := journal.Config{RetainEvents: 10, SweepEvery: time.Millisecond, RingEvents: 10}
	w := newWorld(t, Config{}, keepTen)
	w.append("s1", "Message", 30)
	log := w.awaitOldest("s1", 21)
	for _, tc := range []struct {
		name    string
		resume  object
		gap     *gap
		from    uint64
		resumed bool
	}{
		{"retained", object{"epoch": log.Epoch, "offset": 25}, nil, 26, true},
		{"just retained", object{"epoch": log.Epoch, "offset": 20}, nil, 21, true},
		{"one lost", object{"epoch": log.Epoch, "offset": 19}, &gap{20, 20, "retention"}, 21, false},
		{"never seen", object{"epoch": log.Epoch, "offset": 0}, &gap{1, 20, "retention"}, 21, false},
		{"other epoch", object{"epoch": "x", "offset": 25}, &gap{1, 20, "epoch"}, 21, false},
		{"beyond the head", object{"epoch": log.Epoch, "offset": 99}, &gap{31, 99, "epoch"}, 31, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := w.dial("session:s1")
			r := c.hello(object{"resume": object{"s1": tc.resume}})
			s := r.Sessions[0]
			if s.Resumed != tc.resumed || (s.Gap == nil) != (tc.gap == nil) || s.Gap != nil && *s.Gap != *tc.gap {
				t.Fatalf("%+v %+v", s, s.Gap)
			}
			if tc.gap != nil {
				var p gapParams
				c.notification("events.gap", &p)
				if p.gap != *tc.gap || p.Session != "s1" || p.Epoch != log.Epoch || p.Head != 30 {
					t.Fatalf("%+v", p)
				}
			}
			c.events("s1", tc.from, 30)
			if err := c.Quiet(); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("session that is gone", func(t *testing.T) {
		c := w.dial("admin")
		r := c.hello(object{"resume": object{"s9": object{"epoch": "x", "offset": 1}}, "filters": []any{object{}}})
		last := r.Sessions[len(r.Sessions)-1]
		if last.Session != "s9" || last.Resumed || last.Gap.Reason != "purged" {
			t.Fatalf("%+v", r.Sessions)
		}
	})
}

// awaitOldest waits until retention has removed events.
func (w *world) awaitOldest(session string, oldest uint64) journal.Log {
	w.t.Helper()
	for end := time.Now().Add(waitLimit); ; {
		log, err := w.journal.Log(context.Background(), session)
		if err == nil && log.Oldest == oldest {
			return log
		}
		if time.Now().After(end) {
			w.t.Fatalf("%+v, %v", log, err)
		}
		<-time.After(time.Millisecond)
	}
}

// Retention overtakes a connection whose window is full.
func TestGapWhileConnected(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{RetainEvents: 10, SweepEvery: time.Millisecond, RingEvents: 10})
	c := w.dial("session:s1")
	c.hello(object{"ack": "manual", "window": object{"events": 2}})
	w.append("s1", "Message", 2)
	c.events("s1", 1, 2)
	w.append("s1", "Message", 38)
	w.awaitOldest("s1", 31)
	c.call("events.ack", object{"offset": 2}, nil)
	var p gapParams
	c.notification("events.gap", &p)
	if p.gap != (gap{3, 30, "retention"}) || p.Head != 40 {
		t.Fatalf("%+v", p)
	}
	c.events("s1", 31, 32)
}

// A purged log starts anew under another epoch while a client is connected.
func TestPurge(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	c := w.dial("session:s1")
	r := c.hello(object{})
	w.append("s1", "Message", 3)
	c.events("s1", 1, 3)
	if err := w.journal.Purge(context.Background(), "s1"); err != nil {
		t.Fatal(err)
	}
	w.append("s1", "Message", 1)
	var p gapParams
	c.notification("events.gap", &p)
	if p.Reason != "purged" || p.Epoch == r.Sessions[0].Epoch || p.Head > 1 {
		t.Fatalf("%+v", p)
	}
	c.events("s1", 1, 1)
}

func TestNewSessionAppears(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	all, named := w.dial("admin"), w.dial("admin")
	all.hello(object{})
	named.hello(object{"filters": []any{object{"sessions": []string{"s1"}}}})
	w.directory.add("s3")
	w.append("s3", "Connected", 2)
	all.newSession("s3", 2)
	if err := named.Quiet(); err != nil {
		t.Fatal(err)
	}
	w.endpoint.SessionDeleted("s3")
	var g gapParams
	all.notification("events.gap", &g)
	if g.Session != "s3" || g.Reason != "purged" {
		t.Fatalf("%+v", g)
	}
}

func TestPositionAfterManyFilteredEvents(t *testing.T) {
	w := newWorld(t, Config{ScanEvents: 100}, journal.Config{})
	w.append("s1", "Receipt", 250)
	c := w.dial("session:s1")
	c.hello(object{"from": "oldest", "filters": []any{object{"types": []string{"Message"}}}})
	last := uint64(0)
	for last < 200 {
		var p positionParams
		c.notification("conn.position", &p)
		if p.Offset <= last || p.Head != 250 {
			t.Fatalf("%+v after %d", p, last)
		}
		last = p.Offset
	}
}

func TestBatchedEvents(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", 5)
	c := w.dial("session:s1")
	c.hello(object{"from": "oldest", "batch_events": true})
	b, _, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Params eventBody }
	if err := json.Unmarshal(b, &list); err != nil || len(list) != 5 || list[4].Params.Offset != 5 {
		t.Fatalf("%s: %v", b, err)
	}
}

func TestEventBytesAreIdentical(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	a, b := w.dial("session:s1"), w.dial("admin")
	a.hello(object{})
	b.hello(object{})
	ev := w.append("s1", "Message", 1)
	want := `{"jsonrpc":"2.0","method":"event","params":` + string(ev.Body()) + `}`
	for _, c := range []*client{a, b} {
		if got, _, err := c.Receive(); err != nil || string(got) != want {
			t.Fatalf("%s, %v", got, err)
		}
	}
}

func TestConnectionMethodsOutsideAConnection(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	call := &rpc.Call{Principal: rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}}
	for _, m := range []string{"conn.hello", "events.subscribe", "events.ack", "events.seek", "events.unsubscribe"} {
		if _, problem := w.reg.Call(t.Context(), call, m, json.RawMessage(`{}`)); problem == nil || problem.Code != rpc.CodeNotSupported {
			t.Errorf("%s: %v", m, problem)
		}
	}
	c := w.dial("admin")
	c.hello(object{"filters": []any{}})
	if err := c.Send([]byte(`[{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"filters":[]}},{"jsonrpc":"2.0","id":2,"method":"test.echo"}]`)); err != nil {
		t.Fatal(err)
	}
	b, _, err := c.Receive()
	if err != nil || !bytes.Contains(b, []byte("-32600")) || !bytes.Contains(b, []byte(`"id":2,"result":null`)) {
		t.Fatalf("%s %v", b, err)
	}
}
