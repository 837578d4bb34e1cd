package journal

import (
	"context"
	"errors"
	"time"
)

// sweepLoop drops what retention allows to drop, a bounded batch at a time.
func (j *Journal) sweepLoop() {
	defer j.workers.Done()
	ticker := time.NewTicker(j.cfg.SweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-j.closing:
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(context.Background(), j.cfg.SweepEvery)
			if err := j.Sweep(ctx); err != nil && !errors.Is(err, ErrClosed) {
				j.cfg.Log.Warn("journal retention failed", "error", err)
			}
			cancel()
		}
	}
}

// Sweep applies retention to every log now.
func (j *Journal) Sweep(ctx context.Context) error {
	sessions, err := j.store.sessions(ctx)
	if err != nil {
		return err
	}
	for _, session := range sessions {
		for more := true; more; {
			if more, err = j.sweepBatch(ctx, session); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *Journal) sweepBatch(ctx context.Context, session string) (more bool, err error) {
	l, err := j.loaded(ctx, session)
	if err != nil {
		return false, err
	}
	op := &operation{ctx: ctx, session: session, done: make(chan struct{}), run: func(ctx context.Context) error {
		head := l.headOffset()
		var keepFrom uint64
		if j.cfg.RetentionEvents > 0 && head > uint64(j.cfg.RetentionEvents) {
			keepFrom = head - uint64(j.cfg.RetentionEvents) + 1
		}
		var before time.Time
		if j.cfg.RetentionAge > 0 {
			before = j.cfg.Now().Add(-j.cfg.RetentionAge)
		}
		oldest, dropped, err := j.store.trim(ctx, session, keepFrom, before, j.cfg.SweepBatch)
		if err != nil {
			return err
		}
		if dropped > 0 {
			l.trimmed(oldest)
		}
		more = dropped == j.cfg.SweepBatch
		return nil
	}}
	return more, j.submit(ctx, op)
}
