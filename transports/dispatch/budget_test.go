//go:build !race

package dispatch

import (
	"fmt"
	"runtime"
	"testing"
)

// A budget, not a measurement: what a delivery may allocate on SQLite with its cursor and its entry in the archive, a
// little above what it does. Alone, in windows that grow, that is about 35, with 100 lanes that share commits about 49.
func TestBudgetDeliver(t *testing.T) {
	for lanes, budget := range map[int]float64{1: 45, 100: 60} {
		t.Run(fmt.Sprint("lanes=", lanes), func(t *testing.T) {
			const events = 4000
			deliverAll := backlog(t, lanes, events/lanes, Config{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			deliverAll()
			runtime.ReadMemStats(&after)
			if got := float64(after.Mallocs-before.Mallocs) / events; got > budget {
				t.Errorf("a delivery takes %.1f allocations, more than %.0f", got, budget)
			} else {
				t.Logf("%.1f allocations", got)
			}
		})
	}
}
