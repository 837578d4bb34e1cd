package sandbox

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"google.golang.org/protobuf/proto"
)

// Secret is a message whose content is encrypted under the secret of another message.
type Secret struct {
	Of   Received                                   // the other message
	Use  waE2E.SecretEncryptedMessage_SecretEncType // of edits
	Body proto.Message                              // *waE2E.ReactionMessage, *waE2E.Message of a comment, or the new content of an edit
}

// secretUses are the labels from which WhatsApp derives the keys of edits.
var secretUses = map[waE2E.SecretEncryptedMessage_SecretEncType]whatsmeow.MsgSecretType{
	waE2E.SecretEncryptedMessage_MESSAGE_EDIT:    whatsmeow.EncSecretMessageEdit,
	waE2E.SecretEncryptedMessage_EVENT_EDIT:      whatsmeow.EncSecretEventEdit,
	waE2E.SecretEncryptedMessage_POLL_EDIT:       whatsmeow.EncSecretPollEdit,
	waE2E.SecretEncryptedMessage_POLL_ADD_OPTION: whatsmeow.EncSecretPollEdit,
}

// SendSecret sends a reaction, a comment (Use unset) or an edit that is encrypted
// under the secret of the message it refers to, as in communities.
func (p *Phone) SendSecret(ctx context.Context, s Secret) (string, error) {
	secret := s.Of.Message.GetMessageContextInfo().GetMessageSecret()
	if secret == nil {
		return "", fmt.Errorf("sandbox: message %s has no secret", s.Of.ID)
	}
	use := secretUses[s.Use]
	if use == "" {
		use = whatsmeow.EncSecretComment
		if _, reaction := s.Body.(*waE2E.ReactionMessage); reaction {
			use = whatsmeow.EncSecretReaction
		}
	}
	plain, err := proto.Marshal(s.Body)
	if err != nil {
		return "", fmt.Errorf("sandbox: secret message: %w", err)
	}
	derived, _ := answerKey(use, secret, s.Of.ID, s.Of.Sender, p.account.lid)
	iv := p.random.bytes(12)
	sealed, err := gcmutil.Encrypt(derived, iv, plain, nil)
	if err != nil {
		return "", fmt.Errorf("sandbox: secret message: %w", err)
	}
	key := p.key(s.Of.Chat, s.Of.Sender, s.Of.ID)
	message := &waE2E.Message{SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{
		TargetMessageKey: key, EncPayload: sealed, EncIV: iv, SecretEncType: s.Use.Enum(),
	}}
	switch use {
	case whatsmeow.EncSecretReaction:
		message = &waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{TargetMessageKey: key, EncPayload: sealed, EncIV: iv}}
	case whatsmeow.EncSecretComment:
		message = &waE2E.Message{EncCommentMessage: &waE2E.EncCommentMessage{TargetMessageKey: key, EncPayload: sealed, EncIV: iv}}
	}
	return p.Send(ctx, s.Of.Chat, message)
}

// SendGroupNotice notifies all members of a group of a change that has no request of
// its own here: growth_locked, member_link_mode, modify and the like.
func (p *Phone) SendGroupNotice(group types.JID, change waBinary.Node) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	g := p.net.groupHost.find(group)
	if g == nil {
		return ErrNoAccount
	}
	p.net.groupHost.notifyAccounts(g, p.account, change, g.memberAccounts()...)
	return nil
}
