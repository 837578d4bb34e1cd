package accounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
)

// right says which accounts may use a session. It is replaced, never modified.
type right struct {
	owner   string // "" = none
	granted map[string]struct{}
}

var noRight = &right{}

func (r *right) without(account string) *right {
	next := &right{owner: r.owner, granted: maps.Clone(r.granted)}
	delete(next.granted, account)
	return next
}

func (r *right) with(account string) *right {
	next := &right{owner: r.owner, granted: maps.Clone(r.granted)}
	if next.granted == nil {
		next.granted = map[string]struct{}{}
	}
	next.granted[account] = struct{}{}
	return next
}

func (s *Store) rightOf(session string) *right {
	if r, ok := s.rights.Load(session); ok {
		return r.(*right)
	}
	return noRight
}

func (s *Store) setRight(session string, r *right) {
	if r.owner == "" && len(r.granted) == 0 {
		s.rights.Delete(session)
	} else {
		s.rights.Store(session, r)
	}
}

func (s *Store) eachRight(f func(session string, r *right)) {
	s.rights.Range(func(session, r any) bool {
		f(session.(string), r.(*right))
		return true
	})
}

// mayUse reports whether an account may use a session by its role, as the owner or because it is shared.
func (s *Store) mayUse(account string, role accountmethods.Role, session string) bool {
	if role == accountmethods.Superadmin {
		return true
	}
	r := s.rightOf(session)
	_, granted := r.granted[account]
	return granted || r.owner == account
}

type pair struct{ session, account string }

func (s *Store) pairs(ctx context.Context, query string) ([]pair, error) {
	rows, err := s.db.Query(ctx, query)
	return dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (p pair, err error) {
		err = row.Scan(&p.session, &p.account)
		return p, err
	}, err).AsList()
}

// reloadRights reads all rights.
func (s *Store) reloadRights(ctx context.Context) error {
	owners, err := s.pairs(ctx, `SELECT session, account FROM account_sessions`)
	if err != nil {
		return err
	}
	grants, err := s.pairs(ctx, `SELECT session, account FROM account_grants`)
	if err != nil {
		return err
	}
	read := make(map[string]*right, len(owners))
	at := func(session string) *right {
		if read[session] == nil {
			read[session] = &right{granted: map[string]struct{}{}}
		}
		return read[session]
	}
	for _, o := range owners {
		at(o.session).owner = o.account
	}
	for _, g := range grants {
		at(g.session).granted[g.account] = struct{}{}
	}
	s.eachRight(func(session string, _ *right) {
		if read[session] == nil {
			s.rights.Delete(session)
		}
	})
	for session, r := range read {
		s.setRight(session, r)
	}
	return nil
}

// OwnerOf returns the account that owns a session; "" = none.
func (s *Store) OwnerOf(session string) string { return s.rightOf(session).owner }

// SetOwner makes an account the owner of a new session; "" = it has none. Access to an earlier session of the id ends.
func (s *Store) SetOwner(ctx context.Context, session, account string) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		if err := s.forget(ctx, session); err != nil || account == "" {
			return err
		}
		// The account may have been deleted meanwhile.
		n, err := affected(s.db.Exec(ctx, `INSERT INTO account_sessions (session, account, created_at) SELECT CAST($1 AS TEXT), id, CAST($3 AS BIGINT) FROM accounts WHERE id=$2`, session, account, s.now().UnixMilli()))
		if err == nil && n == 0 {
			return rpc.Unauthenticated("the account was deleted")
		}
		return err
	}, func() {
		s.setRight(session, &right{owner: account})
		s.dropCredentials(func(c *Credential) bool { return slices.Contains(c.sessions, session) })
	})
}

