package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/address"
)

// knownTokens limits the accepted tokens that a Throttle remembers.
const knownTokens = 4096

// Authenticator returns the principal of a token; Auth is one.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (rpc.Principal, error)
}

// Throttle is an Authenticator that limits the wrong tokens of one address. While an address is over its limit, its
// tokens are not checked, except those accepted earlier: clients behind the same address continue to work.
type Throttle struct {
	next  Authenticator
	wrong *rpc.Rates // by address

	mu    sync.Mutex
	known map[[sha256.Size]byte]struct{} // hashes of accepted tokens
}

// NewThrottle limits the wrong tokens of each address to perMinute, with a burst of the same size, before they reach
// next.
func NewThrottle(next Authenticator, perMinute int) *Throttle {
	return &Throttle{
		next: next, wrong: rpc.NewRates(float64(perMinute)/60, perMinute), known: make(map[[sha256.Size]byte]struct{}),
	}
}

// Authenticate returns the principal of a token. The address comes from the context (address.With); without an
// address there is no limit. The error of an address that has sent too many wrong tokens is an *rpc.Error with
// CodeRateLimited.
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
		t.rememberToken(hash)
	case errors.As(err, &problem) && problem.Code != rpc.CodeUnauthenticated: // the token could not be checked
	default:
		t.forgetToken(hash)
		_ = t.wrong.Admit(from) // counts the wrong token
	}
	return who, err
}

func (t *Throttle) isKnown(hash [sha256.Size]byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.known[hash]
	return known
}

func (t *Throttle) rememberToken(hash [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.known[hash]; !known && len(t.known) >= knownTokens {
		for other := range t.known { // a random one: it is checked like a new token later
			delete(t.known, other)
			break
		}
	}
	t.known[hash] = struct{}{}
}

func (t *Throttle) forgetToken(hash [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, hash)
}
