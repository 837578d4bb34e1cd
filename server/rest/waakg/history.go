package waakg

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
)

// kind is the type of a message in the document's words.
type kind string

var kinds = map[string]kind{
	"text": "TEXT", "image": "IMAGE", "video": "VIDEO", "audio": "AUDIO", "document": "DOCUMENT", "sticker": "STICKER", "location": "LOCATION", "contact": "CONTACT",
}

// UnmarshalJSON implements json.Unmarshaler. Other types are TEXT, as the server of the document stores them.
func (k *kind) UnmarshalJSON(raw []byte) error {
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return fmt.Errorf("waakg: type of a message: %w", err)
	}
	*k = cmp.Or(kinds[word], "TEXT")
	return nil
}

// receipt is the state of a message in the document's words. Received messages are delivered.
type receipt string

// messageRow is a message as the server's database has it.
type messageRow struct {
	ID        string    `json:"id" from:"/message_id"`
	RemoteJID string    `json:"remoteJid" from:"/chat"`
	SenderJID *string   `json:"senderJid" from:"/sender"`
	FromMe    bool      `json:"fromMe" from:"/from_me"`
	KeyID     string    `json:"keyId" from:"/message_id"`
	PushName  *string   `json:"pushName" from:"/sender_name"`
	Type      kind      `json:"type" from:"/type"`
	Content   *string   `json:"content" from:"/text"`
	Status    receipt   `json:"status" from:"/status"`
	Timestamp time.Time `json:"timestamp" from:"/timestamp"`
	QuoteID   *string   `json:"quoteId" from:"/quoted/message_id"`
}

// FinishAnswer implements rest.Finisher.
func (m *messageRow) FinishAnswer() error {
	if m.Status = receipt(strings.ToUpper(string(m.Status))); m.Status == "PLAYED" {
		m.Status = "READ"
	}
	m.Status = cmp.Or(m.Status, "DELIVERED")
	return nil
}

// historyRow is a message in the history of a chat.
type historyRow struct {
	messageRow
	Session   string  `json:"sessionId" from:"<sessionId"`
	MediaURL  *string `json:"mediaUrl" from:"/media/media_id"`
	ContactID *string `json:"contactId" from:"/contact_key"`
	Sender    *author `json:"sender,omitempty" doc:"in groups: the member who sent it"`
}

// author is the sender of a message in a group.
type author struct {
	ID    string  `json:"id"`
	Admin *string `json:"admin"`
}

// FinishAnswer implements rest.Finisher.
func (m *historyRow) FinishAnswer() error {
	if m.MediaURL != nil {
		m.MediaURL = new("/api/media/" + *m.MediaURL)
	}
	return m.messageRow.FinishAnswer()
}

type history struct {
	Rows []historyRow `from:"/messages"`
}

type groupMembers struct {
	Groups []struct {
		ID      string   `from:"/group"`
		Members []member `from:"/participants"`
	} `from:"/groups"`
}

type historyShown struct {
	outcome
	Data []historyRow `json:"data"`
}

// listHistory returns the last 100 messages of a chat, the oldest first, in groups with their senders.
func listHistory(x *rest.Exchange, in *chatRequest) (*historyShown, error) {
	var of history
	if err := x.Read("message.list", rest.Params{"chat": in.Chat, "limit": 100}, &of); err != nil {
		return nil, err
	}
	if strings.HasSuffix(in.Chat, "@g.us") {
		var known groupMembers
		if err := x.Read("group.list", rest.Params{"refresh": false}, &known); err != nil {
			return nil, err
		}
		byJID := map[string]*author{}
		for _, g := range known.Groups {
			for _, m := range g.Members {
				if g.ID == in.Chat {
					byJID[m.ID] = &author{m.ID, m.Admin}
				}
			}
		}
		for i := range of.Rows {
			of.Rows[i].Sender = byJID[rest.Deref(of.Rows[i].SenderJID)]
		}
	}
	return &historyShown{outcome{Status: true, Success: true}, of.Rows}, nil
}
