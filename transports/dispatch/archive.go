package dispatch

import (
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

// Errors of the archive.
var (
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
	EventTime time.Time     // when it happened
	First     time.Time     // first attempt
	Last      time.Time     // end of the last attempt
	Archived  time.Time     // when the entry was made
	Duration  time.Duration // of the last attempt
	Error     string        // of the last failed attempt
	Code      int           // HTTP status or broker code of the last attempt; 0 = there was no answer

	ReplayOf   int64 // the entry that was replayed by this delivery; 0 = none
	Replays    int   // how often a replay of this entry ended
	LastReplay time.Time
}

// Query selects entries. Zero fields select everything.
type Query struct {
	IDs          []int64
	Status       Status
	Transport    string
	Target       string
	Sessions     []string // nil = every session; empty but not nil = none
	Type         string
	Since, Until time.Time // archived at or after, at or before
	After        int64     // entries above this id
	OldestFirst  bool      // else the newest come first
	Limit        int       // 0 = 50, at most 1000
	Skip         int       // entries to leave out
}
