package outbound

import (
	"context"

	"go.mau.fi/util/random"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// findMessage returns the message of a chat that content acts on.
func (s *Service) findMessage(ctx context.Context, cli *whatsmeow.Client, chat types.JID, target *message.ActTarget) (*message.Subject, error) {
	if target.Chat != "" {
		named, err := wa.ParseJID("chat", target.Chat)
		if err != nil {
			return nil, err
		}
		if address := s.chats.AddressOf(ctx, chat); named.String() != address.JID && named.String() != address.Alt {
			return nil, wa.BadParam("chat", "is not the chat that the message goes to")
		}
	}
	t, err := s.findSubject(ctx, MessageRef{Chat: chat.String(), MessageID: target.MessageID, Sender: target.Sender, FromMe: target.FromMe})
	if err != nil {
		return nil, err
	}
	subject := &message.Subject{Info: types.MessageInfo{ID: target.MessageID, MessageSource: types.MessageSource{
		Chat: chat, Sender: t.sender.ToNonAD(), IsFromMe: t.fromMe, IsGroup: chat.Server == types.GroupServer,
	}}}
	if t.fromMe {
		subject.Info.Sender = s.ownAddress()
	} else if t.row == nil { // stored messages have the address that WhatsApp used
		if person, err := wa.PersonOf(ctx, cli.Store, t.sender); err == nil && !person.LID.IsEmpty() {
			subject.Info.Sender = person.LID
		}
	}
	if t.row == nil {
		return subject, nil
	}
	if !t.row.DeletedAt.IsZero() {
		return nil, &wa.Error{Reason: wa.ReasonConflict, Field: "message_id", Message: "the message was deleted"}
	}
	if len(t.row.Raw) > 0 {
		subject.Content, err = message.ContentOfRow(t.row)
	}
	return subject, err
}

// ownAddress returns the account's LID, or its phone number if the LID is not known.
func (s *Service) ownAddress() types.JID {
	pn, lid := s.conn.Addresses()
	if lid.IsEmpty() {
		return pn
	}
	return lid
}

// groupName returns the name of a group; empty if it is not known.
func (s *Service) groupName(ctx context.Context, group types.JID) string {
	found, err := s.chats.FindGroup(ctx, group)
	if err != nil || found == nil {
		return ""
	}
	return found.Name
}

// addSecret adds to an announcement of a community the secret under which its comments are encrypted.
func (s *Service) addSecret(ctx context.Context, chat types.JID, content *waE2E.Message) {
	if chat.Server != types.GroupServer || len(content.GetMessageContextInfo().GetMessageSecret()) > 0 {
		return
	}
	if group, err := s.chats.FindGroup(ctx, chat); err != nil || group == nil || !group.IsAnnouncementGroup {
		return
	}
	if content.MessageContextInfo == nil {
		content.MessageContextInfo = &waE2E.MessageContextInfo{}
	}
	content.MessageContextInfo.MessageSecret = random.Bytes(secretSize)
}

// secretSize is the number of bytes of a message's secret.
const secretSize = 32

// deliverAct sends a message that acts on another one. It changes the stored message and is not stored itself.
func (s *Service) deliverAct(ctx context.Context, cli *whatsmeow.Client, out *Outgoing) (*Sent, error) {
	resp, err := s.sendChange(ctx, cli, out)
	if err != nil {
		return nil, err
	}
	shown := message.NewMessage(&types.MessageInfo{ID: out.ID, Timestamp: resp.Timestamp, MessageSource: types.MessageSource{
		Chat: out.To, Sender: s.ownAddress(), IsFromMe: true, IsGroup: out.To.Server == types.GroupServer,
	}}, message.Innermost(out.Content))
	shown.AddAct(out.Act)
	return &Sent{MessageID: shown.MessageID, Chat: shown.Chat, Sender: shown.Sender, Timestamp: shown.Timestamp, Message: shown}, nil
}
