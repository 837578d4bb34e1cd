package socket

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/journal"
)

func TestConsumerResumes(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 10)
	c, r := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
	if s := r.Sessions[0]; s.Resumed || s.Replay == nil || *s.Replay != (offsetRange{1, 10}) {
		t.Fatalf("%+v", s)
	}
	c.events("s1", 1, 10)
	var ack ackResult
	c.call("events.ack", object{"offset": 4}, &ack)
	c.leave()
	w.append("s1", "Message", 2)

	// Unacknowledged events are sent again, and from is ignored.
	c, r = w.dialConsumer("session:s1", "shop", object{"from": "head"})
	if s := r.Sessions[0]; !s.Resumed || *s.Replay != (offsetRange{5, 12}) {
		t.Fatalf("%+v", s)
	}
	c.events("s1", 5, 12)
	c.call("events.ack", object{"offset": 12}, &ack)
	c.call("events.ack", object{"offset": 6}, &ack) // older: changes nothing
	if ack.Offset != 12 {
		t.Fatalf("%+v", ack)
	}
	c.leave()
	c, r = w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; !s.Resumed || s.Replay != nil {
		t.Fatalf("%+v", s)
	}
	c.leave()

	// Another name, and the same name of another principal, have cursors of their own.
	for _, other := range []struct{ token, name string }{{"session:s1", "mail"}, {"admin", "shop"}} {
		c, r = w.dialConsumer(other.token, other.name, object{"filters": []any{object{"sessions": []string{"s1"}}}})
		if s := r.Sessions[0]; s.Resumed || s.Replay != nil {
			t.Fatalf("%+v", s)
		}
		c.leave()
	}
}

// A consumer that disconnects before its first acknowledgement misses no event of its absence.
func TestConsumerBeginsAtTheHead(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 3)
	c, _ := w.dialConsumer("session:s1", "shop", nil)
	c.leave()
	w.append("s1", "Message", 2)
	c, r := w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; !s.Resumed || *s.Replay != (offsetRange{4, 5}) {
		t.Fatalf("%+v", s)
	}
	c.events("s1", 4, 5)
}

// The cursor is in the database with the reply of conn.hello, so that a crash does not undo the beginning; later
// acknowledgements are there at the latest when the connection has ended.
func TestConsumerBeginIsStored(t *testing.T) {
	w, store := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 3)
	c, _ := w.dialConsumer("session:s1", "shop", nil)
	if list := store.written(t, "token-s1"); len(list) != 1 || list[0].Session != "s1" || list[0].Offset != 3 {
		t.Fatalf("%v", list)
	}
	w.append("s1", "Message", 2)
	c.events("s1", 4, 5)
	c.call("events.ack", object{"offset": 4}, nil)
	if list := store.written(t, "token-s1"); list[0].Offset != 3 {
		t.Fatalf("an acknowledgement is a commit: %v", list)
	}
	c.leave()
	if list := store.written(t, "token-s1"); list[0].Offset != 4 {
		t.Fatalf("not written when the connection ended: %v", list)
	}
}

func TestConsumerAndResume(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 10)
	c, r := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
	epoch := r.Sessions[0].Epoch
	c.events("s1", 1, 10)
	c.call("events.ack", object{"offset": 8}, nil)
	c.leave()
	// A position named by the client has precedence, and acknowledging from there does not set the stored one back.
	c, _ = w.dialConsumer("session:s1", "shop", object{"resume": object{"s1": object{"epoch": epoch, "offset": 2}}})
	c.events("s1", 3, 10)
	c.call("events.ack", object{"offset": 5}, nil)
	c.leave()
	c, _ = w.dialConsumer("session:s1", "shop", nil)
	c.events("s1", 9, 10)
}

func TestConsumerRefused(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	c := w.dial("session:s1")
	for _, tc := range []struct {
		params object
		field  string
	}{
		{object{"consumer": "shop", "ack": "none"}, "/ack"},
		{object{"consumer": "a\x00b"}, "/consumer"},
		{object{"consumer": "a\nb"}, "/consumer"},
	} {
		tc.params["protocol"] = 1
		m := c.fails(rpc.CodeInvalidParams, "conn.hello", tc.params)
		if !strings.Contains(string(m.Error.Data), tc.field) {
			t.Errorf("%v: %s", tc.params, m.Error.Data)
		}
	}
	c.hello(object{"consumer": "shop", "ack": "manual"})
	for i := range 2 {
		w.dialConsumer("session:s1", fmt.Sprint("c", i), nil)
	}
	c = w.dial("session:s1")
	c.fails(rpc.CodeConflict, "conn.hello", object{"protocol": 1, "consumer": "one too many"})
	c.hello(object{"consumer": "c1"}) // an old one may still come
	plain := newWorld(t, Config{}, journal.Config{})
	plain.dial("session:s1").fails(rpc.CodeNotSupported, "conn.hello", object{"protocol": 1, "consumer": "shop"})
}

