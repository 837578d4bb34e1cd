package dispatch

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// store accesses the tables of this package.
type store struct {
	db    *dbutil.Database
	now   func() time.Time
	texts map[shape]string // texts of the committer's statements
}

func openStore(ctx context.Context, db *dbutil.Database, now func() time.Time) (*store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	owned, err := database.Migrate(ctx, db, "dispatch", files)
	return &store{owned, now, map[shape]string{}}, err
}

// targetKey identifies a target, cursorKey its cursor on a session.
type targetKey struct{ transport, id string }

type cursorKey struct {
	targetKey
	session string
}

func placeOf(t Target) cursorKey { return cursorKey{targetKey{t.Transport, t.ID}, t.Session} }

// cursor is a stored position.
type cursor struct {
	id int64
	at position
}

// loadCursors returns the stored positions of targets.
func (s *store) loadCursors(ctx context.Context, targets []Target) (map[cursorKey]cursor, error) {
	found := make(map[cursorKey]cursor, len(targets))
	for part := range slices.Chunk(targets, maxRows) {
		args := make([]any, 0, 3*len(part))
		for _, t := range part {
			args = append(args, t.Transport, t.ID, t.Session)
		}
		rows, err := s.db.Query(ctx, `SELECT id, transport, target, session, epoch, pos FROM dispatch_cursors
			WHERE (transport, target, session) IN (VALUES `+s.valuesList(len(part), 3)+`)`, args...)
		err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (p cursorKey, err error) {
			var c cursor
			err = row.Scan(&c.id, &p.transport, &p.id, &p.session, &c.at.epoch, &c.at.offset)
			found[p] = c
			return p, err
		}, err).Iter(func(cursorKey) (bool, error) { return true, nil })
		if err != nil {
			return nil, fmt.Errorf("dispatch: read cursors: %w", err)
		}
	}
	return found, nil
}

