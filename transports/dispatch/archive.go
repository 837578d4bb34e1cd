package dispatch

import (
	"context"
	"errors"
	"time"
)

// Status says how a delivery ended.
type Status string

// How deliveries end.
const (
	Delivered  Status = "delivered"
	DeadLetter Status = "dead_letter" // attempts used up, refused for good, or too old
	Gap        Status = "gap"         // retention of the journal passed the lane: the events From to Offset never left
)

// What the methods of Dispatcher may answer, besides ErrInvalid and errors of the journal, the database and the context.
var (
	// ErrClosed says that the dispatcher was closed.
	ErrClosed = errors.New("dispatch: closed")
	// ErrNotFound says that there is no such entry.
	ErrNotFound = errors.New("dispatch: no such entry")
	// ErrTooMany says that Config.MaxQueuedReplays wait already.
	ErrTooMany = errors.New("dispatch: too many replays are queued")
)

// Entry is an ended delivery.
type Entry struct {
	ID        int64 // one sequence over all entries, in the order in which they ended
	Status    Status
	EventID   string // empty of a gap
	Session   string
	From      uint64 // first offset; below Offset of a gap of several events only
	Offset    uint64
	Type      string
	Transport string
	Target    string
	Attempts  int
	EventTime time.Time     // when it happened; of a gap, when it was noticed
	First     time.Time     // first attempt; zero = none was made
	Last      time.Time     // end of the last attempt; zero = none was made
	Archived  time.Time     // when the entry was made
	Duration  time.Duration // of the last attempt
	Error     string        // of the last failed attempt
	Code      int           // HTTP status or broker code of the last attempt; 0 = there was no answer

	ReplayOf   int64 // the entry that was replayed by this delivery; 0 = none
	Replays    int   // how often a replay of this entry ended
	LastReplay time.Time
}

// Own tells whether the entry is of a target that the session has set itself, and not the operator for all of them.
func (e *Entry) Own() bool { return !IsGlobal(e.Target) }

// Query selects entries. Zero fields select everything.
type Query struct {
	IDs          []int64
	Status       Status
	Failed       bool // dead letters and gaps
	Transport    string
	Target       string
	Sessions     []string // nil = every session; empty but not nil = none
	Type         string
	Own          bool      // leave out targets that the operator has set (IsGlobal)
	Since, Until time.Time // archived at or after, at or before
	After        int64     // entries above this id
	OldestFirst  bool      // else the newest come first
	Limit        int       // 0 = 50, at most 1000
	Skip         int       // entries to leave out

	upTo int64 // entries up to this id
}

// Tally counts the entries of one kind, transport and event name.
type Tally struct {
	Status         Status
	Transport      string
	Type           string // empty of gaps
	Count          int
	Oldest, Newest time.Time // archived
}

// List returns entries of the archive and how many match whatever the limit. ErrInvalid: a query that cannot be.
func (d *Dispatcher) List(ctx context.Context, q Query) (entries []Entry, total int, err error) {
	if entries, err = d.store.list(ctx, q); err != nil {
		return nil, 0, err
	}
	if q.Skip <= 0 && len(entries) < q.limit() {
		return entries, len(entries), nil
	}
	total, err = d.store.count(ctx, q)
	return entries, total, err
}

// Get returns one entry. ErrNotFound: there is none.
func (d *Dispatcher) Get(ctx context.Context, id int64) (Entry, error) {
	entries, err := d.store.list(ctx, Query{IDs: []int64{id}})
	if err != nil {
		return Entry{}, err
	}
	if len(entries) == 0 {
		return Entry{}, ErrNotFound
	}
	return entries[0], nil
}

// Body returns what an entry delivered or should have delivered, nil when neither the archive nor the journal has it any
// more.
func (d *Dispatcher) Body(ctx context.Context, e Entry) ([]byte, error) {
	var kept []byte
	if e.Status == DeadLetter {
		var err error
		if kept, err = d.store.body(ctx, e.EventID); err != nil || kept != nil {
			return kept, err
		}
	}
	event, err := d.event(ctx, &e, nil)
	if err != nil || event == nil {
		return nil, err
	}
	return event.Body(), nil
}

// Tallies counts the entries by kind, transport and event name, of one kind if status is not empty.
func (d *Dispatcher) Tallies(ctx context.Context, status Status) ([]Tally, error) {
	return d.store.tallies(ctx, status)
}

// Delete deletes entries and tells which; their replays are no longer sent. It takes the query's limit at a time.
func (d *Dispatcher) Delete(ctx context.Context, q Query) ([]Entry, error) {
	if err := d.enter(ctx); err != nil {
		return nil, err
	}
	defer d.leave()
	entries, err := d.store.list(ctx, q)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return entries, d.store.deleteEntries(ctx, entries)
}
