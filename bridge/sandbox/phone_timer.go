package sandbox

import (
	"context"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// SetChatTimer sets the lifetime of new messages in a one-to-one chat, in
// seconds; 0 is unlimited. It returns the id of the message that announces it.
func (p *Phone) SetChatTimer(ctx context.Context, chat types.JID, seconds uint32) (string, error) {
	return p.Send(ctx, chat, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(), EphemeralExpiration: proto.Uint32(seconds),
	}})
}
