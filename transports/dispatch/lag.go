package dispatch

import (
	"context"
	"time"
)

// Lag is how far a transport's targets are behind.
type Lag struct {
	Active  int       // lanes with an attempt under way
	Waiting int       // lanes whose delivery waits for its retry, its breaker or room, or for its end to be stored
	Events  uint64    // logged and not yet past their target, over all lanes
	Oldest  time.Time // when the oldest event on its way was logged; zero = none is
}

// Lags returns the lag of every transport. Replays and signals do not count. A lane whose log cannot be looked up counts
// with the event that it has under way.
func (d *Dispatcher) Lags(ctx context.Context) map[string]Lag {
	lags := map[string]Lag{}
	d.mu.RLock()
	for name := range d.sinks {
		lags[name] = Lag{}
	}
	d.mu.RUnlock()
	for _, t := range d.liveTargets(nil) {
		j := t.events.current.Load()
		if j == nil {
			continue
		}
		lag, behind := lags[t.sink.name], uint64(1)
		offset, since, active := j.standing()
		if log, exists, err := d.journal.Lookup(ctx, t.session); err == nil && exists && log.Head >= offset {
			behind = log.Head - offset + 1
		}
		lag.Events += behind
		if lag.Oldest.IsZero() || since.Before(lag.Oldest) {
			lag.Oldest = since
		}
		if active {
			lag.Active++
		} else {
			lag.Waiting++
		}
		lags[t.sink.name] = lag
	}
	return lags
}

// Pruned is how many entries of the archive retention has dropped since Open.
func (d *Dispatcher) Pruned() uint64 { return d.sweeps.entries.Load() }
