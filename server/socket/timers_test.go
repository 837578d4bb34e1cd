package socket

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

func inBubble(t *testing.T, cfg Config, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w, end := newPipeWorld(t, cfg, journal.Config{SweepEvery: time.Hour})
		defer end()
		f(t, w)
	})
}

// within checks that the time since start is in a range.
func within(t *testing.T, start time.Time, from, to time.Duration) {
	t.Helper()
	if d := time.Since(start); d < from || d > to {
		t.Fatalf("after %s, want %s to %s", d, from, to)
	}
}

func TestHelloTimeout(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		start := time.Now()
		c := w.dial("admin")
		c.closed(CloseHelloMissing)
		within(t, start, 10*time.Second, 11*time.Second)
	})
}

func TestHeartbeat(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("admin")
		c.hello(object{})
		// The library answers pings while a read is in progress.
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		done := make(chan error)
		go func() {
			_, _, err := c.ws.Read(ctx)
			done <- err
		}()
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(5 * time.Minute):
		}
		_ = c.ws.CloseNow()
		<-done
	})
}

func TestNoPong(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("admin")
		c.hello(object{})
		start := time.Now()
		raw := w.rawClient(c)
		raw.expectFrame(t, opPing)
		within(t, start, 25*time.Second, 26*time.Second)
		if code := raw.expectClose(t); code != CloseNoPong {
			t.Fatalf("close %d", code)
		}
		within(t, start, 35*time.Second, 37*time.Second)
	})
}

func TestPositionWhenIdle(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("session:s1")
		r := c.hello(object{"filters": []any{object{"types": []string{"Message"}}}})
		w.append("s1", "Receipt", 3)
		start := time.Now()
		var p positionParams
		c.notification("conn.position", &p)
		within(t, start, 24*time.Second, 27*time.Second)
		if p.Offset != 3 || p.Head != 3 || p.Epoch != r.Sessions[0].Epoch || p.Session != "s1" {
			t.Fatalf("%+v", p)
		}
	})
}

// A client that reads nothing is closed after the stall timeout, receives the reason when it reads again, and does
// not delay another one.
func TestStalled(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		slow, fast := w.dial("session:s1"), w.dial("session:s1")
		slow.hello(object{})
		fast.hello(object{})
		start := time.Now()
		raw := w.rawClient(slow)
		w.append("s1", "Message", 1)
		fast.events("s1", 1, 1)
		within(t, start, 0, time.Millisecond)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		raw.expectFrame(t, opText)
		if code := raw.expectClose(t); code != CloseStalled {
			t.Fatalf("close %d", code)
		}
		w.append("s1", "Message", 1)
		fast.events("s1", 2, 2)
	})
}

// A peer that reads slowly is not stalled.
func TestSlowIsNotStalled(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("session:s1")
		c.hello(object{})
		raw := w.rawClient(c)
		c.send("test.size", object{"bytes": 500000})
		buf := make([]byte, 20000)
		start := time.Now()
		for got := 0; got < 500000; {
			time.Sleep(5 * time.Second)
			n, err := raw.conn.Read(buf)
			if err != nil {
				t.Fatalf("after %s and %d bytes: %v", time.Since(start), got, err)
			}
			got += n
		}
	})
}

func TestCallTimeouts(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("admin")
		c.hello(object{})
		start := time.Now()
		c.fails(rpc.CodeTimeout, "test.hold", object{"name": "never"})
		within(t, start, 30*time.Second, 30*time.Second)
		start = time.Now()
		m := c.skipPositions(rpc.CodeTimeout, "test.hold", object{"name": "never", "_meta": object{"timeout_ms": 999999999}})
		within(t, start, 120*time.Second, 120*time.Second)
		if m.Error.Code != rpc.CodeTimeout {
			t.Fatal(m)
		}
	})
}

func TestDrain(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("admin")
		c.hello(object{})
		id := c.send("test.hold", object{"name": "work"})
		synctest.Wait()
		down := make(chan struct{})
		go func() {
			defer close(down)
			w.endpoint.Shutdown(context.Background())
		}()
		var p drainParams
		c.notification("conn.drain", &p)
		if p.RetryAfterMS != 2000 {
			t.Fatalf("%+v", p)
		}
		c.fails(rpc.CodeShuttingDown, "test.echo", object{})
		w.methods.Release("work")
		if m := c.read(); string(m.ID) != id || m.Error != nil {
			t.Fatalf("%+v", m)
		}
		c.closed(CloseRestart)
		<-down
	})
}

func TestDrainDoesNotWaitForever(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		c := w.dial("admin")
		c.hello(object{})
		c.send("test.hold", object{"name": "never"})
		synctest.Wait()
		start := time.Now()
		down := make(chan struct{})
		go func() {
			defer close(down)
			w.endpoint.Shutdown(context.Background())
		}()
		c.read() // conn.drain
		c.closed(CloseRestart)
		<-down
		within(t, start, 10*time.Second, 13*time.Second)
	})
}
