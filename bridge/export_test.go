package bridge

import (
	"context"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/outbound"
)

// SendText sends a text with outbound.Transmit, like every operation.
func (s *Session) SendText(ctx context.Context, to types.JID, text string) (string, error) {
	cli, err := s.live()
	if err != nil {
		return "", err
	}
	id := cli.GenerateMessageID()
	_, err = outbound.Transmit(ctx, cli, to, &waE2E.Message{Conversation: &text}, whatsmeow.SendRequestExtra{ID: id})
	return id, err
}

// StoreHistory stores the contents of a history blob.
func (s *Session) StoreHistory(ctx context.Context, blob *waHistorySync.HistorySync) (int, error) {
	cli, err := s.live()
	if err != nil {
		return 0, err
	}
	return s.history.StoreBlob(ctx, cli, blob)
}

// BotProfiles calls functions of whatsmeow that panic on an incomplete answer.
func (s *Session) BotProfiles(ctx context.Context) ([]types.BotProfileInfo, error) {
	cli, err := s.live()
	if err != nil {
		return nil, err
	}
	bots, err := cli.GetBotListV2(ctx)
	if err != nil {
		return nil, err
	}
	return cli.GetBotProfiles(ctx, bots)
}

// EndUnhandled ends the connection as if last had been read and dropped before it was handled.
func (s *Session) EndUnhandled(last waBinary.Node) error {
	cli, err := s.live()
	if err != nil {
		return err
	}
	frame, err := waBinary.Marshal(last)
	if err != nil {
		return err
	}
	s.inputOf(cli).RememberEnd(frame)
	cli.Disconnect()
	s.handle(cli, &events.Disconnected{})
	return nil
}

// Handle passes an event to the session like the client of the open connection.
func (s *Session) Handle(evt any) bool {
	cli, err := s.live()
	return err == nil && s.handle(cli, evt)
}
