package sandbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// Content is the content of a message: the result of one of the functions of this package, or any other waE2E message.
type Content = *waE2E.Message

// Text returns a plain text message.
func Text(body string) Content { return &waE2E.Message{Conversation: proto.String(body)} }

// Location returns a location message; name and address may be empty.
func Location(latitude, longitude float64, name, address string) Content {
	return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
		DegreesLatitude: proto.Float64(latitude), DegreesLongitude: proto.Float64(longitude), Name: proto.String(name), Address: proto.String(address),
	}}
}

// Contact returns a contact card; vcard is in vCard format.
func Contact(name, vcard string) Content {
	return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String(name), Vcard: proto.String(vcard)}}
}

// Poll returns a poll; selectable is the number of options that one person may choose, 0 for any number.
func Poll(question string, options []string, selectable int) Content {
	poll := &waE2E.PollCreationMessage{Name: proto.String(question), SelectableOptionsCount: proto.Uint32(uint32(selectable))}
	for _, option := range options {
		poll.Options = append(poll.Options, &waE2E.PollCreationMessage_Option{OptionName: proto.String(option)})
	}
	return &waE2E.Message{PollCreationMessage: poll}
}

// Reply returns a text message that quotes another.
func Reply(to Received, body string) Content {
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text: proto.String(body),
		ContextInfo: &waE2E.ContextInfo{
			StanzaID: proto.String(to.ID), Participant: proto.String(to.Sender.ToNonAD().String()), QuotedMessage: to.Message,
		},
	}}
}

// Echo is a function for AutoReply: it repeats a text and answers other messages with their kind.
func Echo(r Received) Content {
	body := r.Text()
	switch {
	case body != "":
		return Text(body)
	case r.Message.GetProtocolMessage() != nil || r.Message.GetReactionMessage() != nil || r.Message.GetPollUpdateMessage() != nil ||
		r.Message.GetEditedMessage() != nil:
		return nil // refers to an earlier message
	case mediaTypeOf(r.Message) != "":
		return Text("received " + mediaTypeOf(r.Message))
	}
	return Text("received")
}

// Text returns the text or caption of the message.
func (r Received) Text() string {
	m := unwrapMessage(r.Message)
	for _, body := range []string{
		m.GetConversation(), m.GetExtendedTextMessage().GetText(), m.GetImageMessage().GetCaption(), m.GetVideoMessage().GetCaption(),
		m.GetDocumentMessage().GetCaption(), m.GetInteractiveMessage().GetBody().GetText(), m.GetOrderMessage().GetMessage(),
		m.GetInteractiveResponseMessage().GetBody().GetText(), m.GetButtonsResponseMessage().GetSelectedDisplayText(),
		m.GetTemplateButtonReplyMessage().GetSelectedDisplayText(), m.GetListResponseMessage().GetTitle(),
	} {
		if body != "" {
			return body
		}
	}
	return ""
}

// key returns the key of a message from the phone's point of view.
func (p *Phone) key(chat, sender types.JID, id string) *waCommon.MessageKey {
	key := &waCommon.MessageKey{RemoteJID: proto.String(chat.String()), ID: proto.String(id), FromMe: proto.Bool(sender.User == p.account.lid.User)}
	if !key.GetFromMe() && chat.Server == types.GroupServer {
		key.Participant = proto.String(sender.ToNonAD().String())
	}
	return key
}

// Send sends content to a user (JID or LID), a group or status@broadcast and returns the message's id. The error wraps ErrNoAccount or is a *SendError
// when the network refuses the message.
func (p *Phone) Send(ctx context.Context, to types.JID, c Content) (string, error) {
	return p.SendMessage(ctx, to, "", c)
}

// React sets an emoji as reaction to a message; "" removes the reaction.
func (p *Phone) React(ctx context.Context, to Received, emoji string) (string, error) {
	return p.Send(ctx, to.Chat, &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key: p.key(to.Chat, to.Sender, to.ID), Text: proto.String(emoji), SenderTimestampMS: proto.Int64(p.net.now().UnixMilli()),
	}})
}

// Edit replaces the content of a message that the phone's account sent.
func (p *Phone) Edit(ctx context.Context, chat types.JID, id string, c Content) (string, error) {
	chat, err := p.chatOf(chat)
	if err != nil {
		return "", err
	}
	return p.Send(ctx, chat, &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: p.key(chat, p.account.lid, id), EditedMessage: c,
		TimestampMS: proto.Int64(p.net.now().UnixMilli()),
	}}}})
}

