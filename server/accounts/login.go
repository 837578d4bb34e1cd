package accounts

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
	"github.com/waystation/waystation/server/address"
)

// errLogin is the error for an unknown address and for a wrong password.
func errLogin() *rpc.Error {
	return &rpc.Error{Code: rpc.CodeUnauthenticated, Reason: "wrong_password", Message: "the e-mail address or the password is wrong"}
}

// throttled returns the error for an address or an e-mail address with too many failed log-ins.
func (s *Store) throttled(keys []string) error {
	for _, key := range keys {
		if problem := s.wrong.Peek(key); problem != nil {
			return rpc.RateLimited("too many log-ins failed", problem.RetryAfter)
		}
	}
	return nil
}

// Register is Create for registrations by people. One address may do so as often in a minute as log-ins may fail.
func (s *Store) Register(ctx context.Context, a accountmethods.NewAccount) (accountmethods.Account, error) {
	if from := address.From(ctx); from != "" {
		if problem := s.wrong.Admit("registration:" + from); problem != nil {
			return accountmethods.Account{}, rpc.RateLimited("too many accounts were created from this address", problem.RetryAfter)
		}
	}
	return s.Create(ctx, a)
}

// LogIn checks a password and creates a log-in. Its time and its error are the same for an unknown address and a wrong password.
func (s *Store) LogIn(ctx context.Context, email, password string) (token string, login accountmethods.Login, account accountmethods.Account, err error) {
	keys := []string{"email:" + hashOf(emailKey(email))}
	if from := address.From(ctx); from != "" {
		keys = append(keys, "address:"+from)
	}
	if err = s.throttled(keys); err != nil {
		return "", login, account, err
	}
	var id, hash string
	err = s.db.QueryRow(ctx, `SELECT id, password FROM accounts WHERE email_key=$1`, emailKey(email)).Scan(&id, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", login, account, storeError(err)
	}
	ok, err := s.hasher.verify(ctx, hash, password)
	if err != nil {
		return "", login, account, storeError(err)
	}
	if !ok {
		for _, key := range keys {
			_ = s.wrong.Admit(key) // counts the failure
		}
		return "", login, account, errLogin()
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // crypto/rand never fails
	token = loginPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	now := s.now()
	login = accountmethods.Login{ID: newID("login"), ExpiresAt: now.Add(s.cfg.LoginTTL).Truncate(time.Millisecond)}
	dropped := false
	err = s.change(ctx, false, func(ctx context.Context) error {
		// The password may have been changed, or the account deleted, since it was read.
		var still string
		err := s.db.QueryRow(ctx, `SELECT password FROM accounts WHERE id=$1`, id).Scan(&still)
		if errors.Is(err, sql.ErrNoRows) || err == nil && still != hash {
			return errLogin()
		}
		if err != nil {
			return err
		}
		n, err := affected(s.db.Exec(ctx, `DELETE FROM account_logins WHERE account=$1 AND (expires_at<=$2 OR id NOT IN
			(SELECT id FROM account_logins WHERE account=$1 ORDER BY created_at DESC, id LIMIT $3))`, id, now.UnixMilli(), s.cfg.MaxLogins-1))
		if err != nil {
			return err
		}
		dropped = n > 0
		_, err = s.db.Exec(ctx, `INSERT INTO account_logins (id, account, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			login.ID, id, hashOf(token), now.UnixMilli(), login.ExpiresAt.UnixMilli())
		return err
	}, func() {
		if dropped {
			s.dropUnstored(ctx, id)
		}
	})
	if err != nil {
		return "", login, account, err
	}
	if dropped {
		s.cfg.Changed()
	}
	account, err = s.Account(ctx, id)
	return token, login, account, err
}
