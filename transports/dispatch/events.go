package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/transports/journal"
)

// position is a place in a session's log: the last offset that was dealt with.
type position struct {
	epoch  string
	offset uint64
}

// eventLane follows the log of a session.
type eventLane struct {
	lane
	cursor int64    // row of the stored position
	at     position // of the lane's goroutine
	row    int      // deliveries in a row that went well
}

func (l *eventLane) follow() bool {
	for !l.t.ending() {
		events, err := l.read(l.t.waiting)
		switch {
		case errors.Is(err, journal.ErrClosed):
			return false
		case err != nil:
			l.t.d.cfg.Log.Warn("events cannot be read; trying again", "transport", l.t.sink.name, "session", l.t.session, "error", err)
			l.t.pause(troublePause, nil)
			continue
		case len(events) == 0:
			return true
		}
		if !l.pass(events) {
			return false
		}
	}
	return false
}

// pass sends those of consecutive events that the target wants.
func (l *eventLane) pass(events []*journal.Event) bool {
	for len(events) > 0 {
		if l.t.ending() {
			return false
		}
		window, seen := l.gather(events)
		if len(window) == 0 {
			l.at.offset = events[seen-1].Offset
			l.t.d.commits.skip(l.cursor, l.at)
			events = events[seen:]
			continue
		}
		if !l.deliver(window) {
			return false
		}
		for len(events) > 0 && events[0].Offset <= l.at.offset {
			events = events[1:]
		}
	}
	return true
}

// gather takes a window of events that the target wants, and tells how many it has looked at.
func (l *eventLane) gather(events []*journal.Event) (window []Delivery, seen int) {
	set, most := l.t.settings(), l.t.sink.policy.window(l.row)
	for _, e := range events {
		if len(window) == most {
			break
		}
		seen++
		if set.Filter.wants(e.Type) && !l.t.d.skips.covers(e.Session, set.Outlet, l.at.epoch, e.Offset) {
			window = append(window, Delivery{Event: e, Body: e.Body()})
		}
	}
	return window, seen
}

// window is how many events go out until it is stored how they ended, after so many that went well in a row: one at first and
// after a failure, and never more than a small part of the row, which is what a crash repeats.
func (p *Policy) window(row int) int { return min(1+row/p.WindowShare, p.Window) }

// deliver sends a window and stores how it went.
func (l *eventLane) deliver(window []Delivery) bool {
	j := &job{
		t: l.t, deliveries: window, since: loggedAt(window[0].Event), archive: l.t.d.cfg.KeepDelivered > 0, store: l.store,
	}
	whole := l.send(j)
	l.row += j.ended
	if j.troubled {
		l.row = 0
	}
	return (j.ended == j.stored || l.store(j)) && whole
}

// store moves the cursor to the last delivery of a job that ended.
func (l *eventLane) store(j *job) bool {
	l.at.offset = j.deliveries[j.ended-1].Event.Offset
	r := &result{cursor: l.cursor, at: l.at, entries: j.entries, body: j.body}
	j.entries, j.body, j.stored = nil, nil, j.ended
	return l.settle(r)
}

// loggedAt is when an event was logged, which its id carries: its own time may be that of another clock.
func loggedAt(e *journal.Event) time.Time {
	id, err := ulid.ParseStrict(e.ID)
	if err != nil {
		return e.Time
	}
	return ulid.Time(id.Time())
}

// read returns the events after the lane's position, none when it is at the head. A log that was made anew is read from
// its beginning; what retention took is put down as a gap.
func (l *eventLane) read(ctx context.Context) ([]*journal.Event, error) {
	for {
		events, err := l.t.d.journal.Read(ctx, l.t.session, l.at.offset, l.t.d.cfg.ReadEvents, l.t.d.cfg.ReadBytes)
		if err != nil && !errors.Is(err, journal.ErrPositionLost) {
			return nil, err
		}
		// Asked after reading: an epoch that is still the cursor's was so while the events were read.
		log, exists, lookupErr := l.t.d.journal.Lookup(ctx, l.t.session)
		switch {
		case lookupErr != nil:
			return nil, lookupErr
		case !exists:
			return nil, nil // purged; the next log wakes the lane
		case log.Epoch != l.at.epoch:
			l.at = position{epoch: log.Epoch}
		case err == nil:
			return events, nil
		case l.at.offset > log.Head:
			l.t.d.cfg.Log.Error("a stored position is ahead of its log; going on at the log's head", "transport", l.t.sink.name,
				"session", l.t.session, "offset", l.at.offset, "head", log.Head)
			l.at.offset = log.Head
		case l.at.offset+1 < log.Oldest:
			if !l.leap(log.Oldest - 1) {
				return nil, nil
			}
		}
	}
}

// leap passes events that are no longer there.
func (l *eventLane) leap(to uint64) bool {
	gap := &Entry{
		Status: Gap, Session: l.t.session, From: l.at.offset + 1, Offset: to, Transport: l.t.sink.name, Target: l.t.id,
		EventTime: l.t.d.cfg.Now(), Error: "the journal no longer had these events",
	}
	l.t.sink.stats.lost.Add(to - l.at.offset)
	l.t.d.cfg.Log.Warn("events were dropped by retention before they could be delivered", "transport", l.t.sink.name,
		"target", l.t.id, "session", l.t.session, "from", gap.From, "to", to)
	l.at.offset = to
	return l.settle(&result{cursor: l.cursor, at: l.at, entries: []*Entry{gap}})
}
