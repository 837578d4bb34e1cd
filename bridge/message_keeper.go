package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// openMessages opens the message store and the file store.
func (b *Bridge) openMessages(ctx context.Context, opts Options) (err error) {
	if b.messages, err = messages.Open(ctx, opts.DB); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	if b.files, err = media.New(ctx, opts.DB, b.outbound, opts.Media); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	b.project.messages = &messageKeeper{store: b.messages, files: b.files}
	sweep, stop := context.WithCancel(b.ctx)
	b.endSweep = stop
	b.spawn(func() {
		b.files.Run(sweep, b.log)
	})
	b.spawn(func() {
		b.runExpiry(sweep)
	})
	return nil
}

// messageKeeper projects events into the message store.
type messageKeeper struct {
	store *messages.Store
	files *media.Library
}

var _ Projector = (*messageKeeper)(nil)

// Purge implements Projector.
func (k *messageKeeper) Purge(ctx context.Context, session string) error {
	return errors.Join(k.store.Purge(ctx, session), k.files.Purge(ctx, session))
}

// ProjectMessage implements Projector. A message that acts on another message changes the stored one; notices without
// content (pins, calls, key changes) are events only.
func (k *messageKeeper) ProjectMessage(ctx context.Context, session string, m *ProjectedMessage) error {
	if m.Data.Target != nil && (m.Data.Target.Action != message.ActionComment || m.Data.Type == message.TypeSystem) {
		return k.projectTarget(ctx, session, m)
	}
	if m.Data.Type == message.TypeSystem {
		if m.Data.DisappearingSeconds == nil {
			return nil
		}
		if messages.KindOf(m.chat().JID) == messages.KindGroup {
			return nil // the group has its own timer
		}
		timer := time.Duration(*m.Data.DisappearingSeconds) * time.Second
		return k.store.UpdateChat(ctx, session, m.chat(), messages.ChatPatch{Disappearing: &timer, At: m.Data.Timestamp})
	}
	row, err := m.row()
	if err != nil {
		return err
	}
	if err := k.store.Save(ctx, session, row); err != nil || m.Data.EditedAt == nil || m.Data.ServerID == nil {
		return err
	}
	// An edited newsletter post is received again under its own id.
	return k.store.Edit(ctx, session, &messages.Change{
		Chat: row.Chat, ID: row.ID, By: row.Sender, FromMe: row.FromMe, At: *m.Data.EditedAt, Type: row.Type, Text: row.Text, Body: row.Body, Raw: row.Raw,
	})
}

// chat returns the chat that the message is stored in. A message to a broadcast list is stored in the chat with its
// sender.
func (m *ProjectedMessage) chat() messages.Address {
	d := m.Data
	if m.Info != nil && m.Info.IsIncomingBroadcast() && m.Info.Chat != types.StatusBroadcastJID {
		return m.sender()
	}
	return messages.Address{JID: d.Chat, Alt: wa.OtherAddress(d.Chat, d.ChatPN, d.ChatLID)}
}

func (m *ProjectedMessage) sender() messages.Address {
	sender := m.Data.wireSender
	return messages.Address{JID: sender, Alt: wa.OtherAddress(sender, m.Data.PN, m.Data.LID)}
}

// row converts a message that does not act on another one.
func (m *ProjectedMessage) row() (*messages.Message, error) {
	d := m.Data
	body, raw, err := encodeStored(&d.Message, m.Content)
	if err != nil {
		return nil, err
	}
	row := &messages.Message{
		Chat: m.chat(), ID: d.MessageID, Sender: m.sender(), FromMe: d.FromMe, Time: d.Timestamp, Type: d.Type, Body: body, Raw: raw,
		Unread:      !d.FromMe && !m.History && !d.IsStatus,
		Placeholder: d.Type == message.TypeUnknown && len(raw) == 0,
	}
	if d.Text != nil {
		row.Text = *d.Text
	}
	if d.ServerID != nil {
		row.ServerID = int64(*d.ServerID)
	}
	row.ChatTimer = m.chatTimer(row.Chat)
	if d.FromMe {
		row.Status = messages.StatusSent
	} else if !d.IsGroup && !d.IsStatus && d.SenderName != nil && messages.KindOf(row.Chat.JID) == messages.KindUser {
		row.ChatName = *d.SenderName
	}
	return row, nil
}

// chatTimer returns the timer of the chat if the message shows it. A lifetime is the chat's timer only if the message
// also has the time of that setting. Groups have their timer as a property.
func (m *ProjectedMessage) chatTimer(chat messages.Address) *messages.Timer {
	about := message.ContextOf(m.Content)
	if about.GetEphemeralSettingTimestamp() <= 0 || messages.KindOf(chat.JID) != messages.KindUser {
		return nil
	}
	return &messages.Timer{
		Lifetime: time.Duration(about.GetExpiration()) * time.Second, SetAt: time.Unix(about.GetEphemeralSettingTimestamp(), 0),
	}
}

