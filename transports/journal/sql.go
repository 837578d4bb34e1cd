package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/database"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// rowsPerInsert keeps a statement below PostgreSQL's 65535 and SQLite's 32766
// parameters; longer statements gain nothing.
const rowsPerInsert = 128

// keysPerQuery bounds a lookup of dedupe keys likewise.
const keysPerQuery = 500

// sqlStore keeps the logs in SQLite or PostgreSQL.
type sqlStore struct {
	db *dbutil.Database

	// On SQLite the committer has a connection of its own with synchronous=FULL: a
	// commit of it is on the disk, with all that other connections (NORMAL) wrote to
	// the WAL before. PostgreSQL waits for its log by default.
	mu      sync.Mutex
	conn    *sql.Conn
	durable *dbutil.Database
}

func openSQLStore(ctx context.Context, db *dbutil.Database) (*sqlStore, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	owned, err := database.Migrate(ctx, db, "journal", files)
	if err != nil {
		return nil, err
	}
	return &sqlStore{db: owned}, nil
}

// writer returns the handle whose transactions are durable.
func (s *sqlStore) writer(ctx context.Context) (*dbutil.Database, error) {
	if s.db.Dialect != dbutil.SQLite {
		return s.db, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.durable != nil {
		return s.durable, nil
	}
	conn, err := s.db.RawDB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = conn.ExecContext(ctx, "PRAGMA synchronous=FULL"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	durable := s.db.Child(s.db.VersionTable, nil, nil)
	durable.LoggingDB.UnderlyingExecable = conn // transactions begin here, and projections join them by their context
	s.conn, s.durable = conn, durable
	return durable, nil
}

// dropWriter lets a failed connection go; the next commit opens another.
func (s *sqlStore) dropWriter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	// The pool would hand it on with FULL, which is slower but harmless.
	err := s.conn.Close()
	s.conn, s.durable = nil, nil
	return err
}

func (s *sqlStore) close() error { return s.dropWriter() }

func (s *sqlStore) commit(ctx context.Context, write func(ctx context.Context) error) error {
	db, err := s.writer(ctx)
	if err != nil {
		return err
	}
	if err = db.DoTxn(ctx, nil, write); err != nil && !errors.Is(err, ErrProjection) {
		_ = s.dropWriter() // its state is unknown
	}
	return err
}

func (s *sqlStore) openLog(ctx context.Context, session, epoch string) (row logRow, err error) {
	err = s.commit(ctx, func(ctx context.Context) error {
		_, err := s.db.Exec(ctx, `INSERT INTO journal_logs (session, epoch, head, oldest) VALUES ($1, $2, 0, 1)
			ON CONFLICT (session) DO NOTHING`, session, epoch)
		if err != nil {
			return err
		}
		return s.db.QueryRow(ctx, `SELECT epoch, head, oldest FROM journal_logs WHERE session=$1`, session).
			Scan(&row.epoch, &row.head, &row.oldest)
	})
	return row, err
}

func (s *sqlStore) findKeys(ctx context.Context, session string, keys []string, known map[dedupeKey]*Event) error {
	for len(keys) > 0 {
		part := keys[:min(len(keys), keysPerQuery)]
		keys = keys[len(part):]
		args := make([]any, 0, len(part)+1)
		args = append(args, session)
		for _, key := range part {
			args = append(args, key)
		}
		rows, err := s.db.Query(ctx, `SELECT dedupe, `+eventColumns+` FROM journal_events
			WHERE session=$1 AND dedupe IN (`+placeholders(2, len(part))+`)`, args...)
		if err != nil {
			return err
		}
		if err = scanEvents(rows, session, true, func(key string, e *Event) bool {
			known[dedupeKey{session, key}] = e
			return true
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqlStore) insert(ctx context.Context, events []*Event, keys []string, heads map[string]uint64) error {
	const columns = 9
	for start := 0; start < len(events); start += rowsPerInsert {
		end := min(start+rowsPerInsert, len(events))
		args := make([]any, 0, (end-start)*columns)
		for i := start; i < end; i++ {
			e := events[i]
			key := sql.NullString{String: keys[i], Valid: keys[i] != ""}
			args = append(args, e.Session, int64(e.Offset), e.ID, e.Type, e.Origin, e.Time.UnixMilli(),
				encodeChats(e.Chats), []byte(e.Data), key)
		}
		if _, err := s.db.Exec(ctx, insertStatement(end-start, columns), args...); err != nil {
			return err
		}
	}
	moved := map[string]bool{}
	for _, e := range events {
		if moved[e.Session] {
			continue
		}
		moved[e.Session] = true
		if _, err := s.db.Exec(ctx, `UPDATE journal_logs SET head=$1 WHERE session=$2`,
			int64(heads[e.Session]), e.Session); err != nil {
			return err
		}
	}
	return nil
}

func insertStatement(rows, columns int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO journal_events (session, ofs, id, type, origin, time_ms, chats, data, dedupe) VALUES `)
	for row := range rows {
		if row > 0 {
			b.WriteByte(',')
		}
		b.WriteString("(" + placeholders(row*columns+1, columns) + ")")
	}
	return b.String()
}

func placeholders(first, n int) string {
	b := make([]byte, 0, n*5)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '$'), int64(first+i), 10)
	}
	return string(b)
}

const eventColumns = `ofs, id, type, origin, time_ms, chats, data`

func (s *sqlStore) page(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*Event, error) {
	rows, err := s.db.Query(ctx, `SELECT `+eventColumns+` FROM journal_events
		WHERE session=$1 AND ofs>$2 ORDER BY ofs LIMIT $3`, session, int64(after), maxEvents)
	if err != nil {
		return nil, err
	}
	var events []*Event
	size := 0
	err = scanEvents(rows, session, false, func(_ string, e *Event) bool {
		if size += len(e.body); len(events) > 0 && maxBytes > 0 && size > maxBytes {
			return false
		}
		events = append(events, e)
		return true
	})
	return events, err
}

// scanEvents reads rows of eventColumns, after the dedupe key when withKey.
func scanEvents(rows dbutil.Rows, session string, withKey bool, use func(key string, e *Event) bool) error {
	defer rows.Close()
	for rows.Next() {
		e := &Event{Session: session}
		var key, chats string
		var at int64
		var data []byte
		into := []any{&key, &e.Offset, &e.ID, &e.Type, &e.Origin, &at, &chats, &data}
		if !withKey {
			into = into[1:]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		e.Time, e.Chats, e.Data = time.UnixMilli(at).UTC(), decodeChats(chats), data
		e.encode()
		if !use(key, e) {
			return nil
		}
	}
	return rows.Err()
}

func encodeChats(chats []string) string { return strings.Join(chats, " ") }

func decodeChats(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Fields(text)
}

func (s *sqlStore) trim(ctx context.Context, session string, keepFrom uint64, before time.Time, limit int) (oldest uint64, dropped int, err error) {
	err = s.commit(ctx, func(ctx context.Context) error {
		var last sql.NullInt64
		cutoff := int64(-1 << 62)
		if !before.IsZero() {
			cutoff = before.UnixMilli()
		}
		// Only a prefix is dropped: what follows an event that stays, stays too.
		err := s.db.QueryRow(ctx, `SELECT MAX(ofs) FROM (SELECT ofs FROM journal_events WHERE session=$1 ORDER BY ofs LIMIT $2) AS head_part
			WHERE ofs < COALESCE((SELECT MIN(ofs) FROM (SELECT ofs, time_ms FROM journal_events WHERE session=$1 ORDER BY ofs LIMIT $2) AS kept
				WHERE ofs >= $3 AND time_ms >= $4), 9223372036854775807)`,
			session, limit, int64(keepFrom), cutoff).Scan(&last)
		if err != nil {
			return err
		}
		if last.Valid {
			result, err := s.db.Exec(ctx, `DELETE FROM journal_events WHERE session=$1 AND ofs<=$2`, session, last.Int64)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			dropped = int(n)
			if _, err = s.db.Exec(ctx, `UPDATE journal_logs SET oldest=$1 WHERE session=$2`, last.Int64+1, session); err != nil {
				return err
			}
		}
		return s.db.QueryRow(ctx, `SELECT oldest FROM journal_logs WHERE session=$1`, session).Scan(&oldest)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("journal: trimming: %w", err)
	}
	return oldest, dropped, nil
}

func (s *sqlStore) purge(ctx context.Context, session string) error {
	return s.commit(ctx, func(ctx context.Context) error {
		for _, table := range []string{"journal_events", "journal_logs"} {
			if _, err := s.db.Exec(ctx, `DELETE FROM `+table+` WHERE session=$1`, session); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *sqlStore) sessions(ctx context.Context) ([]string, error) {
	rows, err := s.db.Query(ctx, `SELECT session FROM journal_logs WHERE head >= oldest`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err = rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
