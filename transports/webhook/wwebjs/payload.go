package wwebjs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/waystation/waystation/transports/webhook/payload"
)

type object = map[string]any

// format is the payload format of wwebjs-api.
var format = payload.Format{
	Name: "wwebjs",
	Shapes: map[string]payload.Shape{
		"Message":              messageShape,
		"UndecryptableMessage": ciphertextShape,
		"MessageStatus":        messageStatus,
		"Receipt":              receiptShape,
		"ReadReceipt":          receiptShape,
		"DeleteForMe":          deleteForMe,
		"GroupInfo":            groupInfo,
		"JoinedGroup":          joinedGroup,
		"Picture":              pictureShape,
		"Archive":              chatChange,
		"DeleteChat":           chatChange,
		"MarkChatAsRead":       chatChange,
		"CallOffer":            callShape,
		"CallOfferNotice":      callShape,
		"QR":                   qrShape,
		"PairSuccess":          always("authenticated"),
		"PairError":            pairError,
		"Connected":            always("ready"),
		"Disconnected":         connectionShape,
		"LoggedOut":            connectionShape,
		"StreamReplaced":       connectionShape,
		"TemporaryBan":         connectionShape,
		"ClientOutdated":       connectionShape,
		"SessionState":         connectionShape,
	},
	Test: func(e *payload.Event) (string, any, error) { return e.Type, e.Data, nil },
	Envelope: func(e *payload.Event, name string, data any) any {
		return envelope{DataType: name, Data: data, SessionID: e.Session}
	},
}

type envelope struct {
	DataType  string `json:"dataType"`
	Data      any    `json:"data,omitempty"`
	SessionID string `json:"sessionId"`
}

// Payload returns the body for an event; nil when wwebjs-api sends nothing for it. A type that is not among Types is a
// test of the webhook, and keeps its name and data.
func Payload(e *payload.Event) ([]byte, error) { return format.Payload(e) }

// Types returns the events that wwebjs-api supports.
func Types() []string { return format.Types() }

// MediaParts returns what comes before and after the members of the file in the body of the event media, which follows a received message;
// nil if there is none for the event.
func MediaParts(e *payload.Event) (head, tail []byte, err error) {
	var m source
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return nil, nil, fmt.Errorf("wwebjs: media: %w", err)
	}
	if m.FromMe || m.Media == nil || m.Target != nil {
		return nil, nil, nil
	}
	body, err := json.Marshal(envelope{DataType: "media", Data: struct {
		MessageMedia struct{}     `json:"messageMedia"`
		Message      *messageData `json:"message"`
	}{Message: m.data()}, SessionID: e.Session})
	if err != nil {
		return nil, nil, fmt.Errorf("wwebjs: media: %w", err)
	}
	const begin = `{"dataType":"media","data":{"messageMedia":{`
	return body[:len(begin)], body[len(begin):], nil
}

func qrShape(e *payload.Event) (string, any, error) {
	var data struct{ Code string }
	err := json.Unmarshal(e.Data, &data)
	return "qr", object{"qr": data.Code}, err
}

func pairError(e *payload.Event) (string, any, error) {
	var data struct{ Error string }
	err := json.Unmarshal(e.Data, &data)
	return "status", object{"msg": data.Error}, err
}

// always returns the shape of an event without data.
func always(name string) func(*payload.Event) (string, any, error) {
	return func(*payload.Event) (string, any, error) { return name, nil, nil }
}

func connectionShape(e *payload.Event) (string, any, error) {
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
	if data.State == "disconnected" && payload.First(data.Reason) == reasonStopped {
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

func callShape(e *payload.Event) (string, any, error) {
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
		ID: data.CallID, From: outerAddress(payload.First(data.PN, &data.From)), Timestamp: data.Timestamp.Unix(), IsVideo: payload.First(data.Media) == "video",
		IsGroup: data.Group != nil,
	}}, nil
}

// origin has the chat and the sender of an event, with addresses as WhatsApp Web writes them.
type origin struct{ payload.Origin }

func (o *origin) chatID() string   { return outerAddress(o.InChat()) }
func (o *origin) senderID() string { return outerAddress(o.By()) }

type key struct {
	FromMe     bool   `json:"fromMe"`
	Remote     string `json:"remote"`
	ID         string `json:"id"`
	Serialized string `json:"_serialized"`
}

// newKey returns the key of a message; it includes the author in a chat with several members.
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
