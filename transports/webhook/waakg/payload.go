package waakg

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/waystation/waystation/transports/webhook/payload"
)

// SignatureHeader is the header in which WA-AKG's receivers expect the result of Sign.
const SignatureHeader = "X-Webhook-Signature"

// Sign returns sha256= and the HMAC-SHA256 of a body, in hexadecimal digits.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// timeLayout is JavaScript's format of a time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// format is the payload format of WA-AKG.
var format = payload.Format{
	Name: "waakg",
	Shapes: map[string]payload.Shape{
		"Message":        messageShape,
		"MessageStatus":  messageStatus,
		"Receipt":        receiptShape,
		"ReadReceipt":    receiptShape,
		"Contact":        contactShape,
		"PushName":       contactShape,
		"GroupInfo":      groupInfo,
		"JoinedGroup":    joinedGroup,
		"QR":             qrShape,
		"Connected":      connectionShape,
		"Disconnected":   connectionShape,
		"LoggedOut":      connectionShape,
		"StreamReplaced": connectionShape,
		"TemporaryBan":   connectionShape,
		"ClientOutdated": connectionShape,
		"SessionState":   connectionShape,
	},
	Test: func(e *payload.Event) (string, any, error) { return "test", e.Data, nil },
	Envelope: func(e *payload.Event, name string, data any) any {
		return envelope{Event: name, SessionID: e.Session, Timestamp: e.Time.UTC().Format(timeLayout), Data: data}
	},
}

type envelope struct {
	Event     string `json:"event"`
	SessionID string `json:"sessionId"`
	Timestamp string `json:"timestamp"`
	Data      any    `json:"data"`
}

// Payload returns the body for an event; nil when WA-AKG sends nothing for it. A type that is not among Types is a test
// of the webhook.
func Payload(e *payload.Event) ([]byte, error) { return format.Payload(e) }

// Types returns the events that WA-AKG supports.
func Types() []string { return format.Types() }

type connectionData struct {
	Status string  `json:"status"`
	QR     *string `json:"qr"`
}

func qrShape(e *payload.Event) (string, any, error) {
	var data struct{ Code *string }
	err := json.Unmarshal(e.Data, &data)
	return connectionUpdate, connectionData{Status: states["pairing"], QR: data.Code}, err
}

// connectionUpdate is the event of everything about the connection.
const connectionUpdate = "connection.update"

func connectionShape(e *payload.Event) (string, any, error) {
	var data struct {
		State  string
		Reason *string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	status := states[data.State]
	switch {
	case data.State == "pairing": // the code says it
		return "", nil, nil
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

func contactShape(e *payload.Event) (string, any, error) {
	var data struct {
		Contact  string
		PN       *string
		FullName *string `json:"full_name"`
		PushName *string `json:"push_name"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	return "contact.update", contactData{JID: payload.First(data.PN, &data.Contact), Name: data.FullName, Notify: data.PushName}, nil
}

type statusData struct {
	KeyID     string   `json:"keyId"`
	RemoteJID string   `json:"remoteJid"`
	Status    string   `json:"status"`
	KeyIDs    []string `json:"keyIds,omitempty"`
}

func messageStatus(e *payload.Event) (string, any, error) {
	var data struct {
		payload.Origin
		MessageID string `json:"message_id"`
		Status    string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || data.Status != "sent" {
		return "", nil, err
	}
	return "message.status", statusData{KeyID: data.MessageID, RemoteJID: data.InChat(), Status: "SENT"}, nil
}

// receiptShape concerns messages of the account, except those read on another of its devices.
func receiptShape(e *payload.Event) (string, any, error) {
	var data struct {
		payload.Origin
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
		KeyID: data.MessageIDs[0], RemoteJID: data.InChat(), Status: status, KeyIDs: data.MessageIDs,
	}, nil
}
