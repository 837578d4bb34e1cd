package inbound

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// fillNewsletterRevoke replaces the content of a newsletter revocation by that of revocations in other chats: a
// protocol message of type REVOKE that refers to the post. In newsletters WhatsApp sends the id of the post, edit="8"
// and empty content instead.
func fillNewsletterRevoke(evt *events.Message) {
	if evt.Info.Chat.Server != types.NewsletterServer || evt.Info.Edit != types.EditAttributeAdminRevoke || evt.Message.GetProtocolMessage() != nil {
		return
	}
	evt.Message = &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_REVOKE.Enum(),
		Key:  &waCommon.MessageKey{RemoteJID: proto.String(evt.Info.Chat.String()), ID: proto.String(evt.Info.ID)},
	}}
}
