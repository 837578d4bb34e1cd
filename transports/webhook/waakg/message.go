package waakg

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/webhook/payload"
)

type key struct {
	ID          string `json:"id"`
	RemoteJID   string `json:"remoteJid"`
	FromMe      bool   `json:"fromMe"`
	Participant string `json:"participant"`
}

type messageData struct {
	Key              key     `json:"key"`
	PushName         *string `json:"pushName,omitempty"`
	MessageTimestamp int64   `json:"messageTimestamp,omitempty"` // seconds, of those received
	From             string  `json:"from"`
	Sender           string  `json:"sender"`
	IsGroup          bool    `json:"isGroup"`
	ChatType         string  `json:"chatType"`
	Type             string  `json:"type"`
	Content          string  `json:"content"`
	FileURL          *string `json:"fileUrl"`
	Caption          *string `json:"caption,omitempty"`
	Quoted           *quoted `json:"quoted"`
	Timestamp        int64   `json:"timestamp,omitempty"` // milliseconds, of those sent
	Raw              raw     `json:"raw"`
}

type quoted struct {
	Key struct {
		RemoteJID   *string `json:"remoteJid"`
		Participant *string `json:"participant"`
		FromMe      bool    `json:"fromMe"`
		ID          *string `json:"id"`
	} `json:"key"`
	Type    string  `json:"type"`
	Content string  `json:"content"`
	FileURL *string `json:"fileUrl"`
}

type raw struct {
	Key              key             `json:"key"`
	Message          json.RawMessage `json:"message"`
	MessageTimestamp int64           `json:"messageTimestamp"`
	PushName         *string         `json:"pushName,omitempty"`
}

// own is WA-AKG's sender name for the account's messages.
const own = "ME"

// source is the data of a message event.
type source struct {
	payload.Origin
	MessageID  string  `json:"message_id"`
	SenderName *string `json:"sender_name"`
	Timestamp  time.Time
	Type       string
	Text       *string
	Media      *struct{ Filename *string }
	Location   *struct{ Latitude, Longitude float64 }
	Contacts   []struct{ Name string }
	Quoted     *struct {
		MessageID string `json:"message_id"`
		Sender    string
		Text      *string
	}
	Target *struct {
		Action    string
		MessageID string `json:"message_id"`
	}
	Raw json.RawMessage
}

// originalMessage returns the message without the envelope of messages sent from another device of the account, which Baileys removes as well.
func (m *source) originalMessage() json.RawMessage {
	var outer struct {
		DeviceSent *struct{ Message json.RawMessage } `json:"deviceSentMessage"`
	}
	if json.Unmarshal(m.Raw, &outer) == nil && outer.DeviceSent != nil {
		return outer.DeviceSent.Message
	}
	return m.Raw
}

type changeData struct {
	KeyID      string  `json:"keyId"`
	NewContent *string `json:"newContent,omitempty"` // of edits
	RemoteJID  string  `json:"remoteJid"`
	FromMe     bool    `json:"fromMe"`
}

// messageShape handles one of four events; reactions, votes and WhatsApp's protocol messages have none.
func messageShape(e *payload.Event) (string, any, error) {
	var m source
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return "", nil, err
	}
	if m.Target != nil {
		change := changeData{KeyID: m.Target.MessageID, RemoteJID: m.InChat(), FromMe: m.FromMe}
		switch m.Target.Action {
		case "edit":
			text := payload.First(m.Text)
			change.NewContent = &text
			return "message.edited", change, nil
		case "revoke":
			return "message.deleted", change, nil
		}
		return "", nil, nil
	}
	if m.Type == "system" {
		return "", nil, nil
	}
	if m.FromMe {
		return "message.sent", m.messageData(), nil
	}
	return "message.received", m.messageData(), nil
}

func (m *source) messageData() *messageData {
	k := key{ID: m.MessageID, RemoteJID: m.InChat(), FromMe: m.FromMe}
	_, server, _ := strings.Cut(k.RemoteJID, "@")
	switch {
	case m.FromMe:
		k.Participant = own
	case m.IsGroup, chatTypes[server] != "PERSONAL":
		k.Participant = m.By()
	}
	d := &messageData{
		Key: k, From: k.RemoteJID, Sender: k.Participant, IsGroup: m.IsGroup, ChatType: chatTypes[server], Type: kinds[m.Type], Quoted: m.quotedMessage(),
		Raw: raw{Key: k, Message: m.originalMessage(), MessageTimestamp: m.Timestamp.Unix(), PushName: m.SenderName},
	}
	if d.Sender == "" {
		d.Sender = k.RemoteJID
	}
	if d.ChatType == "" {
		d.ChatType = kindUnknown
	}
	if d.Type == "" {
		d.Type = kindUnknown
	}
	if m.FromMe {
		d.Timestamp = m.Timestamp.UnixMilli()
	} else {
		d.PushName, d.MessageTimestamp = m.SenderName, m.Timestamp.Unix()
	}
	d.Content = m.contentText()
	if m.Media != nil {
		d.Caption = m.Text
	}
	return d
}

// contentText returns WA-AKG's text for a message: the name of a location, of a file, or of a contact card.
func (m *source) contentText() string {
	switch {
	case m.Location != nil:
		return phoneNumber(m.Location.Latitude) + "," + phoneNumber(m.Location.Longitude)
	case m.Type == "document" && m.Media != nil && m.Media.Filename != nil:
		return *m.Media.Filename
	case len(m.Contacts) > 0:
		return m.Contacts[0].Name
	}
	return payload.First(m.Text)
}

func phoneNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (m *source) quotedMessage() *quoted {
	if m.Quoted == nil {
		return nil
	}
	q := &quoted{Type: kindUnknown, Content: payload.First(m.Quoted.Text)}
	q.Key.ID = &m.Quoted.MessageID
	if m.Quoted.Sender != "" {
		by := m.Known(m.Quoted.Sender)
		q.Key.Participant = &by
		q.Key.FromMe = m.quotesOwn()
	}
	if m.Quoted.Text != nil {
		q.Type = kinds["text"]
	}
	return q
}

// quotesOwn reports whether the quoted message is the account's own: the quoted author is the sender or, in a chat of two, the other member. For
// received messages in groups it is unknown.
func (m *source) quotesOwn() bool {
	by := m.Quoted.Sender
	same := by == payload.First(m.Sender) || by == payload.First(m.PN) || by == payload.First(m.LID)
	if m.FromMe {
		return same
	}
	return !same && !m.IsGroup
}
