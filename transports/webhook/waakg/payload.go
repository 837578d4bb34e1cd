package waakg

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// SignatureHeader is where WA-AKG's receivers look for what Sign returns.
const SignatureHeader = "X-Webhook-Signature"

// Sign returns sha256= and the HMAC-SHA256 of a body, in hexadecimal digits.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Event is what happened, as the journal has it.
type Event struct {
	Type    string
	Session string
	Time    time.Time
	Data    json.RawMessage
}

type payload struct {
	Event     string `json:"event"`
	SessionID string `json:"sessionId"`
	Timestamp string `json:"timestamp"`
	Data      any    `json:"data"`
}

// timeLayout is how JavaScript writes a time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// shapes make the name and the data of what WA-AKG sends for an event; no name means nothing.
var shapes = map[string]func(e *Event) (name string, data any, err error){
	"Message":        message,
	"MessageStatus":  messageStatus,
	"Receipt":        receipt,
	"ReadReceipt":    receipt,
	"Contact":        contact,
	"PushName":       contact,
	"GroupInfo":      groupInfo,
	"JoinedGroup":    joinedGroup,
	"QR":             qr,
	"Connected":      connection,
	"Disconnected":   connection,
	"LoggedOut":      connection,
	"StreamReplaced": connection,
	"TemporaryBan":   connection,
	"ClientOutdated": connection,
	"SessionState":   connection,
}

// Payload returns the body for an event; nil when WA-AKG sends nothing for it. A type that is not among Types is a test
// of the webhook.
func Payload(e *Event) ([]byte, error) {
	fill, ok := shapes[e.Type]
	if !ok {
		fill = test
	}
	name, data, err := fill(e)
	if err != nil {
		return nil, fmt.Errorf("waakg: %s: %w", e.Type, err)
	}
	if name == "" {
		return nil, nil
	}
	body, err := json.Marshal(payload{Event: name, SessionID: e.Session, Timestamp: e.Time.UTC().Format(timeLayout), Data: data})
	if err != nil {
		return nil, fmt.Errorf("waakg: %w", err)
	}
	return body, nil
}

func test(e *Event) (string, any, error) { return "test", e.Data, nil }

type connectionData struct {
	Status string  `json:"status"`
	QR     *string `json:"qr"`
}

func qr(e *Event) (string, any, error) {
	var data struct{ Code *string }
	err := json.Unmarshal(e.Data, &data)
	return connectionUpdate, connectionData{Status: states["pairing"], QR: data.Code}, err
}

// connectionUpdate is the event of everything about the connection.
const connectionUpdate = "connection.update"

func connection(e *Event) (string, any, error) {
	var data struct {
		State  string
		Reason *string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	status := states[data.State]
	switch {
	case data.State == "disconnected" && data.Reason != nil && *data.Reason == reasonStopped:
		status = states["created"]
	case status == "":
		return "", nil, nil
	}
	return connectionUpdate, connectionData{Status: status}, nil
}

type contactData struct {
	JID    string  `json:"jid"`
	Name   *string `json:"name,omitempty"`
	Notify *string `json:"notify,omitempty"`
}

func contact(e *Event) (string, any, error) {
	var data struct {
		Contact  string
		PN       *string
		FullName *string `json:"full_name"`
		PushName *string `json:"push_name"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	return "contact.update", contactData{JID: first(data.PN, &data.Contact), Name: data.FullName, Notify: data.PushName}, nil
}

type statusData struct {
	KeyID     string   `json:"keyId"`
	RemoteJID string   `json:"remoteJid"`
	Status    string   `json:"status"`
	KeyIDs    []string `json:"keyIds,omitempty"`
}

func messageStatus(e *Event) (string, any, error) {
	var data struct {
		origin
		MessageID string `json:"message_id"`
		Status    string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || data.Status != "sent" {
		return "", nil, err
	}
	return "message.status", statusData{KeyID: data.MessageID, RemoteJID: data.chat(), Status: "SENT"}, nil
}

// receipt is about messages of the account, but for what it read itself on another device.
func receipt(e *Event) (string, any, error) {
	var data struct {
		origin
		MessageIDs []string `json:"message_ids"`
		Type       string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	status := receiptStates[data.Type]
	if status == "" || data.FromMe || len(data.MessageIDs) == 0 {
		return "", nil, nil
	}
	return "message.status", statusData{
		KeyID: data.MessageIDs[0], RemoteJID: data.chat(), Status: status, KeyIDs: data.MessageIDs,
	}, nil
}

// origin is where an event's data says whose it is, and in which chat.
type origin struct {
	Chat    string
	Sender  *string
	FromMe  bool    `json:"from_me"`
	IsGroup bool    `json:"is_group"`
	PN      *string // the sender's
	LID     *string // likewise
	ChatPN  *string `json:"chat_pn"`
}

// chat is the chat's address, of a chat of two the other's phone number if that is known.
func (o *origin) chat() string {
	switch {
	case o.IsGroup:
		return o.Chat
	case o.ChatPN != nil:
		return *o.ChatPN
	case o.PN != nil && (o.Chat == first(o.Sender) || o.Chat == first(o.LID)): // the sender's own chat
		return *o.PN
	}
	return o.Chat
}

func (o *origin) sender() string { return first(o.PN, o.Sender) }

// first is the first text that is there.
func first(texts ...*string) string {
	for _, text := range texts {
		if text != nil {
			return *text
		}
	}
	return ""
}
