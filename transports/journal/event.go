package journal

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// Where an event comes from.
const (
	OriginWhatsApp = "whatsapp" // handed over by WhatsApp
	OriginAPI      = "api"      // caused by a call of a client
	OriginServer   = "server"   // Waystation's own doing
)

// Record is what a producer appends.
type Record struct {
	Type   string    // event name of the documents, for example "Message"
	Origin string    // OriginWhatsApp, OriginAPI or OriginServer
	Time   time.Time // when it happened; zero = now
	Chats  []string  // JIDs under which a chat filter finds it
	Key    string    // durable dedupe key within the session; "" = never a duplicate
	Data   json.RawMessage
	// Project writes the producer's own rows in the transaction of the append: its
	// context carries the transaction. It is left out for a duplicate and may run
	// again when a commit is tried again.
	Project func(ctx context.Context) error
}

// Event is one entry of a log. It is shared by all readers and never changed.
type Event struct {
	Session string
	Offset  uint64 // 1 for the first event of the log, then +1 each
	ID      string // ULID; the same on every transport and retry
	Type    string
	Origin  string
	Time    time.Time
	Chats   []string
	Data    json.RawMessage
	body    []byte
}

// Body is the event as clients get it, encoded once: an object of session, offset,
// id, type, time, origin and data. The caller must not change the bytes.
func (e *Event) Body() []byte { return e.body }

// timeForm has fixed width, so that times sort as text too.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

func (e *Event) encode() {
	size := len(e.Session) + len(e.ID) + len(e.Type) + len(e.Origin) + len(e.Data) + 128
	b := make([]byte, 0, size)
	b = append(b, `{"session":`...)
	b = appendString(b, e.Session)
	b = append(b, `,"offset":`...)
	b = strconv.AppendUint(b, e.Offset, 10)
	b = append(b, `,"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"type":`...)
	b = appendString(b, e.Type)
	b = append(b, `,"time":"`...)
	b = e.Time.AppendFormat(b, timeForm)
	b = append(b, `","origin":`...)
	b = appendString(b, e.Origin)
	b = append(b, `,"data":`...)
	start := len(b)
	b = append(b, e.Data...)
	b = append(b, '}')
	e.body = b
	// Data lives on inside body: one copy in memory.
	e.Data = json.RawMessage(b[start : len(b)-1 : len(b)-1])
}

// appendString appends s as a JSON string; plain ASCII, the rule here, is copied.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always encodes
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Result says what became of one Record.
type Result struct {
	Event     *Event
	Duplicate bool // logged earlier: Event is the one of that time
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
	Time    time.Time
	Chats   []string
	Data    json.RawMessage
}

// Watcher is told of news. Its methods are called one after the other per session,
// after the commit, from the journal's own goroutine: they must not block.
type Watcher interface {
	// Wake says that the session's head moved.
	Wake(session string)
	// Signal hands over a volatile happening.
	Signal(s *Signal)
}