// encodeStored returns the two stored forms of a message: the result object without its mutable parts, and the
// protobuf.
func encodeStored(m *message.Message, content *waE2E.Message) (body, raw []byte, err error) {
	kept := *m
	kept.Raw, kept.Status = nil, nil
	if kept.Target != nil && kept.Target.Action != message.ActionComment { // a comment keeps its target
		kept.Target = nil
	}
	if body, err = json.Marshal(&kept); err != nil {
		return nil, nil, err
	}
	if content != nil {
		raw, err = proto.Marshal(content)
	}
	return body, raw, err
}

func (k *messageKeeper) projectTarget(ctx context.Context, session string, m *ProjectedMessage) error {
	d, target := m.Data, m.Data.Target
	if target.MessageID == "" {
		return nil
	}
	change := &messages.Change{
		Chat: m.chat(), ID: target.MessageID, By: m.sender(), FromMe: d.FromMe, At: d.Timestamp, Type: message.TypeUnknown,
	}
	switch target.Action {
	case message.ActionEdit:
		edited := editedContent(m.Content)
		if edited == nil {
			return nil
		}
		var err error
		if change.Body, change.Raw, err = encodeStored(&d.Message, edited); err != nil {
			return err
		}
		if d.Text != nil {
			change.Text = *d.Text
		}
		if d.EditedAt != nil {
			change.At = *d.EditedAt
		}
		change.Type = d.Type
		return k.store.Edit(ctx, session, change)
	case message.ActionRevoke:
		return k.store.Revoke(ctx, session, change)
	case message.ActionReaction:
		if target.Emoji == nil {
			return nil // encrypted for a newsletter or community; unreadable
		}
		return k.store.React(ctx, session, &messages.Reaction{
			Chat: m.chat(), ID: target.MessageID, Sender: m.sender().Preferred(), Emoji: *target.Emoji, At: d.Timestamp,
		})
	case message.ActionPollVote:
		if target.Options == nil {
			return nil
		}
		return k.store.SaveVote(ctx, session, &messages.Vote{
			Chat: m.chat(), ID: target.MessageID, Voter: m.sender().Preferred(), Options: target.Options, At: d.Timestamp,
		})
	}
	return nil
}

// editedContent returns the new content inside an edit.
func editedContent(m *waE2E.Message) *waE2E.Message {
	if inner := m.GetEditedMessage().GetMessage(); inner != nil {
		m = inner
	}
	return m.GetProtocolMessage().GetEditedMessage()
}

var receiptStatus = map[string]messages.Status{
	"delivered": messages.StatusDelivered, "read": messages.StatusRead, "played": messages.StatusPlayed,
}

// ProjectReceipt implements Projector.
func (k *messageKeeper) ProjectReceipt(ctx context.Context, session string, r *ProjectedReceipt) error {
	chat := messages.Address{JID: r.Chat, Alt: wa.OtherAddress(r.Chat, wa.OrNull(r.ChatPN), wa.OrNull(r.ChatLID))}
	if r.Kind == "read_self" || r.Kind == "played_self" || r.FromMe && r.Kind == "read" {
		return k.store.MarkRead(ctx, session, chat, r.MessageIDs)
	}
	status, known := receiptStatus[r.Kind]
	if !known || r.FromMe {
		return nil
	}
	by := r.By
	if r.By == r.Chat {
		by = chat.Preferred()
	}
	return k.store.SaveReceipt(ctx, session, &messages.Receipt{Chat: chat, IDs: r.MessageIDs, Recipient: by, Status: status, At: r.At})
}

// ProjectChat implements Projector.
func (k *messageKeeper) ProjectChat(ctx context.Context, session string, c *ProjectedChat) error {
	chat := messages.Address{JID: c.Chat, Alt: wa.OtherAddress(c.Chat, wa.OrNull(c.PN), wa.OrNull(c.LID))}
	switch {
	case c.MessageID != "" && c.DeletedMessage:
		return k.store.Delete(ctx, session, chat, c.MessageID)
	case c.MessageID != "":
		if c.Starred == nil {
			return nil
		}
		return k.store.SetStarred(ctx, session, chat, c.MessageID, *c.Starred)
	case c.Deleted:
		return k.store.DeleteChat(ctx, session, chat, c.At)
	case c.Cleared:
		return k.store.ClearChat(ctx, session, chat, c.At, false)
	}
	patch := messages.ChatPatch{Archived: c.Archived, Pinned: c.Pinned, Muted: c.Muted, At: c.At}
	if c.MutedUntil != nil {
		patch.MutedUntil = *c.MutedUntil
	}
	if c.Read != nil {
		unread := !*c.Read
		patch.MarkedUnread = &unread
	}
	return k.store.UpdateChat(ctx, session, chat, patch)
}
