package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/address"
)

// knownTokens bounds how many tokens a Throttle remembers as good.
const knownTokens = 4096

// Authenticator returns the principal of a token; Auth is one.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (rpc.Principal, error)
}

// Throttle is an Authenticator that bounds the wrong tokens of one address. While an address has used up its wrong tokens,
// its tokens are not checked, except those that were good before: clients behind the same address go on.
type Throttle struct {
	next  Authenticator
	wrong *rpc.Rates // by address

	mu    sync.Mutex
	known map[[sha256.Size]byte]struct{} // hashes of tokens that were good
}

// NewThrottle bounds the wrong tokens that reach next to perMinute for each address, which may come at once.
func NewThrottle(next Authenticator, perMinute int) *Throttle {
	return &Throttle{
		next: next, wrong: rpc.NewRates(float64(perMinute)/60, perMinute), known: make(map[[sha256.Size]byte]struct{}),
	}
}

// Authenticate returns the principal of a token. The address comes from the context (address.With); without one nothing
// is bounded. The error of an address that has sent too many wrong tokens is an *rpc.Error with CodeRateLimited.
func (t *Throttle) Authenticate(ctx context.Context, token string) (rpc.Principal, error) {
	from := address.From(ctx)
	if from == "" || token == "" {
		return t.next.Authenticate(ctx, token)
	}
	hash := sha256.Sum256([]byte(token))
	if problem := t.wrong.Peek(from); problem != nil && !t.isKnown(hash) {
		return rpc.Principal{}, rpc.RateLimited("too many wrong tokens came from this address", problem.RetryAfter)
	}
	who, err := t.next.Authenticate(ctx, token)
	var problem *rpc.Error
	switch {
	case err == nil:
		t.remember(hash)
	case errors.As(err, &problem) && problem.Code != rpc.CodeUnauthenticated: // it could not be checked
	default:
		t.forget(hash)
		_ = t.wrong.Admit(from) // counts it
	}
	return who, err
}

func (t *Throttle) isKnown(hash [sha256.Size]byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.known[hash]
	return known
}

func (t *Throttle) remember(hash [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.known[hash]; !known && len(t.known) >= knownTokens {
		for other := range t.known { // any: it is checked like a new one then
			delete(t.known, other)
			break
		}
	}
	t.known[hash] = struct{}{}
}

func (t *Throttle) forget(hash [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, hash)
}
