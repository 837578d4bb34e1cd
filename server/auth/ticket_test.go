package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
)

var shop = rpc.Principal{Kind: rpc.ScopeSession, ID: "session:shop", Session: "shop"}

func issue(t *testing.T, tickets *Tickets, who rpc.Principal, session string, validFor time.Duration) string {
	t.Helper()
	ticket, expires, err := tickets.Issue(t.Context(), who, session, validFor)
	if err != nil {
		t.Fatal(err)
	}
	if len(ticket)*6 < 128 || !expires.After(time.Now()) {
		t.Fatalf("ticket of %d characters until %s", len(ticket), expires)
	}
	return ticket
}

func TestTicketIsGoodOnce(t *testing.T) {
	tickets := NewTickets(NewMemoryTickets(), TicketConfig{})
	ticket := issue(t, tickets, shop, "", 0)
	if who, err := tickets.Redeem(t.Context(), ticket); err != nil || who != shop {
		t.Fatal(who, err)
	}
	if _, err := tickets.Redeem(t.Context(), ticket); err == nil {
		t.Fatal("replayed")
	}
}

func TestTicketOfManyTakersOneHasIt(t *testing.T) {
	tickets := NewTickets(NewMemoryTickets(), TicketConfig{})
	ticket := issue(t, tickets, shop, "", 0)
	var won atomic.Int32
	var takers sync.WaitGroup
	for range 32 {
		takers.Go(func() {
			if _, err := tickets.Redeem(context.Background(), ticket); err == nil {
				won.Add(1)
			}
		})
	}
	takers.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d have it", won.Load())
	}
}

// All defects of a ticket look the same: an attacker who guesses or steals tickets learns nothing.
func TestBadTicketsAreAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := NewTickets(NewMemoryTickets(), TicketConfig{})
		used, expired := issue(t, tickets, shop, "", 0), issue(t, tickets, shop, "", 5*time.Second)
		if _, err := tickets.Redeem(t.Context(), used); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		texts := map[string]bool{}
		for name, ticket := range map[string]string{
			"used": used, "expired": expired, "unknown": NewToken(), "empty": "", "forged": used[:len(used)-1] + "A",
			"long": strings.Repeat("x", 100_000), "binary": "\x00\xff",
		} {
			_, err := tickets.Redeem(t.Context(), ticket)
			var problem *rpc.Error
			if !errors.As(err, &problem) || problem.Code != rpc.CodeUnauthenticated {
				t.Fatalf("%s: %v", name, err)
			}
			texts[err.Error()] = true
		}
		if len(texts) != 1 {
			t.Errorf("errors differ: %v", texts)
		}
	})
}

func TestTicketNarrowedAndShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := NewTickets(NewMemoryTickets(), TicketConfig{For: time.Minute})
		admin := rpc.Principal{Kind: rpc.ScopeAdmin, ID: AdminID}
		who, err := tickets.Redeem(t.Context(), issue(t, tickets, admin, "shop", time.Minute))
		if err != nil || who != shop {
			t.Errorf("narrowed to %+v, %v", who, err)
		}
		for _, tooLong := range []time.Duration{time.Minute + 1, -1} {
			_, _, err = tickets.Issue(t.Context(), admin, "", tooLong)
			var problem *rpc.Error
			if !errors.As(err, &problem) || problem.Code != rpc.CodeInvalidParams || !strings.Contains(problem.Message, "/ttl_ms") {
				t.Errorf("%s: %v", tooLong, err)
			}
		}
		last := issue(t, tickets, admin, "", 10*time.Second)
		time.Sleep(10*time.Second - time.Millisecond)
		if _, err := tickets.Redeem(t.Context(), last); err != nil {
			t.Errorf("expired early: %v", err)
		}
	})
}

