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

// ended counts the end of a delivery.
func (s *sinkStats) ended(d *Delivery, status Status) {
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

// Stats are counts of one transport since Open, and how it stands.
type Stats struct {
	Transport      string
	Targets        int
	Attempts       uint64
	Retries        uint64 // attempts after the first
	Delivered      uint64
	DeadLetters    uint64
	Replays        uint64 // that ended, well or not
	Lost           uint64 // events of gaps
	Signals        uint64 // delivered
	SignalsFailed  uint64
	SignalsDropped uint64 // too many waited
	OpenBreakers   int
	Failures       map[string]uint64 // attempts by what their error meant: retry, retry_after, unreachable, refused, permanent
}

// Stats returns the counts of every transport, in no order.
func (d *Dispatcher) Stats() []Stats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]Stats, 0, len(d.sinks))
	for name, s := range d.sinks {
		list = append(list, Stats{
			Transport: name, Targets: len(s.targets), Attempts: s.stats.attempts.Load(), Retries: s.stats.retries.Load(),
			Delivered: s.stats.delivered.Load(), DeadLetters: s.stats.deadLetters.Load(), Replays: s.stats.replays.Load(), Lost: s.stats.lost.Load(),
			Signals: s.stats.signals.Load(), SignalsFailed: s.stats.signalsFailed.Load(), SignalsDropped: s.stats.signalsDropped.Load(),
			OpenBreakers: s.gates.open(), Failures: s.stats.failed(),
		})
	}
	return list
}

func (s *sinkStats) failed() map[string]uint64 {
	list := make(map[string]uint64, classes)
	for class, name := range classNames {
		list[name] += s.failures[class].Load()
	}
	return list
}

// Live is a delivery that has not ended.
type Live struct {
	Entry        // as far as it is known; without ID and Status
	Active  bool // an attempt is under way; else it waits for its retry, its breaker or room
	Replay  bool
	Updated time.Time // last attempt; when it was taken up if there was none
}

// Live returns the deliveries of some sessions that have not ended, of all when sessions is nil: one for each lane that
// has something to send. In no order.
func (d *Dispatcher) Live(sessions []string) []Live {
	var list []Live
	for _, t := range d.liveTargets(sessions) {
		for _, l := range []*lane{&t.events.lane, &t.replays.lane} {
			if j := l.current.Load(); j != nil {
				if live, _, ok := j.live(); ok {
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

// live is how the delivery under way stands, and from when its age counts; ok is false when all have ended.
func (j *job) live() (l Live, since time.Time, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over() {
		return Live{}, time.Time{}, false
	}
	l = Live{Entry: *j.entry(), Active: j.trial.active, Replay: j.deliveries[0].Replay, Updated: j.trial.last}
	if l.Updated.IsZero() {
		l.Updated = j.since
	}
	return l, j.since, true
}

// standing is the event under way, or the last one while the ends are stored, from when its age counts, and whether an attempt
// runs.
func (j *job) standing() (offset uint64, since time.Time, active bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := min(j.ended, len(j.deliveries)-1)
	return j.deliveries[at].Event.Offset, j.since, j.trial.active
}

// open is how many breakers are open.
func (g *gates) open() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.byKey {
		if b.open {
			n++
		}
	}
	return n
}
