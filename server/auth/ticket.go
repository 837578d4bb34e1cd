package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/rpc"
)

// Ticket is the right to open one connection, or with a filter to watch for a time.
type Ticket struct {
	// Issuer is the id of the principal that asked for it.
	Issuer string
	// Principal is who comes with it: the issuer, or less.
	Principal rpc.Principal
	// Expires is when it is worth nothing any more.
	Expires time.Time
	// Filter is what the ticket is limited to, in its maker's own form; nil = nothing.
	Filter []byte
}

// TicketStore keeps tickets under the SHA-256 of their text. Its methods may be called from many goroutines, and of
// nodes that share one.
type TicketStore interface {
	// Put keeps a ticket until it is taken or expires. It returns ErrTooManyTickets when the issuer has most already.
	Put(ctx context.Context, hash [sha256.Size]byte, t Ticket, most int) error
	// Take removes a ticket and returns it, in one step: of many takers one has it. It returns ErrNoTicket when there
	// is none, or it has expired.
	Take(ctx context.Context, hash [sha256.Size]byte) (Ticket, error)
	// Look is Take for a ticket that stays.
	Look(ctx context.Context, hash [sha256.Size]byte) (Ticket, error)
	// Revoke removes the tickets a principal asked for, and those that stand for it.
	Revoke(ctx context.Context, principal string) error
}

var (
	// ErrTooManyTickets means that a principal has as many tickets as it may.
	ErrTooManyTickets = errors.New("too many tickets are waiting to be used")
	// ErrNoTicket means that there is no such ticket, any more or at all.
	ErrNoTicket = errors.New("no such ticket")
)

// TicketConfig bounds tickets. Zero values stand for the defaults given with each field.
type TicketConfig struct {
	// For is how long a ticket is good, and the most a caller may ask for; 30 s.
	For time.Duration
	// PerPrincipal is how many unused tickets a principal may have; 100.
	PerPrincipal int
	// OwnerOf returns the key of a session's data, see SessionPrincipal; nil = the session's id.
	OwnerOf func(session string) string
}

// Tickets gives out and takes tickets, for browsers, which cannot send a token with a socket or an event stream.
type Tickets struct {
	store TicketStore
	cfg   TicketConfig
	now   func() time.Time
}

// NewTickets gives out tickets that are kept in store.
func NewTickets(store TicketStore, cfg TicketConfig) *Tickets {
	if cfg.For <= 0 {
		cfg.For = 30 * time.Second
	}
	if cfg.PerPrincipal <= 0 {
		cfg.PerPrincipal = 100
	}
	if cfg.OwnerOf == nil {
		cfg.OwnerOf = func(session string) string { return session }
	}
	return &Tickets{store: store, cfg: cfg, now: time.Now}
}

// ticketRetry is when a caller with too many tickets may ask again; by then some have been used or have expired.
const ticketRetry = time.Second

// IssueWatch makes a ticket that is good for as long as tickets of t are, any number of times. With a session it reaches
// that session alone. filter is kept for Look. Errors are *rpc.Error.
func (t *Tickets) IssueWatch(ctx context.Context, who rpc.Principal, session string, filter []byte) (ticket string, expires time.Time, err error) {
	return t.issue(ctx, who, session, t.cfg.For, filter)
}

// Look tells whom a ticket of IssueWatch stands for and what it is limited to. Errors are those of Redeem.
func (t *Tickets) Look(ctx context.Context, ticket string) (who rpc.Principal, filter []byte, err error) {
	kept, err := t.find(ctx, ticket, t.store.Look)
	return kept.Principal, kept.Filter, err
}

// Issue makes a ticket for a principal. With a session it opens that session alone; whether the principal may use it is
// the caller's to check. validFor 0 = as long as tickets are good; more than that is an error. Errors are *rpc.Error.
func (t *Tickets) Issue(ctx context.Context, who rpc.Principal, session string, validFor time.Duration) (ticket string, expires time.Time, err error) {
	switch {
	case validFor < 0 || validFor > t.cfg.For:
		return "", expires, rpc.InvalidParams("/ttl_ms", fmt.Sprintf("must be 1 to %d", t.cfg.For.Milliseconds()))
	case validFor == 0:
		validFor = t.cfg.For
	}
	return t.issue(ctx, who, session, validFor, nil)
}

func (t *Tickets) issue(ctx context.Context, who rpc.Principal, session string, validFor time.Duration, filter []byte) (ticket string, expires time.Time, err error) {
	kept := Ticket{Issuer: who.ID, Principal: who, Filter: filter, Expires: t.now().Add(validFor).UTC().Truncate(time.Millisecond)}
	if session != "" {
		kept.Principal = rpc.Principal{Kind: rpc.ScopeSession, ID: SessionPrincipal(t.cfg.OwnerOf(session)), Session: session}
	}
	ticket = NewToken()
	err = t.store.Put(ctx, sha256.Sum256([]byte(ticket)), kept, t.cfg.PerPrincipal)
	switch {
	case errors.Is(err, ErrTooManyTickets):
		return "", expires, rpc.RateLimited(ErrTooManyTickets.Error(), ticketRetry)
	case err != nil:
		return "", expires, fmt.Errorf("auth: %w: %w", err, unavailable)
	}
	return ticket, kept.Expires, nil
}

// Redeem tells who comes with a ticket, which is used up by it. The error holds an *rpc.Error for the caller, the same
// for a ticket that is unknown, used or expired.
func (t *Tickets) Redeem(ctx context.Context, ticket string) (rpc.Principal, error) {
	kept, err := t.find(ctx, ticket, t.store.Take)
	return kept.Principal, err
}

func (t *Tickets) find(ctx context.Context, ticket string, by func(context.Context, [sha256.Size]byte) (Ticket, error)) (Ticket, error) {
	if ticket == "" || len(ticket) > MaxTokenLength {
		return Ticket{}, refusedTicket()
	}
	// The hash is the key of the look-up, so that its timing tells nothing about the ticket.
	kept, err := by(ctx, sha256.Sum256([]byte(ticket)))
	switch {
	case errors.Is(err, ErrNoTicket):
		return Ticket{}, refusedTicket()
	case err != nil:
		return Ticket{}, fmt.Errorf("auth: %w: %w", err, unavailable)
	}
	return kept, nil
}

func refusedTicket() error {
	return rpc.Unauthenticated("the ticket is not known; each is good once, for a short time")
}

// Revoke makes the unused tickets of a principal worthless, as its token has become.
func (t *Tickets) Revoke(ctx context.Context, principal string) error {
	if err := t.store.Revoke(ctx, principal); err != nil {
		return fmt.Errorf("auth: %w: %w", err, unavailable)
	}
	return nil
}
