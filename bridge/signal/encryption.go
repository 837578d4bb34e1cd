package signal

import (
	"context"
	"errors"
	"sync"

	"go.mau.fi/whatsmeow"

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
	var own *wa.Error
	if errors.As(e.failed, &own) {
		return own
	}
	return wa.StorageError("the message could not be encrypted, and was not sent", e.failed)
}

// KeysNotFetched ends the send that runs, because whatsmeow could not fetch the keys of devices: the connection ended, WhatsApp
// has not answered in time, or it refused for the moment. The error is an *wa.Error with the reason, and the send may be
// repeated. After other refusals, which a repeat would meet again, whatsmeow sends to the other devices.
func (d *Decryptions) KeysNotFetched(err error) {
	if d == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) { // or the caller has gone
		return
	}
	failed := &wa.Error{Reason: wa.ReasonNotConnected, Message: "the keys of a device could not be fetched, and the message was not sent: the connection ended", Retryable: true}
	var refused *whatsmeow.IQError
	switch {
	case errors.As(err, &refused):
		var classified *wa.Error
		if !errors.As(wa.Wrap("fetch the keys of a device", err), &classified) || !classified.Retryable {
			return
		}
		own := *classified
		failed = &own
		failed.Message = "the keys of a device could not be fetched, and the message was not sent: WhatsApp refused"
	case errors.Is(err, whatsmeow.ErrIQTimedOut):
		failed.Reason, failed.Message = wa.ReasonTimeout, "the keys of a device could not be fetched in time, and the message was not sent"
	}
	failed.Err = err
	d.mu.Lock()
	e := d.sending
	d.mu.Unlock()
	if e != nil {
		e.fail(failed)
	}
}
