package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/signal"
)

// sendMessage sends through whatsmeow; all sends of a session use it. If the keys of a device cannot be read, fetched
// or stored, whatsmeow sends the message to the other devices only, or to none; sendMessage returns an error in this
// case, before anything has been sent.
func sendMessage(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	if nodes := message.BusinessNodes(to, m); nodes != nil {
		extra.AdditionalNodes = &nodes
	}
	ctx, encryption, cancel := signal.NewEncryption(ctx)
	defer cancel()
	resp, err := cli.SendMessage(ctx, to, m, extra)
	if failed := encryption.Err(); failed != nil {
		return resp, failed
	}
	return resp, err
}

// sendMessage calls the function sendMessage and reports the time until WhatsApp's acknowledgement to
// Options.ObserveAck.
func (s *Session) sendMessage(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	began := time.Now()
	resp, err := sendMessage(ctx, cli, to, m, extra)
	if err == nil && s.b.observeAck != nil {
		s.b.observeAck(time.Since(began))
	}
	return resp, err
}
