package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// breakers are the circuit breakers of one sink, one for each key whose last attempt was Unreachable; a key that responds has none.
type breakers struct {
	failures int           // consecutive failures that open a breaker
	pause    time.Duration // pause between probes
	maxAge   time.Duration
	now      func() time.Time

	mu    sync.Mutex
	byKey map[string]*breaker
}

type breaker struct {
	failures int
	since    time.Time // time of the first failure in the row
	open     bool
	until    time.Time     // earliest time of the next probe
	probing  bool          // a probe is running
	changed  chan struct{} // closed on the next change
}

// heldTooLongError reports that a target stayed unreachable until the event exceeded its maximum age.
type heldTooLongError struct{ since time.Time }

func (h *heldTooLongError) Error() string {
	return fmt.Sprintf("target unreachable or rejecting every event since %s", h.since.UTC().Format(time.RFC3339))
}

// permit allows one attempt.
type permit struct {
	key   string
	probe bool
}

// acquire waits until the key's breaker permits an attempt. An event logged at a given time is held until both it and the outage are older than
// maxAge, then the error is *heldTooLongError. moved ends the wait so that the caller can look up its key again; then again is true.
func (g *breakers) acquire(ctx context.Context, key string, logged time.Time, moved <-chan struct{}) (p permit, again bool, err error) {
	for {
		g.mu.Lock()
		b := g.byKey[key]
		if b == nil || !b.open {
			g.mu.Unlock()
			return permit{key: key}, false, nil
		}
		now := g.now()
		if !b.probing && !now.Before(b.until) {
			b.probing = true
			g.mu.Unlock()
			return permit{key, true}, false, nil
		}
		from := b.since
		if logged.After(from) {
			from = logged
		}
		wait := from.Add(g.maxAge).Sub(now)
		if wait <= 0 {
			g.mu.Unlock()
			return permit{}, false, &heldTooLongError{b.since}
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
			return permit{}, again, err
		}
	}
}

// tryAcquire is acquire without waiting.
func (g *breakers) tryAcquire(key string) (p permit, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.byKey[key]
	return permit{key: key}, b == nil || !b.open
}

// reportUnreachable records an attempt without a response, and returns whether the breaker is open now and whether this call opened it. certain opens
// it on the first failure.
func (g *breakers) reportUnreachable(p permit, certain bool) (open, opened bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.byKey[p.key]
	if b == nil {
		b = &breaker{since: g.now(), changed: make(chan struct{})}
		g.byKey[p.key] = b
	}
	b.failures++
	if p.probe {
		b.probing = false
	}
	if p.probe || certain || !b.open && b.failures >= g.failures {
		opened = !b.open
		b.open, b.until = true, g.now().Add(g.pause)
		b.notifyWaiters()
	}
	return b.open, opened
}

// reportAnswer records a response of the target, whatever its content. The breaker closes and all waiting attempts continue.
func (g *breakers) reportAnswer(p permit) { g.forgetKey(p.key) }

// releaseUnused returns a permit without a result, because the attempt was cancelled.
func (g *breakers) releaseUnused(p permit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.byKey[p.key]; b != nil && p.probe {
		b.probing = false
		b.notifyWaiters()
	}
}

// forgetKey closes the breaker of a key and drops its failures.
func (g *breakers) forgetKey(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.byKey[key]; b != nil {
		delete(g.byKey, key)
		b.notifyWaiters()
	}
}

func (b *breaker) notifyWaiters() {
	close(b.changed)
	b.changed = make(chan struct{})
}
