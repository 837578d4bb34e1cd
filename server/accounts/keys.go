package accounts

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
)

// keyPlace is the place of a sealed key in the vault.
func keyPlace(id string) []string { return []string{"account key", id} }

const keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newKey returns a random key: 190 bits in letters and digits.
func newKey() string {
	out := []byte(keyPrefix)
	var random [64]byte
	for len(out) < len(keyPrefix)+32 {
		_, _ = rand.Read(random[:]) // crypto/rand never fails
		for _, b := range random {
			if b &= 63; int(b) < len(keyAlphabet) && len(out) < len(keyPrefix)+32 {
				out = append(out, keyAlphabet[b])
			}
		}
	}
	return string(out)
}

// CreateKey creates an API key. The account's own key replaces the earlier one and can be read again.
func (s *Store) CreateKey(ctx context.Context, account string, k accountmethods.Key) (token string, key accountmethods.Key, err error) {
	k.ID, k.CreatedAt, token = newID("key"), s.now().Truncate(time.Millisecond), newKey()
	sessions, sealed := "", ""
	if k.Sessions != nil {
		raw, err := json.Marshal(k.Sessions)
		if err != nil {
			return "", k, storeError(err)
		}
		sessions = string(raw)
	}
	if k.Own {
		sealed = s.vault.SealText(token, keyPlace(k.ID)...)
	}
	err = s.change(ctx, k.Own, func(ctx context.Context) error {
		if _, err := s.find(ctx, `WHERE id=$1`, account); err != nil {
			return err
		}
		if k.Own {
			if _, err := s.db.Exec(ctx, `DELETE FROM account_keys WHERE account=$1 AND sealed<>''`, account); err != nil {
				return err
			}
		}
		var n int
		if err := s.db.QueryRow(ctx, `SELECT count(*) FROM account_keys WHERE account=$1`, account).Scan(&n); err != nil {
			return err
		}
		if n >= s.cfg.MaxKeys {
			return &rpc.Error{Code: rpc.CodeConflict, Reason: "too_many_keys", Message: "the account has too many API keys; see the setting max-account-keys"}
		}
		_, err := s.db.Exec(ctx, `INSERT INTO account_keys (id, account, name, hash, sealed, effects, sessions, created_at, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`, k.ID, account, k.Name, hashOf(token), sealed, int(k.Effects), sessions, toMillis(k.CreatedAt), toMillis(k.ExpiresAt))
		return err
	}, func() {
		if k.Own {
			s.dropUnstored(ctx, account)
		}
	})
	if err != nil {
		return "", k, err
	}
	return token, k, nil
}

// dropUnstored revokes the credentials of an account that are not in the database any more. If that cannot be read, all are revoked, which authenticate
// again.
func (s *Store) dropUnstored(ctx context.Context, account string) {
	rows, err := s.db.Query(context.WithoutCancel(ctx), selectCredentials+`WHERE c.account=$1`, account)
	list, err := dbutil.NewRowIterWithError(rows, s.scanCredential, err).AsList()
	if err != nil {
		s.cfg.Log.Warn("the credentials of an account cannot be read", "error", err)
	}
	stored := map[string]bool{}
	for _, c := range list {
		stored[c.hash] = true
	}
	s.dropCredentials(func(c *Credential) bool { return c.account == account && !stored[c.hash] })
}

type keyRow struct {
	accountmethods.Key
	sealed string
}

func (s *Store) keyRows(ctx context.Context, where string, args ...any) ([]keyRow, error) {
	rows, err := s.db.Query(ctx, `SELECT id, name, hash, sealed, effects, sessions, created_at, expires_at, used_at FROM account_keys `+where+` ORDER BY created_at, id`, args...)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (k keyRow, err error) {
		var hash, sessions string
		var created, expires, used int64
		if err = row.Scan(&k.ID, &k.Name, &hash, &k.sealed, &k.Effects, &sessions, &created, &expires, &used); err == nil && sessions != "" {
			err = json.Unmarshal([]byte(sessions), &k.Sessions)
		}
		k.CreatedAt, k.ExpiresAt, k.UsedAt, k.Own = fromMillis(created), fromMillis(expires), s.lastUse(hash, used), k.sealed != ""
		return k, err
	}, err).AsList()
	return list, storeError(err)
}

// Keys lists the keys of an account, the oldest first.
func (s *Store) Keys(ctx context.Context, account string) ([]accountmethods.Key, error) {
	rows, err := s.keyRows(ctx, `WHERE account=$1`, account)
	list := make([]accountmethods.Key, len(rows))
	for i := range rows {
		list[i] = rows[i].Key
	}
	return list, err
}

// OwnKey returns the account's own key; empty = it has none.
func (s *Store) OwnKey(ctx context.Context, account string) (token string, key accountmethods.Key, err error) {
	rows, err := s.keyRows(ctx, `WHERE account=$1 AND sealed<>''`, account)
	if err != nil || len(rows) == 0 {
		return "", key, err
	}
	token, err = s.vault.OpenText(rows[0].sealed, keyPlace(rows[0].ID)...)
	return token, rows[0].Key, storeError(err)
}

// RevokeKey revokes a key; an empty id is the account's own key.
func (s *Store) RevokeKey(ctx context.Context, account, id string) (revoked bool, err error) {
	return s.remove(ctx, func(ctx context.Context) (sql.Result, error) {
		if id == "" {
			return s.db.Exec(ctx, `DELETE FROM account_keys WHERE account=$1 AND sealed<>''`, account)
		}
		return s.db.Exec(ctx, `DELETE FROM account_keys WHERE account=$1 AND id=$2`, account, id)
	}, func() { s.dropUnstored(ctx, account) })
}

// Login returns a log-in; ok is false when the credential is none.
func (s *Store) Login(ctx context.Context, id string) (login accountmethods.Login, ok bool, err error) {
	var expires int64
	err = s.db.QueryRow(ctx, `SELECT expires_at FROM account_logins WHERE id=$1`, id).Scan(&expires)
	if errors.Is(err, sql.ErrNoRows) {
		return login, false, nil
	}
	return accountmethods.Login{ID: id, ExpiresAt: fromMillis(expires)}, err == nil, storeError(err)
}

// LogOut ends a log-in.
func (s *Store) LogOut(ctx context.Context, id string) error {
	_, err := s.remove(ctx, func(ctx context.Context) (sql.Result, error) {
		return s.db.Exec(ctx, `DELETE FROM account_logins WHERE id=$1`, id)
	}, func() { s.dropCredentials(func(c *Credential) bool { return c.id == id }) })
	return err
}
