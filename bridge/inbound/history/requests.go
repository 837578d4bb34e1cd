package history

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// Kinds of requests.
const (
	KindPairing = "pairing" // the history that the phone sends after a pairing, without a request
	KindChat    = "chat"    // older messages of one chat
	KindFull    = "full"    // the history of all chats
)

// Request is a request for history that the phone has not answered completely.
type Request struct {
	ID   string // by which the phone names its answers; empty = KindPairing
	Kind string
	Chat string // KindChat only

	createdAt time.Time
	lastRead  bool // the chunk that the phone marked as the last is stored
	counts    counts
}

// counts are the contents of the stored chunks.
type counts struct{ chunks, failed, conversations, messages, pushNames, statuses int }

func (c counts) add(o counts) counts {
	return counts{
		c.chunks + o.chunks, c.failed + o.failed, c.conversations + o.conversations, c.messages + o.messages, c.pushNames + o.pushNames, c.statuses + o.statuses,
	}
}

// Requests stores the requests of all sessions whose completion is not an event yet, in a table of package bridge.
type Requests struct{ db *dbutil.Database }

// NewRequests returns the requests of all sessions.
func NewRequests(db *dbutil.Database) *Requests { return &Requests{db: db} }

// errTooManyRequests is the error of putRequest when the session has its largest number of requests.
var errTooManyRequests = errors.New("the phone has not answered earlier requests for history yet")

// putRequest stores a new request, in place of one with the same id. most is the largest number of requests of a session, beside the history after a pairing.
func (r *Requests) putRequest(ctx context.Context, session string, request *Request, deadline time.Time, most int) error {
	result, err := r.db.Exec(ctx, `
		INSERT INTO bridge_history_requests (session, request, kind, chat, created_at, deadline)
		SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT) WHERE (SELECT COUNT(*) FROM bridge_history_requests WHERE session=$1 AND request<>$2 AND request<>'') < $7
		ON CONFLICT (session, request) DO UPDATE SET created_at=excluded.created_at, deadline=excluded.deadline, last_read=false,
			chunks=0, failed=0, conversations=0, messages=0, push_names=0, statuses=0`,
		session, request.ID, request.Kind, request.Chat, time.Now().UnixMilli(), deadline.UnixMilli(), most)
	if err != nil {
		return err
	}
	if rows, err := result.RowsAffected(); err != nil || rows > 0 {
		return err
	}
	return errTooManyRequests
}

// findRequest returns a request; nil = it is not stored.
func (r *Requests) findRequest(ctx context.Context, session, id string) (*Request, error) {
	found, created := Request{ID: id}, int64(0)
	c := &found.counts
	err := r.db.QueryRow(ctx, `
		SELECT kind, chat, created_at, last_read, chunks, failed, conversations, messages, push_names, statuses
		FROM bridge_history_requests WHERE session=$1 AND request=$2`, session, id).
		Scan(&found.Kind, &found.Chat, &created, &found.lastRead, &c.chunks, &c.failed, &c.conversations, &c.messages, &c.pushNames, &c.statuses)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	found.createdAt = time.UnixMilli(created).UTC()
	return &found, err
}

// extendDeadline moves the deadline of a request, and is a no-op for a request that is not stored.
func (r *Requests) extendDeadline(ctx context.Context, session, id string, deadline time.Time) error {
	_, err := r.db.Exec(ctx, `UPDATE bridge_history_requests SET deadline=$3 WHERE session=$1 AND request=$2`, session, id, deadline.UnixMilli())
	return err
}

// countChunk adds a chunk to the counts of a request and moves its deadline.
func (r *Requests) countChunk(ctx context.Context, session, id string, chunk counts, last bool, deadline time.Time) error {
	_, err := r.db.Exec(ctx, `
		UPDATE bridge_history_requests SET chunks=chunks+$3, failed=failed+$4, conversations=conversations+$5, messages=messages+$6,
			push_names=push_names+$7, statuses=statuses+$8, last_read=last_read OR $9, deadline=$10
		WHERE session=$1 AND request=$2`,
		session, id, chunk.chunks, chunk.failed, chunk.conversations, chunk.messages, chunk.pushNames, chunk.statuses, last, deadline.UnixMilli())
	return err
}

func (r *Requests) dropRequest(ctx context.Context, session, id string) error {
	_, err := r.db.Exec(ctx, `DELETE FROM bridge_history_requests WHERE session=$1 AND request=$2`, session, id)
	return err
}

// DropAll deletes all requests of a session.
func (r *Requests) DropAll(ctx context.Context, session string) error {
	_, err := database.Exec(ctx, r.db, `DELETE FROM bridge_history_requests WHERE session=$1`, session)
	return err
}

// Overdue identifies a request whose deadline has passed.
type Overdue struct{ Session, Request string }

// overdueBatch bounds the requests that one pass ends.
const overdueBatch = 100

var scanOverdue = dbutil.ConvertRowFn[Overdue](func(row dbutil.Scannable) (o Overdue, err error) { return o, row.Scan(&o.Session, &o.Request) })

// ListOverdue returns the requests whose deadline has passed, the oldest first, at most 100.
func (r *Requests) ListOverdue(ctx context.Context, now time.Time) ([]Overdue, error) {
	const query = `SELECT session, request FROM bridge_history_requests WHERE deadline<=$1 ORDER BY deadline LIMIT $2`
	return scanOverdue.NewRowIter(r.db.Query(ctx, query, now.UnixMilli(), overdueBatch)).AsList()
}
