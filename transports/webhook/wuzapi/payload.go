package wuzapi

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is what happened, as the journal has it.
type Event struct {
	Type string
	Time time.Time
	Data json.RawMessage
}

// payload is the object wuzapi calls jsonData.
type payload struct {
	Event any    `json:"event"`
	Type  string `json:"type"`
	State string `json:"state,omitempty"`
	// Who it is about, in the JSON form of later revisions only.
	UserID       string `json:"userID,omitempty"`
	InstanceName string `json:"instanceName,omitempty"`
}

// shapes make the payload of the types that wuzapi documents; of the others the data's names are turned into Go's. A
// shape says false when wuzapi sends nothing for such an event.
var shapes = map[string]func(e *Event) (payload, bool, error){
	"Message":      message,
	"ReadReceipt":  receipt,
	"Receipt":      receipt,
	"Presence":     presence,
	"ChatPresence": chatPresence,
	"HistorySync":  historySync,
}

// Payload returns jsonData for an event; nil when wuzapi sends nothing for it.
func Payload(e *Event) ([]byte, error) {
	p, ok, err := shape(e)
	if err != nil || !ok {
		return nil, err
	}
	return encode(p)
}

// PayloadFor is Payload in the JSON form, which names the session.
func PayloadFor(e *Event, session string) ([]byte, error) {
	p, ok, err := shape(e)
	if err != nil || !ok {
		return nil, err
	}
	p.UserID, p.InstanceName = session, session
	return encode(p)
}

func shape(e *Event) (payload, bool, error) {
	fill, ok := shapes[e.Type]
	if !ok {
		fill = plain
	}
	p, ok, err := fill(e)
	if err != nil {
		return p, false, fmt.Errorf("wuzapi: %s: %w", e.Type, err)
	}
	return p, ok, nil
}

func encode(p payload) ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("wuzapi: %w", err)
	}
	return body, nil
}

// origin is where an event's data says what source is made of. Receivers of wuzapi know people by phone number, so that
// address goes before the hidden one wherever it is known.
type origin struct {
	Chat    string
	Sender  *string
	FromMe  bool    `json:"from_me"`
	IsGroup bool    `json:"is_group"`
	PN      *string // the sender's
	LID     *string // likewise
	ChatPN  *string `json:"chat_pn"`
}

func (o *origin) source() source {
	s := source{Chat: o.Chat, Sender: text(o.Sender), IsFromMe: o.FromMe, IsGroup: o.IsGroup}
	switch {
	case o.IsGroup:
	case o.ChatPN != nil:
		s.Chat = *o.ChatPN
	case o.PN != nil && (o.Chat == s.Sender || o.Chat == text(o.LID)): // the sender's own chat
		s.Chat = *o.PN
	}
	if o.PN != nil {
		s.Sender = *o.PN
	}
	return s
}

// source is what whatsmeow's MessageSource has of an event.
type source struct {
	Chat               string
	Sender             string
	IsFromMe           bool
	IsGroup            bool
	BroadcastListOwner string
}

type receiptEvent struct {
	source
	MessageIDs []string
	Timestamp  time.Time
	Type       string
}

// receiptTypes are the kinds of receipts that wuzapi sends, as whatsmeow writes them and as wuzapi names their state.
var receiptTypes = map[string]struct{ kind, state string }{
	"delivered": {"", "Delivered"},
	"read":      {"read", "Read"},
	"read_self": {"read-self", "ReadSelf"},
}

func receipt(e *Event) (p payload, ok bool, err error) {
	var data struct {
		origin
		MessageIDs []string `json:"message_ids"`
		Type       string
		Timestamp  time.Time
	}
	if err = json.Unmarshal(e.Data, &data); err != nil {
		return p, false, err
	}
	kind, known := receiptTypes[data.Type]
	if !known {
		return p, false, nil
	}
	return payload{Type: "ReadReceipt", State: kind.state, Event: receiptEvent{
		source: data.source(), MessageIDs: data.MessageIDs, Timestamp: data.Timestamp, Type: kind.kind,
	}}, true, nil
}

type presenceEvent struct {
	From        string
	Unavailable bool
	LastSeen    time.Time
}

func presence(e *Event) (p payload, ok bool, err error) {
	var data struct {
		From     string
		PN       *string
		State    string
		LastSeen *time.Time `json:"last_seen"`
	}
	if err = json.Unmarshal(e.Data, &data); err != nil {
		return p, false, err
	}
	event := presenceEvent{From: data.From, Unavailable: data.State == "unavailable"}
	if data.PN != nil {
		event.From = *data.PN
	}
	if data.LastSeen != nil {
		event.LastSeen = *data.LastSeen
	}
	p = payload{Type: "Presence", State: "online", Event: event}
	if event.Unavailable {
		p.State = "offline"
	}
	return p, true, nil
}

type chatPresenceEvent struct {
	source
	State string
	Media string
}

func chatPresence(e *Event) (p payload, ok bool, err error) {
	var data struct {
		origin
		State string
	}
	if err = json.Unmarshal(e.Data, &data); err != nil {
		return p, false, err
	}
	event := chatPresenceEvent{source: data.source(), State: data.State}
	if data.State == "recording" {
		event.State, event.Media = "composing", "audio"
	}
	return payload{Type: "ChatPresence", Event: event}, true, nil
}

// historySync says what came: the history itself is in the message store, as it is too large for an event.
func historySync(e *Event) (p payload, ok bool, err error) {
	data, err := goNames(e.Data, lowerFirst)
	if err != nil {
		return p, false, err
	}
	return payload{Type: "HistorySync", Event: map[string]any{"Data": data}}, true, nil
}

// plain is an event whose data keeps its form, under names like those of Go.
func plain(e *Event) (p payload, ok bool, err error) {
	data, err := goNames(e.Data, nil)
	if err != nil {
		return p, false, err
	}
	return payload{Type: e.Type, Event: data}, true, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
