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

// AdminID is the principal id of whoever holds the admin token.
const AdminID = "admin"

// Auth knows the credentials of this server. Its methods may be called from many goroutines.
type Auth struct {
	db *dbutil.Database
	// admin is the hash of the admin token; hasAdmin is false when there is none, and then nothing matches it.
	admin    [sha256.Size]byte
	hasAdmin bool
	now      func() time.Time

	// issuing makes checking that a token is free and storing it one step; other nodes are kept out by the table.
	issuing sync.Mutex
}

// Open brings the table up to date. An empty adminToken means that nobody is admin; a short one is refused with
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

// unavailable is what a caller hears when the store cannot be asked, which says nothing about the token.
var unavailable = &rpc.Error{Code: rpc.CodeInternal, Message: "credentials cannot be read or changed now", Reason: "storage", Retryable: true}

// Authenticate tells whom a token belongs to. The error holds an *rpc.Error for the caller: unauthenticated for an
// empty, overlong or unknown token, internal when the store could not be asked.
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
		return rpc.Principal{}, fmt.Errorf("auth: %w: %w", err, unavailable)
	}
	// The index compared hashes, whose timing tells nothing about a token; comparing again keeps a lax collation of
	// the database from deciding who gets in.
	if subtle.ConstantTimeCompare([]byte(stored), []byte(wanted)) != 1 {
		return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
	}
	if owner == "" {
		owner = session
	}
	return rpc.Principal{Kind: rpc.ScopeSession, ID: SessionPrincipal(owner), Session: session}, nil
}

// SessionPrincipal returns the principal id of who holds the token of a session. owner is the key of the session's data,
// not its id: what is kept under the id of a principal must not pass to a later session of the same id.
func SessionPrincipal(owner string) string { return "session:" + owner }

func (a *Auth) isAdmin(hash [sha256.Size]byte) bool {
	return a.hasAdmin && subtle.ConstantTimeCompare(hash[:], a.admin[:]) == 1
}
