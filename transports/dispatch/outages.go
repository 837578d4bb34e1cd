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

// outages remembers which targets failed last, for the log: the first failure and the recovery are logged, the failures
// between them are not. Targets of one outlet that share a breaker key are one.
type outages struct {
	now func() time.Time

	known atomic.Int64 // len(byKey), so that successes cost nothing while no target has failed
	mu    sync.Mutex
	byKey map[string]*outage
}

type outage struct {
	failing bool
	logged  bool // the outage under way
	since   time.Time
	last    time.Time // the last outage that was logged
}

// failed reports a failed attempt, and returns whether it is the first one of an outage that is to be logged.
func (o *outages) failed(key string) bool {
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

// succeeded reports a successful attempt, and returns whether it ends an outage that was logged, and how long that was.
func (o *outages) succeeded(key string) (lasted time.Duration, ended bool) {
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

// forget drops a key that no target has any more.
func (o *outages) forget(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byKey, key)
	o.known.Store(int64(len(o.byKey)))
}

// outageKey names what fails and recovers as a whole: the outlet's breaker key, or the target that a session set up itself.
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
		if s.outages.failed(key) {
			s.log(j.t, slog.LevelInfo, "delivery failed, retrying as the policy says", "event", j.delivery().Event.Type, "error", errorText(err))
		}
		return
	}
	if lasted, ended := s.outages.succeeded(key); ended {
		s.log(j.t, slog.LevelInfo, "target recovered", "after", lasted.Round(time.Millisecond))
	}
}

// logHeld logs that a breaker opened. Targets of the operator are the operator's to mend, hence the warning.
func (s *sink) logHeld(t *target, err error) {
	level := slog.LevelWarn
	if t.settings().Outlet == "" {
		level = slog.LevelInfo
	}
	s.log(t, level, "target is unreachable or rejects everything; its events are held until it recovers", "error", errorText(err))
}

func (s *sink) log(t *target, level slog.Level, text string, more ...any) {
	s.d.cfg.Log.Log(context.Background(), level, text, append([]any{"transport", s.name, "target", t.id, "session", t.session}, more...)...)
}
