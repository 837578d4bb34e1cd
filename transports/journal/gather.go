package journal

import (
	"runtime"
	"time"
)

const (
	// gatherYields is how often the committer lets others run before it closes a batch.
	// On an idle machine that takes some microseconds; on a busy one each yield lets
	// others do a slice of their work, of which appends come.
	gatherYields = 64
	// companyLasts is how many batches of a single append it takes until one counts as
	// alone again. A batch of one is common even among many sessions.
	companyLasts = 8
)

// company knows whether several sessions are appending.
type company struct{ left int }

// note counts a batch.
func (c *company) note(appends int) {
	switch {
	case appends > 1:
		c.left = companyLasts
	case appends == 1 && c.left > 0:
		c.left--
	}
}

func (c *company) expected() bool { return c.left > 0 }

// gather gives appenders a chance to join the batch. A commit costs a sync and the
// pages it shares, so on two busy cores with 16 sessions twice as many appends a
// commit save a tenth of all work. No clock is waited for: as soon as the others
// have nothing to do but wait for this commit, it goes on.
//
// Without company one yield must do. It costs less than a microsecond, and it is needed:
// where syncs are quick and processors few, an appender that was answered and the
// committer would otherwise hand the processor to each other, while all other sessions
// stand ready to append and are not let in.
func (j *Journal) gather(company bool) {
	if j.cfg.GatherFor < 0 {
		return
	}
	yields := 1
	if company {
		yields = gatherYields
	}
	began := time.Now()
	for range yields {
		runtime.Gosched()
		if len(j.queue) >= j.cfg.MaxBatchRecords || time.Since(began) >= j.cfg.GatherFor {
			return
		}
	}
}