func TestConsumerHasAWindow(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 25)
	c, _ := w.dialConsumer("session:s1", "shop", object{"from": "oldest", "window": object{"events": 10}})
	c.events("s1", 1, 10)
	if err := c.Quiet(); err != nil {
		t.Fatal("more than the window:", err)
	}
}

func TestConsumerGaps(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{RetainEvents: 10, SweepEvery: time.Millisecond, RingEvents: 10})
	c, _ := w.dialConsumer("session:s1", "shop", nil)
	w.append("s1", "Message", 5)
	c.events("s1", 1, 5)
	c.call("events.ack", object{"offset": 5}, nil)
	c.leave()
	w.append("s1", "Message", 25)
	w.awaitOldest("s1", 21)
	for range 2 { // until the first acknowledgement the gap is reported again
		var r helloResult
		c, r = w.dialConsumer("session:s1", "shop", nil)
		if s := r.Sessions[0]; s.Resumed || s.Gap == nil || *s.Gap != (gap{6, 20, gapRetention}) {
			t.Fatalf("%+v", s)
		}
		var p gapParams
		c.notification("events.gap", &p)
		if p.gap != (gap{6, 20, gapRetention}) || p.Session != "s1" {
			t.Fatalf("%+v", p)
		}
		c.events("s1", 21, 30)
		if p.To == 0 {
			t.Fatal("no gap")
		}
		c.leave()
	}
	c, _ = w.dialConsumer("session:s1", "shop", nil)
	c.read()
	c.events("s1", 21, 30)
	c.call("events.ack", object{"offset": 20}, nil) // the gap alone
	c.leave()
	c, r := w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; !s.Resumed || *s.Replay != (offsetRange{21, 30}) {
		t.Fatalf("%+v", s)
	}
	c.leave()

	// A log that was started anew.
	if err := w.journal.Purge(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	w.append("s1", "Message", 2)
	c, r = w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; s.Resumed || s.Gap == nil || s.Gap.Reason != gapEpoch {
		t.Fatalf("%+v", s)
	}
	c.read()
	c.events("s1", 1, 2)
	c.call("events.ack", object{"offset": 1}, nil)
	c.leave()
	_, r = w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; !s.Resumed || *s.Replay != (offsetRange{2, 2}) {
		t.Fatalf("%+v", s)
	}
}

// A log that ends before the acknowledged offset, as after a restored copy: the cursor must not stay beyond it.
func TestConsumerBeyondTheHead(t *testing.T) {
	w, store := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 3)
	log, err := w.journal.Log(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	store.Begin(consumer.ID{Principal: "token-s1", Name: "shop"}, "s1", consumer.Position{Epoch: log.Epoch, Offset: 9})
	c, r := w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; s.Resumed || s.Gap == nil || *s.Gap != (gap{4, 9, gapEpoch}) {
		t.Fatalf("%+v", s)
	}
	c.read()
	w.append("s1", "Message", 2)
	c.events("s1", 4, 5)
	c.call("events.ack", object{"offset": 4}, nil)
	c.leave()
	c, _ = w.dialConsumer("session:s1", "shop", nil)
	c.events("s1", 5, 5)
}

func TestConsumerSeeks(t *testing.T) {
	w, store := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 10)
	c, _ := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
	c.events("s1", 1, 10)
	c.call("events.ack", object{"offset": 8}, nil)
	c.call("events.seek", object{"offset": 3}, nil)
	if list := store.written(t, "token-s1"); list[0].Offset != 3 {
		t.Fatalf("%v", list)
	}
	c.events("s1", 4, 10)
	c.leave()
	c, _ = w.dialConsumer("session:s1", "shop", nil)
	c.events("s1", 4, 10)
	c.call("events.seek", object{"offset": 10}, nil)
	c.leave()
	c, r := w.dialConsumer("session:s1", "shop", nil)
	if s := r.Sessions[0]; !s.Resumed || s.Replay != nil {
		t.Fatalf("%+v", s)
	}
	c.call("events.seek", object{"time": "2001-02-03T04:05:06Z"}, nil)
	c.events("s1", 1, 10)
	if list := store.written(t, "token-s1"); list[0].Offset != 0 {
		t.Fatalf("%v", list)
	}
}

// Sessions that appear and are deleted while the consumer is connected have cursors, too.
func TestConsumerOfManySessions(t *testing.T) {
	w, store := newConsumerWorld(t, journal.Config{})
	c, _ := w.dialConsumer("admin", "shop", nil)
	w.directory.add("s3")
	w.append("s3", "Connected", 2)
	c.newSession("s3", 2)
	if err := c.Quiet(); err != nil {
		t.Fatal(err)
	}
	c.leave()
	c, r := w.dialConsumer("admin", "shop", nil)
	if s := r.Sessions[2]; s.Session != "s3" || !s.Resumed || *s.Replay != (offsetRange{1, 2}) {
		t.Fatalf("%+v", s)
	}
	c.events("s3", 1, 2)
	c.call("events.ack", object{"session": "s3", "offset": 1}, nil)

	// Filters that leave a session out keep its cursor until they include it again.
	var sub subscribeResult
	c.call("events.subscribe", object{"filters": []any{object{"sessions": []string{"s1"}}}}, &sub)
	c.call("events.subscribe", object{"filters": []any{object{"sessions": []string{"s3"}}}}, &sub)
	if s := sub.Sessions[0]; s.Offset != 2 {
		t.Fatalf("%+v", s)
	}
	c.events("s3", 2, 2)

	w.endpoint.SessionDeleted("s3")
	if err := store.DeleteSession(t.Context(), "s3"); err != nil {
		t.Fatal(err)
	}
	c.notification("events.gap", &gapParams{})
	c.fails(rpc.CodeNotFound, "events.ack", object{"session": "s3", "offset": 2})
	c.leave()
	list, err := store.List(t.Context(), "admin", "shop")
	if err != nil || len(list) != 2 || list[0].Session != "s1" || list[1].Session != "s2" {
		t.Fatalf("%v, %v", list, err)
	}
}

