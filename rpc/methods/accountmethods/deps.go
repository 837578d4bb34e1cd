package accountmethods

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waystation/waystation/rpc"
)

// Role is what an account may do.
type Role string

// Roles of accounts.
const (
	// Superadmin accounts may do all that the admin token may.
	Superadmin Role = "SUPERADMIN"
	// Owner accounts create sessions and share them.
	Owner Role = "OWNER"
	// Staff accounts use the sessions that are shared with them.
	Staff Role = "STAFF"
)

// Account is a person who uses the server.
type Account struct {
	ID, Name, Email      string
	Role                 Role
	SessionCount         int // sessions that it owns
	CreatedAt, UpdatedAt time.Time
}

// NewAccount describes an account to create.
type NewAccount struct {
	Name, Email, Password string
	// Role is empty for the default: Superadmin for the first account, else Owner.
	Role Role
}

// Change is a change of an account; nil = unchanged.
type Change struct {
	Name, Email, Password *string
	Role                  *Role
}

// Login is a log-in of an account.
type Login struct {
	ID        string
	ExpiresAt time.Time
}

// Key describes an API key, without the key itself.
type Key struct {
	ID, Name  string
	Effects   rpc.Effect
	Sessions  []string  // nil = all sessions that the account may use
	ExpiresAt time.Time // zero = never
	CreatedAt time.Time
	UsedAt    time.Time // zero = never
	Own       bool      // account.getApiKey returns it
}

// Grant is the access of an account to a session of another one.
type Grant struct {
	ID, Session string
	Account     Account
	CreatedAt   time.Time
}

// Store keeps accounts. Its errors for callers are *rpc.Error.
type Store interface {
	Create(ctx context.Context, a NewAccount) (Account, error)
	// Register is Create for people who create their own account; one address may do so a few times in a minute.
	Register(ctx context.Context, a NewAccount) (Account, error)
	// CountAccounts returns the number of accounts.
	CountAccounts(ctx context.Context) (int, error)
	Account(ctx context.Context, id string) (Account, error)
	FindEmail(ctx context.Context, email string) (Account, error)
	List(ctx context.Context, limit, offset int) ([]Account, error)
	Update(ctx context.Context, id string, c Change) (Account, error)
	// Delete deletes an account and passes its sessions to heir; "" = they have no owner then.
	Delete(ctx context.Context, id, heir string) error

	// LogIn checks a password. The error is the same for an unknown address and a wrong password.
	LogIn(ctx context.Context, email, password string) (token string, login Login, account Account, err error)
	// LogOut ends a log-in.
	LogOut(ctx context.Context, login string) error
	// Login returns a log-in; ok is false when the credential is none.
	Login(ctx context.Context, credential string) (login Login, ok bool, err error)

	// CreateKey creates an API key. The account's own key replaces the earlier one.
	CreateKey(ctx context.Context, account string, k Key) (token string, key Key, err error)
	Keys(ctx context.Context, account string) ([]Key, error)
	// OwnKey returns the account's own key; empty = it has none.
	OwnKey(ctx context.Context, account string) (token string, key Key, err error)
	// RevokeKey revokes a key; an empty id is the account's own key. revoked is false if there is none.
	RevokeKey(ctx context.Context, account, id string) (revoked bool, err error)

	Grants(ctx context.Context, session string) ([]Grant, error)
	// Grant gives an account access to a session; conflict if it has it already.
	Grant(ctx context.Context, session, account string) (Grant, error)
	RevokeGrant(ctx context.Context, session, account string) (revoked bool, err error)
	// OwnerOf returns the account that owns a session; "" = none.
	OwnerOf(session string) string
}

// Deps are the dependencies of the methods.
type Deps struct {
	Store Store
	// HasSession reports whether a session exists.
	HasSession func(id string) bool
	// RegistrationOpen reports whether people may create accounts for themselves.
	RegistrationOpen func(ctx context.Context) bool
	// Forget deletes what is stored for a deleted account elsewhere.
	Forget func(ctx context.Context, account string) error
}

// Limits of params, in characters; of passwords in bytes.
const (
	minPassword = 8
	maxPassword = 1024
)

func checkPassword(password string) string {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return "must have at least 8 characters"
	case len(password) > maxPassword:
		return "must have at most 1024 bytes"
	}
	return ""
}

func checkName(name string) string {
	if strings.TrimSpace(name) == "" {
		return "must not be empty"
	}
	return ""
}

// addFault appends a field with a problem; "" = there is none.
func addFault(fields rpc.Fields, pointer, problem string) rpc.Fields {
	if problem == "" {
		return fields
	}
	return append(fields, rpc.Field{Pointer: pointer, Problem: problem})
}

// orNil returns fields as an error.
func orNil(fields rpc.Fields) error {
	if len(fields) == 0 {
		return nil
	}
	return fields
}
