package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/rpc"
)

// Ticket is the right to open one connection, or with a filter to watch for a limited time.
type Ticket struct {
	// Issuer is the id of the principal that requested it.
	Issuer string
	// Principal is the principal it authenticates: the issuer, or one with fewer rights.
	Principal rpc.Principal
	// Expires is the time at which it becomes invalid.
	Expires time.Time
	// Filter restricts the ticket, in the issuer's own format; nil = no restriction.
	Filter []byte
}

// TicketStore stores tickets under the SHA-256 of their text. Its methods are safe for concurrent use, also by
// several nodes that share a store.
type TicketStore interface {
	// Put stores a ticket until it is taken or expires. It returns ErrTooManyTickets when the issuer has most
	// already.
	Put(ctx context.Context, hash [sha256.Size]byte, t Ticket, most int) error
	// Take removes a ticket and returns it, atomically: of concurrent callers only one receives it. It returns
	// ErrNoTicket if the ticket does not exist or has expired.
	Take(ctx context.Context, hash [sha256.Size]byte) (Ticket, error)
	// Look returns a ticket like Take without removing it.
	Look(ctx context.Context, hash [sha256.Size]byte) (Ticket, error)
	// Revoke removes the tickets that a principal has requested, and those that authenticate it.
	Revoke(ctx context.Context, principal string) error
}

var (
	// ErrTooManyTickets means that a principal has reached its limit of tickets.
	ErrTooManyTickets = errors.New("too many tickets are waiting to be used")
	// ErrNoTicket means that the ticket does not exist, or no longer exists.
	ErrNoTicket = errors.New("no such ticket")
)

// TicketConfig limits tickets. Zero values mean the defaults given with each field.
type TicketConfig struct {
	// For is the lifetime of a ticket, and the longest one a caller may request; 30 s.
	For time.Duration
	// PerPrincipal is the number of unused tickets a principal may have; 100.
	PerPrincipal int
	// OwnerOf returns the key of a session's data, see SessionPrincipal; nil = the session's id.
	OwnerOf func(session string) string
}

// Tickets issues and redeems tickets for browsers, which cannot send a token with a socket or an event stream.
type Tickets struct {
	store TicketStore
	cfg   TicketConfig
	now   func() time.Time
}

// NewTickets returns Tickets that are stored in store.
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

// ticketRetry is the retry hint for a caller with too many tickets; by then some have been used or have expired.
const ticketRetry = time.Second

// IssueWatch issues a ticket that may be used any number of times during its lifetime. With a session it gives access
// to that session only. filter is stored for Look. Errors are *rpc.Error.
func (t *Tickets) IssueWatch(ctx context.Context, who rpc.Principal, session string, filter []byte) (ticket string, expires time.Time, err error) {
	return t.issueTicket(ctx, who, session, t.cfg.For, filter, "too many watch tokens have not expired yet")
}

// Look returns the principal and the filter of a ticket of IssueWatch. Errors are those of Redeem.
func (t *Tickets) Look(ctx context.Context, ticket string) (who rpc.Principal, filter []byte, err error) {
	kept, err := t.lookUp(ctx, ticket, t.store.Look, "the watch token is not known or has expired")
	return kept.Principal, kept.Filter, err
}

// Issue issues a ticket for a principal. With a session it gives access to that session only; the caller must check
// that the principal may use it. validFor 0 = the maximum lifetime; more than that is an error. Errors are
// *rpc.Error.
func (t *Tickets) Issue(ctx context.Context, who rpc.Principal, session string, validFor time.Duration) (ticket string, expires time.Time, err error) {
	switch {
	case validFor < 0 || validFor > t.cfg.For:
		return "", expires, rpc.InvalidParams("/ttl_ms", fmt.Sprintf("must be 1 to %d", t.cfg.For.Milliseconds()))
	case validFor == 0:
		validFor = t.cfg.For
	}
	return t.issueTicket(ctx, who, session, validFor, nil, ErrTooManyTickets.Error())
}

// issueTicket issues a ticket. tooMany is the text of the error if the principal has reached its limit.
func (t *Tickets) issueTicket(
	ctx context.Context, who rpc.Principal, session string, validFor time.Duration, filter []byte, tooMany string,
) (ticket string, expires time.Time, err error) {
	kept := Ticket{Issuer: who.ID, Principal: who, Filter: filter, Expires: t.now().Add(validFor).UTC().Truncate(time.Millisecond)}
	switch {
	case session != "" && who.Access != nil: // the ticket is good as long as the credential and its access to the session
		kept.Principal.Kind, kept.Principal.Session = rpc.ScopeSession, session
	case session != "":
		kept.Principal = rpc.Principal{Kind: rpc.ScopeSession, ID: SessionPrincipal(t.cfg.OwnerOf(session)), Session: session}
	}
	ticket = NewToken()
	err = t.store.Put(ctx, sha256.Sum256([]byte(ticket)), kept, t.cfg.PerPrincipal)
	switch {
	case errors.Is(err, ErrTooManyTickets):
		return "", expires, rpc.RateLimited(tooMany, ticketRetry)
	case err != nil:
		return "", expires, fmt.Errorf("auth: %w: %w", err, errUnavailable)
	}
	return ticket, kept.Expires, nil
}

// Redeem returns the principal of a ticket and invalidates the ticket. The error wraps an *rpc.Error for the caller,
// the same for an unknown, used or expired ticket.
func (t *Tickets) Redeem(ctx context.Context, ticket string) (rpc.Principal, error) {
	kept, err := t.lookUp(ctx, ticket, t.store.Take, "the ticket is not known; each is good once, for a short time")
	return kept.Principal, err
}

// lookUp reads a ticket from the store. refusal is the text of the error for a ticket that the store does not have.
func (t *Tickets) lookUp(ctx context.Context, ticket string, by func(context.Context, [sha256.Size]byte) (Ticket, error), refusal string) (Ticket, error) {
	if ticket == "" || len(ticket) > MaxTokenLength {
		return Ticket{}, rpc.Unauthenticated(refusal)
	}
	// The hash is the key of the look-up, so that its timing reveals nothing about the ticket.
	kept, err := by(ctx, sha256.Sum256([]byte(ticket)))
	switch {
	case errors.Is(err, ErrNoTicket):
		return Ticket{}, rpc.Unauthenticated(refusal)
	case err != nil:
		return Ticket{}, fmt.Errorf("auth: %w: %w", err, errUnavailable)
	}
	return kept, nil
}

// Revoke invalidates the unused tickets of a principal whose token was revoked.
func (t *Tickets) Revoke(ctx context.Context, principal string) error {
	if err := t.store.Revoke(ctx, principal); err != nil {
		return fmt.Errorf("auth: %w: %w", err, errUnavailable)
	}
	return nil
}
