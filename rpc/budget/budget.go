package budget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrFull reports that no room became free in time. It wraps the context's error.
var ErrFull = errors.New("budget: no room for more bytes")

// shareDivisor is the part of the total that one principal may occupy when no share is given.
const shareDivisor = 4

// Budget bounds bytes over all principals and for each of them. Its methods may be called from many goroutines. The zero
// value is not usable; a nil Budget has no bounds.
type Budget struct {
	total, share int64

	mu      sync.Mutex
	held    int64
	byOwner map[string]int64
	waiting []*waiter // in the order in which they arrived
}

// waiter is one Acquire that waits for room.
type waiter struct {
	principal string
	n         int64
	granted   chan struct{} // closed when the bytes have been counted
}

// New returns a budget of total bytes, of which one principal may occupy share. A share of 0, or one above total, is a
// quarter of total.
func New(total, share int64) *Budget {
	total = max(total, 1)
	if share <= 0 || share > total {
		share = max(total/shareDivisor, 1)
	}
	return &Budget{total: total, share: share, byOwner: make(map[string]int64)}
}

// Total returns the bytes that all principals may occupy together.
func (b *Budget) Total() int64 { return b.total }

// Share returns the bytes that one principal may occupy.
func (b *Budget) Share() int64 { return b.share }

// Held returns the bytes that are counted now, over all principals.
func (b *Budget) Held() int64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// HeldBy returns the bytes that are counted for one principal.
func (b *Budget) HeldBy(principal string) int64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byOwner[principal]
}

// TryAcquire counts n bytes for a principal when there is room, and reports whether there was. Release returns them.
func (b *Budget) TryAcquire(principal string, n int64) bool {
	if b == nil || n <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 && b.blocked(principal) || !b.fits(principal, n) {
		return false
	}
	b.count(principal, n)
	return true
}

// Acquire counts n bytes for a principal and waits until there is room. Release returns them. Waiting calls are served in
// order, except that a principal at its share holds up only itself. A caller that keeps bytes while it waits for more must
// set a deadline, because others may do the same. The error wraps ErrFull and the error of ctx; nothing is counted then.
//
// More bytes than the share are granted to a principal that occupies none, and more than the total when all are free, so
// that every request can be served at some time.
func (b *Budget) Acquire(ctx context.Context, principal string, n int64) error {
	if b == nil || n <= 0 {
		return nil
	}
	b.mu.Lock()
	if !(len(b.waiting) > 0 && b.blocked(principal)) && b.fits(principal, n) {
		b.count(principal, n)
		b.mu.Unlock()
		return nil
	}
	w := &waiter{principal: principal, n: n, granted: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, w)
	if i < 0 { // granted meanwhile
		return nil
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.grant() // it may have stood before others
	return fmt.Errorf("%w: %w", ErrFull, context.Cause(ctx))
}

// Charge counts n bytes that exist already, whether there is room or not.
func (b *Budget) Charge(principal string, n int64) {
	if b == nil || n <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(principal, n)
}

// Release returns n bytes that TryAcquire, Acquire or Charge counted.
func (b *Budget) Release(principal string, n int64) {
	if b == nil || n <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byOwner[principal] < n {
		panic("budget: more bytes released than were counted")
	}
	b.count(principal, -n)
	b.grant()
}

// fits reports whether n more bytes of a principal are within the bounds; b.mu is held.
func (b *Budget) fits(principal string, n int64) bool {
	own := b.byOwner[principal]
	return (own == 0 || own+n <= b.share) && (b.held == 0 || b.held+n <= b.total)
}

// blocked reports whether a call that waits must go first: one of the same principal, or one that waits for the total.
// b.mu is held.
func (b *Budget) blocked(principal string) bool {
	for _, w := range b.waiting {
		if w.principal == principal || b.withinShare(w) {
			return true
		}
	}
	return false
}

// withinShare reports whether only the total keeps a call waiting; b.mu is held.
func (b *Budget) withinShare(w *waiter) bool {
	own := b.byOwner[w.principal]
	return own == 0 || own+w.n <= b.share
}

// count adds n, which may be negative; b.mu is held.
func (b *Budget) count(principal string, n int64) {
	b.held += n
	if own := b.byOwner[principal] + n; own == 0 {
		delete(b.byOwner, principal)
	} else {
		b.byOwner[principal] = own
	}
}

// grant serves the waiting calls for which there is room now, in order; b.mu is held.
func (b *Budget) grant() {
	if len(b.waiting) == 0 {
		return
	}
	kept := b.waiting[:0]
	full := false
	var passed map[string]struct{} // principals with a call that has to wait for their own share
	for _, w := range b.waiting {
		_, behind := passed[w.principal]
		switch {
		case full || behind:
		case b.fits(w.principal, w.n):
			b.count(w.principal, w.n)
			close(w.granted)
			continue
		case b.withinShare(w):
			full = true
		default:
			if passed == nil {
				passed = make(map[string]struct{})
			}
			passed[w.principal] = struct{}{}
		}
		kept = append(kept, w)
	}
	clear(b.waiting[len(kept):])
	b.waiting = kept
}
