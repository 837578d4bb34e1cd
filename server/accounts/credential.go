package accounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
)

// Prefixes of credentials, after which 32 and 43 characters follow.
const (
	keyPrefix   = "wag_"
	loginPrefix = "wal_"
)

// Credential is a key or a log-in that was used since the start of the server. It implements rpc.Access.
type Credential struct {
	store    *Store
	id, hash string
	account  string
	role     accountmethods.Role
	effects  rpc.Effect
	sessions []string // of a key; nil = all of the account
	expires  int64    // milliseconds; 0 = never
	revoked  atomic.Bool
	used     atomic.Int64 // milliseconds; 0 = not since it was stored
}

var _ rpc.Access = (*Credential)(nil)

func (c *Credential) isKey() bool { return strings.HasPrefix(c.id, "key_") }

// Valid implements rpc.Access.
func (c *Credential) Valid() bool {
	return !c.revoked.Load() && (c.expires == 0 || c.store.now().UnixMilli() < c.expires)
}

// MayUse implements rpc.Access.
func (c *Credential) MayUse(session string) bool {
	return (c.sessions == nil || slices.Contains(c.sessions, session)) && c.Valid() && c.store.mayUse(c.account, c.role, session)
}

// MayManage implements rpc.Access.
func (c *Credential) MayManage(session string) bool {
	return c.role == accountmethods.Superadmin || c.store.OwnerOf(session) == c.account
}

// MayCreate implements rpc.Access: accounts of the role STAFF own no sessions, and a key for some sessions could not use a new one.
func (c *Credential) MayCreate() bool { return c.role != accountmethods.Staff && c.sessions == nil }

// Sessions implements rpc.Access.
func (c *Credential) Sessions() (list []string, all bool) {
	if c.role == accountmethods.Superadmin && c.sessions == nil {
		return nil, true
	}
	list = []string{}
	if c.sessions != nil {
		list = append(list, c.sessions...)
	} else {
		list = c.store.sessionsOf(c.account)
	}
	return slices.DeleteFunc(list, func(id string) bool { return !c.MayUse(id) }), false
}

// PrincipalID is the id of the principal of an account's credentials.
func PrincipalID(account string) string { return "account:" + account }

// principal returns the caller with the credential. The scope admin needs a SUPERADMIN, the effect admin and no limit to sessions.
func (c *Credential) principal() rpc.Principal {
	kind := rpc.ScopeAccount
	if c.role == accountmethods.Superadmin && c.sessions == nil && c.effects&rpc.EffectAdmin != 0 {
		kind = rpc.ScopeAdmin
	}
	return rpc.Principal{Kind: kind, Effects: c.effects, ID: PrincipalID(c.account), Account: c.account, Credential: c.id, Access: c}
}

// next is the authenticator of all other tokens.
type next interface {
	Authenticate(ctx context.Context, token string) (rpc.Principal, error)
}

// Authenticator authenticates the credentials of accounts, and passes other tokens on.
type Authenticator struct {
	store *Store
	next  next
}

// Authenticator returns the store's authenticator, followed by another one.
func (s *Store) Authenticator(other next) *Authenticator { return &Authenticator{s, other} }

// Authenticate returns the principal of a token.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (rpc.Principal, error) {
	if strings.HasPrefix(token, keyPrefix) || strings.HasPrefix(token, loginPrefix) {
		who, err := a.store.Authenticate(ctx, token)
		var problem *rpc.Error
		if err == nil || !errors.As(err, &problem) || problem.Code != rpc.CodeUnauthenticated {
			return who, err
		} // a session may have chosen a token of this form
	}
	return a.next.Authenticate(ctx, token)
}

const selectCredentials = `SELECT c.id, c.hash, c.account, a.role, c.effects, c.sessions, c.expires_at FROM (
	SELECT id, hash, account, effects, sessions, expires_at FROM account_keys UNION ALL
	SELECT id, hash, account, 7 AS effects, '' AS sessions, expires_at FROM account_logins) c JOIN accounts a ON a.id=c.account `

