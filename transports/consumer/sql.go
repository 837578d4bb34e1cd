package consumer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// statementRows is the most rows of one statement: 6 parameters each, and SQLite takes 32766.
const statementRows = 256

// conflicts are the SQL conflict clauses by kind. The guard against moving backwards is here, because two processes may share one database.
var conflicts = map[kind]string{
	begin: `DO NOTHING`,
	advance: `DO UPDATE SET epoch=excluded.epoch, pos=excluded.pos, updated=excluded.updated
		WHERE consumer_cursors.epoch<>excluded.epoch OR consumer_cursors.pos<excluded.pos`,
	move: `DO UPDATE SET epoch=excluded.epoch, pos=excluded.pos, updated=excluded.updated`,
}

// writeChanges stores changes in one transaction. On SQLite it does not sync to disk: a power cut may lose the last commits, as a crash loses pending
// changes, and events are repeated.
func (s *Store) writeChanges(ctx context.Context, batch map[cursorKey]change) error {
	byKind := make(map[kind][]cursorKey, len(conflicts))
	for p, c := range batch {
		byKind[c.kind] = append(byKind[c.kind], p)
	}
	now := s.cfg.Now().UnixMilli()
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, k := range []kind{begin, advance, move} {
			places := byKind[k]
			slices.SortFunc(places, comparePlaces) // rows are locked in one order by every process
			for part := range slices.Chunk(places, statementRows) {
				if err := s.upsertCursors(ctx, k, part, batch, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("consumer: write cursors: %w", err)
	}
	return nil
}

func (s *Store) upsertCursors(ctx context.Context, k kind, places []cursorKey, batch map[cursorKey]change, now int64) error {
	var text strings.Builder
	text.WriteString(`INSERT INTO consumer_cursors (principal, name, session, epoch, pos, updated) VALUES `)
	args := make([]any, 0, 6*len(places))
	for i, p := range places {
		if i > 0 {
			text.WriteByte(',')
		}
		for n := range 6 {
			text.WriteString([]string{"($", ",$", ",$", ",$", ",$", ",$"}[n] + strconv.Itoa(6*i+n+1))
		}
		text.WriteByte(')')
		to := batch[p].to
		args = append(args, p.Principal, p.Name, p.session, to.Epoch, int64(to.Offset), now)
	}
	text.WriteString(` ON CONFLICT (principal, name, session) ` + conflicts[k])
	_, err := s.db.Exec(ctx, text.String(), args...)
	return err
}

func comparePlaces(a, b cursorKey) int {
	return cmp.Or(cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Name, b.Name), cmp.Compare(a.session, b.session))
}

// readCursors returns the cursors of a consumer, of all of the principal's if its name is empty.
func (s *Store) readCursors(ctx context.Context, id ID) ([]Cursor, error) {
	rows, err := s.db.Query(ctx, `SELECT name, session, epoch, pos, updated FROM consumer_cursors
		WHERE principal=$1 AND ($2='' OR name=$2) ORDER BY name, session`, id.Principal, id.Name)
	cursors, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (c Cursor, err error) {
		var updated int64
		err = row.Scan(&c.Name, &c.Session, &c.Epoch, &c.Offset, &updated)
		c.Updated = time.UnixMilli(updated)
		return c, err
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("consumer: read cursors: %w", err)
	}
	return cursors, nil
}

func (s *Store) consumerNames(ctx context.Context, principal string) (map[string]struct{}, error) {
	rows, err := s.db.Query(ctx, `SELECT DISTINCT name FROM consumer_cursors WHERE principal=$1`, principal)
	list, err := dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[string], err).AsList()
	if err != nil {
		return nil, fmt.Errorf("consumer: read names: %w", err)
	}
	names := make(map[string]struct{}, len(list))
	for _, name := range list {
		names[name] = struct{}{}
	}
	return names, nil
}

// touchUsed notes that a consumer is in use.
func (s *Store) touchUsed(ctx context.Context, id ID, now time.Time) error {
	_, err := s.execStatement(ctx, `UPDATE consumer_cursors SET updated=$3 WHERE principal=$1 AND name=$2`, id.Principal, id.Name, now.UnixMilli())
	return err
}

func (s *Store) execStatement(ctx context.Context, query string, args ...any) (rows int64, err error) {
	result, err := database.Exec(ctx, s.db, query, args...)
	if err == nil {
		rows, err = result.RowsAffected()
	}
	if err != nil {
		return 0, fmt.Errorf("consumer: %w", err)
	}
	return rows, nil
}
