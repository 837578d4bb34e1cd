package dispatch

import (
	"sync/atomic"
	"time"
)

// sinkStats are counts since Open.
type sinkStats struct {
	attempts, retries, delivered, deadLetters, replays, lost atomic.Uint64
	signals, signalsFailed, signalsDropped                   atomic.Uint64
	failures                                                 [classes]atomic.Uint64
}

// countEnd counts a finished delivery.
func (s *sinkStats) countEnd(d *Delivery, status Status) {
	switch {
	case d.Signal && status == Delivered:
		s.signals.Add(1)
	case d.Signal:
		s.signalsFailed.Add(1)
	case d.Replay:
		s.replays.Add(1)
	case status == Delivered:
		s.delivered.Add(1)
	default:
		s.deadLetters.Add(1)
	}
}

// Stats are the counts of one transport since Open, and its current state.
type Stats struct {
	Transport      string
	Targets        int
	Attempts       uint64
	Retries        uint64 // attempts after the first
	Delivered      uint64
	DeadLetters    uint64
	Replays        uint64 // finished, successfully or not
	Lost           uint64 // number of events in gaps
	Signals        uint64 // delivered
	SignalsFailed  uint64
	SignalsDropped uint64 // dropped because too many were queued
	OpenBreakers   int
	Failures       map[string]uint64 // failed attempts by error class: retry, retry_after, unreachable, refused, permanent
}

// Stats returns the counts of every transport, unordered.
func (d *Dispatcher) Stats() []Stats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]Stats, 0, len(d.sinks))
	for name, s := range d.sinks {
		list = append(list, Stats{
			Transport: name, Targets: len(s.targets), Attempts: s.stats.attempts.Load(), Retries: s.stats.retries.Load(),
			Delivered: s.stats.delivered.Load(), DeadLetters: s.stats.deadLetters.Load(), Replays: s.stats.replays.Load(), Lost: s.stats.lost.Load(),
			Signals: s.stats.signals.Load(), SignalsFailed: s.stats.signalsFailed.Load(), SignalsDropped: s.stats.signalsDropped.Load(),
			OpenBreakers: s.breakers.countOpen(), Failures: s.stats.failureCounts(),
		})
	}
	return list
}

func (s *sinkStats) failureCounts() map[string]uint64 {
	list := make(map[string]uint64, classes)
	for class, name := range classNames {
		list[name] += s.failures[class].Load()
	}
	return list
}

// Live is an unfinished delivery.
type Live struct {
	Entry        // the fields known so far; ID and Status are not set
	Active  bool // an attempt is running; else it waits for its retry, its breaker or a free slot
	Replay  bool
	Updated time.Time // time of the last attempt, or of the start if there was none
}

// Live returns the unfinished deliveries of some sessions, of all if sessions is nil: one for each lane that has work. Unordered.
func (d *Dispatcher) Live(sessions []string) []Live {
	var list []Live
	for _, t := range d.liveTargets(sessions) {
		for _, l := range []*lane{&t.events.lane, &t.replays.lane} {
			if j := l.current.Load(); j != nil {
				if live, _, ok := j.liveDelivery(); ok {
					list = append(list, live)
				}
			}
		}
	}
	return list
}

func (d *Dispatcher) liveTargets(sessions []string) (list []*target) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if sessions != nil {
		for _, session := range sessions {
			list = append(list, d.bySession[session]...)
		}
		return list
	}
	for _, targets := range d.bySession {
		list = append(list, targets...)
	}
	return list
}

// liveDelivery returns the state of the current delivery, and the start of its age; ok is false if all have ended.
func (j *job) liveDelivery() (l Live, since time.Time, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.isOver() {
		return Live{}, time.Time{}, false
	}
	l = Live{Entry: *j.newEntry(), Active: j.trial.active, Replay: j.deliveries[0].Replay, Updated: j.trial.last}
	if l.Updated.IsZero() {
		l.Updated = j.since
	}
	return l, j.since, true
}

// currentPosition returns the current event, or the last one while the outcomes are stored, the start of its age, and whether an attempt is running.
func (j *job) currentPosition() (offset uint64, since time.Time, active bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := min(j.ended, len(j.deliveries)-1)
	return j.deliveries[at].Event.Offset, j.since, j.trial.active
}

// countOpen returns the number of open breakers.
func (g *breakers) countOpen() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.byKey {
		if b.open {
			n++
		}
	}
	return n
}
