package projection

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Message is a message to be stored.
type Message struct {
	Data    *message.EventData // as in the event
	Content *waE2E.Message     // unwrapped
	Info    *types.MessageInfo
	History bool // from a history blob: older than the stored messages and without an event
}

// WriteMessage stores a message that was received, or sent by any device of the account. A message that acts on another message changes the stored one; notices without
// content (pins, calls, key changes) are events only.
func (w *Writer) WriteMessage(ctx context.Context, owner string, m *Message) error {
	if m.Data.Target != nil && (m.Data.Target.Action != message.ActionComment || m.Data.Type == message.TypeSystem) {
		return w.changeTarget(ctx, owner, m)
	}
	if m.Data.Type == message.TypeSystem {
		if m.Data.DisappearingSeconds == nil {
			return nil
		}
		if messages.KindOf(m.chat().JID) == messages.KindGroup {
			return nil // the group has its own timer
		}
		timer := time.Duration(*m.Data.DisappearingSeconds) * time.Second
		return w.messages.UpdateChat(ctx, owner, m.chat(), messages.ChatPatch{Disappearing: &timer, At: m.Data.Timestamp})
	}
	row, err := m.Row()
	if err != nil {
		return err
	}
	if err := w.messages.Save(ctx, owner, row); err != nil || m.Data.EditedAt == nil || m.Data.ServerID == nil {
		return err
	}
	// An edited newsletter post is received again under its own id.
	return w.messages.Edit(ctx, owner, &messages.Change{
		Chat: row.Chat, ID: row.ID, By: row.Sender, FromMe: row.FromMe, At: *m.Data.EditedAt, Type: row.Type, Text: row.Text, Body: row.Body, Raw: row.Raw,
	})
}

// chat returns the chat that the message is stored in. A message to a broadcast list is stored in the chat with its
// sender.
func (m *Message) chat() messages.Address {
	d := m.Data
	if m.Info != nil && m.Info.IsIncomingBroadcast() && m.Info.Chat != types.StatusBroadcastJID {
		return m.sender()
	}
	return messages.Address{JID: d.Chat, Alt: wa.OtherAddress(d.Chat, d.ChatPN, d.ChatLID)}
}

func (m *Message) sender() messages.Address {
	sender := m.Data.WireSender
	return messages.Address{JID: sender, Alt: wa.OtherAddress(sender, m.Data.PN, m.Data.LID)}
}

// Row converts a message that does not act on another one.
func (m *Message) Row() (*messages.Message, error) {
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
func (m *Message) chatTimer(chat messages.Address) *messages.Timer {
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
