package projection

import (
	"context"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
)

func (w *Writer) changeTarget(ctx context.Context, owner string, m *Message) error {
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
		return w.messages.Edit(ctx, owner, change)
	case message.ActionRevoke:
		return w.messages.Revoke(ctx, owner, change)
	case message.ActionReaction:
		if target.Emoji == nil {
			return nil // encrypted for a newsletter or community; unreadable
		}
		return w.messages.React(ctx, owner, &messages.Reaction{
			Chat: m.chat(), ID: target.MessageID, Sender: m.sender().Preferred(), Emoji: *target.Emoji, At: d.Timestamp,
		})
	case message.ActionPollVote:
		return w.saveVote(ctx, owner, m, target.Options)
	case message.ActionEventResponse:
		if target.Response != nil {
			return w.saveVote(ctx, owner, m, []string{*target.Response})
		}
	}
	return nil
}

// saveVote stores a vote, or the answer to an event as its only option; nil options, which could not be decrypted, are not stored.
func (w *Writer) saveVote(ctx context.Context, owner string, m *Message, options []string) error {
	if options == nil {
		return nil
	}
	return w.messages.SaveVote(ctx, owner, &messages.Vote{
		Chat: m.chat(), ID: m.Data.Target.MessageID, Voter: m.sender().Preferred(), Options: options, At: m.Data.Timestamp,
	})
}

// editedContent returns the new content inside an edit.
func editedContent(m *waE2E.Message) *waE2E.Message {
	if inner := m.GetEditedMessage().GetMessage(); inner != nil {
		m = inner
	}
	return m.GetProtocolMessage().GetEditedMessage()
}
