package socket

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// floods are ways to make the server retain unread replies. One frame costs up to 1.5 MB.
var floods = map[string]func(id int) string{
	"the discover document": func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"rpc.discover"}`, id)
	},
	"large results": func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"test.size","params":{"bytes":500000}}`, id)
	},
	"middle-sized results": func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"test.size","params":{"bytes":100000}}`, id)
	},
	"large batches": func(id int) string {
		call := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"test.size","params":{"bytes":150000}}`, id)
		return "[" + strings.Repeat(call+",", 9) + call + "]"
	},
	"batches that do not end": func(id int) string {
		call := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"test.size","params":{"bytes":150000}}`, id)
		return "[" + strings.Repeat(call+",", 9) + `{"jsonrpc":"2.0","id":"held","method":"test.hold","params":{"name":"x"}}]`
	},
	"repeats of a kept reply": func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"test.size","params":{"bytes":200000,"_meta":{"idempotency_key":"k"}}}`, id)
	},
	"small results": func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"test.size","params":{"bytes":3000}}`, id)
	},
}

// flood opens connections that send calls and read nothing after conn.hello.
func flood(t *testing.T, w *world, connections, calls int, frame func(id int) string) []*client {
	t.Helper()
	var list []*client
	for range connections {
		c := w.dial("session:s1")
		c.hello(object{"filters": []any{}})
		for id := range calls {
			if err := c.Send([]byte(frame(id + 100))); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, c)
	}
	return list
}

// settled waits until the number of counted bytes is stable.
func settled(b *budget.Budget) int64 {
	last, since := int64(-1), time.Now()
	for time.Since(since) < 300*time.Millisecond {
		if held := b.Held(); held != last {
			last, since = held, time.Now()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return last
}

func heapNow() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Unread replies of one credential occupy at most its share, for all kinds of calls. Others, and small calls on other
// connections of the same credential, are answered meanwhile. When the replies are read after all, each call has been
// answered once.
func TestUnreadRepliesAreBounded(t *testing.T) {
	testkit.SkipIfShort(t)
	const connections, calls, total, share = 6, 20, 8 << 20, 2 << 20
	for name, frame := range floods {
		t.Run(name, func(t *testing.T) {
			b := budget.New(total, share)
			w := newWorld(t, Config{Replies: b, MaxPending: 1 << 20, Rate: 1e6, Burst: 1e6, InFlight: 1000, StallTimeout: time.Minute}, journal.Config{})
			before := heapNow()
			lazy := flood(t, w, connections, calls, frame)
			held := settled(b)
			// One reply per connection may exceed the share, because it was estimated to be smaller.
			const slack = connections * (500_000 + freeReplies)
			if held > share+slack {
				t.Errorf("%d bytes are counted", held)
			}
			if grown := int64(heapNow()) - int64(before); grown > share+slack+(12<<20) {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
			other := w.dial("session:s2")
			other.hello(object{"filters": []any{}})
			other.call("test.size", object{"bytes": 1000000}, nil)
			sibling := w.dial("session:s1")
			sibling.hello(object{"filters": []any{}})
			sibling.send("test.hold", object{"name": "y"}) // no call has shown yet how long the results of these methods are
			for range 3 {
				id := sibling.send("test.echo", object{"value": 1})
				if m := sibling.read(); m.Error != nil || string(m.ID) != id {
					t.Errorf("a small call: %+v %+v", m, m.Error)
				}
			}
			w.methods.Release("y")
			if m := sibling.read(); m.Error != nil {
				t.Errorf("a small call beside others: %+v", m.Error)
			}
			w.methods.Release("x")
			var reading sync.WaitGroup
			for _, c := range lazy {
				reading.Go(func() { c.expectReplies(calls, frame(100)[0] == '[') })
			}
			reading.Wait()
			deadline := time.Now().Add(waitLimit)
			for b.Held() > 0 && time.Now().Before(deadline) {
				time.Sleep(5 * time.Millisecond)
			}
			if b.Held() != 0 {
				t.Errorf("%d bytes are counted after all was read", b.Held())
			}
		})
	}
}

// expectReplies reads n frames of replies and expects one for each id from 100.
func (c *client) expectReplies(n int, batches bool) {
	c.t.Helper()
	seen := map[string]bool{}
	for range n {
		b, code, err := c.Receive()
		if err != nil || code != 0 {
			c.t.Errorf("after %d replies: closed with %d: %v", len(seen), code, err)
			return
		}
		var m message
		var list []message
		if batches {
			if err := json.Unmarshal(b, &list); err != nil || len(list) != 10 {
				c.t.Errorf("%d replies: %v in %.200s", len(list), err, b)
				return
			}
			m = list[0]
		} else if err := json.Unmarshal(b, &m); err != nil {
			c.t.Errorf("%v in %.200s", err, b)
			return
		}
		if m.Error != nil && !batches || seen[string(m.ID)] {
			c.t.Errorf("reply %s: %+v", m.ID, m.Error)
			return
		}
		seen[string(m.ID)] = true
	}
}

// A connection that does not read is closed by the stall limit, and its bytes are free again.
func TestStalledConnectionFreesItsShare(t *testing.T) {
	testkit.SkipIfShort(t)
	b := budget.New(16<<20, 4<<20)
	w := newWorld(t, Config{Replies: b, Rate: 1e6, Burst: 1e6, StallTimeout: time.Second}, journal.Config{})
	flood(t, w, 6, 60, floods["large results"])
	if settled(b) == 0 {
		t.Fatal("nothing is counted")
	}
	deadline := time.Now().Add(2 * waitLimit)
	for (b.Held() > 0 || w.endpoint.Connections() > 0) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if b.Held() != 0 || w.endpoint.Connections() != 0 {
		t.Errorf("%d bytes and %d connections are left", b.Held(), w.endpoint.Connections())
	}
}

// A peer that reads a few bytes now and then is stalled, too.
func TestTrickleCountsAsStall(t *testing.T) {
	w := newWorld(t, Config{Rate: 1e6, Burst: 1e6, StallTimeout: time.Second}, journal.Config{})
	c := flood(t, w, 1, 60, floods["large results"])[0]
	start := time.Now()
	buf := make([]byte, 64)
	for time.Since(start) < waitLimit && w.endpoint.Connections() > 0 {
		_, _ = c.net.Read(buf)
		time.Sleep(50 * time.Millisecond)
	}
	if w.endpoint.Connections() > 0 {
		t.Error("the connection is open")
	}
}
