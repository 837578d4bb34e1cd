package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
)

const selectAccounts = `SELECT id, name, email, role, created_at, updated_at, (SELECT count(*) FROM account_sessions WHERE account_sessions.account=accounts.id) FROM accounts `

func scanAccount(row dbutil.Scannable) (a accountmethods.Account, err error) {
	var created, updated int64
	err = row.Scan(&a.ID, &a.Name, &a.Email, &a.Role, &created, &updated, &a.SessionCount)
	a.CreatedAt, a.UpdatedAt = fromMillis(created), fromMillis(updated)
	return a, err
}

func (s *Store) find(ctx context.Context, where string, value any) (accountmethods.Account, error) {
	a, err := scanAccount(s.db.QueryRow(ctx, selectAccounts+where, value))
	if errors.Is(err, sql.ErrNoRows) {
		return a, errNoAccount()
	}
	return a, storeError(err)
}

func errNoAccount() error {
	return &rpc.Error{Code: rpc.CodeNotFound, Reason: "account_not_found", Message: "there is no such account"}
}

// emailKey is the form under which addresses are compared.
func emailKey(email string) string { return strings.ToLower(email) }

// Account returns an account; its error is not_found if there is none.
func (s *Store) Account(ctx context.Context, id string) (accountmethods.Account, error) {
	return s.find(ctx, `WHERE id=$1`, id)
}

// FindEmail returns the account with an e-mail address, regardless of case.
func (s *Store) FindEmail(ctx context.Context, email string) (accountmethods.Account, error) {
	return s.find(ctx, `WHERE email_key=$1`, emailKey(email))
}

// CountAccounts returns the number of accounts.
func (s *Store) CountAccounts(ctx context.Context) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT count(*) FROM accounts`).Scan(&n)
	return n, storeError(err)
}

// List returns a page of the accounts, the oldest first.
func (s *Store) List(ctx context.Context, limit, offset int) ([]accountmethods.Account, error) {
	rows, err := s.db.Query(ctx, selectAccounts+`ORDER BY created_at, id LIMIT $1 OFFSET $2`, limit, offset)
	list, err := dbutil.NewRowIterWithError(rows, scanAccount, err).AsList()
	return list, storeError(err)
}

// Create creates an account; the first one is a SUPERADMIN unless the role is given.
func (s *Store) Create(ctx context.Context, a accountmethods.NewAccount) (created accountmethods.Account, err error) {
	if _, err = s.FindEmail(ctx, a.Email); err == nil {
		return created, errEmailTaken()
	}
	hash, err := s.hasher.hash(ctx, a.Password)
	if err != nil {
		return created, storeError(err)
	}
	id, now := newID("acc"), s.now().UnixMilli()
	err = s.change(ctx, false, func(ctx context.Context) error {
		var n int
		if err := s.db.QueryRow(ctx, `SELECT count(*) FROM accounts`).Scan(&n); err != nil {
			return err
		}
		role := a.Role
		switch {
		case n >= s.cfg.MaxAccounts:
			return &rpc.Error{Code: rpc.CodeConflict, Reason: "too_many_accounts", Message: "there are too many accounts; see the setting max-accounts"}
		case role == "" && n == 0:
			role = accountmethods.Superadmin
		case role == "":
			role = accountmethods.Owner
		}
		if err := s.checkEmailFree(ctx, a.Email, id); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, `INSERT INTO accounts (id, name, email, email_key, password, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
			id, a.Name, a.Email, emailKey(a.Email), hash, role, now)
		return err
	}, func() {})
	if err != nil {
		return created, err
	}
	return s.Account(ctx, id)
}

func errEmailTaken() error {
	return &rpc.Error{Code: rpc.CodeConflict, Reason: "email_taken", Message: "another account has this e-mail address"}
}

// checkEmailFree is called in a change, so that no other server takes the address meanwhile.
func (s *Store) checkEmailFree(ctx context.Context, email, id string) error {
	var holder string
	err := s.db.QueryRow(ctx, `SELECT id FROM accounts WHERE email_key=$1`, emailKey(email)).Scan(&holder)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err == nil && holder != id:
		return errEmailTaken()
	}
	return err
}

