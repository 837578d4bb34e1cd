package webhook

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const someHost = "hooks.example:443"

// More slots admit waiting requests, fewer take none from running ones.
func TestResizeSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 4)
		keys := make([]Key, 10)
		for i := range keys {
			keys[i] = Key{fmt.Sprint("session", i), "w"}
		}
		q.requestSlots(keys[:6]...)
		q.expectOrder(keys[:4]...)
		q.slots.resize(5)
		synctest.Wait()
		q.expectOrder(keys[4])
		q.slots.resize(2)
		q.requestSlots(keys[6:]...)
		for _, key := range keys[:3] {
			q.done(key)
		}
		q.expectOrder() // two are still in use
		q.done(keys[3])
		q.expectOrder(keys[5])
		for more := 3; more <= 6; more++ {
			q.slots.resize(more)
			synctest.Wait()
		}
		q.expectOrder(keys[6:]...)
		for _, key := range keys[4:] {
			q.done(key)
		}
		if n, limit := q.slots.inUse(); n != 0 || limit != 6 || len(q.slots.hosts) != 0 {
			t.Errorf("%d of %d are in use, hosts %v", n, limit, q.slots.hosts)
		}
	})
}

// queue acquires slots in separate goroutines and records the order of admission.
type queue struct {
	t     *testing.T
	slots *slots
	mu    sync.Mutex
	got   []Key
	give  map[Key]func()
}

func newQueue(t *testing.T, limit int) *queue {
	return &queue{t: t, slots: newSlots(limit), give: map[Key]func(){}}
}

// request begins to wait for a slot; in a bubble, so every possible admission has happened when it returns.
func (q *queue) requestSlots(keys ...Key) {
	q.t.Helper()
	for _, key := range keys {
		go func() {
			release, err := q.slots.acquire(q.t.Context(), someHost, key)
			if err != nil {
				return
			}
			q.mu.Lock()
			defer q.mu.Unlock()
			q.got = append(q.got, key)
			q.give[key] = release
		}()
		synctest.Wait()
	}
}

func (q *queue) done(key Key) {
	q.t.Helper()
	q.mu.Lock()
	release := q.give[key]
	delete(q.give, key)
	q.mu.Unlock()
	release()
	synctest.Wait()
}

func (q *queue) expectOrder(want ...Key) {
	q.t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !slices.Equal(q.got, want) {
		q.t.Fatalf("admitted %v, want %v", q.got, want)
	}
	q.got = nil
}

func key(session, id int) Key { return Key{fmt.Sprint("s", session), fmt.Sprint("w", id)} }

func TestSlotsOfOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 8) // a quarter is 2
		q.requestSlots(key(1, 1), key(1, 2), key(1, 3), key(1, 4), key(2, 1), key(2, 2), key(2, 3))
		q.expectOrder(key(1, 1), key(1, 2), key(2, 1), key(2, 2))
		q.done(key(2, 1))
		q.expectOrder(key(2, 3))
		q.done(key(1, 2))
		q.expectOrder(key(1, 3))
		q.done(key(2, 2))
		q.done(key(2, 3))
		if h := q.slots.hosts[someHost]; len(h.sessions) != 1 || h.total != 2 {
			t.Errorf("%d slots of %v", h.total, h.sessions)
		}
	})
}

func TestSlotsInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 4)
		q.requestSlots(key(1, 1), key(2, 1), key(3, 1), key(4, 1), key(5, 1), key(1, 2), key(6, 1))
		q.expectOrder(key(1, 1), key(2, 1), key(3, 1), key(4, 1))
		q.done(key(3, 1))
		q.expectOrder(key(5, 1))
		q.done(key(4, 1)) // session 1 has used its share, so that session 6 is admitted first
		q.expectOrder(key(6, 1))
		q.done(key(1, 1))
		q.expectOrder(key(1, 2))
	})
}

// Hanging webhooks leave half of their host's slots to the others, regardless of their number.
func TestHangingWebhooksLeaveSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 8)
		var hanging []Key
		for i := range 20 {
			hanging = append(hanging, key(100+i, 1))
			q.slots.markSlow(hanging[i], true)
		}
		q.requestSlots(hanging...)
		q.expectOrder(hanging[:4]...)
		q.requestSlots(key(1, 1), key(2, 1), key(3, 1), key(4, 1), key(5, 1))
		q.expectOrder(key(1, 1), key(2, 1), key(3, 1), key(4, 1))
		q.done(key(1, 1))
		q.expectOrder(key(5, 1))
		// One that responds again is treated like the others from then on.
		q.slots.markSlow(hanging[0], false)
		q.done(hanging[0])
		q.expectOrder(hanging[4])
		q.done(key(2, 1))
		q.expectOrder()
		q.requestSlots(hanging[0])
		q.expectOrder(hanging[0])
	})
}

func TestSlotsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.requestSlots(key(1, 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.slots.acquire(ctx, someHost, key(2, 1)); err == nil {
			t.Fatal("a slot in use was granted")
		}
		q.requestSlots(key(3, 1))
		q.done(key(1, 1))
		q.expectOrder(key(1, 1), key(3, 1))
		q.done(key(3, 1))
		if len(q.slots.hosts) != 0 {
			t.Errorf("hosts left: %v", q.slots.hosts)
		}
	})
}
