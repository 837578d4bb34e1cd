package dispatch

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// sweeps are the results of retention since Open.
type sweeps struct {
	entries atomic.Uint64
	next    atomic.Int64 // time of the next scheduled run, in milliseconds
}

// sweepInTurn is the scheduled run.
func (d *Dispatcher) sweepInTurn(ctx context.Context) error {
	d.sweeps.next.Store(d.cfg.Now().Add(d.cfg.SweepEvery).UnixMilli())
	return d.Sweep(ctx)
}

// Sweep applies retention to the archive now, a bounded batch at a time, and deletes skipped ranges that all lanes have passed. The dispatcher runs
// it every Config.SweepEvery.
func (d *Dispatcher) Sweep(ctx context.Context) error {
	_, err := d.applyRetention(ctx)
	return err
}

func (d *Dispatcher) applyRetention(ctx context.Context) (entries int, err error) {
	for _, kind := range []struct {
		status Status
		keep   time.Duration
		most   int
	}{
		{Delivered, d.cfg.KeepDelivered, d.cfg.MaxDelivered},
		{DeadLetter, d.cfg.KeepDeadLetters, d.cfg.MaxDeadLetters},
		{Gap, d.cfg.KeepDeadLetters, d.cfg.MaxDeadLetters},
	} {
		dropped, err := d.expireEntries(ctx, kind.status, d.cfg.Now().Add(-max(kind.keep, 0)), kind.most)
		entries += dropped
		if err != nil {
			return entries, err
		}
		if dropped > 0 && kind.status == DeadLetter {
			d.cfg.Log.Warn("dead letters were dropped by retention", "entries", dropped)
		}
	}
	return entries, d.sweepSkips(ctx)
}

// expireEntries deletes entries of a kind that are older than a time or beyond a number.
func (d *Dispatcher) expireEntries(ctx context.Context, status Status, before time.Time, keep int) (dropped int, err error) {
	for {
		expired, err := d.store.expiredEntries(ctx, status, before, keep, d.cfg.SweepBatch)
		if err != nil {
			return dropped, err
		}
		d.watches.recordDropped(expired)
		if err := d.store.deleteEntries(ctx, expired); err != nil {
			return dropped, err
		}
		dropped += len(expired)
		d.sweeps.entries.Add(uint64(len(expired)))
		if len(expired) < d.cfg.SweepBatch {
			return dropped, nil
		}
	}
}

// Pruned is the result of a retention run.
type Pruned struct {
	Entries      int       // archive entries deleted by this run
	Before       time.Time // delivered entries older than this were deleted
	Next         time.Time // time of the next scheduled run
	TotalEntries uint64    // deleted since Open
}

// Prune applies retention to the archive now. With olderThan above 0 it deletes only entries of delivered events that are older than that:
// undelivered events are kept as configured.
func (d *Dispatcher) Prune(ctx context.Context, olderThan time.Duration) (p Pruned, err error) {
	p.Before = d.cfg.Now().Add(-max(d.cfg.KeepDelivered, 0))
	if olderThan > 0 {
		p.Before = d.cfg.Now().Add(-olderThan)
		p.Entries, err = d.expireEntries(ctx, Delivered, p.Before, math.MaxInt32)
	} else {
		p.Entries, err = d.applyRetention(ctx)
	}
	p.Next, p.TotalEntries = millis(d.sweeps.next.Load()), d.sweeps.entries.Load()
	return p, err
}
