//go:build !race

package journal

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// TestBudgetAppend limits the allocations of an append on SQLite to slightly above the current count: about 163 for a lone append, about 40 with 100
// sessions in one commit.
func TestBudgetAppend(t *testing.T) {
	for sessions, budget := range map[int]float64{1: 185, 100: 50} {
		t.Run(fmt.Sprint("sessions=", sessions), func(t *testing.T) {
			j := open(t, openDB(t, sqlitePath(t)), Config{RingEvents: 64})
			n := int64(0)
			records := make(chan Record, 20*sessions)
			round := func() {
				for range cap(records) {
					records <- usualRecord(n)
					n++
				}
				var wg sync.WaitGroup
				for s := range sessions {
					wg.Go(func() {
						for range 20 {
							if _, err := j.Append(context.Background(), fmt.Sprint("session-", s), <-records); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
			}
			if got := testing.AllocsPerRun(3, round) / float64(cap(records)); got > budget {
				t.Errorf("an append makes %.1f allocations, more than %.0f", got, budget)
			} else {
				t.Logf("%.1f allocations", got)
			}
		})
	}
}
