package sandbox

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"google.golang.org/protobuf/proto"
)

// Pin pins a message for all members of its chat for a number of seconds; 0 unpins it.
func (p *Phone) Pin(ctx context.Context, m Received, seconds uint32) (string, error) {
	kind := waE2E.PinInChatMessage_PIN_FOR_ALL
	if seconds == 0 {
		kind = waE2E.PinInChatMessage_UNPIN_FOR_ALL
	}
	return p.Send(ctx, m.Chat, &waE2E.Message{
		PinInChatMessage:   &waE2E.PinInChatMessage{Key: p.key(m.Chat, m.Sender, m.ID), Type: kind.Enum(), SenderTimestampMS: proto.Int64(p.net.now().UnixMilli())},
		MessageContextInfo: &waE2E.MessageContextInfo{MessageAddOnDurationInSecs: &seconds},
	})
}

// Keep keeps a disappearing message for all members of its chat, or takes that back.
func (p *Phone) Keep(ctx context.Context, m Received, keep bool) (string, error) {
	kind := waE2E.KeepType_KEEP_FOR_ALL
	if !keep {
		kind = waE2E.KeepType_UNDO_KEEP_FOR_ALL
	}
	return p.Send(ctx, m.Chat, &waE2E.Message{KeepInChatMessage: &waE2E.KeepInChatMessage{
		Key: p.key(m.Chat, m.Sender, m.ID), KeepType: kind.Enum(), TimestampMS: proto.Int64(p.net.now().UnixMilli()),
	}})
}

// Respond answers an event: going, not_going or maybe, with a number of people that come along. It fails for an unknown event.
func (p *Phone) Respond(ctx context.Context, event Received, response string, guests int) (string, error) {
	secret := p.secretOf(event)
	if secret == nil {
		return "", fmt.Errorf("sandbox: no event %s in this chat", event.ID)
	}
	kind := eventResponses[response]
	if kind == waE2E.EventResponseMessage_UNKNOWN {
		return "", fmt.Errorf("sandbox: unknown response %q", response)
	}
	answer := &waE2E.EventResponseMessage{Response: kind.Enum(), TimestampMS: proto.Int64(p.net.now().UnixMilli())}
	if guests > 0 {
		answer.ExtraGuestCount = proto.Int32(int32(guests))
	}
	plain, err := proto.Marshal(answer)
	if err != nil {
		return "", fmt.Errorf("sandbox: response: %w", err)
	}
	key, bound := answerKey(whatsmeow.EncSecretEventResponse, secret, event.ID, event.Sender, p.account.lid)
	iv := p.random.bytes(12)
	sealed, err := gcmutil.Encrypt(key, iv, plain, bound)
	if err != nil {
		return "", fmt.Errorf("sandbox: response: %w", err)
	}
	return p.Send(ctx, event.Chat, &waE2E.Message{EncEventResponseMessage: &waE2E.EncEventResponseMessage{
		EventCreationMessageKey: p.key(event.Chat, event.Sender, event.ID), EncPayload: sealed, EncIV: iv,
	}})
}

var eventResponses = map[string]waE2E.EventResponseMessage_EventResponseType{
	"going": waE2E.EventResponseMessage_GOING, "not_going": waE2E.EventResponseMessage_NOT_GOING, "maybe": waE2E.EventResponseMessage_MAYBE,
}

// Comment sends a comment on a message with a secret: an announcement of a community.
func (p *Phone) Comment(ctx context.Context, of Received, c Content) (string, error) {
	return p.SendSecret(ctx, Secret{Of: of, Body: c})
}

// AcceptInvite joins the group of an invite message that the phone received.
func (p *Phone) AcceptInvite(m Received) (types.JID, error) {
	invite := unwrapMessage(m.Message).GetGroupInviteMessage()
	group, err := types.ParseJID(invite.GetGroupJID())
	if err != nil {
		return types.EmptyJID, fmt.Errorf("sandbox: message %s has no group invite: %w", m.ID, err)
	}
	_, err = p.sendRequest("w:g2", "set", group, acceptNode(invite, m.Sender.ToNonAD()))
	return group, err
}

// secretOf returns the secret of a message; nil if it has none.
func (p *Phone) secretOf(m Received) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secrets[secretKey{m.Chat, m.ID}]
}
