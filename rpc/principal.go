package rpc

// Scope is the least credential that may call a method, and the credential a principal has.
type Scope string

// Scopes, from least to most.
const (
	ScopePublic  Scope = "public"
	ScopeSession Scope = "session"
	ScopeAccount Scope = "account"
	ScopeAdmin   Scope = "admin"
)

// rank orders scopes; an unknown scope ranks as public, so that a zero Principal may do nothing special.
func (s Scope) rank() int {
	switch s {
	case ScopeSession:
		return 1
	case ScopeAccount:
		return 2
	case ScopeAdmin:
		return 3
	}
	return 0
}

func (s Scope) valid() bool {
	return s == ScopePublic || s.rank() > 0
}

// Principal is the caller. The zero value is unauthenticated and may call public methods only.
type Principal struct {
	// Kind is the scope the credential gives.
	Kind Scope
	// ID is stable over reconnects and not secret: limits, stored replies and named consumers are kept under it.
	ID string
	// Session is the session the credential is bound to; empty when it is bound to none.
	Session string
	// Account is the account behind the credential; empty when there is none.
	Account string
	// Address names where a caller without a credential calls from; limits are kept under it. It may be empty.
	Address string
}

// LimitKey is the name under which limits and budgets of the principal are kept: its id, or for callers without a
// credential their address.
func (p Principal) LimitKey() string {
	if p.ID != "" {
		return p.ID
	}
	return p.Address
}

// MayUse reports whether the principal may act on the session: an admin on any, others on the one they are bound to.
func (p Principal) MayUse(session string) bool {
	if session == "" {
		return false
	}
	if p.Kind == ScopeAdmin {
		return p.Session == "" || p.Session == session
	}
	return p.Kind.rank() >= ScopeSession.rank() && p.Session == session
}
