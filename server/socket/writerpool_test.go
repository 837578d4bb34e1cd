package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// Stalled peers, more of them than workers, do not block the pool.
func TestStalledPeersDoNotBlockPool(t *testing.T) {
	w := newWorld(t, Config{StallTimeout: time.Hour}, journal.Config{})
	stalled := 2*runtime.GOMAXPROCS(0) + 2
	for range stalled {
		w.dial("admin").hello(object{})
	}
	c := w.dial("session:s1")
	c.hello(object{})
	data, _ := json.Marshal(string(bytes.Repeat([]byte("x"), 60_000)))
	const events = 300 // far more than the buffers of a socket hold
	for range events {
		if _, err := w.journal.Append(context.Background(), "s1", journal.Record{Type: "Message", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	c.events("s1", 1, events)
	for deadline := time.Now().Add(waitLimit); ; runtime.Gosched() {
		alone := 0
		w.endpoint.forEachConn(func(c *conn) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.busy {
				alone++
			}
		})
		if alone == stalled {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections wait, want %d", alone, stalled)
		}
	}
	c.call("test.echo", object{"value": 1}, nil)
	w.append("s1", "Message", 1)
	c.events("s1", events+1, events+1)
}

// After a blocking write of its last frame, a connection is written to without blocking again.
func TestWriteAfterWaiting(t *testing.T) {
	w := newWorld(t, Config{StallTimeout: 100 * time.Millisecond}, journal.Config{})
	c := w.dial("session:s1")
	c.hello(object{})
	w.endpoint.forEachConn(func(c *conn) {
		if _, err := c.wire.Write(appendFrame(nil, opPong, nil)); err != nil { // blocks, so has a deadline
			t.Error(err)
		}
	})
	<-time.After(120 * time.Millisecond) // the previous deadline
	w.append("s1", "Message", 1)
	c.events("s1", 1, 1)
}
