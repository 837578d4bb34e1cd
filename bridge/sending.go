package bridge

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/signal"
)

// maxEncryptTries bounds how often a message is encrypted again because its
// ratchet position was taken meanwhile; once is already rare.
const maxEncryptTries = 5

// sendMessage sends through whatsmeow and encrypts again when another message
// took the same ratchet position; nothing has left by then. extra.ID must be
// set, so that every try is the same message. Everything that sends goes
// through here.
func sendMessage(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (resp whatsmeow.SendResponse, err error) {
	if nodes := message.BusinessNodes(to, m); nodes != nil {
		extra.AdditionalNodes = &nodes
	}
	for range maxEncryptTries {
		resp, err = sendOnce(ctx, cli, to, m, extra)
		if !errors.Is(err, signal.ErrRatchetTaken) {
			return resp, err
		}
	}
	return resp, err
}

// sendOnce sends through whatsmeow. When the keys of one device cannot be read or stored, whatsmeow sends the message to the
// other devices only, or to none; here the send ends before anything has left.
func sendOnce(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	ctx, encryption, cancel := signal.NewEncryption(ctx)
	defer cancel()
	resp, err := cli.SendMessage(ctx, to, m, extra)
	if failed := encryption.Err(); failed != nil {
		return resp, failed
	}
	return resp, err
}
