package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// outageQuiet is the least time between two logged outages of one target, so that a target that fails now and then does not
// fill the log.
const outageQuiet = time.Minute

// outages records which targets failed last, for the log: the first failure and the recovery are logged, the failures between them are not. Targets
// of one outlet that share a breaker key count as one.
type outages struct {
	now func() time.Time

	known atomic.Int64 // len(byKey), so that successes cost nothing while no target has failed
	mu    sync.Mutex
	byKey map[string]*outage
}

type outage struct {
	failing bool
	logged  bool // the current outage was logged
	since   time.Time
	last    time.Time // time of the last logged outage
}

// recordFailure records a failed attempt, and returns whether it is the first one of an outage to be logged.
func (o *outages) recordFailure(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.byKey[key]
	if out == nil {
		out = &outage{}
		o.byKey[key] = out
		o.known.Store(int64(len(o.byKey)))
	}
	if out.failing {
		return false
	}
	out.failing, out.since = true, o.now()
	if out.logged = out.since.Sub(out.last) >= outageQuiet; out.logged {
		out.last = out.since
	}
	return out.logged
}

// recordSuccess records a successful attempt, and returns whether it ends a logged outage, and its duration.
func (o *outages) recordSuccess(key string) (lasted time.Duration, ended bool) {
	if o.known.Load() == 0 {
		return 0, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.byKey[key]
	if out == nil || !out.failing {
		return 0, false
	}
	out.failing = false
	now := o.now()
	return now.Sub(out.since), out.logged
}

// forgetKey drops a key that no target uses any more.
func (o *outages) forgetKey(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byKey, key)
	o.known.Store(int64(len(o.byKey)))
}

// outageKey identifies the unit that fails and recovers as a whole: the outlet's breaker key, or a session's own target.
func (t *target) outageKey() string {
	if set := t.settings(); set.Outlet != "" {
		return set.breakerKey()
	}
	return t.ownKey()
}

// logAttempt logs the first failure of a target and its recovery. Signals do not count.
func (s *sink) logAttempt(j *job, err error) {
	if j.deliveries[0].Signal {
		return
	}
	key := j.t.outageKey()
	if err != nil {
		if s.outages.recordFailure(key) {
			s.logTarget(j.t, slog.LevelInfo, "delivery failed, retrying as the policy says", "event", j.currentDelivery().Event.Type, "error", errorText(err))
		}
		return
	}
	if lasted, ended := s.outages.recordSuccess(key); ended {
		s.logTarget(j.t, slog.LevelInfo, "target recovered", "after", lasted.Round(time.Millisecond))
	}
}

// logHeld logs that a breaker opened. The operator has to repair targets of the operator, hence the warning.
func (s *sink) logHeld(t *target, err error) {
	level := slog.LevelWarn
	if t.settings().Outlet == "" {
		level = slog.LevelInfo
	}
	s.logTarget(t, level, "target is unreachable or rejects everything; its events are held until it recovers", "error", errorText(err))
}

func (s *sink) logTarget(t *target, level slog.Level, text string, more ...any) {
	s.d.cfg.Log.Log(context.Background(), level, text, append([]any{"transport", s.name, "target", t.id, "session", t.session}, more...)...)
}
