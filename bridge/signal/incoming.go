package signal

import (
	"context"
	"sync/atomic"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Message names a message that WhatsApp delivers.
type Message struct {
	ID     types.MessageID
	Sender types.JID // with the device
}

// incoming is the context in which whatsmeow handles the stanza of a message. It counts as cancelled once something of the
// message could not be read or stored: whatsmeow logs the error of most stores and goes on, and would acknowledge the message
// without its sender key, for example. In a cancelled context it decrypts no more and acknowledges nothing.
type incoming struct {
	context.Context
	message Message
	failed  atomic.Bool
	// searched is the hash of the ciphertext whose plaintext was searched last and not found; nil = none.
	searched *[sha256Size]byte
}

// Err returns context.Canceled after a failure. Done stays open: the calls that run end by themselves.
func (i *incoming) Err() error {
	if i.failed.Load() {
		return context.Canceled
	}
	return i.Context.Err()
}

type incomingKey struct{}

// Value returns the incoming itself for incomingKey.
func (i *incoming) Value(key any) any {
	if key == (incomingKey{}) {
		return i
	}
	return i.Context.Value(key)
}

// incomingOf returns the message that is handled in ctx; nil = none.
func incomingOf(ctx context.Context) *incoming {
	i, _ := ctx.Value(incomingKey{}).(*incoming)
	return i
}

// WithMessage returns the context for whatsmeow's handler of a message's stanza.
func WithMessage(ctx context.Context, node *waBinary.Node) context.Context {
	i := &incoming{Context: ctx}
	i.message.ID, _ = node.Attrs["id"].(string)
	if i.message.Sender, _ = node.Attrs["participant"].(types.JID); i.message.Sender.IsEmpty() {
		i.message.Sender, _ = node.Attrs["from"].(types.JID)
	}
	return i
}
