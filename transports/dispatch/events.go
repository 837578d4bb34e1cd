package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/transports/journal"
)

// position is a position in a session's log: the last processed offset.
type position struct {
	epoch  string
	offset uint64
}

// eventLane follows the log of a session.
type eventLane struct {
	lane
	cursor int64    // id of the row of the stored position
	at     position // used by the lane's goroutine only
	row    int      // consecutive successful deliveries
}

func (l *eventLane) followLog() bool {
	for !l.t.isEnding() {
		events, err := l.readEvents(l.t.waiting)
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
		if !l.sendWanted(events) {
			return false
		}
	}
	return false
}

// sendWanted sends those of consecutive events that match the target's filter.
func (l *eventLane) sendWanted(events []*journal.Event) bool {
	for len(events) > 0 {
		if l.t.isEnding() {
			return false
		}
		window, seen := l.gatherWindow(events)
		if len(window) == 0 {
			l.at.offset = events[seen-1].Offset
			l.t.d.commits.skip(l.cursor, l.at)
			events = events[seen:]
			continue
		}
		if !l.deliverWindow(window) {
			return false
		}
		for len(events) > 0 && events[0].Offset <= l.at.offset {
			events = events[1:]
		}
	}
	return true
}

// gatherWindow returns a window of events that match the target's filter, and the number of events examined.
func (l *eventLane) gatherWindow(events []*journal.Event) (window []Delivery, seen int) {
	set, most := l.t.settings(), l.t.sink.policy.windowSize(l.row)
	for _, e := range events {
		if len(window) == most {
			break
		}
		seen++
		if set.Filter.matches(e.Type) && !l.t.d.skips.covers(e.Session, set.Outlet, l.at.epoch, e.Offset) {
			window = append(window, Delivery{Event: e, Body: e.Body()})
		}
	}
	return window, seen
}

// windowSize returns the number of events to send before their outcomes are stored, after row consecutive successes: one at first and after a
// failure, and never more than a small part of row, because a crash repeats the window.
func (p *Policy) windowSize(row int) int { return min(1+row/p.WindowShare, p.Window) }

// deliverWindow sends a window and stores its outcomes.
func (l *eventLane) deliverWindow(window []Delivery) bool {
	j := &job{
		t: l.t, deliveries: window, since: loggedAt(window[0].Event), archive: l.t.d.cfg.KeepDelivered > 0, store: l.storeProgress,
	}
	whole := l.sendJob(j)
	l.row += j.ended
	if j.troubled {
		l.row = 0
	}
	return (j.ended == j.stored || l.storeProgress(j)) && whole
}

// storeProgress moves the cursor to the last finished delivery of a job.
func (l *eventLane) storeProgress(j *job) bool {
	l.at.offset = j.deliveries[j.ended-1].Event.Offset
	r := &result{cursor: l.cursor, at: l.at, entries: j.entries, body: j.body}
	j.entries, j.body, j.stored = nil, nil, j.ended
	return l.storeResult(r)
}

// loggedAt returns when an event was logged, from its id: the event's own time may come from another clock.
func loggedAt(e *journal.Event) time.Time {
	id, err := ulid.ParseStrict(e.ID)
	if err != nil {
		return e.Time
	}
	return ulid.Time(id.Time())
}

// readEvents returns the events after the lane's position, empty at the head. A recreated log is read from its beginning; events removed by retention
// are recorded as a gap.
func (l *eventLane) readEvents(ctx context.Context) ([]*journal.Event, error) {
	for {
		events, err := l.t.d.journal.Read(ctx, l.t.session, l.at.offset, l.t.d.cfg.ReadEvents, l.t.d.cfg.ReadBytes)
		if err != nil && !errors.Is(err, journal.ErrPositionLost) {
			return nil, err
		}
		// Looked up after reading: if the epoch still matches the cursor, it matched while the events were read.
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
			if !l.recordGap(log.Oldest - 1) {
				return nil, nil
			}
		}
	}
}

// recordGap moves past events that no longer exist and records them as a gap.
func (l *eventLane) recordGap(to uint64) bool {
	gap := &Entry{
		Status: Gap, Session: l.t.session, From: l.at.offset + 1, Offset: to, Transport: l.t.sink.name, Target: l.t.id,
		EventTime: l.t.d.cfg.Now(), Error: "the journal no longer had these events",
	}
	l.t.sink.stats.lost.Add(to - l.at.offset)
	l.t.d.cfg.Log.Warn("events were dropped by retention before they could be delivered", "transport", l.t.sink.name,
		"target", l.t.id, "session", l.t.session, "from", gap.From, "to", to)
	l.at.offset = to
	return l.storeResult(&result{cursor: l.cursor, at: l.at, entries: []*Entry{gap}})
}
