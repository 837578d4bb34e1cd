package directory

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// Group is a group as last seen: its JID and the caller's own description of it.
type Group struct {
	JID  string
	Data []byte
}

const putGroup = `
	INSERT INTO directory_groups (session, jid, data, updated_at) VALUES ($1, $2, $3, $4)
	ON CONFLICT (session, jid) DO UPDATE SET data=excluded.data, updated_at=excluded.updated_at
`

// ReplaceGroups stores the complete list of a session's groups; groups not in it are forgotten. Calls for one session take
// turns, and write the rows in the order of their JIDs: on PostgreSQL, two that locked the same rows in different orders
// would wait for each other.
func (s *Store) ReplaceGroups(ctx context.Context, session string, groups []Group, now time.Time) error {
	groups = slices.SortedFunc(slices.Values(groups), func(a, b Group) int { return cmp.Compare(a.JID, b.JID) })
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		if s.db.Dialect == dbutil.Postgres {
			if _, err := s.db.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "groups "+session); err != nil {
				return err
			}
		}
		if _, err := s.db.Exec(ctx, `DELETE FROM directory_groups WHERE session=$1`, session); err != nil {
			return err
		}
		for _, group := range groups {
			if _, err := s.db.Exec(ctx, putGroup, session, group.JID, string(group.Data), now.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("directory: replace groups: %w", err)
	}
	return nil
}

// PutGroup stores one group.
func (s *Store) PutGroup(ctx context.Context, session string, group Group, now time.Time) error {
	if _, err := s.db.Exec(ctx, putGroup, session, group.JID, string(group.Data), now.UnixMilli()); err != nil {
		return fmt.Errorf("directory: put group: %w", err)
	}
	return nil
}

// RemoveGroup forgets a group; one that is not stored is no error.
func (s *Store) RemoveGroup(ctx context.Context, session, jid string) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM directory_groups WHERE session=$1 AND jid=$2`, session, jid); err != nil {
		return fmt.Errorf("directory: remove group: %w", err)
	}
	return nil
}

var scanGroup = dbutil.ConvertRowFn[Group](func(row dbutil.Scannable) (Group, error) {
	var group Group
	var data string
	err := row.Scan(&group.JID, &data)
	group.Data = []byte(data)
	return group, err
})

// Group returns one stored group.
func (s *Store) Group(ctx context.Context, session, jid string) (group Group, found bool, err error) {
	stored, err := scanGroup(s.db.QueryRow(ctx, `SELECT jid, data FROM directory_groups WHERE session=$1 AND jid=$2`, session, jid))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Group{}, false, nil
	case err != nil:
		return Group{}, false, fmt.Errorf("directory: read group: %w", err)
	}
	return stored, true, nil
}

// Groups lists the stored groups of a session by JID.
func (s *Store) Groups(ctx context.Context, session string) ([]Group, error) {
	const query = `SELECT jid, data FROM directory_groups WHERE session=$1 ORDER BY jid`
	groups, err := scanGroup.NewRowIter(s.db.Query(ctx, query, session)).AsList()
	if err != nil {
		return nil, fmt.Errorf("directory: list groups: %w", err)
	}
	return groups, nil
}
