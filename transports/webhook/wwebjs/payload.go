package wwebjs

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is what happened, as the journal has it.
type Event struct {
	ID      string
	Type    string
	Session string
	Time    time.Time
	Data    json.RawMessage
}

type payload struct {
	DataType  string `json:"dataType"`
	Data      any    `json:"data,omitempty"`
	SessionID string `json:"sessionId"`
}

type object = map[string]any

// shapes make the dataType and the data of what wwebjs-api sends for an event; no dataType means nothing.
var shapes = map[string]func(e *Event) (dataType string, data any, err error){
	"Message":              message,
	"UndecryptableMessage": ciphertext,
	"MessageStatus":        messageStatus,
	"Receipt":              receipt,
	"ReadReceipt":          receipt,
	"DeleteForMe":          deleteForMe,
	"GroupInfo":            groupInfo,
	"JoinedGroup":          joinedGroup,
	"Picture":              picture,
	"Archive":              chatChange,
	"DeleteChat":           chatChange,
	"MarkChatAsRead":       chatChange,
	"CallOffer":            call,
	"CallOfferNotice":      call,
	"QR":                   qr,
	"PairSuccess":          always("authenticated"),
	"PairError":            pairError,
	"Connected":            always("ready"),
	"Disconnected":         connection,
	"LoggedOut":            connection,
	"StreamReplaced":       connection,
	"TemporaryBan":         connection,
	"ClientOutdated":       connection,
	"SessionState":         connection,
}

// Payload returns the body for an event; nil when wwebjs-api sends nothing for it. A type that is not among Types is a
// test of the webhook, and keeps its name and data.
func Payload(e *Event) ([]byte, error) {
	fill, ok := shapes[e.Type]
	if !ok {
		fill = test
	}
	name, data, err := fill(e)
	if err != nil {
		return nil, fmt.Errorf("wwebjs: %s: %w", e.Type, err)
	}
	if name == "" {
		return nil, nil
	}
	body, err := json.Marshal(payload{DataType: name, Data: data, SessionID: e.Session})
	if err != nil {
		return nil, fmt.Errorf("wwebjs: %w", err)
	}
	return body, nil
}

func test(e *Event) (string, any, error) { return e.Type, e.Data, nil }

func qr(e *Event) (string, any, error) {
	var data struct{ Code string }
	err := json.Unmarshal(e.Data, &data)
	return "qr", object{"qr": data.Code}, err
}

func pairError(e *Event) (string, any, error) {
	var data struct{ Error string }
	err := json.Unmarshal(e.Data, &data)
	return "status", object{"msg": data.Error}, err
}

// always is an event without data.
func always(name string) func(*Event) (string, any, error) {
	return func(*Event) (string, any, error) { return name, nil, nil }
}

func connection(e *Event) (string, any, error) {
	var data struct {
		State  string
		Reason *string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	if reason := ends[data.State]; reason != "" {
		return "disconnected", object{"reason": reason}, nil
	}
	if data.State == "disconnected" && first(data.Reason) == reasonStopped {
		return "disconnected", object{"reason": endStopped}, nil
	}
	if state := states[data.State]; state != "" {
		return "change_state", object{"state": state}, nil
	}
	return "", nil, nil
}

type callData struct {
	ID                    string   `json:"id"`
	From                  string   `json:"from"`
	Timestamp             int64    `json:"timestamp"`
	IsVideo               bool     `json:"isVideo"`
	IsGroup               bool     `json:"isGroup"`
	FromMe                bool     `json:"fromMe"`
	CanHandleLocally      bool     `json:"canHandleLocally"`
	WebClientShouldHandle bool     `json:"webClientShouldHandle"`
	Participants          []string `json:"participants"`
}

func call(e *Event) (string, any, error) {
	var data struct {
		CallID    string `json:"call_id"`
		From      string
		PN, Group *string
		Timestamp time.Time
		Media     *string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	return "call", object{"call": callData{
		ID: data.CallID, From: outer(first(data.PN, &data.From)), Timestamp: data.Timestamp.Unix(), IsVideo: first(data.Media) == "video",
		IsGroup: data.Group != nil,
	}}, nil
}

// origin is where an event's data says whose it is, and in which chat.
type origin struct {
	Chat    string
	Sender  *string
	FromMe  bool    `json:"from_me"`
	IsGroup bool    `json:"is_group"`
	PN      *string // the sender's, or of a change of a chat the chat's
	LID     *string // likewise
	ChatPN  *string `json:"chat_pn"`
}

// chat is the chat's address, of a chat of two the other's phone number if that is known.
func (o *origin) chat() string {
	chat := o.Chat
	switch {
	case o.IsGroup:
	case o.ChatPN != nil:
		chat = *o.ChatPN
	case o.PN != nil && (o.Chat == first(o.Sender) || o.Chat == first(o.LID)): // the sender's own chat
		chat = *o.PN
	}
	return outer(chat)
}

func (o *origin) sender() string { return outer(first(o.PN, o.Sender)) }

type key struct {
	FromMe     bool   `json:"fromMe"`
	Remote     string `json:"remote"`
	ID         string `json:"id"`
	Serialized string `json:"_serialized"`
}

// newKey names a message; its author is told where a chat has several.
func newKey(fromMe bool, chat, id, author string) key {
	k := key{FromMe: fromMe, Remote: chat, ID: id, Serialized: "false_" + chat + "_" + id}
	if fromMe {
		k.Serialized = "true_" + chat + "_" + id
	}
	if author != "" {
		k.Serialized += "_" + author
	}
	return k
}