// TestWatchTokensPerPrincipal checks that the errors about watch tokens name them, and not tickets.
func TestWatchTokensPerPrincipal(t *testing.T) {
	tokens := NewTickets(NewMemoryTickets(), TicketConfig{PerPrincipal: 1})
	token, _, err := tokens.IssueWatch(t.Context(), shop, "", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if who, filter, err := tokens.Look(t.Context(), token); err != nil || who != shop || string(filter) != "{}" {
			t.Errorf("%v, %s, %v", who, filter, err)
		}
	}
	var problem *rpc.Error
	if _, _, err = tokens.IssueWatch(t.Context(), shop, "", nil); !errors.As(err, &problem) || problem.Code != rpc.CodeRateLimited || problem.RetryAfter == 0 || !strings.Contains(problem.Error(), "too many watch tokens") {
		t.Errorf("a second token: %v", err)
	}
	for _, unknown := range []string{"", "x", strings.Repeat("x", MaxTokenLength+1)} {
		if _, _, err = tokens.Look(t.Context(), unknown); !errors.As(err, &problem) || problem.Code != rpc.CodeUnauthenticated || !strings.Contains(problem.Error(), "watch token") {
			t.Errorf("%.10q: %v", unknown, err)
		}
	}
}

func TestTicketsPerPrincipal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemoryTickets().(*memoryTickets)
		tickets := NewTickets(store, TicketConfig{PerPrincipal: 3})
		first := issue(t, tickets, shop, "", 0)
		issue(t, tickets, shop, "", time.Second)
		issue(t, tickets, shop, "other", 0) // counts for the issuer
		_, _, err := tickets.Issue(t.Context(), shop, "", 0)
		var problem *rpc.Error
		if !errors.As(err, &problem) || problem.Code != rpc.CodeRateLimited || problem.RetryAfter == 0 {
			t.Fatalf("a fourth: %v", err)
		}
		issue(t, tickets, rpc.Principal{Kind: rpc.ScopeAdmin, ID: AdminID}, "", 0)
		if _, err := tickets.Redeem(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		issue(t, tickets, shop, "", 0)
		time.Sleep(time.Second) // the short one has expired, and makes room
		issue(t, tickets, shop, "", 0)
		time.Sleep(time.Minute)
		issue(t, tickets, shop, "", 0)
		if len(store.tickets) != 1 || len(store.held) != 1 {
			t.Errorf("%d tickets of %d issuers are kept", len(store.tickets), len(store.held))
		}
	})
}

func TestRevokedTickets(t *testing.T) {
	tickets := NewTickets(NewMemoryTickets(), TicketConfig{})
	admin := rpc.Principal{Kind: rpc.ScopeAdmin, ID: AdminID}
	own, narrowed, other := issue(t, tickets, shop, "", 0), issue(t, tickets, admin, "shop", 0), issue(t, tickets, admin, "", 0)
	if err := tickets.Revoke(t.Context(), shop.ID); err != nil {
		t.Fatal(err)
	}
	for _, ticket := range []string{own, narrowed} {
		if _, err := tickets.Redeem(t.Context(), ticket); err == nil {
			t.Error("a ticket outlives its credential")
		}
	}
	if _, err := tickets.Redeem(t.Context(), other); err != nil {
		t.Error(err)
	}
}

// brokenTickets is a store that cannot be reached.
type brokenTickets struct{ TicketStore }

var errStoreDown = errors.New("connection refused by 10.0.0.7")

func (brokenTickets) Put(context.Context, [32]byte, Ticket, int) error { return errStoreDown }
func (brokenTickets) Take(context.Context, [32]byte) (Ticket, error)   { return Ticket{}, errStoreDown }

func TestTicketStoreFails(t *testing.T) {
	tickets := NewTickets(brokenTickets{}, TicketConfig{})
	_, _, issued := tickets.Issue(t.Context(), shop, "", 0)
	_, redeemed := tickets.Redeem(t.Context(), "x")
	for _, err := range []error{issued, redeemed} {
		var problem *rpc.Error
		if !errors.As(err, &problem) || problem.Code != rpc.CodeInternal || !problem.Retryable || strings.Contains(problem.Message, "10.0.0.7") {
			t.Errorf("%v", err)
		}
	}
}
