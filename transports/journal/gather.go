package journal

import (
	"runtime"
	"time"
)

const (
	// gatherYields is how often the committer yields before it closes a batch. On an idle machine that takes some microseconds; on a busy one each
	// yield lets other goroutines run a slice of work, which produces appends.
	gatherYields = 64
	// concurrencyLasts is the number of consecutive single-append batches after which one session counts as appending alone. A batch of one is common
	// even among many sessions.
	concurrencyLasts = 8
)

// concurrency tracks whether several sessions are appending.
type concurrency struct{ left int }

// recordBatch counts a batch.
func (c *concurrency) recordBatch(appends int) {
	switch {
	case appends > 1:
		c.left = concurrencyLasts
	case appends == 1 && c.left > 0:
		c.left--
	}
}

func (c *concurrency) expected() bool { return c.left > 0 }

// gatherBatch lets appenders join the batch. A commit costs a sync and the pages it shares, so on two busy cores with 16 sessions twice as many
// appends per commit save a tenth of all work. It uses no timer: as soon as the other goroutines only wait for this commit, it proceeds.
//
// Without concurrent sessions a single yield suffices. It costs less than a microsecond, and it is needed: where syncs are quick and processors few,
// an appender whose call returned and the committer would otherwise alternate on the processor, while all other sessions are ready to append and do
// not run.
func (j *Journal) gatherBatch(concurrent bool) {
	if j.cfg.GatherFor < 0 {
		return
	}
	yields := 1
	if concurrent {
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
