package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
)

// Tickets issues credentials that are valid once, for seconds.
type Tickets interface {
	// Issue issues a ticket for a principal, or with a session for that session only. validFor 0 = the maximum
	// lifetime.
	Issue(ctx context.Context, who rpc.Principal, session string, validFor time.Duration) (ticket string, expires time.Time, err error)
}

type ticketParams struct {
	Session string `json:"session" rpc:"max=256" doc:"the ticket is valid for this session only; absent = for the sessions of the credential"`
	TTLMS   *int64 `json:"ttl_ms" rpc:"min=1,max=600000" doc:"validity in milliseconds; the server's maximum is the default"`
}

type ticketResult struct {
	Ticket    string    `json:"ticket" doc:"for the query parameter ticket of one connection"`
	ExpiresAt time.Time `json:"expires_at" doc:"expiry"`
}

// RegisterTickets adds tickets.create.
func RegisterTickets(reg *rpc.Registry, b *bridge.Bridge, tickets Tickets) {
	rpc.Register(reg, rpc.Method{
		Name: "tickets.create", Summary: "Create a credential for one connection of a browser, which must be used within seconds.", NoSession: true, Secret: true, Effect: rpc.EffectRead,
	}, func(ctx context.Context, call *rpc.Call, p *ticketParams) (ticketResult, error) {
		if p.Session != "" {
			if !call.Principal.MayUse(p.Session) {
				return ticketResult{}, rpc.Forbidden("the credential does not reach this session")
			}
			if _, err := b.Session(p.Session); err != nil {
				return ticketResult{}, err
			}
		}
		var validFor time.Duration
		if p.TTLMS != nil {
			validFor = time.Duration(*p.TTLMS) * time.Millisecond
		}
		ticket, expires, err := tickets.Issue(ctx, call.Principal, p.Session, validFor)
		return ticketResult{ticket, expires}, err
	})
}