func TestConsumerIsSuperseded(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 10)
	older, _ := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
	older.events("s1", 1, 10)
	older.call("events.ack", object{"offset": 7}, nil)
	newer, _ := w.dialConsumer("session:s1", "shop", nil)
	newer.events("s1", 8, 10)
	older.closed(CloseSuperseded)
	newer.call("events.ack", object{"offset": 9}, nil)
	if err := newer.Quiet(); err != nil {
		t.Fatal(err)
	}
}

// Of many that connect at the same time one stays, and the others receive the reason.
func TestConsumersRace(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 3)
	for range 10 {
		const racers = 6
		var clients [racers]*client
		for i := range clients {
			clients[i] = w.dial("session:s1")
		}
		var group sync.WaitGroup
		stayed := make(chan *client, racers)
		for _, c := range clients {
			group.Go(func() {
				if err := c.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1,"consumer":"shop","from":"oldest"}}`)); err != nil {
					t.Error(err)
					return
				}
				for range 4 { // the reply, and the three events
					_, code, err := c.Receive()
					if err != nil || code != 0 && code != CloseSuperseded {
						t.Errorf("closed with %d, %v", code, err)
					}
					if err != nil || code != 0 {
						return
					}
				}
				stayed <- c
			})
		}
		group.Wait()
		close(stayed)
		alive := 0
		for c := range stayed {
			_ = c.Send([]byte(`{"jsonrpc":"2.0","id":"quiet?","method":"test.echo"}`))
			if _, code, err := c.Receive(); code == CloseSuperseded {
				continue
			} else if code != 0 || err != nil {
				t.Fatalf("closed with %d, %v", code, err)
			}
			alive++
			c.leave()
		}
		if alive != 1 {
			t.Fatalf("%d connections stayed, want 1", alive)
		}
	}
}

func TestConsumerList(t *testing.T) {
	w, _ := newConsumerWorld(t, journal.Config{RetainEvents: 10, SweepEvery: time.Millisecond})
	w.append("s1", "Message", 5)
	c, _ := w.dialConsumer("admin", "shop", object{"from": "oldest"})
	c.events("s1", 1, 5)
	c.call("events.ack", object{"session": "s1", "offset": 2}, nil)
	away, _ := w.dialConsumer("admin", "mail", object{"filters": []any{object{"sessions": []string{"s1"}}}})
	away.leave()
	w.append("s1", "Message", 20)
	w.awaitOldest("s1", 16)

	reader := w.dial("admin")
	reader.hello(object{"filters": []any{}})
	var r consumersResult
	reader.call("events.consumers", object{}, &r)
	if len(r.Consumers) != 2 || r.Consumers[0].Consumer != "mail" || r.Consumers[0].Connected || !r.Consumers[1].Connected {
		t.Fatalf("%+v", r)
	}
	if s := r.Consumers[0].Sessions; len(s) != 1 || s[0].Offset != 5 || s[0].Head != 25 || s[0].Lag != 10 || s[0].Updated == "" {
		t.Errorf("%+v", s)
	}
	if s := r.Consumers[1].Sessions; len(s) != 2 || s[0].Offset != 2 || s[1].Session != "s2" || s[1].Lag != 0 {
		t.Errorf("%+v", s)
	}
	reader.call("events.consumers", object{"consumer": "shop"}, &r)
	if len(r.Consumers) != 1 || r.Consumers[0].Consumer != "shop" {
		t.Errorf("%+v", r)
	}
	reader.fails(rpc.CodeConflict, "events.deleteConsumer", object{"consumer": "shop"})
	reader.fails(rpc.CodeInvalidParams, "events.deleteConsumer", object{})
	reader.call("events.deleteConsumer", object{"consumer": "mail"}, nil)
	reader.fails(rpc.CodeNotFound, "events.deleteConsumer", object{"consumer": "mail"})

	stranger := w.dial("session:s1")
	stranger.hello(object{"filters": []any{}})
	stranger.call("events.consumers", object{}, &r)
	if len(r.Consumers) != 0 {
		t.Errorf("another credential sees %+v", r)
	}
	stranger.fails(rpc.CodeNotFound, "events.deleteConsumer", object{"consumer": "shop"})
}