// checkSuperadminLeft refuses a change after which no SUPERADMIN would be left.
func (s *Store) checkSuperadminLeft(ctx context.Context, without string) error {
	var others int
	err := s.db.QueryRow(ctx, `SELECT count(*) FROM accounts WHERE role=$1 AND id<>$2`, accountmethods.Superadmin, without).Scan(&others)
	if err == nil && others == 0 {
		return &rpc.Error{Code: rpc.CodeConflict, Reason: "last_superadmin", Message: "this is the last account of the role SUPERADMIN"}
	}
	return err
}

// Update changes an account. A new password ends its log-ins; after a new role all its credentials authenticate anew.
func (s *Store) Update(ctx context.Context, id string, c accountmethods.Change) (accountmethods.Account, error) {
	before, err := s.Account(ctx, id)
	if err != nil {
		return before, err
	}
	hash := ""
	if c.Password != nil {
		if hash, err = s.hasher.hash(ctx, *c.Password); err != nil {
			return before, storeError(err)
		}
	}
	newRole := c.Role != nil && *c.Role != before.Role
	err = s.change(ctx, newRole || hash != "", func(ctx context.Context) error {
		a, err := s.find(ctx, `WHERE id=$1`, id)
		if err != nil {
			return err
		}
		if c.Name != nil {
			a.Name = *c.Name
		}
		if c.Email != nil {
			a.Email = *c.Email
			if err := s.checkEmailFree(ctx, a.Email, id); err != nil {
				return err
			}
		}
		if c.Role != nil {
			if a.Role == accountmethods.Superadmin && *c.Role != a.Role {
				if err := s.checkSuperadminLeft(ctx, id); err != nil {
					return err
				}
			}
			a.Role = *c.Role
		}
		if _, err := s.db.Exec(ctx, `UPDATE accounts SET name=$2, email=$3, email_key=$4, role=$5, updated_at=$6 WHERE id=$1`,
			id, a.Name, a.Email, emailKey(a.Email), a.Role, s.now().UnixMilli()); err != nil || hash == "" {
			return err
		}
		if _, err := s.db.Exec(ctx, `UPDATE accounts SET password=$2 WHERE id=$1`, id, hash); err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `DELETE FROM account_logins WHERE account=$1`, id)
		return err
	}, func() {
		s.dropCredentials(func(c *Credential) bool { return c.account == id && (newRole || hash != "" && !c.isKey()) })
	})
	if err != nil {
		return before, err
	}
	return s.Account(ctx, id)
}

// Delete deletes an account with its keys, log-ins and access. Its sessions pass to heir; "" = they have no owner then.
func (s *Store) Delete(ctx context.Context, id, heir string) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		a, err := s.find(ctx, `WHERE id=$1`, id)
		if err == nil && a.Role == accountmethods.Superadmin {
			err = s.checkSuperadminLeft(ctx, id)
		}
		if err != nil {
			return err
		}
		statements := []string{
			`DELETE FROM account_keys WHERE account=$1`, `DELETE FROM account_logins WHERE account=$1`, `DELETE FROM account_grants WHERE account=$1`,
			`DELETE FROM accounts WHERE id=$1`,
		}
		if heir == "" {
			statements = append(statements, `DELETE FROM account_sessions WHERE account=$1`)
		} else {
			for _, statement := range []string{
				`DELETE FROM account_grants WHERE account=$2 AND session IN (SELECT session FROM account_sessions WHERE account=$1)`,
				`UPDATE account_sessions SET account=$2 WHERE account=$1`,
			} {
				if _, err := s.db.Exec(ctx, statement, id, heir); err != nil {
					return fmt.Errorf("pass on sessions: %w", err)
				}
			}
		}
		for _, statement := range statements {
			if _, err := s.db.Exec(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	}, func() {
		s.dropCredentials(func(c *Credential) bool { return c.account == id })
		s.eachRight(func(session string, r *right) {
			next := r.without(id)
			if r.owner == id {
				next = next.without(heir)
				next.owner = heir
			}
			s.setRight(session, next)
		})
	})
}
