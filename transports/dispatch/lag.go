package dispatch

import (
	"context"
	"time"
)

// Lag is the backlog of a transport's targets.
type Lag struct {
	Active  int       // lanes with a running attempt
	Waiting int       // lanes whose delivery waits for its retry, its breaker, a free slot, or the commit of its outcome
	Events  uint64    // logged and not yet delivered, over all lanes
	Oldest  time.Time // when the oldest unfinished event was logged; zero = no unfinished event
}

// Lags returns the lag of every transport, without replays and signals. A lane whose log lookup fails counts only its current event.
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
		offset, since, active := j.currentPosition()
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

// Pruned returns the number of archive entries that retention has removed since Open.
func (d *Dispatcher) Pruned() uint64 { return d.sweeps.entries.Load() }
