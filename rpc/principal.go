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
	// Effects are the effects of the calls that the credential permits; 0 = all.
	Effects Effect
	// ID is stable over reconnects and not secret: limits, stored replies and named consumers are kept under it.
	ID string
	// Session is the session the credential is bound to; empty when it is bound to none.
	Session string
	// Account is the account behind the credential; empty when there is none.
	Account string
	// Credential is the id of the account's key or login; empty when there is none. It is not secret.
	Credential string
	// Access decides which sessions a credential of an account may use; nil = the kind and Session decide.
	Access Access
	// Address names where a caller without a credential calls from; limits are kept under it. It may be empty.
	Address string
}

// Access is what a credential of an account may do now: its answers change when rights are granted or revoked. Its methods are
// called with every call; they must not block, and are safe for concurrent use.
type Access interface {
	// Valid reports whether the credential may still be used: it was not revoked and has not expired, and its account exists.
	Valid() bool
	// MayUse reports whether the credential may act on the session.
	MayUse(session string) bool
	// MayManage reports whether the credential may delete and share the session, as its owner may.
	MayManage(session string) bool
	// MayCreate reports whether the credential may create sessions.
	MayCreate() bool
	// Sessions lists the sessions that the credential may use; all = any session.
	Sessions() (list []string, all bool)
}

// LimitKey is the name under which limits and budgets of the principal are kept: its id, or for callers without a
// credential their address.
func (p Principal) LimitKey() string {
	if p.ID != "" {
		return p.ID
	}
	return p.Address
}

// MayUse reports whether the principal may act on the session: an admin on any, an account on those it has access to,
// others on the one they are bound to.
func (p Principal) MayUse(session string) bool {
	switch {
	case session == "" || p.Session != "" && p.Session != session:
		return false
	case p.Access != nil:
		return p.Access.MayUse(session)
	case p.Kind == ScopeAdmin:
		return true
	}
	return p.Kind.rank() >= ScopeSession.rank() && p.Session == session
}

// MayManage reports whether the principal may delete and share the session: an admin any, an account those it owns.
func (p Principal) MayManage(session string) bool {
	if p.Access == nil {
		return p.Kind.rank() >= ScopeAccount.rank() && p.MayUse(session)
	}
	return p.MayUse(session) && p.Access.MayManage(session)
}

// Valid reports whether the credential of the principal may still be used.
func (p Principal) Valid() bool { return p.Access == nil || p.Access.Valid() }

// Permits reports whether the credential permits calls of an effect.
func (p Principal) Permits(effect Effect) bool { return p.Effects == 0 || p.Effects&effect == effect }
