//go:build !race

package socket

import (
	"runtime"
	"testing"

	"github.com/waystation/waystation/server/socket/sockettest"
)

// Budgets, not measurements: limits a little above what was measured when they were set. The race detector changes what
// things cost.

// TestBudgetIdle is about 12.4 KB: 4 KB and 2 KB of stack, the rest heap.
func TestBudgetIdle(t *testing.T) {
	const sockets, budget = 500, 13_500
	_, addr := benchServer(t, Config{MaxPerSession: sockets})
	runtime.GC()
	memory, goroutines := heapBytes(), runtime.NumGoroutine()
	sockettest.Start(t, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: sockets, Greeting: benchHello})
	runtime.GC() // halves the stacks
	runtime.GC()
	if each := (heapBytes() - memory) / sockets; each > budget {
		t.Errorf("an idle connection has %d bytes of heap and stack, more than %d", each, budget)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 2*sockets+sockets/10 {
		t.Errorf("%d goroutines for %d idle connections", n, sockets)
	}
}
