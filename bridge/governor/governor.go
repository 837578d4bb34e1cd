package governor

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Priority orders automatic sends: lower values are sent first.
type Priority int

// The priorities of automatic sends.
const (
	Reply     Priority = iota // the answer to a message that has just arrived
	Scheduled                 // a message with a time of its own
	Bulk                      // one message of a job with many
)

// Reason names what delays an automatic send.
type Reason string

// The reasons for which Next returns a later time, and those that callers add.
const (
	None      Reason = ""
	Pause     Reason = "pause"      // the random pause between two sends
	PerMinute Reason = "per_minute" // the limit of a minute is used up
	PerHour   Reason = "per_hour"
	PerDay    Reason = "per_day"
	QuietTime Reason = "quiet_hours"
)

// Limits bound the automatic sends of a session.
type Limits struct {
	// PauseMin and PauseMax bound the random pause between two sends.
	PauseMin, PauseMax time.Duration
	// PerMinute, PerHour and PerDay are the sends in any 60 s, 60 min and 24 h; 0 = no limit.
	PerMinute, PerHour, PerDay int
	// WarmUp is the time after pairing during which PerHour and PerDay grow from a tenth to their full value; 0 = none.
	WarmUp time.Duration
	// Quiet are the hours in which only replies are sent.
	Quiet Quiet
	// Zone is the time zone of Quiet; nil = UTC.
	Zone *time.Location
}

// Bulk sends use at most bulkPart of bulkOf parts of each limit, so that replies and schedules are never blocked by a job.
const bulkPart, bulkOf = 3, 4

// startShare is the divisor of PerHour and PerDay right after pairing.
const startShare = 10

const day = 24 * time.Hour

// Governor has the recent automatic sends of one session. Its methods may be called concurrently.
type Governor struct {
	mu    sync.Mutex
	sent  []time.Time // ascending
	share float64     // of the range between PauseMin and PauseMax, random for each pause
}

// New returns a Governor that knows earlier sends, in any order.
func New(sent []time.Time) *Governor {
	g := &Governor{sent: slices.Clone(sent), share: rand.Float64()}
	slices.SortFunc(g.sent, time.Time.Compare)
	return g
}

// Record adds a send. The limits decide how many earlier sends are kept.
func (g *Governor) Record(at time.Time, l Limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, at)
	slices.SortFunc(g.sent, time.Time.Compare)
	keep := max(1, l.PerMinute, l.PerHour, l.PerDay)
	if extra := len(g.sent) - keep; extra > 0 {
		g.sent = slices.Delete(g.sent, 0, extra)
	}
	g.share = rand.Float64()
}

// Next returns the earliest time of the next send of a priority, which is now if nothing delays it, and otherwise the
// reason. paired is the time since the account was paired.
func (g *Governor) Next(now time.Time, p Priority, l Limits, paired time.Duration) (at time.Time, why Reason) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at = now
	later := func(t time.Time, reason Reason) {
		if t.After(at) {
			at, why = t, reason
		}
	}
	if n := len(g.sent); n > 0 && !g.sent[n-1].After(now) { // a later one means that the clock was set back
		later(g.sent[n-1].Add(l.PauseMin+time.Duration(g.share*float64(l.PauseMax-l.PauseMin))), Pause)
	}
	for _, w := range []struct {
		limit  int
		length time.Duration
		why    Reason
	}{
		{l.PerMinute, time.Minute, PerMinute}, {warm(l.PerHour, l.WarmUp, paired), time.Hour, PerHour}, {warm(l.PerDay, l.WarmUp, paired), day, PerDay},
	} {
		if w.limit == 0 {
			continue
		}
		if p == Bulk {
			w.limit = max(1, w.limit*bulkPart/bulkOf)
		}
		if n := len(g.sent); n >= w.limit && !g.sent[n-w.limit].After(now) {
			later(g.sent[n-w.limit].Add(w.length), w.why)
		}
	}
	if p != Reply {
		if end, quiet := l.Quiet.End(at, l.Zone); quiet {
			later(end, QuietTime)
		}
	}
	return at, why
}

// warm returns a limit after a part of the warm-up.
func warm(limit int, warmUp, paired time.Duration) int {
	if limit == 0 || paired >= warmUp {
		return limit
	}
	share := 1.0/startShare + (1-1.0/startShare)*float64(max(paired, 0))/float64(warmUp)
	return max(1, int(float64(limit)*share))
}
