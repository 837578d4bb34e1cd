package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// Limits of one Query.
const (
	defaultLimit = 50
	maxLimit     = 1000
	maxIDs       = 1000 // ids, and sessions, in one Query
)

const entryColumns = `id, status, event, session, from_pos, pos, type, transport, target, attempts, at, first_at, last_at, archived, took, error, code,
	replay_of, replays, last_replay`

func scanEntry(row dbutil.Scannable, more ...any) (e Entry, err error) {
	var at, first, last, archived, took, replay int64
	err = row.Scan(append([]any{
		&e.ID, &e.Status, &e.EventID, &e.Session, &e.From, &e.Offset, &e.Type, &e.Transport, &e.Target, &e.Attempts, &at, &first, &last, &archived,
		&took, &e.Error, &e.Code, &e.ReplayOf, &e.Replays, &replay,
	}, more...)...)
	e.EventTime, e.First, e.Last, e.Archived = millis(at), millis(first), millis(last), millis(archived)
	e.Duration = time.Duration(took) * time.Microsecond
	if replay != 0 {
		e.LastReplay = millis(replay)
	}
	return e, err
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// buildCondition returns the WHERE condition of a query; its parameters begin at $1.
func (q *Query) buildCondition() (text string, args []any, err error) {
	if len(q.IDs) > maxIDs || len(q.Sessions) > maxIDs {
		return "", nil, fmt.Errorf("%w: a query names more than %d ids or sessions", ErrInvalid, maxIDs)
	}
	conditions := []string{"1=1"}
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, condition+"$"+strconv.Itoa(len(args)))
	}
	oneOf := func(column string, list []any) {
		marks := make([]string, len(list))
		for i, arg := range list {
			args = append(args, arg)
			marks[i] = "$" + strconv.Itoa(len(args))
		}
		conditions = append(conditions, column+" IN ("+strings.Join(marks, ",")+")")
	}
	if q.Status != "" {
		add("status=", string(q.Status))
	}
	if q.Failed {
		oneOf("status", []any{string(DeadLetter), string(Gap)})
	}
	for _, is := range []struct{ column, text string }{{"transport", q.Transport}, {"target", q.Target}, {"type", q.Type}} {
		if is.text != "" {
			add(is.column+"=", is.text)
		}
	}
	if q.Own {
		conditions = append(conditions, fmt.Sprintf("substr(target, 1, %d)<>'%s'", len(GlobalPrefix), GlobalPrefix))
	}
	if !q.Since.IsZero() {
		add("archived>=", ceilMillis(q.Since))
	}
	if !q.Until.IsZero() {
		add("archived<=", q.Until.UnixMilli())
	}
	if q.After > 0 {
		add("id>", q.After)
	}
	if q.upTo > 0 {
		add("id<=", q.upTo)
	}
	switch {
	case q.Sessions != nil && len(q.Sessions) == 0:
		conditions = append(conditions, "1=0")
	case q.Sessions != nil:
		oneOf("session", toArgs(q.Sessions))
	}
	if len(q.IDs) > 0 {
		oneOf("id", toArgs(q.IDs))
	}
	return strings.Join(conditions, " AND "), args, nil
}

func toArgs[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// ceilMillis rounds up, because stored times are whole milliseconds.
func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

func (q *Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return min(q.Limit, maxLimit)
}

// listEntries returns a page of entries.
func (s *store) listEntries(ctx context.Context, q Query) ([]Entry, error) {
	where, args, err := q.buildCondition()
	if err != nil {
		return nil, err
	}
	order := "DESC"
	if q.OldestFirst {
		order = "ASC"
	}
	text := fmt.Sprintf(`SELECT %s FROM dispatch_archive WHERE %s ORDER BY id %s LIMIT %d OFFSET %d`, entryColumns, where, order, q.limit(), max(q.Skip, 0))
	rows, err := s.db.Query(ctx, text, args...)
	entries, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (Entry, error) { return scanEntry(row) }, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("dispatch: list the archive: %w", err)
	}
	return entries, nil
}

