package dispatch

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// sweeps are what retention did since Open.
type sweeps struct {
	entries atomic.Uint64
	next    atomic.Int64 // when the next run by itself is due, in milliseconds
}

// sweepInTurn is the run by itself.
func (d *Dispatcher) sweepInTurn(ctx context.Context) error {
	d.sweeps.next.Store(d.cfg.Now().Add(d.cfg.SweepEvery).UnixMilli())
	return d.Sweep(ctx)
}

// Sweep applies retention to the archive now, a bounded batch at a time, and forgets skipped stretches that all lanes have
// passed. The dispatcher does it by itself every Config.SweepEvery.
func (d *Dispatcher) Sweep(ctx context.Context) error {
	_, err := d.sweep(ctx)
	return err
}

func (d *Dispatcher) sweep(ctx context.Context) (entries int, err error) {
	for _, kind := range []struct {
		status Status
		keep   time.Duration
		most   int
	}{
		{Delivered, d.cfg.KeepDelivered, d.cfg.MaxDelivered},
		{DeadLetter, d.cfg.KeepDeadLetters, d.cfg.MaxDeadLetters},
		{Gap, d.cfg.KeepDeadLetters, d.cfg.MaxDeadLetters},
	} {
		dropped, err := d.expire(ctx, kind.status, d.cfg.Now().Add(-max(kind.keep, 0)), kind.most)
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

// expire deletes entries of a kind that are older than a time or beyond a number.
func (d *Dispatcher) expire(ctx context.Context, status Status, before time.Time, keep int) (dropped int, err error) {
	for {
		expired, err := d.store.expired(ctx, status, before, keep, d.cfg.SweepBatch)
		if err != nil {
			return dropped, err
		}
		d.watches.drop(expired)
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

// Pruned is what a run of retention did.
type Pruned struct {
	Entries      int       // of the archive, deleted by this run
	Before       time.Time // delivered entries older than this went
	Next         time.Time // the next run by itself
	TotalEntries uint64    // deleted since Open
}

// Prune applies retention to the archive now. With olderThan above 0 it deletes entries of delivered events that are older
// than that, and nothing else: what could not be delivered stays as long as the configuration says.
func (d *Dispatcher) Prune(ctx context.Context, olderThan time.Duration) (p Pruned, err error) {
	p.Before = d.cfg.Now().Add(-max(d.cfg.KeepDelivered, 0))
	if olderThan > 0 {
		p.Before = d.cfg.Now().Add(-olderThan)
		p.Entries, err = d.expire(ctx, Delivered, p.Before, math.MaxInt32)
	} else {
		p.Entries, err = d.sweep(ctx)
	}
	p.Next, p.TotalEntries = millis(d.sweeps.next.Load()), d.sweeps.entries.Load()
	return p, err
}
