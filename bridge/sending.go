package bridge

import (
	"context"
	"errors"
	"sync"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
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
		if !errors.Is(err, errRatchetTaken) {
			return resp, err
		}
	}
	return resp, err
}

// sendOnce sends through whatsmeow. When the keys of one device cannot be read or stored, whatsmeow sends the message to the
// other devices only, or to none; here the send ends before anything has left.
func sendOnce(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := &encryption{cancel: cancel}
	resp, err := cli.SendMessage(context.WithValue(ctx, encryptionKey{}, e), to, m, extra)
	if failed := e.failure(); failed != nil {
		return resp, failed
	}
	return resp, err
}

// encryption is the part of a send that uses the store.
type encryption struct {
	cancel context.CancelFunc

	mu     sync.Mutex
	failed error
}

type encryptionKey struct{}

// fail ends the send. whatsmeow checks its context after a device it could not encrypt for, and before it writes to the socket.
func (e *encryption) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = err
	}
	e.cancel()
}

// failure returns why the send was ended: errRatchetTaken, or an Error about the store; nil when it was not.
func (e *encryption) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil || errors.Is(e.failed, errRatchetTaken) {
		return e.failed
	}
	return storageError("the message could not be encrypted, and was not sent", e.failed)
}
