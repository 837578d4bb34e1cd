package webhook

import (
	"context"
	"sync"
)

// slots bound the requests to one host and port at a time. So that those who hang leave room for the others, one session
// has at most a quarter of a host's slots, and all webhooks whose last request took more than half of its time have at most half of them
// together: a hanging webhook delays no other session, and many of them delay the rest for one timeout at most, the
// first time. Whoever waits is admitted in the order of arrival, passing over those whose share is used up.
type slots struct {
	mu    sync.Mutex
	limit int
	hosts map[string]*host
	slow  map[Key]bool // webhooks whose last request took long
}

type host struct {
	total, slow int
	sessions    map[string]int // slots by session
	waiting     []*claim       // in order of arrival
}

// claim is a request that has or wants a slot.
type claim struct {
	key  Key
	slow bool // counted as one; fixed when it is admitted
	room chan struct{}
}

func newSlots(limit int) *slots {
	return &slots{limit: limit, hosts: map[string]*host{}, slow: map[Key]bool{}}
}

// take waits for a slot and returns what gives it back.
func (s *slots) take(ctx context.Context, address string, key Key) (release func(), err error) {
	c := &claim{key: key, room: make(chan struct{})}
	s.mu.Lock()
	h := s.hosts[address]
	if h == nil {
		h = &host{sessions: map[string]int{}}
		s.hosts[address] = h
	}
	if !s.admit(h, c) {
		h.waiting = append(h.waiting, c)
	}
	s.mu.Unlock()
	select {
	case <-c.room:
	case <-ctx.Done():
		s.abandon(address, h, c)
		return nil, ctx.Err()
	}
	return func() { s.give(address, h, c) }, nil
}

// admit takes a slot for a claim if its shares allow it; s.mu is held.
func (s *slots) admit(h *host, c *claim) bool {
	slow := s.slow[c.key]
	if h.total >= s.limit || h.sessions[c.key.Session] >= max(1, s.limit/4) || slow && h.slow >= max(1, s.limit/2) {
		return false
	}
	h.total++
	h.sessions[c.key.Session]++
	if c.slow = slow; slow {
		h.slow++
	}
	close(c.room)
	return true
}

// give returns a slot and admits who waited for it.
func (s *slots) give(address string, h *host, c *claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.total--
	if h.sessions[c.key.Session]--; h.sessions[c.key.Session] == 0 {
		delete(h.sessions, c.key.Session)
	}
	if c.slow {
		h.slow--
	}
	s.admitMore(h)
	s.tidy(address, h)
}

// resize changes how many slots a host has. Those that are taken stay taken, also if they are more.
func (s *slots) resize(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	for _, h := range s.hosts {
		s.admitMore(h)
	}
}

// admitMore admits who waits, as far as there is room; s.mu is held.
func (s *slots) admitMore(h *host) {
	still := h.waiting[:0]
	for i, w := range h.waiting {
		if h.total >= s.limit {
			still = append(still, h.waiting[i:]...)
			break
		}
		if !s.admit(h, w) {
			still = append(still, w)
		}
	}
	clear(h.waiting[len(still):])
	h.waiting = still
}

// abandon takes back a claim whose caller gave up.
func (s *slots) abandon(address string, h *host, c *claim) {
	s.mu.Lock()
	for i, w := range h.waiting {
		if w == c {
			h.waiting = append(h.waiting[:i], h.waiting[i+1:]...)
			s.tidy(address, h)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.give(address, h, c) // admitted in the same moment
}

// tidy forgets a host that nobody uses; s.mu is held.
func (s *slots) tidy(address string, h *host) {
	if h.total == 0 && len(h.waiting) == 0 {
		delete(s.hosts, address)
	}
}

// mark notes whether a webhook's last request took long.
func (s *slots) mark(key Key, slow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slow {
		s.slow[key] = true
	} else {
		delete(s.slow, key)
	}
}
