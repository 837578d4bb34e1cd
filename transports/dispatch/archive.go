package dispatch

import (
	"context"
	"errors"
	"time"
)

// Status is the outcome of a delivery.
type Status string

// Outcomes of deliveries.
const (
	Delivered  Status = "delivered"
	DeadLetter Status = "dead_letter" // attempts used up, permanent error, or too old
	Gap        Status = "gap"         // journal retention removed the events From to Offset before the lane sent them
)

// Errors of Dispatcher methods, besides ErrInvalid and errors of the journal, the database and the context.
var (
	// ErrClosed is returned after the dispatcher was closed.
	ErrClosed = errors.New("dispatch: closed")
	// ErrNotFound is returned if the archive has no such entry.
	ErrNotFound = errors.New("dispatch: no such entry")
	// ErrTooMany is returned if Config.MaxQueuedReplays are already queued.
	ErrTooMany = errors.New("dispatch: too many replays are queued")
)

// Entry is an ended delivery.
type Entry struct {
	ID        int64 // one sequence over all entries, in the order in which they ended
	Status    Status
	EventID   string // empty for a gap
	Session   string
	From      uint64 // first offset; below Offset only for a gap of several events
	Offset    uint64
	Type      string
	Transport string
	Target    string
	Attempts  int
	EventTime time.Time     // time of the event; for a gap, the time of its detection
	First     time.Time     // start of the first attempt; zero = no attempt
	Last      time.Time     // end of the last attempt; zero = no attempt
	Archived  time.Time     // when the entry was stored
	Duration  time.Duration // of the last attempt
	Error     string        // of the last failed attempt
	Code      int           // HTTP status or broker code of the last attempt; 0 = no response

	ReplayOf   int64 // entry that this delivery replayed; 0 = not a replay
	Replays    int   // number of finished replays of this entry
	LastReplay time.Time
}

// Own reports whether the entry belongs to a target of the session, as opposed to a target that the operator configured for all sessions.
func (e *Entry) Own() bool { return !IsGlobal(e.Target) }

// Query selects entries. Zero fields match every entry.
type Query struct {
	IDs          []int64
	Status       Status
	Failed       bool // dead letters and gaps
	Transport    string
	Target       string
	Sessions     []string // nil = every session; empty but not nil = no session
	Type         string
	Own          bool      // leave out targets configured by the operator (IsGlobal)
	Since, Until time.Time // archived at or after, at or before
	After        int64     // entries with a larger id
	OldestFirst  bool      // default: newest first
	Limit        int       // 0 = 50, at most 1000
	Skip         int       // entries to leave out

	upTo int64 // entries up to and including this id
}

// Tally counts the entries of one kind, transport and event name.
type Tally struct {
	Status         Status
	Transport      string
	Type           string // empty for gaps
	Count          int
	Oldest, Newest time.Time // archived
}

// List returns a page of archive entries and the number of entries that match regardless of the limit. ErrInvalid: the query is invalid.
func (d *Dispatcher) List(ctx context.Context, q Query) (entries []Entry, total int, err error) {
	if entries, err = d.store.listEntries(ctx, q); err != nil {
		return nil, 0, err
	}
	if q.Skip <= 0 && len(entries) < q.limit() {
		return entries, len(entries), nil
	}
	total, err = d.store.countEntries(ctx, q)
	return entries, total, err
}

// Get returns one entry. ErrNotFound: the archive has no such entry.
func (d *Dispatcher) Get(ctx context.Context, id int64) (Entry, error) {
	entries, err := d.store.listEntries(ctx, Query{IDs: []int64{id}})
	if err != nil {
		return Entry{}, err
	}
	if len(entries) == 0 {
		return Entry{}, ErrNotFound
	}
	return entries[0], nil
}

// Body returns the payload of an entry, nil if it is neither in the archive nor in the journal any more.
func (d *Dispatcher) Body(ctx context.Context, e Entry) ([]byte, error) {
	var kept []byte
	if e.Status == DeadLetter {
		var err error
		if kept, err = d.store.loadBody(ctx, e.EventID); err != nil || kept != nil {
			return kept, err
		}
	}
	event, err := d.loadEvent(ctx, &e, nil)
	if err != nil || event == nil {
		return nil, err
	}
	return event.Body(), nil
}

// Tallies counts the entries by kind, transport and event name; a non-empty status restricts it to one kind.
func (d *Dispatcher) Tallies(ctx context.Context, status Status) ([]Tally, error) {
	return d.store.countByType(ctx, status)
}

// Delete deletes entries and returns them; their queued replays are cancelled. One call deletes at most as many entries as the query's limit.
func (d *Dispatcher) Delete(ctx context.Context, q Query) ([]Entry, error) {
	if err := d.lockChanges(ctx); err != nil {
		return nil, err
	}
	defer d.unlockChanges()
	entries, err := d.store.listEntries(ctx, q)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return entries, d.store.deleteEntries(ctx, entries)
}
