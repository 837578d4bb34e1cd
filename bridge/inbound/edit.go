package inbound

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// completeEdit adds the parts of the original that an edit by another person omits, so that event and store have the
// whole message.
func (t *Translation) completeEdit(evt *events.Message) error {
	p := evt.Message.GetProtocolMessage()
	if p.GetType() != waE2E.ProtocolMessage_MESSAGE_EDIT || p.GetEditedMessage() == nil || p.GetKey().GetID() == "" {
		return nil
	}
	original, err := t.storedContent(evt, p.GetKey().GetID())
	if err != nil || original == nil {
		return err
	}
	evt.Message = proto.Clone(evt.Message).(*waE2E.Message) // RawMessage must stay unchanged
	p = evt.Message.ProtocolMessage
	p.EditedMessage = message.MergeEdit(original, p.EditedMessage)
	return nil
}

// chatOf returns the store's address of a message's chat.
func (t *Translation) chatOf(evt *events.Message) (messages.Address, error) {
	info := &evt.Info
	chat := messages.Address{JID: info.Chat.ToNonAD().String()}
	if !wa.IsPerson(info.Chat) {
		return chat, nil
	}
	p, err := t.Person(info.Chat, chatAlt(&info.MessageSource))
	if err != nil {
		return chat, err
	}
	chat.Alt = wa.OtherAddress(chat.JID, wa.JIDOrNull(p.PN), wa.JIDOrNull(p.LID))
	return chat, nil
}
