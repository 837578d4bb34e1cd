package wuzapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/webhook/payload"
)

// SignatureHeader is the header in which wuzapi's receivers expect the result of Sign.
const SignatureHeader = "X-Hmac-Signature"

// Sign returns the HMAC-SHA256 of a body in hexadecimal digits.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// jsonData is the object that wuzapi calls so.
type jsonData struct {
	Event any    `json:"event"`
	Type  string `json:"type"`
	State string `json:"state,omitempty"`
	// The user concerned, in the JSON form of later revisions only.
	UserID       string `json:"userID,omitempty"`
	InstanceName string `json:"instanceName,omitempty"`
}

// shapes build the payload of the types that wuzapi documents; for the others the members of data get Go's names. A
// shape returns false when wuzapi sends nothing for such an event.
var shapes = map[string]func(e *payload.Event) (jsonData, bool, error){
	"Message":      messageShape,
	"ReadReceipt":  receiptShape,
	"Receipt":      receiptShape,
	"Presence":     presenceShape,
	"ChatPresence": chatPresence,
	"HistorySync":  historySync,
}

// Payload returns jsonData for an event; nil when wuzapi sends nothing for it.
func Payload(e *payload.Event) ([]byte, error) {
	p, ok, err := shapeOf(e)
	if err != nil || !ok {
		return nil, err
	}
	return encodeJSON(p)
}

// PayloadFor is Payload in the JSON form, which names the session.
func PayloadFor(e *payload.Event, session string) ([]byte, error) {
	p, ok, err := shapeOf(e)
	if err != nil || !ok {
		return nil, err
	}
	p.UserID, p.InstanceName = session, session
	return encodeJSON(p)
}

func shapeOf(e *payload.Event) (jsonData, bool, error) {
	fill, ok := shapes[e.Type]
	if !ok {
		fill = plainShape
	}
	p, ok, err := fill(e)
	if err != nil {
		return p, false, fmt.Errorf("wuzapi: %s: %w", e.Type, err)
	}
	return p, ok, nil
}

func encodeJSON(p jsonData) ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("wuzapi: %w", err)
	}
	return body, nil
}

// source corresponds to whatsmeow's MessageSource.
type source struct {
	Chat                string
	Sender              string
	IsFromMe            bool
	IsGroup             bool
	AddressingMode      string // pn or lid: which of its two addresses Sender is
	SenderAlt           string // the sender's other address, if it is known
	RecipientAlt        string // the other address of the chat of an own message in a chat of two
	BroadcastListOwner  string
	BroadcastRecipients any
}

// addressingModes are whatsmeow's words for the servers of people's addresses.
var addressingModes = map[string]string{"s.whatsapp.net": "pn", "lid": "lid"}

// sourceOf an event: receivers of wuzapi know people by phone number.
func sourceOf(o *payload.Origin) source {
	s := source{Chat: o.InChat(), Sender: o.By(), IsFromMe: o.FromMe, IsGroup: o.IsGroup}
	_, server, _ := strings.Cut(s.Sender, "@")
	s.AddressingMode, s.SenderAlt = addressingModes[server], payload.Other(s.Sender, o.PN, o.LID)
	if o.FromMe && !o.IsGroup {
		s.RecipientAlt = payload.Other(s.Chat, o.ChatPN, o.ChatLID)
	}
	return s
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

func receiptShape(e *payload.Event) (p jsonData, ok bool, err error) {
	var data struct {
		payload.Origin
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
	return jsonData{Type: "ReadReceipt", State: kind.state, Event: receiptEvent{
		source: sourceOf(&data.Origin), MessageIDs: data.MessageIDs, Timestamp: data.Timestamp, Type: kind.kind,
	}}, true, nil
}

type presenceEvent struct {
	From        string
	Unavailable bool
	LastSeen    time.Time
}

func presenceShape(e *payload.Event) (p jsonData, ok bool, err error) {
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
	p = jsonData{Type: "Presence", State: "online", Event: event}
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

func chatPresence(e *payload.Event) (p jsonData, ok bool, err error) {
	var data struct {
		payload.Origin
		State string
	}
	if err = json.Unmarshal(e.Data, &data); err != nil {
		return p, false, err
	}
	event := chatPresenceEvent{source: sourceOf(&data.Origin), State: data.State}
	if data.State == "recording" {
		event.State, event.Media = "composing", "audio"
	}
	return jsonData{Type: "ChatPresence", Event: event}, true, nil
}

// historySync reports the kind of the sync: the history itself is in the message store, as it is too large for an event.
func historySync(e *payload.Event) (p jsonData, ok bool, err error) {
	data, err := goNames(e.Data, lowerFirst)
	if err != nil {
		return p, false, err
	}
	return jsonData{Type: "HistorySync", Event: map[string]any{"Data": data}}, true, nil
}

// plainShape is an event whose data keeps its form, under names like those of Go.
func plainShape(e *payload.Event) (p jsonData, ok bool, err error) {
	data, err := goNames(e.Data, nil)
	if err != nil {
		return p, false, err
	}
	return jsonData{Type: e.Type, Event: data}, true, nil
}
