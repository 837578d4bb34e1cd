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

// Replay says which entries are sent once more, and where to.
type Replay struct {
	Query  // oldest first, whatever OldestFirst says; Own leaves out the operator's targets of To, too
	To     Destination
	DryRun bool
	Remove bool // an entry goes when all replays of it that wait were delivered; it stays when one of them fails
	// Share says that a session asks: its entries may have a quarter of the queue, so that it keeps no other from it.
	Share bool
}

// Replayed says what became of a Replay.
type Replayed struct {
	Matched  int            // entries the query selects, up to its limit
	Queued   []Entry        // entries that will be sent, or would be
	Targets  []ReplayTarget // where they go, in the order in which they came up
	Waiting  int            // entries that were queued for the same targets before and are not queued again
	Problems []string       // why others cannot be sent; each names its entry
}

// ReplayTarget is where some of the entries go.
type ReplayTarget struct {
	Transport, Target, Session string
	Entries                    int
}

// Replay queues entries to be sent once more: the event keeps its id, Delivery.Replay is set. Each target takes them in
// the order of their entries, beside the events of its session and not in order with them; an event that waits for it by
// several entries is sent once for all of them. Filters of targets are not asked: who replays an event wants it there. The
// queue is durable: a crash loses none, and may repeat the one under way.
//
// A replay that is delivered makes an entry of its own. One that fails changes the error of the entry it repeated if it went
// to the same target, else it makes a dead letter of its own. Errors: ErrInvalid, ErrTooMany (no place in the queue for that
// many), the database's.
func (d *Dispatcher) Replay(ctx context.Context, r Replay) (Replayed, error) {
	if err := d.enter(ctx); err != nil {
		return Replayed{}, err
	}
	defer d.leave()
	if err := d.checkDestination(r.To); err != nil {
		return Replayed{}, err
	}
	r.OldestFirst = true
	entries, err := d.store.list(ctx, r.Query)
	if err != nil {
		return Replayed{}, err
	}
	waiting, err := d.store.queued(ctx, entries)
	if err != nil {
		return Replayed{}, err
	}
	out := Replayed{Matched: len(entries)}
	logs := map[string]journal.Log{}
	var sends []send
	for i := range entries {
		e := &entries[i]
		targets, problem := d.destinations(&r, e)
		if problem == "" {
			kept, err := d.kept(ctx, e, logs)
			if err != nil {
				return Replayed{}, err
			}
			if !kept {
				problem = "its event is no longer kept"
			}
		}
		if problem != "" {
			out.problem(e.ID, problem)
			continue
		}
		before := len(sends)
		for _, t := range targets {
			if !waiting[sendKey{e.ID, t.key()}] {
				sends = append(sends, send{e, t})
			}
		}
		if len(sends) == before {
			out.Waiting++
		}
	}
	if r.DryRun {
		if err := d.store.room(ctx, sends, &r, d.cfg.MaxQueuedReplays); err != nil {
			return Replayed{}, err
		}
	} else if len(sends) > 0 {
		gone, err := d.store.enqueue(ctx, sends, &r, d.cfg.MaxQueuedReplays)
		if err != nil {
			return Replayed{}, err
		}
		sends = slices.DeleteFunc(sends, func(s send) bool { return slices.Contains(gone, s.entry.ID) })
		for _, id := range gone {
			out.problem(id, "it was deleted meanwhile")
		}
	}
	woken := out.add(sends)
	if !r.DryRun {
		for _, t := range woken {
			t.replays.wake()
		}
	}
	return out, nil
}

// kept tells whether there is still something to send of an entry: dead letters have a body of their own, what was delivered
// is in the journal as long as that retains it. logs are those looked up so far, by session.
func (d *Dispatcher) kept(ctx context.Context, e *Entry, logs map[string]journal.Log) (bool, error) {
	if e.Status == DeadLetter {
		return true, nil
	}
	log, known := logs[e.Session]
	if !known {
		var err error
		if log, _, err = d.journal.Lookup(ctx, e.Session); err != nil {
			return false, err
		}
		logs[e.Session] = log
	}
	return e.Offset >= log.Oldest && e.Offset <= log.Head, nil
}

// add counts what is sent, entry by entry, and tells where to.
func (r *Replayed) add(sends []send) (targets []*target) {
	places := map[*target]int{}
	for i, s := range sends {
		if i == 0 || s.entry != sends[i-1].entry {
			r.Queued = append(r.Queued, *s.entry)
		}
		at, known := places[s.to]
		if !known {
			at = len(targets)
			places[s.to], targets = at, append(targets, s.to)
			r.Targets = append(r.Targets, ReplayTarget{Transport: s.to.sink.name, Target: s.to.id, Session: s.to.session})
		}
		r.Targets[at].Entries++
	}
	return targets
}

func (r *Replayed) problem(entry int64, text string) {
	r.Problems = append(r.Problems, fmt.Sprintf("entry %d: %s", entry, text))
}

// queuedReplay is a row of the queue with the entry it repeats.
type queuedReplay struct {
	id     int64
	entry  Entry // without ID: it was deleted meanwhile
	queued time.Time
	body   []byte // kept of a dead letter
}

// replayLane sends what is queued for one target.
type replayLane struct{ lane }

func (l *replayLane) empty() bool {
	for !l.t.ending() {
		q, found, err := l.t.d.store.nextReplay(l.t.waiting, l.t.key())
		var e *journal.Event
		if err == nil && found {
			e, err = l.event(q)
		}
		switch {
		case err != nil:
			if !l.t.ending() {
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
	done := &replayed{queue: q.id, to: l.t.key(), event: q.entry.EventID}
	r := &result{replay: done}
	if e == nil {
		done.unsent = true
		return l.settle(r)
	}
	j := &job{
		t: l.t, deliveries: []Delivery{{Event: e, Body: e.Body(), Replay: true}}, since: q.queued, replayOf: q.entry.ID,
		archive: l.t.d.cfg.KeepDelivered > 0,
	}
	if !l.send(j) {
		return false
	}
	if j.status == Delivered {
		r.entries = j.entries
	} else {
		done.failed, done.body = j.entries[0], j.body
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
