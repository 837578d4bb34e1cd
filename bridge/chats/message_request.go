package chats

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// MessageRequest names a message that the phone has.
type MessageRequest struct {
	Chat      string
	MessageID string
	// Sender is the author; empty = of the stored message, or the other person of the chat.
	Sender string
}

// RequestedMessage is a request that WhatsApp has accepted.
type RequestedMessage struct {
	ID           string // of the request
	Chat, Sender types.JID
	Time         time.Time
}

// RequestMessage asks the phone to send one message again, for example one that could not be decrypted. The answer is a Message event whose
// resolved is true; there is none if the phone lacks the message, if it is a view-once message, or if its event is already recorded.
func (s *Service) RequestMessage(ctx context.Context, want MessageRequest) (*RequestedMessage, error) {
	chat, err := s.liveChat(want.Chat)
	if err != nil {
		return nil, err
	}
	author, err := s.authorOf(ctx, chat, &want)
	if err != nil {
		return nil, err
	}
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	id := wa.NewRequestID()
	sent, err := askPhone(ctx, cli, id, cli.BuildUnavailableMessageRequest(chat, author, want.MessageID))
	if err != nil {
		return nil, wa.Wrap("request the message", err)
	}
	return &RequestedMessage{ID: id, Chat: chat, Sender: author, Time: sent.Timestamp}, nil
}

// authorOf returns the author of a requested message; empty for the account itself.
func (s *Service) authorOf(ctx context.Context, chat types.JID, want *MessageRequest) (types.JID, error) {
	if want.Sender != "" {
		return wa.ParsePerson("sender", want.Sender)
	}
	stored, err := s.FindMessage(ctx, want.Chat, want.MessageID)
	switch {
	case err == nil && stored.FromMe:
		return types.EmptyJID, nil
	case err == nil:
		author, err := types.ParseJID(stored.Sender.JID)
		if err != nil {
			return author, wa.StorageError("the author of the message could not be read", err)
		}
		return author, nil
	case !wa.IsNotFound(err):
		return types.EmptyJID, err
	case wa.IsPerson(chat):
		return chat, nil
	}
	return types.EmptyJID, wa.BadParam("sender", "is needed: the message is not stored")
}
