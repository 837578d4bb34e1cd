//go:build !race

package dispatch

import (
	"fmt"
	"runtime"
	"testing"
)

// TestBudgetDeliver limits the allocations of a delivery on SQLite, including its cursor and archive entry, to slightly above the current count:
// about 35 for one lane in growing windows, about 49 with 100 lanes that share commits.
func TestBudgetDeliver(t *testing.T) {
	for lanes, budget := range map[int]float64{1: 45, 100: 60} {
		t.Run(fmt.Sprint("lanes=", lanes), func(t *testing.T) {
			const events = 4000
			deliverAll := newBacklog(t, lanes, events/lanes, Config{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			deliverAll()
			runtime.ReadMemStats(&after)
			if got := float64(after.Mallocs-before.Mallocs) / events; got > budget {
				t.Errorf("a delivery makes %.1f allocations, more than %.0f", got, budget)
			} else {
				t.Logf("%.1f allocations", got)
			}
		})
	}
}
