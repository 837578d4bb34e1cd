package inbound

import (
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// openSecrets decrypts content that is additionally encrypted under the secret of the message it refers to (edits,
// reactions and comments of communities, polls and appointments), and replaces it by the plain form. Content that
// cannot be decrypted, because the other message is not stored, stays as it is.
func (t *Translation) openSecrets(evt *events.Message) error {
	var plain *waE2E.Message
	err := wa.CatchPanic("decrypt a secret message", func() (err error) { plain, err = t.decryptSecret(evt); return err })
	if err != nil {
		wa.LogPanic(t.service.log(), err)
		t.service.log().Debug("a secret message could not be decrypted", "error", err)
		return nil
	}
	if plain == nil {
		return nil
	}
	if _, err := wa.ProtoJSON(plain); err != nil { // replaces texts that a database cannot store
		t.service.log().Debug("a secret message has no JSON form", "error", err)
		return nil
	}
	if plain.MessageContextInfo == nil {
		plain.MessageContextInfo = evt.Message.MessageContextInfo
	}
	evt.Message = plain
	return t.applyAddedOption(evt)
}

func (t *Translation) decryptSecret(evt *events.Message) (*waE2E.Message, error) {
	switch m := evt.Message; {
	case m.GetEncReactionMessage() != nil:
		reaction, err := t.cli.DecryptReaction(t.ctx, evt)
		if err != nil {
			return nil, err
		}
		reaction.Key = m.EncReactionMessage.TargetMessageKey
		return &waE2E.Message{ReactionMessage: reaction}, nil
	case m.GetEncCommentMessage() != nil:
		comment, err := t.cli.DecryptComment(t.ctx, evt)
		if err != nil {
			return nil, err
		}
		return &waE2E.Message{CommentMessage: &waE2E.CommentMessage{Message: comment, TargetMessageKey: m.EncCommentMessage.TargetMessageKey}}, nil
	case m.GetSecretEncryptedMessage() != nil:
		inner, err := t.cli.DecryptSecretEncryptedMessage(t.ctx, evt)
		if err != nil {
			return nil, err
		}
		edited := inner
		if wrapped := inner.GetEditedMessage().GetMessage(); wrapped != nil {
			edited = wrapped
		}
		if p := edited.GetProtocolMessage(); p.GetEditedMessage() != nil {
			edited = p.EditedMessage
		}
		evt.IsEdit = true
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: m.SecretEncryptedMessage.TargetMessageKey, EditedMessage: edited,
			TimestampMS: proto.Int64(evt.Info.Timestamp.UnixMilli()),
		}}, nil
	}
	return nil, nil
}

// readResponse decrypts the answer to an event and adds it to the data. whatsmeow has this decryption for votes, and no function for
// answers to events.
func (t *Translation) readResponse(evt *events.Message, data *message.EventData) {
	sealed := evt.Message.GetEncEventResponseMessage()
	if sealed == nil || data.Target == nil {
		return
	}
	answer := &waE2E.EventResponseMessage{}
	err := wa.CatchPanic("decrypt an answer to an event", func() error {
		plain, err := t.cli.DangerousInternals().DecryptMsgSecret(t.ctx, evt, whatsmeow.EncSecretEventResponse, sealed, sealed.GetEventCreationMessageKey())
		if err != nil {
			return err
		}
		return proto.Unmarshal(plain, answer)
	})
	if err != nil {
		wa.LogPanic(t.service.log(), err)
		t.service.log().Debug("an answer to an event could not be decrypted", "error", err)
		return
	}
	response := message.ResponseOf(answer)
	if data.Target.Response = wa.OrNull(response); answer.GetExtraGuestCount() > 0 {
		guests := int(answer.GetExtraGuestCount())
		data.Target.ExtraGuests = &guests
	}
}

// applyAddedOption converts an option added to a poll into an edit of the poll with that option.
func (t *Translation) applyAddedOption(evt *events.Message) error {
	p := evt.Message.GetProtocolMessage()
	added := p.GetEditedMessage().GetPollAddOptionMessage()
	if added.GetAddOption() == nil {
		return nil
	}
	original, err := t.storedContent(evt, p.GetKey().GetID())
	if err != nil || original == nil {
		return err
	}
	if poll := message.FirstPoll(original); poll != nil {
		poll.Options = append(poll.Options, added.AddOption)
		p.EditedMessage = original
	}
	return nil
}

// storedContent returns the content of an earlier message of the chat; nil if it is not stored.
func (t *Translation) storedContent(evt *events.Message, id string) (*waE2E.Message, error) {
	who, err := t.chatOf(evt)
	if err != nil {
		return nil, err
	}
	row, err := t.service.shared.Messages.Message(t.ctx, t.service.owner, who, id)
	if errors.Is(err, messages.ErrNotFound) || err == nil && (len(row.Raw) == 0 || row.Placeholder) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := message.ContentOfRow(row)
	if err != nil {
		return nil, nil //nolint:nilerr // the message is worth showing without it
	}
	return content, nil
}
