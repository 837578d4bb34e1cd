package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// Projector maintains rows derived from events. Each method runs in the transaction that commits the event (ctx carries
// it), so that rows and event become visible together. A method may run again if the transaction is repeated, and does
// not run for an event that was recorded before. session is the key under which the session's data is stored
// (Session.Owner), not its id.
type Projector interface {
	// ProjectMessage stores a message that was received or sent from another device of the account. An edit, a
	// revocation or a reaction refers to its message in Data.Target.
	ProjectMessage(ctx context.Context, session string, m *ProjectedMessage) error
	// ProjectReceipt advances the state of the messages in the receipt.
	ProjectReceipt(ctx context.Context, session string, r *ProjectedReceipt) error
	// ProjectChat applies a change made by another device of the account.
	ProjectChat(ctx context.Context, session string, c *ProjectedChat) error
	// Purge deletes all data of a session.
	Purge(ctx context.Context, session string) error
}

// ProjectedMessage is a message to be stored.
type ProjectedMessage struct {
	Data    *MessageData   // as in the event
	Content *waE2E.Message // unwrapped
	Raw     *waE2E.Message // as received
	Info    *types.MessageInfo
	History bool // from a history blob: older than the stored messages and without an event
}

// ProjectedReceipt is a receipt to be stored.
type ProjectedReceipt struct {
	MessageIDs []string
	Kind       string // delivered, read, played; read_self and played_self for the account's own reading
	Chat       string
	ChatPN     string // the other addresses of a chat of two, if known
	ChatLID    string
	By         string // the person that received or read
	FromMe     bool
	At         time.Time
}

// ProjectedChat is a change to a chat or to one of its messages; nil fields stay unchanged.
type ProjectedChat struct {
	Chat           string
	PN, LID        string // both addresses of a chat of two, if known
	At             time.Time
	Pinned         *bool
	Archived       *bool
	Read           *bool
	Muted          *bool
	MutedUntil     *time.Time // with Muted: nil = forever
	Cleared        bool       // its messages up to At are deleted
	Deleted        bool       // the chat is deleted too
	MessageID      string     // the message to which Starred or DeletedMessage refer
	Starred        *bool
	DeletedMessage bool
}

// projectors are the stores that the bridge updates.
type projectors struct {
	messages Projector
}

func (t *translation) projectMessage(evt *events.Message, data *MessageData) {
	p := t.s.b.project.messages
	if p == nil {
		return
	}
	m := &ProjectedMessage{Data: data, Content: evt.Message, Raw: evt.RawMessage, Info: &evt.Info}
	t.project(func(ctx context.Context) error { return p.ProjectMessage(ctx, t.s.owner, m) })
}

func (t *translation) projectReceipt(evt *events.Receipt, kind string) {
	p := t.s.b.project.messages
	if p == nil {
		return
	}
	r := &ProjectedReceipt{
		MessageIDs: evt.MessageIDs, Kind: kind, Chat: evt.Chat.ToNonAD().String(), By: evt.Sender.ToNonAD().String(),
		FromMe: evt.IsFromMe, At: evt.Timestamp.UTC(),
	}
	if wa.IsPerson(evt.Chat) {
		if other, err := t.person(evt.Chat, chatAlt(&evt.MessageSource)); err == nil {
			r.ChatPN, r.ChatLID = wa.AddressString(other.PN), wa.AddressString(other.LID)
		}
	}
	t.project(func(ctx context.Context) error { return p.ProjectReceipt(ctx, t.s.owner, r) })
}

// projectChat attaches a chat change to the last record.
func (t *translation) projectChat(chat types.JID, change ProjectedChat) {
	p := t.s.b.project.messages
	if p == nil {
		return
	}
	change.Chat = chat.ToNonAD().String()
	if wa.IsPerson(chat) {
		if other, err := t.person(chat); err == nil {
			change.PN, change.LID = wa.AddressString(other.PN), wa.AddressString(other.LID)
		}
	}
	t.project(func(ctx context.Context) error { return p.ProjectChat(ctx, t.s.owner, &change) })
}
