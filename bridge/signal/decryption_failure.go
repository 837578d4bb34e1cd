package signal

import (
	"context"
	"fmt"
)

// leaveAlone makes whatsmeow leave a message as it is, because the store failed.
//
// whatsmeow takes every error of a decryption for a message that cannot be
// decrypted: it asks the sender for another copy, acknowledges this one, and after
// a few copies asks no more. With a database that is away all of them fail, and the
// message is gone. A cancelled context is the one error after which it does
// neither, and WhatsApp delivers the message again to the next connection.
func (d *Decryptions) leaveAlone(ctx context.Context, err error) error {
	if i := incomingOf(ctx); i != nil {
		i.failed.Store(true)
	}
	if d.lost != nil {
		d.lost(err)
	}
	return fmt.Errorf("bridge: the keys cannot be read or stored now (%w): %w", context.Canceled, err)
}

// storeFailed returns the error of the store to whatsmeow so that no message is lost: a decryption does not acknowledge
// its message, a send ends before its stanza was sent, and other users of the keys do not acknowledge their stanza. The last is the answer to
// a retry receipt: whatsmeow would acknowledge the receipt, and the message would not reach the device that asked for it.
func (d *Decryptions) storeFailed(ctx context.Context, err error) error {
	if err == nil || unitOf(ctx) != nil {
		return noteFailure(ctx, err)
	}
	if e, ok := ctx.Value(encryptionKey{}).(*Encryption); ok {
		if ctx.Err() == nil { // else the caller has gone
			e.fail(err)
		}
		return err
	}
	return d.leaveAlone(ctx, err)
}

// failedWithin is storeFailed for stores that other operations use too: outside of a message and of a send the error passes as it is.
func (d *Decryptions) failedWithin(ctx context.Context, err error) error {
	if _, sending := ctx.Value(encryptionKey{}).(*Encryption); err == nil || !sending && incomingOf(ctx) == nil {
		return err
	}
	return d.storeFailed(ctx, err)
}

// noteFailure remembers in the decryption of ctx, if any, that the store failed:
// libsignal's own errors do not always carry the cause.
func noteFailure(ctx context.Context, err error) error {
	if u := unitOf(ctx); u != nil && err != nil && u.failed == nil {
		u.failed = err
	}
	return err
}