func (s *store) countEntries(ctx context.Context, q Query) (n int, err error) {
	where, args, err := q.buildCondition()
	if err != nil {
		return 0, err
	}
	if err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM dispatch_archive WHERE `+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("dispatch: count the archive: %w", err)
	}
	return n, nil
}

// oldestEntry and newestEntry return ids of the archive, 0 if it is empty; oldestEntry is restricted to one kind if status is not empty.
func (s *store) oldestEntry(ctx context.Context, status Status) (int64, error) {
	query, args := `SELECT COALESCE(MIN(id), 0) FROM dispatch_archive`, []any{}
	if status != "" {
		query, args = query+` WHERE status=$1`, []any{string(status)}
	}
	return s.edgeEntry(ctx, query, args...)
}

func (s *store) newestEntry(ctx context.Context) (int64, error) {
	return s.edgeEntry(ctx, `SELECT COALESCE(MAX(id), 0) FROM dispatch_archive`)
}

func (s *store) edgeEntry(ctx context.Context, query string, args ...any) (id int64, err error) {
	if err = s.db.QueryRow(ctx, query, args...).Scan(&id); err != nil {
		return 0, fmt.Errorf("dispatch: read the archive: %w", err)
	}
	return id, nil
}

// loadBody returns the stored body of a dead letter's event, nil if there is none.
func (s *store) loadBody(ctx context.Context, event string) (body []byte, err error) {
	rows, err := s.db.Query(ctx, `SELECT body FROM dispatch_bodies WHERE event=$1`, event)
	list, err := dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[[]byte], err).AsList()
	if err != nil {
		return nil, fmt.Errorf("dispatch: read a body: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

// deleteEntries deletes entries with their queued replays, and the bodies that no remaining entry needs.
func (s *store) deleteEntries(ctx context.Context, entries []Entry) error {
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for part := range slices.Chunk(entries, maxRows) {
			ids, dead := make([]any, 0, len(part)), make([]any, 0, len(part))
			for _, e := range part {
				ids = append(ids, e.ID)
				if e.Status == DeadLetter {
					dead = append(dead, e.EventID)
				}
			}
			for _, statement := range []string{`DELETE FROM dispatch_replays WHERE entry IN (`, `DELETE FROM dispatch_archive WHERE id IN (`} {
				if _, err := s.db.Exec(ctx, statement+placeholderList(len(ids))+`)`, ids...); err != nil {
					return err
				}
			}
			if len(dead) == 0 {
				continue
			}
			if _, err := s.db.Exec(ctx, dropBodies+placeholderList(len(dead))+`)`, dead...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dispatch: delete from the archive: %w", err)
	}
	return nil
}

// dropBodies deletes the bodies of events without a dead letter.
const dropBodies = `DELETE FROM dispatch_bodies WHERE NOT EXISTS
	(SELECT 1 FROM dispatch_archive a WHERE a.event=dispatch_bodies.event AND a.status='dead_letter') AND event IN (`

func placeholderList(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(list, ",")
}

// expiredEntries returns the oldest entries of a kind that are older than a time or exceed a number, at most one batch. Ids increase with the archive
// times.
func (s *store) expiredEntries(ctx context.Context, status Status, before time.Time, keep, batch int) ([]Entry, error) {
	var newestLost int64 // the newest entry that exceeds the number
	row := s.db.QueryRow(ctx, `SELECT COALESCE((SELECT id FROM dispatch_archive WHERE status=$1 ORDER BY id DESC LIMIT 1 OFFSET $2), 0)`, string(status), keep)
	if err := row.Scan(&newestLost); err != nil {
		return nil, fmt.Errorf("dispatch: find expired entries: %w", err)
	}
	rows, err := s.db.Query(ctx, `SELECT `+entryColumns+` FROM (SELECT * FROM dispatch_archive WHERE status=$1 ORDER BY id LIMIT $2) oldest
		WHERE id<=$3 OR archived<$4`, string(status), batch, newestLost, before.UnixMilli())
	entries, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (Entry, error) { return scanEntry(row) }, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("dispatch: find expired entries: %w", err)
	}
	return entries, nil
}

// countByType counts entries by kind, transport and event name.
func (s *store) countByType(ctx context.Context, status Status) ([]Tally, error) {
	rows, err := s.db.Query(ctx, `SELECT status, transport, type, COUNT(*), MIN(archived), MAX(archived) FROM dispatch_archive
		WHERE ($1='' OR status=$1) GROUP BY status, transport, type ORDER BY status, transport, type`, string(status))
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (t Tally, err error) {
		var oldest, newest int64
		err = row.Scan(&t.Status, &t.Transport, &t.Type, &t.Count, &oldest, &newest)
		t.Oldest, t.Newest = millis(oldest), millis(newest)
		return t, err
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("dispatch: count the archive: %w", err)
	}
	return list, nil
}
