package dispatch

import (
	"testing"
	"testing/synctest"
	"time"
)

// A commit waits for lanes that are under way, but not longer than Config.CommitEvery after the last one, and never for lanes
// that had no part in it.
func TestCommitWaitsForOtherLanes(t *testing.T) {
	const every = 2 * time.Millisecond
	for name, c := range map[string]struct {
		shared   bool
		last     time.Duration // since the last commit
		lanes    int
		comes    []time.Duration // results after the first
		quit     bool
		batch    int
		waits    time.Duration
		entries  int
		together bool
	}{
		"the last one was shared":     {shared: true, lanes: 4, comes: []time.Duration{time.Microsecond, time.Millisecond}, batch: 3, waits: every, together: true},
		"until all are there":         {shared: true, lanes: 2, comes: []time.Duration{time.Millisecond}, batch: 2, waits: time.Millisecond, together: true},
		"nobody else is under way":    {shared: true, lanes: 1, batch: 1},
		"the last one was not shared": {lanes: 4, comes: []time.Duration{time.Millisecond}, batch: 1},
		"the last one was long ago":   {shared: true, last: time.Second, lanes: 4, comes: []time.Duration{time.Millisecond}, batch: 1},
		"some of the time is over":    {shared: true, last: every / 2, lanes: 4, batch: 1, waits: every / 2},
		"the batch is full":           {shared: true, lanes: 4, entries: 512, batch: 1},
		"the dispatcher closes":       {shared: true, lanes: 4, quit: true, batch: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := Config{CommitEvery: every}.withDefaults()
				m := newCommitter(nil, &cfg, nil)
				defer m.abort()
				m.began, m.shared = time.Now().Add(-c.last), c.shared
				m.lanes.Store(int64(c.lanes))
				if c.quit {
					close(m.quit)
				}
				for _, after := range c.comes {
					go func() {
						time.Sleep(after)
						m.queue <- &result{}
					}()
				}
				began := time.Now()
				synctest.Wait()
				batch := m.wait([]*result{{entries: make([]*Entry, c.entries)}})
				if took := time.Since(began); len(batch) != c.batch || took != c.waits || m.shared != c.together {
					t.Errorf("%d results after %s, shared %v", len(batch), took, m.shared)
				}
				time.Sleep(every) // what came too late is in the queue
			})
		})
	}
}
