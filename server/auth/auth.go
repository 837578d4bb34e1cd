package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// AdminID is the principal id of callers with the admin token.
const AdminID = "admin"

// Auth authenticates the credentials of this server. Its methods are safe for concurrent use.
type Auth struct {
	db *dbutil.Database
	// admin is the hash of the admin token; hasAdmin is false without an admin token, and then no token matches.
	admin    [sha256.Size]byte
	hasAdmin bool
	now      func() time.Time

	// issuing makes the check that a token is unused and its storing atomic; the table guards against other nodes.
	issuing sync.Mutex
}

// Open creates or updates the table. An empty adminToken disables the admin; a short one is rejected with
// ErrWeakToken.
func Open(ctx context.Context, db *dbutil.Database, adminToken string) (*Auth, error) {
	a := &Auth{now: time.Now}
	if adminToken != "" {
		if err := CheckAdminToken(adminToken); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		a.admin, a.hasAdmin = sha256.Sum256([]byte(adminToken)), true
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if a.db, err = database.Migrate(ctx, db, "auth", files); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return a, nil
}

// errUnavailable is the error for the caller when the store fails, which says nothing about the token.
var errUnavailable = &rpc.Error{Code: rpc.CodeInternal, Message: "credentials cannot be read or changed now", Reason: "storage", Retryable: true}

// Authenticate returns the principal of a token. The error wraps an *rpc.Error for the caller: unauthenticated for an
// empty, overlong or unknown token, internal when the store failed.
func (a *Auth) Authenticate(ctx context.Context, token string) (rpc.Principal, error) {
	if token == "" {
		return rpc.Principal{}, rpc.Unauthenticated("a token is needed")
	}
	if len(token) > MaxTokenLength {
		return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
	}
	hash := sha256.Sum256([]byte(token))
	if a.isAdmin(hash) {
		return rpc.Principal{Kind: rpc.ScopeAdmin, ID: AdminID}, nil
	}
	wanted := hex.EncodeToString(hash[:])
	var session, owner, stored string
	err := a.db.QueryRow(ctx, `SELECT session, owner, hash FROM auth_tokens WHERE hash=$1`, wanted).Scan(&session, &owner, &stored)
	if errors.Is(err, sql.ErrNoRows) {
		return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
	}
	if err != nil {
		return rpc.Principal{}, fmt.Errorf("auth: %w: %w", err, errUnavailable)
	}
	// The index compared hashes, whose timing reveals nothing about a token; the second comparison guards against a
	// lax collation of the database.
	if subtle.ConstantTimeCompare([]byte(stored), []byte(wanted)) != 1 {
		return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
	}
	if owner == "" {
		owner = session
	}
	return rpc.Principal{Kind: rpc.ScopeSession, ID: SessionPrincipal(owner), Session: session}, nil
}

// SessionPrincipal returns the principal id of callers with the token of a session. owner is the key of the session's
// data, not its id: data stored under the id of a principal must not pass to a later session of the same id.
func SessionPrincipal(owner string) string { return "session:" + owner }

func (a *Auth) isAdmin(hash [sha256.Size]byte) bool {
	return a.hasAdmin && subtle.ConstantTimeCompare(hash[:], a.admin[:]) == 1
}
