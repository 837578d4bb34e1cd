package bridge

import (
	"context"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
)

const (
	redeliveryLongest   = 10 * time.Minute
	redeliveryForgotten = 30 * time.Minute // time without a failure after which the pause is short again
	maxRedeliveryShift  = 16               // larger shifts exceed redeliveryLongest anyway
)

// redelivery is the state of a session's events that could not be recorded. Guarded by Session.mu.
//
// WhatsApp repeats an unacknowledged stanza on a new connection only. There are two causes, which need different pauses
// before the session reconnects:
//
//   - The store is unavailable. The session probes it every Config.StoreProbe and reconnects as soon as it works again,
//     regardless of the length of the outage.
//   - The store works and refuses the event. The pause is Config.RedeliveryPause and doubles with each reconnect up to
//     ten minutes, so that an event that can never be recorded does not block the session. It is reset after a
//     connection on which WhatsApp delivered all pending stanzas and each event was recorded.
type redelivery struct {
	failed   bool // an event could not be recorded on this connection
	tries    int  // reconnects since the last connection without a failure
	last     time.Time
	probe    *time.Timer // the next probe of the store; nil = no probe is planned or running
	storeOut bool        // the last probe failed
}

// redeliver schedules a new connection after an event could not be recorded.
func (s *Session) redeliver(cli *whatsmeow.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli {
		return
	}
	s.redelivery.failed = true
	s.planRedelivery(cli)
}

// planRedelivery schedules a new connection if the session is connected; opened calls it for earlier failures. The
// caller holds s.mu.
func (s *Session) planRedelivery(cli *whatsmeow.Client) {
	if s.snap.State != StateConnected {
		return
	}
	r := &s.redelivery
	if r.probe == nil {
		s.planProbe(cli, 0)
	}
	if s.watchdog != nil {
		return
	}
	now := time.Now()
	if now.Sub(r.last) > redeliveryForgotten {
		r.tries = 0
	}
	pause := min(s.b.cfg.RedeliveryPause<<min(r.tries, maxRedeliveryShift), redeliveryLongest)
	r.tries++
	r.last = now
	var timer *time.Timer
	timer = time.AfterFunc(pause, func() {
		s.mu.Lock()
		due := s.watchdog == timer && !s.redelivery.storeOut // otherwise the probe reconnects when the store works
		s.mu.Unlock()
		if due {
			s.dropConnection(cli, reasonRedelivery)
		}
	})
	s.watchdog = timer
}

// planProbe schedules a probe of the store after a pause. The caller holds s.mu.
func (s *Session) planProbe(cli *whatsmeow.Client, pause time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(pause, func() {
		s.b.spawn(func() {
			err := s.b.probe.check(s.b.ctx)
			s.mu.Lock()
			defer s.mu.Unlock()
			r := &s.redelivery
			if r.probe != timer { // the connection has ended
				return
			}
			wasOut := r.storeOut
			r.storeOut = err != nil
			switch {
			case err != nil:
				s.planProbe(cli, s.b.cfg.StoreProbe)
			case wasOut:
				r.tries = max(0, r.tries-1) // the store was the cause, not the events
				s.log().Info("the store works again; the session reconnects for what could not be recorded")
				s.dropConnection(cli, reasonRedelivery)
			default:
				r.probe = nil
			}
		})
	})
	s.redelivery.probe = timer
}

// stopRedelivery clears the failures of a connection that has ended. The caller holds s.mu.
func (s *Session) stopRedelivery() {
	r := &s.redelivery
	if r.probe != nil {
		r.probe.Stop()
	}
	r.probe, r.failed, r.storeOut = nil, false, false
}

// deliveredAll is called when WhatsApp has delivered all pending stanzas of the session.
func (s *Session) deliveredAll(cli *whatsmeow.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && !s.redelivery.failed {
		s.redelivery.tries = 0
	}
}

// storeProbe checks whether the database accepts writes. Sessions share its results.
type storeProbe struct {
	db   *dbutil.Database
	keep time.Duration // time for which a failure is returned to all sessions

	mu       sync.Mutex
	running  *probeRun // nil = none
	failure  error     // of the last probe
	failedAt time.Time
}

type probeRun struct {
	done chan struct{}
	err  error
}

// probeTimeout bounds a probe: a database that needs longer for one small write counts as unavailable.
const probeTimeout = 5 * time.Second

// check writes to the database and returns the error. It waits for a probe that is already running.
func (p *storeProbe) check(ctx context.Context) error {
	p.mu.Lock()
	if p.failure != nil && time.Since(p.failedAt) < p.keep {
		defer p.mu.Unlock()
		return p.failure
	}
	run := p.running
	if run != nil {
		p.mu.Unlock()
		<-run.done // within probeTimeout
		return run.err
	}
	run = &probeRun{done: make(chan struct{})}
	p.running = run
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	// A full disk refuses only writes. The row of the smallest id exists as long as there is a session.
	_, run.err = p.db.Exec(ctx, `UPDATE bridge_sessions SET wanted=wanted WHERE id=(SELECT MIN(id) FROM bridge_sessions)`)
	p.mu.Lock()
	p.running, p.failure, p.failedAt = nil, run.err, time.Now()
	p.mu.Unlock()
	close(run.done)
	return run.err
}
