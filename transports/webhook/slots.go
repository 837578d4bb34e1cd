package webhook

import (
	"context"
	"sync"
)

// slots limit the concurrent requests to one host and port. So that hanging requests leave room for others, one session has at most a quarter of a
// host's slots, and all webhooks whose last request took more than half of its time have at most half of them together: a hanging webhook delays no
// other session, and many of them delay the rest for one timeout at most, the first time. Waiting requests are admitted in the order of arrival,
// skipping those whose share is used up.
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

// claim is a request that has a slot or waits for one.
type claim struct {
	key  Key
	slow bool // counts as slow; fixed when it is admitted
	room chan struct{}
}

func newSlots(limit int) *slots {
	return &slots{limit: limit, hosts: map[string]*host{}, slow: map[Key]bool{}}
}

// acquire waits for a slot and returns a function that releases it.
func (s *slots) acquire(ctx context.Context, address string, key Key) (release func(), err error) {
	c := &claim{key: key, room: make(chan struct{})}
	s.mu.Lock()
	h := s.hosts[address]
	if h == nil {
		h = &host{sessions: map[string]int{}}
		s.hosts[address] = h
	}
	if !s.tryAdmit(h, c) {
		h.waiting = append(h.waiting, c)
	}
	s.mu.Unlock()
	select {
	case <-c.room:
	case <-ctx.Done():
		s.cancelClaim(address, h, c)
		return nil, ctx.Err()
	}
	return func() { s.releaseClaim(address, h, c) }, nil
}

// tryAdmit takes a slot for a claim if its shares allow it; s.mu is held.
func (s *slots) tryAdmit(h *host, c *claim) bool {
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

// releaseClaim frees a slot and admits waiting claims.
func (s *slots) releaseClaim(address string, h *host, c *claim) {
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
	s.removeIdleHost(address, h)
}

// resize changes the number of slots per host. Running requests keep theirs, even if they exceed the new number.
func (s *slots) resize(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	for _, h := range s.hosts {
		s.admitMore(h)
	}
}

// admitMore admits waiting claims while there is room; s.mu is held.
func (s *slots) admitMore(h *host) {
	still := h.waiting[:0]
	for i, w := range h.waiting {
		if h.total >= s.limit {
			still = append(still, h.waiting[i:]...)
			break
		}
		if !s.tryAdmit(h, w) {
			still = append(still, w)
		}
	}
	clear(h.waiting[len(still):])
	h.waiting = still
}

// cancelClaim withdraws a claim whose caller stopped waiting.
func (s *slots) cancelClaim(address string, h *host, c *claim) {
	s.mu.Lock()
	for i, w := range h.waiting {
		if w == c {
			h.waiting = append(h.waiting[:i], h.waiting[i+1:]...)
			s.removeIdleHost(address, h)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.releaseClaim(address, h, c) // admitted at the same moment
}

// removeIdleHost drops a host without claims; s.mu is held.
func (s *slots) removeIdleHost(address string, h *host) {
	if h.total == 0 && len(h.waiting) == 0 {
		delete(s.hosts, address)
	}
}

// markSlow records whether a webhook's last request took long.
func (s *slots) markSlow(key Key, slow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slow {
		s.slow[key] = true
	} else {
		delete(s.slow, key)
	}
}