// Revoke deletes a message for all participants: an own one, or as a group's admin one of sender.
func (p *Phone) Revoke(ctx context.Context, chat, sender types.JID, id string) (string, error) {
	chat, err := p.chatOf(chat)
	if err != nil {
		return "", err
	}
	if sender.IsEmpty() {
		sender = p.account.lid
	}
	return p.Send(ctx, chat, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: p.key(chat, sender, id),
	}})
}

// secretKey identifies a message with a secret; votes in a poll are encrypted with the poll's secret.
type secretKey struct {
	chat types.JID
	id   string
}

// secretsKept bounds the secrets a phone remembers.
const secretsKept = 4096

// noteSecret remembers the secret of a message.
func (p *Phone) noteSecret(chat types.JID, id string, m *waE2E.Message) {
	secret := m.GetMessageContextInfo().GetMessageSecret()
	if len(secret) == 0 {
		return
	}
	if len(p.secrets) >= secretsKept {
		for key := range maps.Keys(p.secrets) {
			delete(p.secrets, key)
			break
		}
	}
	p.secrets[secretKey{chat, id}] = secret
}

// withSecret adds the secret that polls, events and messages to the announcement group of a community need.
func (p *Phone) withSecret(chat types.JID, m *waE2E.Message) *waE2E.Message {
	if m.GetPollCreationMessage() == nil && m.GetEventMessage() == nil && !p.net.isAnnouncementGroup(chat) || len(m.GetMessageContextInfo().GetMessageSecret()) > 0 {
		return m
	}
	m = proto.CloneOf(m)
	if m.MessageContextInfo == nil {
		m.MessageContextInfo = &waE2E.MessageContextInfo{}
	}
	m.MessageContextInfo.MessageSecret = p.random.bytes(32)
	return m
}

// answerKey derives the key of one person's answer to a message with a secret, and the additional data of its encryption.
func answerKey(use whatsmeow.MsgSecretType, secret []byte, id string, author, by types.JID) (key, bound []byte) {
	from, answering := author.ToNonAD().String(), by.ToNonAD().String()
	return hkdfutil.SHA256(secret, nil, []byte(id+from+answering+string(use)), 32), []byte(id + "\x00" + answering)
}

// Vote chooses options of a poll; no options withdraw the vote. It fails for an unknown poll; other errors are those of Send.
func (p *Phone) Vote(ctx context.Context, poll Received, options ...string) (string, error) {
	secret := p.secretOf(poll)
	if secret == nil {
		return "", fmt.Errorf("sandbox: no poll %s in this chat", poll.ID)
	}
	vote := &waE2E.PollVoteMessage{SelectedOptions: hashesOf(options)}
	plain, err := proto.Marshal(vote)
	if err != nil {
		return "", fmt.Errorf("sandbox: vote: %w", err)
	}
	key, bound := answerKey(whatsmeow.EncSecretPollVote, secret, poll.ID, poll.Sender, p.account.lid)
	iv := p.random.bytes(12)
	sealed, err := gcmutil.Encrypt(key, iv, plain, bound)
	if err != nil {
		return "", fmt.Errorf("sandbox: vote: %w", err)
	}
	return p.Send(ctx, poll.Chat, &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{
		PollCreationMessageKey: p.key(poll.Chat, poll.Sender, poll.ID),
		Vote:                   &waE2E.PollEncValue{EncPayload: sealed, EncIV: iv},
		SenderTimestampMS:      proto.Int64(p.net.now().UnixMilli()),
	}})
}

// Votes decrypts a vote and returns the options of the poll that it chooses. poll is the message with the question.
func (p *Phone) Votes(poll, vote Received) ([]string, error) {
	secret := p.secretOf(poll)
	update := vote.Message.GetPollUpdateMessage()
	key, bound := answerKey(whatsmeow.EncSecretPollVote, secret, poll.ID, poll.Sender, vote.Sender)
	plain, err := gcmutil.Decrypt(key, update.GetVote().GetEncIV(), update.GetVote().GetEncPayload(), bound)
	if err != nil {
		return nil, fmt.Errorf("sandbox: vote: %w", err)
	}
	chosen := &waE2E.PollVoteMessage{}
	if err = proto.Unmarshal(plain, chosen); err != nil {
		return nil, fmt.Errorf("sandbox: vote: %w", err)
	}
	var names []string
	for _, option := range pollOf(unwrapMessage(poll.Message)).GetOptions() {
		hash := sha256.Sum256([]byte(option.GetOptionName()))
		if slices.ContainsFunc(chosen.GetSelectedOptions(), func(s []byte) bool { return slices.Equal(s, hash[:]) }) {
			names = append(names, option.GetOptionName())
		}
	}
	return names, nil
}
