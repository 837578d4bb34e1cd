package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/database"
)

const (
	// MinTokenLength is the shortest token a caller may choose, in bytes; the documented APIs allow 8.
	MinTokenLength = 8
	// MinAdminTokenLength is the shortest admin token, in bytes: it gives access to everything.
	MinAdminTokenLength = 16
	// MaxTokenLength limits the work that an unknown token can cause, in bytes.
	MaxTokenLength = 512
	// tokenBytes is the number of random bytes of a generated token: as many bits as its hash has.
	tokenBytes = 32
)

var (
	// ErrWeakToken means that a token is shorter or longer than allowed, or contains bytes that are invalid in a
	// header.
	ErrWeakToken = errors.New("a token needs 8 to 512 visible ASCII characters")
	// ErrWeakAdminToken is ErrWeakToken for the admin token, which must be longer.
	ErrWeakAdminToken = errors.New("the admin token needs 16 to 512 visible ASCII characters")
	// ErrTokenTaken means that another session or the admin already uses the token.
	ErrTokenTaken = errors.New("the token is already in use")
)

// NewToken returns a random token, in the base64 form that needs no escaping in URLs and headers.
func NewToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// IssueSessionToken sets the token of a session and returns it; the earlier one becomes invalid immediately. owner is
// the key of the session's data, which determines the id of its principal. An empty token means a generated one.
// Errors: ErrWeakToken and ErrTokenTaken, both with an *rpc.Error for the caller, or the database's error.
func (a *Auth) IssueSessionToken(ctx context.Context, session, owner, token string) (string, error) {
	if token == "" {
		token = NewToken()
	} else if err := checkToken(token); err != nil {
		return "", fmt.Errorf("auth: %w: %w", err, rpc.InvalidParams("/token", err.Error()))
	}
	sum := sha256.Sum256([]byte(token))
	if a.isAdmin(sum) {
		return "", errTaken()
	}
	hash := hex.EncodeToString(sum[:])
	a.issuing.Lock()
	defer a.issuing.Unlock()
	err := database.Transact(ctx, a.db, func(ctx context.Context) error {
		var holder string
		err := a.db.QueryRow(ctx, `SELECT session FROM auth_tokens WHERE hash=$1`, hash).Scan(&holder)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && holder != session {
			return errTaken()
		}
		_, err = a.db.Exec(ctx, `INSERT INTO auth_tokens (session, hash, created_at, owner) VALUES ($1, $2, $3, $4)
			ON CONFLICT (session) DO UPDATE SET hash=excluded.hash, created_at=excluded.created_at, owner=excluded.owner`,
			session, hash, a.now().UnixMilli(), owner)
		return err
	})
	switch {
	case errors.Is(err, ErrTokenTaken):
		return "", fmt.Errorf("auth: %w", err)
	case err != nil:
		return "", fmt.Errorf("auth: %w: %w", err, errUnavailable)
	}
	return token, nil
}

func errTaken() error {
	return fmt.Errorf("%w: %w", ErrTokenTaken, rpc.Conflict(ErrTokenTaken.Error()))
}

// RevokeSession deletes the session's token; no-op if the session has no token.
func (a *Auth) RevokeSession(ctx context.Context, session string) error {
	if _, err := a.db.Exec(ctx, `DELETE FROM auth_tokens WHERE session=$1`, session); err != nil {
		return fmt.Errorf("auth: %w: %w", err, errUnavailable)
	}
	return nil
}

// CheckAdminToken returns ErrWeakAdminToken if a text is not a valid admin token.
func CheckAdminToken(token string) error {
	if len(token) < MinAdminTokenLength || checkToken(token) != nil {
		return ErrWeakAdminToken
	}
	return nil
}

func checkToken(token string) error {
	if len(token) < MinTokenLength || len(token) > MaxTokenLength {
		return ErrWeakToken
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return ErrWeakToken
		}
	}
	return nil
}
