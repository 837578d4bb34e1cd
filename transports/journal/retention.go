package journal

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/transports/kit/database"
)

// agedLogsPage is the number of logs per query of a retention run.
const agedLogsPage = 256

// sweepLoop runs retention periodically.
func (j *Journal) sweepLoop() {
	defer j.workers.Done()
	database.SweepEvery(j.life, j.cfg.SweepEvery, j.Sweep, j.cfg.Log, "journal retention failed")
}

// Sweep applies retention to every log now, a bounded batch at a time, and releases the memory of idle sessions. The journal runs it every
// SweepEvery.
func (j *Journal) Sweep(ctx context.Context) error {
	j.releaseIdle()
	rule := trimRule{maxBytes: j.cfg.RetainBytes, batch: j.cfg.SweepBatch}
	now := j.cfg.Now()
	if j.cfg.RetainFor > 0 {
		rule.before = smallestID(now.Add(-j.cfg.RetainFor))
	}
	var above int64
	for {
		logs, err := j.store.agedLogs(ctx, above, agedLogsPage)
		if err != nil {
			return err
		}
		for _, log := range logs {
			above = log.id
			if err := j.sweepLog(ctx, log, rule); err != nil {
				return err
			}
		}
		if len(logs) < agedLogsPage {
			break
		}
	}
	for more := j.cfg.KeysFor > 0; more; {
		var err error
		if more, err = j.store.expireKeys(ctx, now.Add(-j.cfg.KeysFor), j.cfg.SweepBatch); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) sweepLog(ctx context.Context, log agedLog, rule trimRule) error {
	for log.purged {
		more, err := j.store.drain(ctx, log.id, rule.batch)
		if err != nil || !more {
			return err
		}
	}
	if keep := uint64(max(0, j.cfg.RetainEvents)); j.cfg.RetainEvents >= 0 && log.head > keep {
		rule.keepFrom = log.head - keep + 1
	}
	tooOld := log.oldestID != "" && log.oldestID < rule.before
	tooLarge := rule.maxBytes >= 0 && log.bytes > rule.maxBytes
	before := log.oldest
	for more := tooOld || tooLarge || log.oldest < rule.keepFrom; more; {
		oldest, again, err := j.store.trim(ctx, log.id, rule)
		if err != nil {
			return err
		}
		if l := j.lookupEntry(log.session); l != nil {
			l.applyTrim(log.id, oldest)
		}
		if oldest > before {
			j.stats.trimmed.Add(oldest - before)
			before = oldest
		}
		more = again
	}
	return nil
}

// smallestID returns the smallest id that an event appended at t can have.
func smallestID(t time.Time) string {
	var id ulid.ULID
	if ms := t.UnixMilli(); ms > 0 {
		_ = id.SetTime(uint64(ms)) // fails after the year 10889 only
	}
	return id.String()
}

func (j *Journal) releaseIdle() {
	before := j.cfg.Now().Add(-j.cfg.RingIdle)
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, l := range j.logs {
		l.releaseRing(before)
	}
}
