package broker

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/waystation/waystation/transports/dispatch"
)

// TimeForm is how times are written in messages: milliseconds, UTC, as in the event itself.
const TimeForm = "2006-01-02T15:04:05.000Z07:00"

// reference is the message sent for an event that is too large.
type reference struct {
	Session   string `json:"session"`
	Offset    uint64 `json:"offset"`
	ID        string `json:"id"`
	Type      string `json:"type"`
	Time      string `json:"time"`
	Truncated bool   `json:"truncated"`
	Replay    bool   `json:"replay,omitempty"`
}

// Payload is the body of a message: the JSON object that sockets get, with "replay":true in it when it is one. An event
// of more than limit bytes is sent by reference: an object without origin and data, with "truncated":true, by whose session
// and offset the whole can be fetched. Bytes that are no UTF-8 become U+FFFD. The caller must not change it.
func Payload(d *dispatch.Delivery, limit int) (body []byte, truncated bool) {
	body = d.Body
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\ufffd"))
	}
	if d.Replay && len(body) > 2 && body[len(body)-1] == '}' {
		body = append(bytes.Clone(body[:len(body)-1]), `,"replay":true}`...)
	}
	if len(body) <= limit {
		return body, false
	}
	e := d.Event
	short, err := json.Marshal(reference{e.Session, e.Offset, e.ID, e.Type, Time(e.Time), true, d.Replay})
	if err != nil { // there is nothing in it that could fail
		return nil, true
	}
	return short, true
}

// Time writes a time as messages have it.
func Time(t time.Time) string { return t.UTC().Format(TimeForm) }
