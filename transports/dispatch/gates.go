package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// gates are the circuit breakers of one sink. There is one for each key that was Unreachable last; a key that answers
// has none.
type gates struct {
	failures int           // in a row that open a breaker
	pause    time.Duration // until a probe
	maxAge   time.Duration
	now      func() time.Time

	mu    sync.Mutex
	byKey map[string]*gate
}

type gate struct {
	failures int
	since    time.Time // the first failure of the row
	open     bool
	until    time.Time     // when the next probe may go
	probing  bool          // one is under way
	changed  chan struct{} // closed at the next change
}

// held says that a target stayed unreachable for as long as an event may wait.
type held struct{ since time.Time }

func (h *held) Error() string {
	return fmt.Sprintf("held back: the target is away, or refuses all, since %s", h.since.UTC().Format(time.RFC3339))
}

// pass is the right to make one attempt.
type pass struct {
	key   string
	probe bool
}

// enter waits until the key's breaker lets an attempt through. An event that was logged at some time is held until both
// it and the outage are older than maxAge, then the error is *held. moved ends the wait so that the caller can look up
// its key again; then again is true.
func (g *gates) enter(ctx context.Context, key string, logged time.Time, moved <-chan struct{}) (p pass, again bool, err error) {
	for {
		g.mu.Lock()
		b := g.byKey[key]
		if b == nil || !b.open {
			g.mu.Unlock()
			return pass{key: key}, false, nil
		}
		now := g.now()
		if !b.probing && !now.Before(b.until) {
			b.probing = true
			g.mu.Unlock()
			return pass{key, true}, false, nil
		}
		from := b.since
		if logged.After(from) {
			from = logged
		}
		wait := from.Add(g.maxAge).Sub(now)
		if wait <= 0 {
			g.mu.Unlock()
			return pass{}, false, &held{b.since}
		}
		if !b.probing {
			wait = min(wait, b.until.Sub(now))
		}
		changed := b.changed
		g.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-moved:
			again = true
		case <-ctx.Done():
			err = errAbandoned
		}
		timer.Stop()
		if again || err != nil {
			return pass{}, again, err
		}
	}
}

// enterNow is enter for what does not wait.
func (g *gates) enterNow(key string) (p pass, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.byKey[key]
	return pass{key: key}, b == nil || !b.open
}

// unreachable reports that an attempt found nobody, and tells whether the breaker is open now, and whether it was opened by
// that. certain opens it with the first failure.
func (g *gates) unreachable(p pass, certain bool) (open, opened bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.byKey[p.key]
	if b == nil {
		b = &gate{since: g.now(), changed: make(chan struct{})}
		g.byKey[p.key] = b
	}
	b.failures++
	if p.probe {
		b.probing = false
	}
	if p.probe || certain || !b.open && b.failures >= g.failures {
		opened = !b.open
		b.open, b.until = true, g.now().Add(g.pause)
		b.tell()
	}
	return b.open, opened
}

// answered reports an answer of the target, whatever it was. The breaker closes and all waiting attempts go on.
func (g *gates) answered(p pass) { g.forget(p.key) }

// unused gives back a pass that told nothing, because the attempt was cancelled.
func (g *gates) unused(p pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.byKey[p.key]; b != nil && p.probe {
		b.probing = false
		b.tell()
	}
}

// forget closes the breaker of a key and drops its failures.
func (g *gates) forget(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.byKey[key]; b != nil {
		delete(g.byKey, key)
		b.tell()
	}
}

func (b *gate) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}
