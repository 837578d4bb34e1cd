package bridge

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// maxEncryptTries bounds how often a message is encrypted again because its
// ratchet position was taken meanwhile; once is already rare.
const maxEncryptTries = 5

// sendMessage sends through whatsmeow and encrypts again when another message
// took the same ratchet position; nothing has left by then. extra.ID must be
// set, so that every try is the same message. Everything that sends goes
// through here.
func sendMessage(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (resp whatsmeow.SendResponse, err error) {
	if nodes := businessNodes(to, m); nodes != nil {
		extra.AdditionalNodes = &nodes
	}
	for range maxEncryptTries {
		resp, err = cli.SendMessage(ctx, to, m, extra)
		if !errors.Is(err, errRatchetTaken) {
			return resp, err
		}
	}
	return resp, err
}
