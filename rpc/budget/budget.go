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
	arrived uint64               // number of the last waiter
	waiting map[string][]*waiter // by principal, in the order in which they arrived; no empty lists
}

// waiter is one Acquire that waits for room.
type waiter struct {
	number  uint64
	n       int64
	granted chan struct{} // closed when the bytes have been counted
}

// New returns a budget of total bytes, of which one principal may occupy share. A share of 0, or one above total, is a
// quarter of total.
func New(total, share int64) *Budget {
	total = max(total, 1)
	if share <= 0 || share > total {
		share = max(total/shareDivisor, 1)
	}
	return &Budget{total: total, share: share, byOwner: make(map[string]int64), waiting: make(map[string][]*waiter)}
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

// IsExhausted reports whether a principal has used up its share, or all together the total.
func (b *Budget) IsExhausted(principal string) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byOwner[principal] >= b.share || b.held >= b.total
}

// TryAcquire counts n bytes for a principal when there is room, and reports whether there was. Release returns them.
func (b *Budget) TryAcquire(principal string, n int64) bool {
	if b == nil || n <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mustQueue(principal) || !b.hasRoom(principal, n) {
		return false
	}
	b.addBytes(principal, n)
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
	if !b.mustQueue(principal) && b.hasRoom(principal, n) {
		b.addBytes(principal, n)
		b.mu.Unlock()
		return nil
	}
	b.arrived++
	w := &waiter{number: b.arrived, n: n, granted: make(chan struct{})}
	b.waiting[principal] = append(b.waiting[principal], w)
	b.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting[principal], w)
	if i < 0 { // granted meanwhile
		return nil
	}
	b.removeWaiter(principal, i)
	b.grantWaiting() // it may have stood before others
	return fmt.Errorf("%w: %w", ErrFull, context.Cause(ctx))
}

// removeWaiter takes a waiter off the list; b.mu is held.
func (b *Budget) removeWaiter(principal string, i int) {
	if list := slices.Delete(b.waiting[principal], i, i+1); len(list) > 0 {
		b.waiting[principal] = list
	} else {
		delete(b.waiting, principal)
	}
}

// Charge counts n bytes that exist already, whether there is room or not.
func (b *Budget) Charge(principal string, n int64) {
	if b == nil || n <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addBytes(principal, n)
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
	b.addBytes(principal, -n)
	b.grantWaiting()
}

// hasRoom reports whether n more bytes of a principal are within the bounds; b.mu is held.
func (b *Budget) hasRoom(principal string, n int64) bool {
	return b.withinShare(principal, n) && (b.held == 0 || b.held+n <= b.total)
}

func (b *Budget) withinShare(principal string, n int64) bool {
	own := b.byOwner[principal]
	return own == 0 || own+n <= b.share
}

// mustQueue reports whether a call that waits must go before one of the principal: one of the same principal, or one that
// waits for the total; b.mu is held.
func (b *Budget) mustQueue(principal string) bool {
	if len(b.waiting) == 0 {
		return false
	}
	if len(b.waiting[principal]) > 0 {
		return true
	}
	next, _ := b.nextWaiter()
	return next != nil
}

// nextWaiter returns the call that has waited longest of those that only the total keeps waiting; nil = there is none. b.mu is
// held.
func (b *Budget) nextWaiter() (next *waiter, principal string) {
	for id, list := range b.waiting {
		if first := list[0]; (next == nil || first.number < next.number) && b.withinShare(id, first.n) {
			next, principal = first, id
		}
	}
	return next, principal
}

// grantWaiting serves the waiting calls for which there is room now; b.mu is held.
func (b *Budget) grantWaiting() {
	for len(b.waiting) > 0 {
		next, principal := b.nextWaiter()
		if next == nil || !b.hasRoom(principal, next.n) {
			return
		}
		b.addBytes(principal, next.n)
		b.removeWaiter(principal, 0)
		close(next.granted)
	}
}

// addBytes adds n, which may be negative; b.mu is held.
func (b *Budget) addBytes(principal string, n int64) {
	b.held += n
	if own := b.byOwner[principal] + n; own == 0 {
		delete(b.byOwner, principal)
	} else {
		b.byOwner[principal] = own
	}
}
