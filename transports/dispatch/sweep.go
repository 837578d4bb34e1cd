package dispatch

import (
	"context"
	"time"
)

// Sweep applies retention to the archive now, a bounded batch at a time, and forgets skipped stretches that all lanes have
// passed. The dispatcher does it by itself every Config.SweepEvery.
func (d *Dispatcher) Sweep(ctx context.Context) error {
	for _, kind := range []struct {
		status Status
		keep   time.Duration
		most   int
	}{
		{Delivered, d.cfg.KeepDelivered, d.cfg.MaxDelivered},
		{DeadLetter, d.cfg.KeepDeadLetters, d.cfg.MaxDeadLetters},
		{Gap, d.cfg.KeepDeadLetters, d.cfg.MaxDeadLetters},
	} {
		dropped := 0
		for {
			expired, err := d.store.expired(ctx, kind.status, d.cfg.Now().Add(-max(kind.keep, 0)), kind.most, d.cfg.SweepBatch)
			if err != nil {
				return err
			}
			if err := d.store.deleteEntries(ctx, expired); err != nil {
				return err
			}
			if dropped += len(expired); len(expired) < d.cfg.SweepBatch {
				break
			}
		}
		if dropped > 0 && kind.status == DeadLetter {
			d.cfg.Log.Warn("dead letters were dropped by retention", "entries", dropped)
		}
	}
	return d.sweepSkips(ctx)
}
