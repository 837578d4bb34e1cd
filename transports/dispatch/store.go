package dispatch

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// maxRows is the most rows of one statement: 17 parameters each, and SQLite takes 32766.
const maxRows = 64

// store is the tables of this package.
type store struct {
	db  *dbutil.Database
	now func() time.Time
}

func openStore(ctx context.Context, db *dbutil.Database, now func() time.Time) (*store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	owned, err := database.Migrate(ctx, db, "dispatch", files)
	return &store{owned, now}, err
}

// targetKey names a target, place its cursor on a session.
type targetKey struct{ transport, id string }

type place struct {
	targetKey
	session string
}

func placeOf(t Target) place { return place{targetKey{t.Transport, t.ID}, t.Session} }

// cursor is a stored position.
type cursor struct {
	id int64
	at position
}

// cursors returns the stored positions of targets.
func (s *store) cursors(ctx context.Context, targets []Target) (map[place]cursor, error) {
	found := make(map[place]cursor, len(targets))
	for part := range slices.Chunk(targets, maxRows) {
		args := make([]any, 0, 3*len(part))
		for _, t := range part {
			args = append(args, t.Transport, t.ID, t.Session)
		}
		rows, err := s.db.Query(ctx, `SELECT id, transport, target, session, epoch, pos FROM dispatch_cursors
			WHERE (transport, target, session) IN (VALUES `+s.values(len(part), 3)+`)`, args...)
		err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (p place, err error) {
			var c cursor
			err = row.Scan(&c.id, &p.transport, &p.id, &p.session, &c.at.epoch, &c.at.offset)
			found[p] = c
			return p, err
		}, err).Iter(func(place) (bool, error) { return true, nil })
		if err != nil {
			return nil, fmt.Errorf("dispatch: read cursors: %w", err)
		}
	}
	return found, nil
}

// begin stores the first position of a target.
func (s *store) begin(ctx context.Context, t Target, at position) (c cursor, err error) {
	c.at = at
	err = s.db.QueryRow(ctx, `INSERT INTO dispatch_cursors (transport, target, session, epoch, pos) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
		t.Transport, t.ID, t.Session, at.epoch, int64(at.offset)).Scan(&c.id)
	if err != nil {
		return cursor{}, fmt.Errorf("dispatch: store a cursor: %w", err)
	}
	return c, nil
}

// commit stores results and skips in one transaction. On SQLite it does not wait for the disk: a power cut may take the
// last commits with it, and their events are sent again.
func (s *store) commit(ctx context.Context, batch []*result, skips map[int64]position) error {
	return s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		moves := make([]cursor, 0, len(batch)+len(skips))
		for id, at := range skips {
			moves = append(moves, cursor{id, at})
		}
		entries := make([]*Entry, 0, len(batch))
		for _, r := range batch {
			if r.cursor != 0 {
				moves = append(moves, cursor{r.cursor, r.at})
			}
			if r.entry != nil {
				entries = append(entries, r.entry)
			}
		}
		if err := s.move(ctx, moves); err != nil {
			return err
		}
		for _, r := range batch {
			if r.body == nil {
				continue
			}
			if _, err := s.db.Exec(ctx, `INSERT INTO dispatch_bodies (event, body) VALUES ($1, $2) ON CONFLICT (event) DO NOTHING`, r.entry.EventID, r.body); err != nil {
				return err
			}
		}
		if err := s.insert(ctx, entries); err != nil {
			return err
		}
		for _, r := range batch {
			if r.replay != nil {
				if err := s.replayed(ctx, r.replay); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// move writes cursors; those that are no longer there stay away.
func (s *store) move(ctx context.Context, moves []cursor) error {
	if s.db.Dialect == dbutil.SQLite {
		for _, m := range moves {
			if _, err := s.db.Exec(ctx, `UPDATE dispatch_cursors SET epoch=?1, pos=?2 WHERE id=?3`, m.at.epoch, int64(m.at.offset), m.id); err != nil {
				return err
			}
		}
		return nil
	}
	slices.SortFunc(moves, func(a, b cursor) int { return int(a.id - b.id) }) // rows are locked in one order by every process
	for part := range slices.Chunk(moves, maxRows) {
		args := make([]any, 0, 3*len(part))
		for _, m := range part {
			args = append(args, m.id, m.at.epoch, int64(m.at.offset))
		}
		_, err := s.db.Exec(ctx, `UPDATE dispatch_cursors SET epoch=moved.column2, pos=moved.column3 FROM (VALUES `+
			s.values(len(part), 3, "BIGINT", "TEXT", "BIGINT")+`) AS moved WHERE dispatch_cursors.id=moved.column1`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// insert adds entries to the archive.
func (s *store) insert(ctx context.Context, entries []*Entry) error {
	archived := s.now().UnixMilli()
	for len(entries) > 0 {
		part := entries[:rowsOf(len(entries))]
		entries = entries[len(part):]
		args := make([]any, 0, 17*len(part))
		for _, e := range part {
			args = append(args, string(e.Status), e.EventID, e.Session, int64(e.From), int64(e.Offset), e.Type, e.Transport, e.Target, e.Attempts,
				e.EventTime.UnixMilli(), e.First.UnixMilli(), e.Last.UnixMilli(), archived, e.Duration.Microseconds(), e.Error, e.Code, e.ReplayOf)
		}
		_, err := s.db.Exec(ctx, s.insertText(len(part)), args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *store) insertText(rows int) string {
	return `INSERT INTO dispatch_archive (status, event, session, from_pos, pos, type, transport, target, attempts, at, first_at, last_at, archived, took, error, code, replay_of) VALUES ` + s.values(rows, 17)
}

// rowsOf is how many of n rows the next statement takes: a power of two, so that few texts exist and prepared ones are
// found again.
func rowsOf(n int) int {
	rows := maxRows
	for rows > n {
		rows /= 2
	}
	return rows
}

// values is a list of rows of numbered parameters, with types where PostgreSQL cannot tell them.
func (s *store) values(rows, columns int, types ...string) string {
	mark := "$"
	if s.db.Dialect == dbutil.SQLite {
		mark = "?" // dbutil would rewrite it on each use
	}
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		if types == nil {
			b.WriteString(mark + strconv.Itoa(n+1))
		} else {
			b.WriteString("CAST(" + mark + strconv.Itoa(n+1) + " AS " + types[n%columns] + ")")
		}
	}
	b.WriteByte(')')
	return b.String()
}

// removeTarget forgets the cursor and the queued replays of a target.
func (s *store) removeTarget(ctx context.Context, transport, id string) error {
	err := s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, table := range []string{"dispatch_cursors", "dispatch_replays"} {
			if _, err := s.db.Exec(ctx, `DELETE FROM `+table+` WHERE transport=$1 AND target=$2`, transport, id); err != nil {
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

// removeSession forgets everything of a session.
func (s *store) removeSession(ctx context.Context, session string) error {
	err := s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, statement := range []string{
			`DELETE FROM dispatch_replays WHERE entry IN (SELECT id FROM dispatch_archive WHERE session=$1)`,
			`DELETE FROM dispatch_bodies WHERE event IN (SELECT event FROM dispatch_archive WHERE session=$1 AND status='dead_letter')`,
			`DELETE FROM dispatch_archive WHERE session=$1`,
			`DELETE FROM dispatch_cursors WHERE session=$1`,
		} {
			if _, err := s.db.Exec(ctx, statement, session); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dispatch: remove a session: %w", err)
	}
	return nil
}