func (s *Store) forget(ctx context.Context, session string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM account_sessions WHERE session=$1`, session)
	if err == nil {
		_, err = s.db.Exec(ctx, `DELETE FROM account_grants WHERE session=$1`, session)
	}
	if err == nil {
		err = s.forgetInKeys(ctx, session)
	}
	return err
}

// forgetInKeys removes a session from the lists of keys. A list that becomes empty permits none.
func (s *Store) forgetInKeys(ctx context.Context, session string) error {
	limited, err := s.keyRows(ctx, `WHERE sessions<>''`)
	if err != nil {
		return err
	}
	for _, k := range limited {
		if !slices.Contains(k.Sessions, session) {
			continue
		}
		list, err := json.Marshal(slices.DeleteFunc(k.Sessions, func(id string) bool { return id == session }))
		if err == nil {
			_, err = s.db.Exec(ctx, `UPDATE account_keys SET sessions=$2 WHERE id=$1`, k.ID, string(list))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SessionDeleted removes the owner of a deleted session and the access to it.
func (s *Store) SessionDeleted(ctx context.Context, session string) error {
	return s.SetOwner(ctx, session, "")
}

// KeepSessions removes owners and access that a crash has left: those of sessions that do not exist. It leaves sessions alone that another server
// has created since Open.
func (s *Store) KeepSessions(ctx context.Context, exists func(id string) bool) error {
	for _, session := range s.initial {
		if exists(session) {
			continue
		}
		if err := s.SessionDeleted(ctx, session); err != nil {
			return err
		}
	}
	return nil
}

// sessionsOf lists the sessions an account owns or may use.
func (s *Store) sessionsOf(account string) []string {
	list := []string{}
	s.eachRight(func(session string, r *right) {
		if _, granted := r.granted[account]; granted || r.owner == account {
			list = append(list, session)
		}
	})
	slices.Sort(list)
	return list
}

// Grants lists with whom a session is shared, the first one first.
func (s *Store) Grants(ctx context.Context, session string) ([]accountmethods.Grant, error) {
	return s.grants(ctx, `WHERE g.session=$1 ORDER BY g.created_at, g.id`, session)
}

func (s *Store) grants(ctx context.Context, where string, args ...any) ([]accountmethods.Grant, error) {
	rows, err := s.db.Query(ctx, `SELECT g.id, g.session, g.created_at, a.id, a.name, a.email, a.role FROM account_grants g JOIN accounts a ON a.id=g.account `+where, args...)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (g accountmethods.Grant, err error) {
		var created int64
		err = row.Scan(&g.ID, &g.Session, &created, &g.Account.ID, &g.Account.Name, &g.Account.Email, &g.Account.Role)
		g.CreatedAt = fromMillis(created)
		return g, err
	}, err).AsList()
	return list, storeError(err)
}

// Grant gives an account access to a session.
func (s *Store) Grant(ctx context.Context, session, account string) (accountmethods.Grant, error) {
	err := s.change(ctx, false, func(ctx context.Context) error {
		if _, err := s.find(ctx, `WHERE id=$1`, account); err != nil {
			return err
		}
		var n, own int
		if err := s.db.QueryRow(ctx, `SELECT count(*), count(CASE WHEN account=$2 THEN 1 END) FROM account_grants WHERE session=$1`, session, account).Scan(&n, &own); err != nil {
			return err
		}
		switch {
		case own > 0:
			return &rpc.Error{Code: rpc.CodeConflict, Reason: "access_exists", Message: "the account has access to the session already"}
		case n >= s.cfg.MaxGrants:
			return &rpc.Error{Code: rpc.CodeConflict, Reason: "too_many_grants", Message: "the session is shared with too many accounts; see the setting max-session-accounts"}
		}
		_, err := s.db.Exec(ctx, `INSERT INTO account_grants (id, session, account, created_at) VALUES ($1, $2, $3, $4)`, newID("access"), session, account, s.now().UnixMilli())
		return err
	}, func() { s.setRight(session, s.rightOf(session).with(account)) })
	if err != nil {
		return accountmethods.Grant{}, err
	}
	list, err := s.grants(ctx, `WHERE g.session=$1 AND g.account=$2`, session, account)
	if err != nil || len(list) == 0 {
		return accountmethods.Grant{}, errors.Join(err, errNoAccount())
	}
	return list[0], nil
}

// errNothing undoes a change that would change nothing.
var errNothing = errors.New("nothing to change")

// RevokeGrant ends the access of an account to a session.
func (s *Store) RevokeGrant(ctx context.Context, session, account string) (revoked bool, err error) {
	return s.remove(ctx, func(ctx context.Context) (sql.Result, error) {
		return s.db.Exec(ctx, `DELETE FROM account_grants WHERE session=$1 AND account=$2`, session, account)
	}, func() { s.setRight(session, s.rightOf(session).without(account)) })
}

// remove is change for a statement that deletes rows; it returns false if there were none.
func (s *Store) remove(ctx context.Context, statement func(ctx context.Context) (sql.Result, error), apply func()) (bool, error) {
	err := s.change(ctx, true, func(ctx context.Context) error {
		n, err := affected(statement(ctx))
		if err == nil && n == 0 {
			return errNothing
		}
		return err
	}, apply)
	if errors.Is(err, errNothing) {
		return false, nil
	}
	return err == nil, err
}
