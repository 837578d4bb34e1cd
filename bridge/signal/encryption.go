package signal

import (
	"context"
	"sync"

	"github.com/waystation/waystation/bridge/wa"
)

// Encryption is the part of a send that uses the store.
type Encryption struct {
	cancel context.CancelFunc

	mu     sync.Mutex
	failed error
}

type encryptionKey struct{}

// NewEncryption returns a context for a send, and the Encryption that reports why the send was ended. Call cancel when the send
// has returned.
func NewEncryption(ctx context.Context) (_ context.Context, e *Encryption, cancel context.CancelFunc) {
	ctx, cancel = context.WithCancel(ctx)
	e = &Encryption{cancel: cancel}
	return context.WithValue(ctx, encryptionKey{}, e), e, cancel
}

// fail ends the send. whatsmeow checks its context after a device it could not encrypt for, and before it writes to the socket.
func (e *Encryption) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = err
	}
	e.cancel()
}

// Err returns why the send was ended, as an Error; nil when it was not.
func (e *Encryption) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		return nil
	}
	return wa.StorageError("the message could not be encrypted, and was not sent", e.failed)
}
