//go:build !race

package socket

import (
	"runtime"
	"testing"
	"time"

	"github.com/waystation/waystation/server/socket/sockettest"
	"github.com/waystation/waystation/transports/journal"
)

// Budgets, not measurements: limits a little above the values measured when they were set. The race detector changes
// the costs.

// TestBudgetIdle is about 12.4 KB: 4 KB and 2 KB of stack, the rest heap.
func TestBudgetIdle(t *testing.T) {
	const sockets, budget = 500, 13_500
	_, addr := benchServer(t, Config{MaxPerSession: sockets})
	runtime.GC()
	memory, goroutines := heapBytes(), runtime.NumGoroutine()
	sockettest.Start(t, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: sockets, Greeting: benchHello})
	var each int64
	for range 10 { // on a busy machine goroutines become idle late, and only then collections halve their stacks
		runtime.GC()
		runtime.GC()
		if each = (heapBytes() - memory) / sockets; each <= budget {
			break
		}
		time.Sleep(300 * time.Millisecond)
	}
	if each > budget {
		t.Errorf("an idle connection has %d bytes of heap and stack, more than %d", each, budget)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 2*sockets+sockets/10 {
		t.Errorf("%d goroutines for %d idle connections", n, sockets)
	}
}

// allocations returns the allocations of run for each of n operations. The clients are another process.
func allocations(n int, run func()) float64 {
	var before, after runtime.MemStats
	run() // warms up
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

// TestBudgetDelivery is 2.05 allocations singly and 0.13 in bursts of 16.
func TestBudgetDelivery(t *testing.T) {
	const sockets, appends = 500, 20
	w, addr := benchServer(t, Config{MaxPerSession: sockets})
	swarm := sockettest.Start(t, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: sockets, Greeting: benchHello})
	for burst, budget := range map[int]float64{1: 2.5, 16: 0.2} {
		records := make([]journal.Record, burst)
		for i := range records {
			records[i] = journal.Record{Type: "Message", Origin: journal.OriginServer, Data: []byte(`"hello"`)}
		}
		got := allocations(sockets*burst*appends, func() {
			for range appends {
				if _, err := w.journal.Append(t.Context(), "s1", records...); err != nil {
					t.Fatal(err)
				}
				swarm.Await(sockets * burst)
			}
		})
		if got > budget {
			t.Errorf("a delivery in a burst of %d takes %.2f allocations, more than %.2f", burst, got, budget)
		}
	}
}

// TestBudgetCall is about 67 allocations, most of them in jsonrpc2 and encoding/json.
func TestBudgetCall(t *testing.T) {
	const calls, budget = 6400, 75
	_, addr := benchServer(t, Config{Rate: 1e12, Burst: 1 << 30})
	swarm := sockettest.Start(t, sockettest.Options{
		Addr: addr, Token: "session:s1", Sockets: 1, Greeting: benchHello,
		Call: `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`,
	})
	if got := allocations(calls, func() { swarm.Call(calls, 64) }); got > budget {
		t.Errorf("a call takes %.1f allocations, more than %d", got, budget)
	}
}
