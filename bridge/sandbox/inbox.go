package sandbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// Received is a message that a phone decrypted, or one that its account sent.
type Received struct {
	ID       string
	Chat     types.JID // LID of the other side, or the group
	Sender   types.JID // LID with device
	FromMe   bool
	PushName string
	Time     time.Time // time stamp of the server
	Message  *waE2E.Message
}

// inbox is a bounded history that can be waited on.
type inbox[T any] struct {
	mu      sync.Mutex
	limit   int
	items   []T
	dropped int           // items removed by the limit
	changed chan struct{} // closed and replaced at each change
}

func newInbox[T any](limit int) inbox[T] {
	return inbox[T]{limit: limit, changed: make(chan struct{})}
}

func (b *inbox[T]) add(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) >= b.limit {
		b.items = slices.Delete(b.items, 0, 1)
		b.dropped++
	}
	b.items = append(b.items, item)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *inbox[T]) list() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.items)
}

// await returns the oldest item that matches and waits for one if necessary. match gets each item once and runs without the lock.
func (b *inbox[T]) await(ctx context.Context, match func(T) bool) (T, error) {
	for next := 0; ; {
		b.mu.Lock()
		fresh := slices.Clone(b.items[min(max(next-b.dropped, 0), len(b.items)):])
		next = b.dropped + len(b.items)
		changed := b.changed
		b.mu.Unlock()
		if index := slices.IndexFunc(fresh, match); index >= 0 {
			return fresh[index], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("sandbox: no matching item arrived: %w", ctx.Err())
		}
	}
}

// Received returns the messages in the phone's chats, its own included, the oldest first; Options.Inbox bounds it.
func (p *Phone) Received() []Received { return p.messages.list() }

// Await returns the oldest message that matches and waits for one if necessary.
func (p *Phone) Await(ctx context.Context, match func(Received) bool) (Received, error) {
	return p.messages.await(ctx, match)
}

// Stanzas returns the other stanzas that reached the phone: receipts, presence, chat states, calls, notifications; at most the latest 1000.
func (p *Phone) Stanzas() []waBinary.Node { return p.stanzas.list() }

// AwaitStanza returns the oldest of the Stanzas that matches and waits for one if necessary.
func (p *Phone) AwaitStanza(ctx context.Context, match func(waBinary.Node) bool) (waBinary.Node, error) {
	return p.stanzas.await(ctx, match)
}
