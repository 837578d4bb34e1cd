package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// Projector keeps rows of its own about what happened. Each method runs in the
// transaction that commits the event (ctx carries it): rows and event appear
// together or not at all. A method may run again when the transaction is
// repeated, and does not run for an event that was recorded before. session is
// the key the session's data is stored under (Session.Owner), not its id.
type Projector interface {
	// ProjectMessage stores a message that came in, or was sent from another
	// device of the account. An edit, a revocation or a reaction names its
	// message in Data.Target.
	ProjectMessage(ctx context.Context, session string, m *ProjectedMessage) error
	// ProjectReceipt advances the state of the named messages.
	ProjectReceipt(ctx context.Context, session string, r *ProjectedReceipt) error
	// ProjectChat applies a change another device of the account made.
	ProjectChat(ctx context.Context, session string, c *ProjectedChat) error
	// Purge forgets everything of a session.
	Purge(ctx context.Context, session string) error
}

// ProjectedMessage is a message on its way into a store.
type ProjectedMessage struct {
	Data    *MessageData   // as the event shows it
	Content *waE2E.Message // unwrapped
	Raw     *waE2E.Message // as it came
	Info    *types.MessageInfo
	History bool // from a history blob: older than what is stored, and no event of its own
}

// ProjectedReceipt is a receipt on its way into a store.
type ProjectedReceipt struct {
	MessageIDs []string
	Kind       string // delivered, read, played; read_self and played_self for the account's own reading
	Chat       string
	ChatPN     string // the other addresses of a chat of two, as far as known
	ChatLID    string
	By         string // who received or read
	FromMe     bool
	At         time.Time
}

// ProjectedChat is a change to a chat, or to one message of it; nil fields
// stay.
type ProjectedChat struct {
	Chat           string
	PN, LID        string // both addresses of a chat of two, as far as known
	At             time.Time
	Pinned         *bool
	Archived       *bool
	Read           *bool
	Muted          *bool
	MutedUntil     *time.Time // with Muted: nil = for good
	Cleared        bool       // its messages up to At are gone
	Deleted        bool       // and the chat too
	MessageID      string     // the message Starred or DeletedMessage are about
	Starred        *bool
	DeletedMessage bool
}

// projectors are the stores the bridge feeds.
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

// projectChat hangs a change of a chat on the last record.
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
