package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// Replay says which entries are sent once more, to the targets they went to.
type Replay struct {
	Query  // oldest first, whatever OldestFirst says
	DryRun bool
	Remove bool // an entry goes when its replay was delivered
}

// Replayed says what became of a Replay.
type Replayed struct {
	Matched  int      // entries the query selects, up to its limit
	Queued   []Entry  // entries that will be sent, or would be
	Waiting  int      // entries that were queued before and are not queued again
	Problems []string // why others cannot be sent
}

// Replay queues entries to be sent once more: the event keeps its id, Delivery.Replay is set. Each target takes them in
// the order of their entries, beside the events of its session and not in order with them. The queue is durable: a crash
// loses none, and may repeat the one under way. A replay that is delivered makes an entry of its own; one that fails
// changes the error of the entry it repeated. ErrTooMany: no place in the queue for that many.
func (d *Dispatcher) Replay(ctx context.Context, r Replay) (Replayed, error) {
	if err := d.enter(ctx); err != nil {
		return Replayed{}, err
	}
	defer d.leave()
	r.OldestFirst = true
	entries, err := d.store.list(ctx, r.Query)
	if err != nil {
		return Replayed{}, err
	}
	out := Replayed{Matched: len(entries)}
	var fit []Entry
	targets := map[*target]struct{}{}
	for _, e := range entries {
		var t *target
		if s := d.sink(e.Transport); s != nil {
			t = s.target(e.Target)
		}
		switch {
		case e.Status == Gap:
			out.problem("entry %d: its events were lost before they could be sent", e.ID)
		case t == nil || t.session != e.Session:
			out.problem("entry %d: its target is not in use any more", e.ID)
		default:
			fit = append(fit, e)
			targets[t] = struct{}{}
		}
	}
	if len(fit) == 0 {
		return out, nil
	}
	queued, err := d.store.queued(ctx, fit)
	if err != nil {
		return Replayed{}, err
	}
	out.Queued = slices.DeleteFunc(fit, func(e Entry) bool { return queued[e.ID] })
	out.Waiting = len(queued)
	if r.DryRun || len(out.Queued) == 0 {
		return out, nil
	}
	if err := d.store.enqueue(ctx, out.Queued, r.Remove, d.cfg.MaxQueuedReplays); err != nil {
		return Replayed{}, err
	}
	for t := range targets {
		t.replays.wake()
	}
	return out, nil
}

func (r *Replayed) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// queuedReplay is a row of the queue with the entry it repeats.
type queuedReplay struct {
	id     int64
	entry  Entry // without ID: it was deleted meanwhile
	remove bool
	queued time.Time
	body   []byte // kept of a dead letter
}

// replayLane sends what is queued for one target.
type replayLane struct{ lane }

func (l *replayLane) empty() bool {
	for l.t.waiting.Err() == nil {
		q, found, err := l.t.d.store.nextReplay(l.t.waiting, targetKey{l.t.sink.name, l.t.id})
		var e *journal.Event
		if err == nil && found {
			e, err = l.event(q)
		}
		switch {
		case err != nil:
			if l.t.waiting.Err() == nil {
				l.t.d.cfg.Log.Warn("replays cannot be read; trying again", "transport", l.t.sink.name, "error", err)
			}
			l.t.pause(troublePause, nil)
			continue
		case !found:
			return true
		}
		if !l.repeat(q, e) {
			return false
		}
	}
	return false
}

// repeat sends one event and stores how it went. e is nil when it exists no more.
func (l *replayLane) repeat(q queuedReplay, e *journal.Event) bool {
	done := &replayed{queue: q.id, entry: q.entry.ID, remove: q.remove}
	r := &result{replay: done}
	if e == nil {
		done.unsent = true
		return l.settle(r)
	}
	j := &job{t: l.t, delivery: Delivery{Event: e, Body: e.Body(), Replay: true}, since: q.queued, replayOf: q.entry.ID}
	if !l.send(j) {
		return false
	}
	switch {
	case j.status != Delivered:
		done.failed = j.entry()
	case l.t.d.cfg.KeepDelivered > 0:
		r.entry = j.entry()
	}
	return l.settle(r)
}

// event is what a queued replay sends: the body kept with the dead letter, else what the journal still has; nil when
// neither has it.
func (l *replayLane) event(q queuedReplay) (*journal.Event, error) {
	if q.entry.ID == 0 {
		return nil, nil
	}
	return l.t.d.event(l.t.waiting, &q.entry, q.body)
}

func (d *Dispatcher) event(ctx context.Context, entry *Entry, body []byte) (*journal.Event, error) {
	if body != nil {
		return parseBody(body)
	}
	if entry.Offset == 0 {
		return nil, nil
	}
	events, err := d.journal.Read(ctx, entry.Session, entry.Offset-1, 1, 0)
	if err != nil && !errors.Is(err, journal.ErrPositionLost) {
		return nil, err
	}
	if len(events) == 0 || events[0].ID != entry.EventID { // dropped, or the log was made anew
		return nil, nil
	}
	return events[0], nil
}

// parseBody makes an event of its body; encoded again it has the same bytes.
func parseBody(body []byte) (*journal.Event, error) {
	var e struct {
		Session, ID, Type, Origin string
		Offset                    uint64
		Time                      time.Time
		Data                      json.RawMessage
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("dispatch: a kept body: %w", err)
	}
	return &journal.Event{Session: e.Session, Offset: e.Offset, ID: e.ID, Type: e.Type, Origin: e.Origin, Time: e.Time, Data: e.Data}, nil
}