// createCursor stores the first position of a target.
func (s *store) createCursor(ctx context.Context, t Target, at position) (c cursor, err error) {
	c.at = at
	err = s.db.QueryRow(ctx, `INSERT INTO dispatch_cursors (transport, target, session, epoch, pos) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
		t.Transport, t.ID, t.Session, at.epoch, int64(at.offset)).Scan(&c.id)
	if err != nil {
		return cursor{}, fmt.Errorf("dispatch: store a cursor: %w", err)
	}
	return c, nil
}

// commit stores results and skips in one transaction. On SQLite it does not sync to disk: a power cut may lose the last commits, and their events are
// sent again.
func (s *store) commit(ctx context.Context, batch []*result, skips map[int64]position) error {
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		if s.db.Dialect == dbutil.SQLite { // else each statement has its own goroutine for cancellation; all statements are short
			ctx = context.WithoutCancel(ctx)
		}
		moves := make([]cursor, 0, len(batch)+len(skips))
		for id, at := range skips {
			moves = append(moves, cursor{id, at})
		}
		entries := make([]*Entry, 0, len(batch))
		for _, r := range batch {
			if r.cursor != 0 {
				moves = append(moves, cursor{r.cursor, r.at})
			}
			entries = append(entries, r.entries...)
		}
		if err := s.writeCursors(ctx, moves); err != nil {
			return err
		}
		for _, r := range batch {
			if r.body == nil {
				continue
			}
			if err := s.keepBody(ctx, r.entries[len(r.entries)-1].EventID, r.body); err != nil {
				return err
			}
		}
		if err := s.insertEntries(ctx, entries); err != nil {
			return err
		}
		for _, r := range batch {
			if r.replay != nil {
				if err := s.storeReplayEnd(ctx, r.replay); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// writeCursors updates cursors; deleted ones are not recreated.
func (s *store) writeCursors(ctx context.Context, moves []cursor) error {
	if s.db.Dialect == dbutil.SQLite {
		for _, m := range moves {
			if _, err := s.db.Exec(ctx, `UPDATE dispatch_cursors SET epoch=?1, pos=?2 WHERE id=?3`, m.at.epoch, int64(m.at.offset), m.id); err != nil {
				return err
			}
		}
		return nil
	}
	slices.SortFunc(moves, func(a, b cursor) int { return int(a.id - b.id) }) // rows are locked in one order by every process
	for len(moves) > 0 {
		part := moves[:rowsOf(len(moves))]
		moves = moves[len(part):]
		args := make([]any, 0, 3*len(part))
		for _, m := range part {
			args = append(args, m.id, m.at.epoch, int64(m.at.offset))
		}
		_, err := s.db.Exec(ctx, s.statementText(moveCursors, len(part)), args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// insertEntries adds entries to the archive.
func (s *store) insertEntries(ctx context.Context, entries []*Entry) error {
	var archived any = s.now().UnixMilli()
	var status, session, transport, target, kind cachedArg
	for len(entries) > 0 {
		part := entries[:rowsOf(len(entries))]
		entries = entries[len(part):]
		args := make([]any, 0, 17*len(part))
		for _, e := range part {
			args = append(args, status.of(string(e.Status)), e.EventID, session.of(e.Session), int64(e.From), int64(e.Offset), kind.of(e.Type),
				transport.of(e.Transport), target.of(e.Target), e.Attempts,
				e.EventTime.UnixMilli(), e.First.UnixMilli(), e.Last.UnixMilli(), archived, e.Duration.Microseconds(), e.Error, e.Code, e.ReplayOf)
		}
		_, err := s.db.Exec(ctx, s.statementText(insertEntries, len(part)), args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// cachedArg is a string argument that is boxed again only if the string changes: entries of a window share most of their values.
type cachedArg struct {
	text string
	arg  any
}

func (b *cachedArg) of(text string) any {
	if b.arg == nil || b.text != text {
		b.text, b.arg = text, text
	}
	return b.arg
}

// keepBody stores the body of a dead letter's event.
func (s *store) keepBody(ctx context.Context, event string, body []byte) error {
	_, err := s.db.Exec(ctx, `INSERT INTO dispatch_bodies (event, body) VALUES ($1, $2) ON CONFLICT (event) DO NOTHING`, event, body)
	return err
}

// removeTarget deletes the cursor and the queued replays of a target.
func (s *store) removeTarget(ctx context.Context, transport, id string) error {
	return s.forgetTargets(ctx, `transport=$1 AND target=$2`, transport, id)
}

// removeTargets is removeTarget for all ids that begin with prefix.
func (s *store) removeTargets(ctx context.Context, transport, prefix string) error {
	return s.forgetTargets(ctx, `transport=$1 AND substr(target, 1, length($2))=$2`, transport, prefix)
}

func (s *store) forgetTargets(ctx context.Context, which string, args ...any) error {
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, statement := range []string{
			// An entry that is not delivered to one of its targets stays in the archive.
			`UPDATE dispatch_replays SET remove=FALSE WHERE remove AND entry IN (SELECT entry FROM dispatch_replays WHERE ` + which + `)`,
			`DELETE FROM dispatch_replays WHERE ` + which,
			`DELETE FROM dispatch_cursors WHERE ` + which,
		} {
			if _, err := s.db.Exec(ctx, statement, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dispatch: remove a target: %w", err)
	}
	return nil
}

// removeSession deletes all data of a session, a batch of entries at a time so that other writers do not wait long.
func (s *store) removeSession(ctx context.Context, session string, batch int) error {
	for _, table := range []string{"dispatch_cursors", "dispatch_skips"} {
		if _, err := database.Exec(ctx, s.db, `DELETE FROM `+table+` WHERE session=$1`, session); err != nil {
			return fmt.Errorf("dispatch: remove a session: %w", err)
		}
	}
	for {
		entries, err := s.listEntries(ctx, Query{Sessions: []string{session}, Limit: batch})
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := s.deleteEntries(ctx, entries); err != nil {
			return err
		}
	}
}
