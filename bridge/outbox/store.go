package outbox

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store has the entries and jobs of all sessions. Sessions are named by the key of their data. Its methods may be called
// concurrently.
type Store struct{ db *dbutil.Database }

// Open brings the tables up to date and returns the store.
func Open(ctx context.Context, db *dbutil.Database) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "outbox", files)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return &Store{owned}, nil
}

// newID returns the id of a new entry or job.
func newID() string { return ulid.Make().String() }

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

const entryColumns = `e.id, e.job, e.position, e.priority, e.recipient, CASE WHEN e.job='' THEN e.message ELSE COALESCE(j.message, '') END,
	e.state, e.attempts, e.due_at, e.next_at, e.expire_at, e.error, e.error_text, e.created_at, e.ended_at`

const entriesWithJobs = ` FROM outbox_entries e LEFT JOIN outbox_jobs j ON j.session=e.session AND j.id=e.job AND e.job<>'' `

var scanEntry = dbutil.ConvertRowFn[*Stored](func(row dbutil.Scannable) (*Stored, error) {
	var e Stored
	var due, next, expire, created, ended int64
	err := row.Scan(&e.ID, &e.Job, &e.Position, &e.Priority, &e.To, &e.Message, &e.State, &e.Attempts, &due, &next, &expire, &e.Error, &e.ErrorText, &created, &ended)
	e.DueAt, e.NextAt, e.ExpireAt, e.CreatedAt, e.EndedAt = fromMillis(due), fromMillis(next), fromMillis(expire), fromMillis(created), fromMillis(ended)
	return &e, err
})

// transact runs fn in a transaction.
func (st *Store) transact(ctx context.Context, fn func(context.Context) error) error {
	return database.Transact(ctx, st.db, fn)
}

// insertEntries stores new entries.
func (st *Store) insertEntries(ctx context.Context, session string, entries ...*Stored) error {
	for _, e := range entries {
		text := e.Message
		if e.Job != "" {
			text = ""
		}
		if _, err := st.db.Exec(ctx, `INSERT INTO outbox_entries (session, id, job, position, priority, recipient, message, state, attempts, due_at, next_at,
				expire_at, error, error_text, created_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, '', '', $12, 0)`,
			session, e.ID, e.Job, e.Position, int(e.Priority), e.To, text, e.State, millis(e.DueAt), millis(e.NextAt), millis(e.ExpireAt), millis(e.CreatedAt)); err != nil {
			return err
		}
	}
	return nil
}

