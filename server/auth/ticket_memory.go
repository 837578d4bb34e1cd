package auth

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// memoryTickets stores tickets in this process, which suffices for one node: they live for seconds.
type memoryTickets struct {
	now func() time.Time

	mu      sync.Mutex
	tickets map[[sha256.Size]byte]Ticket
	held    map[string]int // by issuer
	swept   time.Time
}

var _ TicketStore = (*memoryTickets)(nil)

// NewMemoryTickets returns a store in memory, which is lost with the process.
func NewMemoryTickets() TicketStore {
	return &memoryTickets{now: time.Now, tickets: map[[sha256.Size]byte]Ticket{}, held: map[string]int{}}
}

// sweepTickets is the interval at which expired tickets are dropped while tickets are issued.
const sweepTickets = 10 * time.Second

// Put implements TicketStore.
func (m *memoryTickets) Put(_ context.Context, hash [sha256.Size]byte, t Ticket, most int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.held[t.Issuer] >= most || now.Sub(m.swept) >= sweepTickets {
		m.dropMatching(func(old Ticket) bool { return !now.Before(old.Expires) })
		m.swept = now
	}
	if m.held[t.Issuer] >= most {
		return ErrTooManyTickets
	}
	m.tickets[hash] = t
	m.held[t.Issuer]++
	return nil
}

// Take implements TicketStore.
func (m *memoryTickets) Take(_ context.Context, hash [sha256.Size]byte) (Ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tickets[hash]
	if !ok {
		return Ticket{}, ErrNoTicket
	}
	m.removeTicket(hash, t)
	if !m.now().Before(t.Expires) {
		return Ticket{}, ErrNoTicket
	}
	return t, nil
}

// Look implements TicketStore.
func (m *memoryTickets) Look(_ context.Context, hash [sha256.Size]byte) (Ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tickets[hash]
	if !ok || !m.now().Before(t.Expires) {
		return Ticket{}, ErrNoTicket
	}
	return t, nil
}

// Revoke implements TicketStore.
func (m *memoryTickets) Revoke(_ context.Context, principal string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropMatching(func(t Ticket) bool { return t.Issuer == principal || t.Principal.ID == principal })
	return nil
}

// dropMatching removes the tickets that match; the caller holds m.mu.
func (m *memoryTickets) dropMatching(matches func(Ticket) bool) {
	for hash, t := range m.tickets {
		if matches(t) {
			m.removeTicket(hash, t)
		}
	}
}

func (m *memoryTickets) removeTicket(hash [sha256.Size]byte, t Ticket) {
	delete(m.tickets, hash)
	if m.held[t.Issuer]--; m.held[t.Issuer] <= 0 {
		delete(m.held, t.Issuer)
	}
}
