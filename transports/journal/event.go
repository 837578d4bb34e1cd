package journal

import (
	"context"
	"encoding/json"
	"time"
)

// Where an event comes from.
const (
	OriginWhatsApp = "whatsapp" // handed over by WhatsApp
	OriginAPI      = "api"      // caused by a call of a client
	OriginServer   = "server"   // Waystation's own doing
)

// Record is what a producer appends. It and what it points to must not be changed
// afterwards.
type Record struct {
	Type   string    // event name of the documents, for example "Message"
	Origin string    // OriginWhatsApp, OriginAPI or OriginServer; "" = OriginServer
	Time   time.Time // when it happened, kept in milliseconds; zero or outside of the years 1970 to 9999 = now
	Chats  []string  // JIDs under which a chat filter finds it, in every known form
	Key    string    // durable dedupe key within the session; "" = never a duplicate
	// Data is a JSON value of at most Config.MaxData bytes; none = {}.
	Data json.RawMessage
	// Project writes the producer's own rows in the transaction of the append, which
	// its context carries (not the context given to Append). It is left out for a
	// duplicate, may run again when a commit is tried again, and may run after an
	// Append that gave up waiting. It must not call the journal.
	Project func(ctx context.Context) error
}

// Event is one entry of a log. It is shared by all readers and never changed.
type Event struct {
	Session string
	Offset  uint64 // 1 for the first event of the log, then +1 each
	ID      string // ULID; the same on every transport and retry
	Type    string
	Origin  string
	Time    time.Time // UTC, in milliseconds
	Chats   []string
	Data    json.RawMessage
	body    []byte
}

// Result says what became of one Record.
type Result struct {
	// Event is what was logged. Of a duplicate it is the event of the first time, of
	// which Session, Offset and ID are set for sure: the rest may no longer be retained.
	Event     *Event
	Duplicate bool
}

// Log describes the log of a session.
type Log struct {
	Session string
	Epoch   string // random, made with the log; another epoch means other events
	Head    uint64 // newest offset; 0 = no event yet
	Oldest  uint64 // lowest retained offset; Head+1 when none is retained
}

// Signal is a volatile happening: it has no offset and may be dropped.
type Signal struct {
	Session string
	Type    string
	Time    time.Time // zero = now
	Chats   []string
	Data    json.RawMessage
}

// Watcher is told of news. The methods are called from the journal's own goroutine
// (Wake) or the producer's (Signal) and must not block. A call may still be under
// way when stop returns.
type Watcher interface {
	// Wake says that the session's log changed: its head moved, or it was purged.
	// One call may stand for many events; none is ever missed.
	Wake(session string)
	// Signal hands over a volatile happening, shared by all watchers.
	Signal(s *Signal)
}
