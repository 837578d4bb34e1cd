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

// Replay selects entries to be sent once more, and their destination.
type Replay struct {
	Query  // always oldest first, regardless of OldestFirst; Own also leaves out the operator's targets of To
	To     Destination
	DryRun bool
	Remove bool // an entry is removed after all its queued replays were delivered; it stays if one of them fails
	// Share marks a request of a session: its entries may use a quarter of the queue, so that it cannot fill the queue.
	Share bool
}

// Replayed is the outcome of a Replay call.
type Replayed struct {
	Matched  int            // entries that match the query, up to its limit
	Queued   []Entry        // entries that will be sent, or would be
	Targets  []ReplayTarget // their targets, in the order of first use
	Waiting  int            // entries already queued for the same targets and not queued again
	Problems []string       // reasons why the other entries cannot be sent; each contains the entry's id
}

// ReplayTarget is a target of some of the entries.
type ReplayTarget struct {
	Transport, Target, Session string
	Entries                    int
}

// Replay queues entries to be sent once more: the event keeps its id, Delivery.Replay is set. Each target receives them in the order of their
// entries, concurrently with the events of its session and unordered relative to them; an event that several entries have queued for a target is sent
// once for all of them. Filters of targets do not apply, because a replay is an explicit request. The queue is durable: a crash loses no replay, and
// may repeat the one in progress.
//
// A delivered replay adds a separate entry. A failed one updates the error of the replayed entry if it went to the same target, else it adds a
// separate dead letter. Errors: ErrInvalid, ErrTooMany (the queue has no room for that many), the database's.
func (d *Dispatcher) Replay(ctx context.Context, r Replay) (Replayed, error) {
	if err := d.lockChanges(ctx); err != nil {
		return Replayed{}, err
	}
	defer d.unlockChanges()
	if err := d.checkDestination(r.To); err != nil {
		return Replayed{}, err
	}
	r.OldestFirst = true
	entries, err := d.store.listEntries(ctx, r.Query)
	if err != nil {
		return Replayed{}, err
	}
	waiting, err := d.store.queuedSends(ctx, entries)
	if err != nil {
		return Replayed{}, err
	}
	out := Replayed{Matched: len(entries)}
	logs := map[string]journal.Log{}
	var sends []send
	for i := range entries {
		e := &entries[i]
		targets, problem := d.resolveDestinations(&r, e)
		if problem == "" {
			kept, err := d.isReplayable(ctx, e, logs)
			if err != nil {
				return Replayed{}, err
			}
			if !kept {
				problem = "its event is no longer kept"
			}
		}
		if problem != "" {
			out.addProblem(e.ID, problem)
			continue
		}
		before := len(sends)
		for _, t := range targets {
			if !waiting[sendKey{e.ID, t.lookupKey()}] {
				sends = append(sends, send{e, t})
			}
		}
		if len(sends) == before {
			out.Waiting++
		}
	}
	if r.DryRun {
		if err := d.store.checkRoom(ctx, sends, &r, d.cfg.MaxQueuedReplays); err != nil {
			return Replayed{}, err
		}
	} else if len(sends) > 0 {
		gone, err := d.store.enqueue(ctx, sends, &r, d.cfg.MaxQueuedReplays)
		if err != nil {
			return Replayed{}, err
		}
		sends = slices.DeleteFunc(sends, func(s send) bool { return slices.Contains(gone, s.entry.ID) })
		for _, id := range gone {
			out.addProblem(id, "it was deleted meanwhile")
		}
	}
	woken := out.addSends(sends)
	if !r.DryRun {
		for _, t := range woken {
			t.replays.wake()
		}
	}
	return out, nil
}

// isReplayable reports whether an entry's body still exists: dead letters have a stored body, bodies of delivered events are in the journal until
// retention removes them. logs caches the lookups so far, by session.
func (d *Dispatcher) isReplayable(ctx context.Context, e *Entry, logs map[string]journal.Log) (bool, error) {
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

// addSends counts the sends, entry by entry, and returns their targets.
func (r *Replayed) addSends(sends []send) (targets []*target) {
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

func (r *Replayed) addProblem(entry int64, text string) {
	r.Problems = append(r.Problems, fmt.Sprintf("entry %d: %s", entry, text))
}

// queuedReplay is a row of the queue with the entry to replay.
type queuedReplay struct {
	id     int64
	entry  Entry // ID is 0 if it was deleted meanwhile
	queued time.Time
	body   []byte // stored body of a dead letter
}

// replayLane sends the queued replays of one target.
type replayLane struct{ lane }

func (l *replayLane) sendQueued() bool {
	for !l.t.isEnding() {
		q, found, err := l.t.d.store.nextReplay(l.t.waiting, l.t.lookupKey())
		var e *journal.Event
		if err == nil && found {
			e, err = l.loadEvent(q)
		}
		switch {
		case err != nil:
			if !l.t.isEnding() {
				l.t.d.cfg.Log.Warn("replays cannot be read; trying again", "transport", l.t.sink.name, "error", err)
			}
			l.t.pause(troublePause, nil)
			continue
		case !found:
			return true
		}
		if !l.sendReplay(q, e) {
			return false
		}
	}
	return false
}

// sendReplay sends one event and stores the outcome. e is nil if the event no longer exists.
func (l *replayLane) sendReplay(q queuedReplay, e *journal.Event) bool {
	done := &replayed{queue: q.id, to: l.t.lookupKey(), event: q.entry.EventID}
	r := &result{replay: done}
	if e == nil {
		done.unsent = true
		return l.storeResult(r)
	}
	j := &job{
		t: l.t, deliveries: []Delivery{{Event: e, Body: e.Body(), Replay: true}}, since: q.queued, replayOf: q.entry.ID,
		archive: l.t.d.cfg.KeepDelivered > 0,
	}
	if !l.sendJob(j) {
		return false
	}
	if j.status == Delivered {
		r.entries = j.entries
	} else {
		done.failed, done.body = j.entries[0], j.body
	}
	return l.storeResult(r)
}

// loadEvent returns the event of a queued replay: from the body stored with the dead letter, else from the journal; nil if neither has it.
func (l *replayLane) loadEvent(q queuedReplay) (*journal.Event, error) {
	if q.entry.ID == 0 {
		return nil, nil
	}
	return l.t.d.loadEvent(l.t.waiting, &q.entry, q.body)
}

func (d *Dispatcher) loadEvent(ctx context.Context, entry *Entry, body []byte) (*journal.Event, error) {
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
	if len(events) == 0 || events[0].ID != entry.EventID { // removed by retention, or the log was recreated
		return nil, nil
	}
	return events[0], nil
}

// parseBody decodes an event from its body; encoding it again returns the same bytes.
func parseBody(body []byte) (*journal.Event, error) {
	var e struct {
		Session, ID, Type, Origin string
		Offset                    uint64
		Time                      time.Time
		Data                      json.RawMessage
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("dispatch: parse a stored body: %w", err)
	}
	return &journal.Event{Session: e.Session, Offset: e.Offset, ID: e.ID, Type: e.Type, Origin: e.Origin, Time: e.Time, Data: e.Data}, nil
}
