package outbox

import (
	"context"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// The kinds of jobs.
const (
	KindBulk     = "bulk"     // one message to many chats
	KindRepeated = "repeated" // one message several times to one chat
)

// The states of a job.
const (
	JobRunning   = "running"
	JobPaused    = "paused"
	JobCanceled  = "canceled"
	JobCompleted = "completed"
)

// Job is a message that is sent to several recipients, one after the other.
type Job struct {
	ID            string
	Kind          string
	State         string
	Message       string // JSON of Message
	Delay, Jitter time.Duration
	Total         int
	NextAt        time.Time
	CreatedAt     time.Time
	EndedAt       time.Time      // zero = not ended
	Counts        map[string]int // number of entries in each state
}

// Open returns the number of entries that have not ended.
func (j *Job) Open() int { return j.Counts[StatePending] + j.Counts[StateSending] }

const jobColumns = `id, kind, state, message, delay, jitter, total, next_at, created_at, ended_at`

var scanJob = dbutil.ConvertRowFn[*Job](func(row dbutil.Scannable) (*Job, error) {
	j := Job{Counts: map[string]int{}}
	var delay, jitter, next, created, ended int64
	err := row.Scan(&j.ID, &j.Kind, &j.State, &j.Message, &delay, &jitter, &j.Total, &next, &created, &ended)
	j.Delay, j.Jitter = time.Duration(delay)*time.Millisecond, time.Duration(jitter)*time.Millisecond
	j.NextAt, j.CreatedAt, j.EndedAt = fromMillis(next), fromMillis(created), fromMillis(ended)
	return &j, err
})

// createJob stores a job with its entries.
func (st *Store) createJob(ctx context.Context, session string, j *Job, entries []*Stored) error {
	return database.Transact(ctx, st.db, func(ctx context.Context) error {
		if _, err := st.db.Exec(ctx, `INSERT INTO outbox_jobs (session, `+jobColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
			session, j.ID, j.Kind, j.State, j.Message, j.Delay.Milliseconds(), j.Jitter.Milliseconds(), j.Total, millis(j.NextAt), millis(j.CreatedAt)); err != nil {
			return err
		}
		return st.insertEntries(ctx, session, entries...)
	})
}

// findJob returns a job with its counts, or nil if there is none.
func (st *Store) findJob(ctx context.Context, session, id string) (*Job, error) {
	list, err := scanJob.NewRowIter(st.db.Query(ctx, `SELECT `+jobColumns+` FROM outbox_jobs WHERE session=$1 AND id=$2`, session, id)).AsList()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], st.countStates(ctx, session, list[0])
}

// listJobs lists jobs with their counts, newest first; an empty state = all.
func (st *Store) listJobs(ctx context.Context, session, state string, limit, offset int) ([]*Job, error) {
	list, err := scanJob.NewRowIter(st.db.Query(ctx, `SELECT `+jobColumns+` FROM outbox_jobs WHERE session=$1 AND ($2='' OR state=$2) ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4`,
		session, state, limit, offset)).AsList()
	for _, j := range list {
		if err == nil {
			err = st.countStates(ctx, session, j)
		}
	}
	return list, err
}

// openJobs returns the number of jobs of a kind that have not ended; an empty kind = all.
func (st *Store) openJobs(ctx context.Context, session, kind string) (n int, err error) {
	err = st.db.QueryRow(ctx, `SELECT COUNT(*) FROM outbox_jobs WHERE session=$1 AND ended_at=0 AND ($2='' OR kind=$2)`, session, kind).Scan(&n)
	return n, err
}

// countStates sets the counts of a job.
func (st *Store) countStates(ctx context.Context, session string, j *Job) error {
	type count struct {
		state string
		n     int
	}
	list, err := dbutil.ConvertRowFn[count](func(row dbutil.Scannable) (c count, err error) { return c, row.Scan(&c.state, &c.n) }).
		NewRowIter(st.db.Query(ctx, `SELECT state, COUNT(*) FROM outbox_entries WHERE session=$1 AND job=$2 GROUP BY state`, session, j.ID)).AsList()
	j.Counts = map[string]int{}
	for _, c := range list {
		j.Counts[c.state] = c.n
	}
	return err
}

// entriesOf lists the entries of a job in their order.
func (st *Store) entriesOf(ctx context.Context, session, job string, limit, offset int) ([]*Stored, error) {
	return scanEntry.NewRowIter(st.db.Query(ctx, "SELECT "+entryColumns+entriesWithJobs+`WHERE e.session=$1 AND e.job=$2 ORDER BY e.position LIMIT $3 OFFSET $4`, session, job, limit, offset)).AsList()
}

// setJob stores state, next time and end of a job.
func (st *Store) setJob(ctx context.Context, session string, j *Job) error {
	_, err := st.db.Exec(ctx, `UPDATE outbox_jobs SET state=$3, next_at=$4, ended_at=$5 WHERE session=$1 AND id=$2`, session, j.ID, j.State, millis(j.NextAt), millis(j.EndedAt))
	return err
}

// cancelEntries ends the entries of a job that no attempt was made for.
func (st *Store) cancelEntries(ctx context.Context, session, job string, at time.Time) error {
	_, err := st.db.Exec(ctx, `UPDATE outbox_entries SET state=$3, ended_at=$4 WHERE session=$1 AND job=$2 AND ended_at=0 AND state=$5`, session, job, StateCanceled, at.UnixMilli(), StatePending)
	return err
}
