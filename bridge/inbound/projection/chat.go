package projection

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Receipt is a receipt to be stored.
type Receipt struct {
	MessageIDs []string
	Kind       string // delivered, read, played; read_self and played_self for the account's own reading
	Chat       string
	ChatPN     string // the other addresses of a chat of two, if known
	ChatLID    string
	By         string // the person that received or read
	FromMe     bool
	At         time.Time
}

var receiptStatus = map[string]messages.Status{
	"delivered": messages.StatusDelivered, "read": messages.StatusRead, "played": messages.StatusPlayed,
}

// WriteReceipt advances the state of the messages in a receipt.
func (w *Writer) WriteReceipt(ctx context.Context, owner string, r *Receipt) error {
	chat := messages.Address{JID: r.Chat, Alt: wa.OtherAddress(r.Chat, wa.OrNull(r.ChatPN), wa.OrNull(r.ChatLID))}
	if r.Kind == "read_self" || r.Kind == "played_self" || r.FromMe && r.Kind == "read" {
		return w.messages.MarkRead(ctx, owner, chat, r.MessageIDs)
	}
	status, known := receiptStatus[r.Kind]
	if !known || r.FromMe {
		return nil
	}
	by := r.By
	if r.By == r.Chat {
		by = chat.Preferred()
	}
	return w.messages.SaveReceipt(ctx, owner, &messages.Receipt{Chat: chat, IDs: r.MessageIDs, Recipient: by, Status: status, At: r.At})
}

// Chat is a change to a chat or to one of its messages; nil fields stay unchanged.
type Chat struct {
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

// WriteChat applies a change made by another device of the account.
func (w *Writer) WriteChat(ctx context.Context, owner string, c *Chat) error {
	chat := messages.Address{JID: c.Chat, Alt: wa.OtherAddress(c.Chat, wa.OrNull(c.PN), wa.OrNull(c.LID))}
	switch {
	case c.MessageID != "" && c.DeletedMessage:
		return w.messages.Delete(ctx, owner, chat, c.MessageID)
	case c.MessageID != "":
		if c.Starred == nil {
			return nil
		}
		return w.messages.SetStarred(ctx, owner, chat, c.MessageID, *c.Starred)
	case c.Deleted:
		return w.messages.DeleteChat(ctx, owner, chat, c.At)
	case c.Cleared:
		return w.messages.ClearChat(ctx, owner, chat, c.At, false)
	}
	patch := messages.ChatPatch{Archived: c.Archived, Pinned: c.Pinned, Muted: c.Muted, At: c.At}
	if c.MutedUntil != nil {
		patch.MutedUntil = *c.MutedUntil
	}
	if c.Read != nil {
		unread := !*c.Read
		patch.MarkedUnread = &unread
	}
	return w.messages.UpdateChat(ctx, owner, chat, patch)
}