func (s *Store) scanCredential(row dbutil.Scannable) (*Credential, error) {
	c := &Credential{store: s}
	var sessions string
	if err := row.Scan(&c.id, &c.hash, &c.account, &c.role, &c.effects, &sessions, &c.expires); err != nil {
		return nil, err
	}
	if sessions != "" {
		if err := json.Unmarshal([]byte(sessions), &c.sessions); err != nil {
			return nil, fmt.Errorf("sessions of key %s: %w", c.id, err)
		}
	}
	return c, nil
}

// Authenticate returns the principal of a key or a log-in. The error wraps an *rpc.Error for the caller: unauthenticated for unknown, revoked and
// expired ones.
func (s *Store) Authenticate(ctx context.Context, token string) (rpc.Principal, error) {
	hash := hashOf(token)
	s.mu.Lock()
	c := s.credentials[hash]
	s.mu.Unlock()
	if c == nil {
		var err error
		if c, err = s.loadCredential(ctx, hash); err != nil {
			return rpc.Principal{}, err
		}
	}
	if c == nil || !c.Valid() {
		return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
	}
	if now := s.now().UnixMilli(); c.isKey() && now-c.used.Load() > usesEvery.Milliseconds() {
		c.used.Store(now)
	}
	return c.principal(), nil
}

// loadCredential reads a credential; nil = there is none.
func (s *Store) loadCredential(ctx context.Context, hash string) (*Credential, error) {
	s.changing.Lock() // so that no change is missed
	defer s.changing.Unlock()
	c, err := s.scanCredential(s.db.QueryRow(ctx, selectCredentials+`WHERE c.hash=$1`, hash))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, storeError(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.credentials[hash]; known != nil {
		return known, nil
	}
	if c.Valid() {
		s.credentials[hash] = c
	}
	return c, nil
}

// dropCredentials revokes credentials; their callers must authenticate again.
func (s *Store) dropCredentials(matches func(c *Credential) bool) (dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash, c := range s.credentials {
		if matches(c) {
			c.revoked.Store(true)
			delete(s.credentials, hash)
			dropped = true
		}
	}
	return dropped
}

func (s *Store) dropExpired() bool {
	return s.dropCredentials(func(c *Credential) bool { return !c.Valid() })
}

// reloadCredentials revokes the credentials that another server has changed.
func (s *Store) reloadCredentials(ctx context.Context) error {
	s.mu.Lock()
	known := len(s.credentials)
	s.mu.Unlock()
	if known == 0 {
		return nil
	}
	rows, err := s.db.Query(ctx, selectCredentials)
	list, err := dbutil.NewRowIterWithError(rows, s.scanCredential, err).AsList()
	if err != nil {
		return err
	}
	stored := make(map[string]*Credential, len(list))
	for _, c := range list {
		stored[c.hash] = c
	}
	s.dropCredentials(func(c *Credential) bool { return stored[c.hash] == nil || stored[c.hash].role != c.role })
	return nil
}

// storeUses stores when keys were used last.
func (s *Store) storeUses(ctx context.Context) error {
	s.mu.Lock()
	used := map[string]int64{}
	for _, c := range s.credentials {
		if at := c.used.Load(); at != 0 {
			used[c.id] = at
		}
	}
	s.mu.Unlock()
	for id, at := range used {
		if _, err := s.db.Exec(ctx, `UPDATE account_keys SET used_at=$2 WHERE id=$1 AND used_at<$2`, id, at); err != nil {
			return fmt.Errorf("accounts: %w", err)
		}
	}
	return nil
}

// lastUse returns when a key was used, also if that is not stored yet.
func (s *Store) lastUse(hash string, stored int64) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.credentials[hash]; c != nil {
		stored = max(stored, c.used.Load())
	}
	return fromMillis(stored)
}
