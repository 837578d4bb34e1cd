package journal

import (
	"context"
	"encoding/json"
	"time"
)

// Origins of events.
const (
	OriginWhatsApp   = "whatsapp"   // delivered by WhatsApp
	OriginAPI        = "api"        // caused by a call of a client
	OriginAutomation = "automation" // caused by the server itself on behalf of a session: an answer, a schedule or a job
	OriginServer     = "server"     // caused by Waystation itself
)

// Record is a record to append. It and the values it points to must not be changed afterwards.
type Record struct {
	Type   string    // event name of the documents, for example "Message"
	Origin string    // OriginWhatsApp, OriginAPI, OriginAutomation or OriginServer; "" = OriginServer
	Time   time.Time // time of the event, kept in milliseconds; zero or outside of the years 1970 to 9999 = now
	Chats  []string  // JIDs by which a chat filter finds it, in every known form
	Key    string    // durable dedupe key within the session; "" = never a duplicate
	// Data is a JSON value of at most Config.MaxData bytes; none = {}.
	Data json.RawMessage
	// Project writes the producer's own rows in the transaction of the append, which its context carries (not the context given to Append). It is
	// skipped for a duplicate, may run again when a commit is retried, and may run after an Append whose context ended. It must not call the journal.
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

// Result is the outcome of one Record.
type Result struct {
	// Event is the logged event. For a duplicate it is the original event, of which only Session, Offset and ID are always set: the rest may no
	// longer be retained.
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

// Signal is a volatile event: it has no offset and may be dropped.
type Signal struct {
	Session string
	Type    string
	Time    time.Time // zero = now
	Chats   []string
	Data    json.RawMessage
}

// Watcher is notified of changes. The methods are called from the journal's own goroutine (Wake) or the producer's (Signal) and must not block. A
// call may still be running when stop returns.
type Watcher interface {
	// Wake reports that the session's log changed: its head moved, or it was purged. One call may stand for many events; every change is followed by
	// a call.
	Wake(session string)
	// Signal delivers a volatile event, shared by all watchers.
	Signal(s *Signal)
}