// findEntry returns an entry, or nil if there is none.
func (st *Store) findEntry(ctx context.Context, session, id string) (*Stored, error) {
	list, err := scanEntry.NewRowIter(st.db.Query(ctx, "SELECT "+entryColumns+entriesWithJobs+"WHERE e.session=$1 AND e.id=$2", session, id)).AsList()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// findDue returns the entry to be sent at a time, or nil if none is due.
func (st *Store) findDue(ctx context.Context, session string, now time.Time) (*Stored, error) {
	list, err := scanEntry.NewRowIter(st.db.Query(ctx, "SELECT "+entryColumns+entriesWithJobs+`WHERE e.session=$1 AND e.ended_at=0 AND e.next_at<=$2
		AND (e.job='' OR j.next_at<=$2 AND j.state<>$3) ORDER BY e.priority, e.next_at, e.id LIMIT 1`, session, now.UnixMilli(), JobPaused)).AsList()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// nextDue returns when an entry of the session is due next, and when one expires next; zero = none. most is the highest
// priority value that is considered.
func (st *Store) nextDue(ctx context.Context, session string, most governor.Priority) (due, expire time.Time, err error) {
	var first, last sql.NullInt64
	err = st.db.QueryRow(ctx, `SELECT MIN(CASE WHEN e.job='' THEN e.next_at WHEN j.state=$3 THEN NULL WHEN j.next_at>e.next_at THEN j.next_at ELSE e.next_at END),
		MIN(CASE WHEN e.expire_at>0 AND e.state=$4 THEN e.expire_at END)`+entriesWithJobs+`WHERE e.session=$1 AND e.ended_at=0 AND e.priority<=$2`,
		session, int(most), JobPaused, StatePending).Scan(&first, &last)
	return fromMillis(first.Int64), fromMillis(last.Int64), err
}

// listOverdue lists entries that were not sent in time.
func (st *Store) listOverdue(ctx context.Context, session string, now time.Time, limit int) ([]*Stored, error) {
	return scanEntry.NewRowIter(st.db.Query(ctx, "SELECT "+entryColumns+entriesWithJobs+`WHERE e.session=$1 AND e.ended_at=0 AND e.state=$2 AND e.expire_at>0 AND e.expire_at<$3
		ORDER BY e.expire_at LIMIT $4`, session, StatePending, now.UnixMilli(), limit)).AsList()
}

// claimEntry marks an entry as being sent and records the send for the limits. It returns false if the entry has ended or its job is
// paused.
func (st *Store) claimEntry(ctx context.Context, session string, e *Stored, now time.Time) (claimed bool, err error) {
	err = database.Transact(ctx, st.db, func(ctx context.Context) error {
		result, err := st.db.Exec(ctx, `UPDATE outbox_entries SET state=$3, attempts=attempts+1 WHERE session=$1 AND id=$2 AND ended_at=0
			AND (job='' OR EXISTS (SELECT 1 FROM outbox_jobs j WHERE j.session=$1 AND j.id=outbox_entries.job AND j.state<>$4))`, session, e.ID, StateSending, JobPaused)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if claimed = n > 0; err != nil || !claimed {
			return err
		}
		_, err = st.db.Exec(ctx, `INSERT INTO outbox_sends (session, sent_at) VALUES ($1, $2)`, session, now.UnixMilli())
		return err
	})
	return claimed, err
}

// recordSend stores the time of a governed send that is not an entry.
func (st *Store) recordSend(ctx context.Context, session string, at time.Time) error {
	_, err := database.Exec(ctx, st.db, `INSERT INTO outbox_sends (session, sent_at) VALUES ($1, $2)`, session, at.UnixMilli())
	return err
}

// storeOutcome stores the outcome of an attempt: the state, the time of the next attempt and the error of the entry.
func (st *Store) storeOutcome(ctx context.Context, session string, e *Stored) error {
	_, err := st.db.Exec(ctx, `UPDATE outbox_entries SET state=$3, attempts=$4, next_at=$5, error=$6, error_text=$7, ended_at=$8 WHERE session=$1 AND id=$2 AND ended_at=0`,
		session, e.ID, e.State, e.Attempts, millis(e.NextAt), e.Error, e.ErrorText, millis(e.EndedAt))
	return err
}

// postponeSchedules moves the due schedules of a session to a later time, and their expiry with it.
func (st *Store) postponeSchedules(ctx context.Context, session string, now, until time.Time) error {
	_, err := database.Exec(ctx, st.db, `UPDATE outbox_entries SET next_at=$4, expire_at=CASE WHEN expire_at=0 THEN 0 ELSE $4+expire_at-next_at END
		WHERE session=$1 AND ended_at=0 AND priority=$2 AND next_at<=$3 AND (expire_at=0 OR expire_at>=$3)`, session, int(governor.Scheduled), now.UnixMilli(), millis(until))
	return err
}

// updateEntry replaces recipient, message and time of an entry that no attempt was made for. It returns false if there is no such entry.
func (st *Store) updateEntry(ctx context.Context, session string, e *Stored) (bool, error) {
	return st.anyChanged(database.Exec(ctx, st.db, `UPDATE outbox_entries SET recipient=$3, message=$4, due_at=$5, next_at=$6, expire_at=$7 WHERE session=$1 AND id=$2 AND ended_at=0 AND state=$8`,
		session, e.ID, e.To, e.Message, millis(e.DueAt), millis(e.NextAt), millis(e.ExpireAt), StatePending))
}

func (st *Store) anyChanged(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// deleteEntry removes an entry.
func (st *Store) deleteEntry(ctx context.Context, session, id string) (bool, error) {
	return st.anyChanged(database.Exec(ctx, st.db, `DELETE FROM outbox_entries WHERE session=$1 AND id=$2 AND job='' AND priority=$3 AND state<>$4`, session, id, int(governor.Scheduled), StateSending))
}

// deletePending removes all schedules that were not attempted, and returns how many.
func (st *Store) deletePending(ctx context.Context, session string) (int, error) {
	result, err := database.Exec(ctx, st.db, `DELETE FROM outbox_entries WHERE session=$1 AND job='' AND priority=$2 AND state=$3`, session, int(governor.Scheduled), StatePending)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// countOpen returns the number of entries of a priority that have not ended.
func (st *Store) countOpen(ctx context.Context, session string, p governor.Priority) (n int, err error) {
	err = st.db.QueryRow(ctx, `SELECT COUNT(*) FROM outbox_entries WHERE session=$1 AND ended_at=0 AND priority=$2`, session, int(p)).Scan(&n)
	return n, err
}

// listEntries returns entries of a priority outside of jobs, those that are due first first; an empty state = all.
func (st *Store) listEntries(ctx context.Context, session string, p governor.Priority, state string, limit, offset int) ([]*Stored, error) {
	return scanEntry.NewRowIter(st.db.Query(ctx, "SELECT "+entryColumns+entriesWithJobs+`WHERE e.session=$1 AND e.job='' AND e.priority=$2 AND ($3='' OR e.state=$3)
		ORDER BY e.due_at, e.id LIMIT $4 OFFSET $5`, session, int(p), state, limit, offset)).AsList()
}

// sentTimes returns the times of the governed sends after a time.
func (st *Store) sentTimes(ctx context.Context, session string, after time.Time) ([]time.Time, error) {
	return dbutil.ConvertRowFn[time.Time](func(row dbutil.Scannable) (time.Time, error) {
		var ms int64
		err := row.Scan(&ms)
		return fromMillis(ms), err
	}).NewRowIter(st.db.Query(ctx, `SELECT sent_at FROM outbox_sends WHERE session=$1 AND sent_at>$2`, session, after.UnixMilli())).AsList()
}

// Hold is a stop of the automatic sends of a session after a refusal by WhatsApp.
type Hold struct {
	Reason string
	Until  time.Time
}

func (st *Store) readHold(ctx context.Context, session string) (h Hold, err error) {
	var until int64
	err = st.db.QueryRow(ctx, `SELECT reason, until FROM outbox_holds WHERE session=$1`, session).Scan(&h.Reason, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return Hold{}, nil
	}
	h.Until = fromMillis(until)
	return h, err
}

func (st *Store) setHold(ctx context.Context, session string, h Hold) error {
	_, err := st.db.Exec(ctx, `INSERT INTO outbox_holds (session, reason, until) VALUES ($1, $2, $3)
		ON CONFLICT (session) DO UPDATE SET reason=excluded.reason, until=excluded.until`, session, h.Reason, millis(h.Until))
	return err
}

// Owners lists the keys of the sessions with entries that have not ended.
func (st *Store) Owners(ctx context.Context) ([]string, error) {
	return dbutil.ConvertRowFn[string](dbutil.ScanSingleColumn[string]).NewRowIter(st.db.Query(ctx, `SELECT DISTINCT session FROM outbox_entries WHERE ended_at=0`)).AsList()
}

// tables have the rows of a session.
var tables = []string{"outbox_entries", "outbox_jobs", "outbox_sends", "outbox_holds"}

// Purge deletes all rows of a session.
func (st *Store) Purge(ctx context.Context, session string) error {
	for _, table := range tables {
		if _, err := database.Exec(ctx, st.db, "DELETE FROM "+table+" WHERE session=$1", session); err != nil {
			return fmt.Errorf("outbox: purge: %w", err)
		}
	}
	return nil
}

// Expire deletes entries and jobs that ended before a time, and times of sends that no limit considers.
func (st *Store) Expire(ctx context.Context, before time.Time) error {
	for _, statement := range []string{
		`DELETE FROM outbox_entries WHERE ended_at>0 AND ended_at<$1 AND (job='' OR NOT EXISTS (SELECT 1 FROM outbox_jobs j WHERE j.session=outbox_entries.session AND j.id=outbox_entries.job AND j.ended_at=0))`,
		`DELETE FROM outbox_jobs WHERE ended_at>0 AND ended_at<$1 AND NOT EXISTS (SELECT 1 FROM outbox_entries e WHERE e.session=outbox_jobs.session AND e.job=outbox_jobs.id)`,
	} {
		if _, err := database.Exec(ctx, st.db, statement, before.UnixMilli()); err != nil {
			return fmt.Errorf("outbox: expire: %w", err)
		}
	}
	_, err := database.Exec(ctx, st.db, `DELETE FROM outbox_sends WHERE sent_at<$1`, time.Now().Add(-window).UnixMilli())
	return err
}

// window is the longest time that a limit considers.
const window = 24 * time.Hour
