package idempotency

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config of a Store. Zero values stand for the defaults given with each field.
type Config struct {
	// Keep is how long a key is known; 24 h.
	Keep time.Duration
	// MaxKeys is how many keys one principal may have at a time; 100,000, which is one a second for a day, and some.
	MaxKeys int
	// SweepEvery is the time between two sweeps of old keys; 1 min.
	SweepEvery time.Duration
	// Log gets sweeps that failed; nil = discard.
	Log *slog.Logger
}

const (
	// claimTries bounds how often a key is looked at that others claim and free at the same moment.
	claimTries = 5
	// sweepRows is the number of rows per transaction, so that a sweep does not block other writers for long.
	sweepRows = 500
)

// Store keeps replies. Its methods may be called from many goroutines.
type Store struct {
	db  *dbutil.Database
	cfg Config

	stop context.CancelFunc
	done chan struct{}

	mu sync.Mutex
	// counts are the rows of principals that claimed since the last sweep. Other processes' rows are in it as of then.
	counts map[string]int
}

var _ rpc.Replies = (*Store)(nil)

// Open brings the table up to date and begins to sweep; Close ends that.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Store, error) {
	if cfg.Keep <= 0 {
		cfg.Keep = 24 * time.Hour
	}
	if cfg.MaxKeys <= 0 {
		cfg.MaxKeys = 100_000
	}
	if cfg.SweepEvery <= 0 {
		cfg.SweepEvery = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "idempotency", files)
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	s := &Store{db: owned, cfg: cfg, done: make(chan struct{}), counts: make(map[string]int)}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.sweepLoop(ctx)
	return s, nil
}

// Close ends the sweeping.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	return nil
}

// rowID makes keys, which are hashed, all one length.
func rowID(key rpc.CallKey) string {
	sum := key.Digest()
	return hex.EncodeToString(sum[:])
}

// Claim implements rpc.Replies.
func (s *Store) Claim(ctx context.Context, key rpc.CallKey, params []byte) (kept rpc.KeptCall, fresh bool, err error) {
	id := rowID(key)
	for range claimTries {
		kept, found, err := s.findCall(ctx, id)
		if found && bytes.Equal(kept.Params, params) && kept.Owner != "" && kept.Owner != key.Owner {
			if found, err = false, s.deleteReply(ctx, key, kept.Owner); err == nil {
				continue
			}
		}
		if found || err != nil {
			return kept, false, err
		}
		if err := s.reserveRow(ctx, key.Principal); err != nil {
			return kept, false, err
		}
		now := time.Now()
		result, err := s.db.Exec(ctx, `
			INSERT INTO idempotency_replies (id, principal, started_at, params, owner) VALUES ($1, $2, $3, $4, $6)
			ON CONFLICT (id) DO UPDATE SET started_at=excluded.started_at, params=excluded.params, owner=excluded.owner, reply=NULL
			WHERE idempotency_replies.started_at<=$5`,
			id, key.Principal, now.UnixMilli(), params, s.oldestKept(now), key.Owner)
		var n int64
		if err == nil {
			n, err = result.RowsAffected()
		}
		if err != nil {
			s.releaseRow(key.Principal)
			return kept, false, fmt.Errorf("idempotency: claim: %w", err)
		}
		if n == 1 {
			return rpc.KeptCall{Params: params, Started: time.UnixMilli(now.UnixMilli())}, true, nil
		}
		s.releaseRow(key.Principal) // another process was faster
	}
	return kept, false, errors.New("idempotency: the key changes hands too fast")
}

// oldestKept is the time up to which a key is forgotten.
func (s *Store) oldestKept(now time.Time) int64 { return now.Add(-s.cfg.Keep).UnixMilli() }

func (s *Store) findCall(ctx context.Context, id string) (kept rpc.KeptCall, found bool, err error) {
	var started int64
	err = s.db.QueryRow(ctx, `SELECT started_at, params, owner, reply FROM idempotency_replies WHERE id=$1 AND started_at>$2`,
		id, s.oldestKept(time.Now())).Scan(&started, &kept.Params, &kept.Owner, &kept.Reply)
	if errors.Is(err, sql.ErrNoRows) {
		return kept, false, nil
	}
	if err != nil {
		return kept, false, fmt.Errorf("idempotency: find: %w", err)
	}
	kept.Started = time.UnixMilli(started)
	return kept, true, nil
}

// reserveRow counts one more row of a principal.
func (s *Store) reserveRow(ctx context.Context, principal string) error {
	s.mu.Lock()
	_, known := s.counts[principal]
	s.mu.Unlock()
	n := 0
	if !known { // read without the lock; the first result is used
		err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM idempotency_replies WHERE principal=$1`, principal).Scan(&n)
		if err != nil {
			return fmt.Errorf("idempotency: count: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.counts[principal]; !known {
		s.counts[principal] = n
	}
	if s.counts[principal] >= s.cfg.MaxKeys {
		return rpc.ErrTooManyKeys
	}
	s.counts[principal]++
	return nil
}

func (s *Store) releaseRow(principal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, known := s.counts[principal]; known && n > 0 {
		s.counts[principal] = n - 1
	}
}

// Keep implements rpc.Replies.
func (s *Store) Keep(ctx context.Context, key rpc.CallKey, reply []byte) error {
	if _, err := s.db.Exec(ctx, `UPDATE idempotency_replies SET reply=$2 WHERE id=$1 AND owner=$3`, rowID(key), reply, key.Owner); err != nil {
		return fmt.Errorf("idempotency: keep: %w", err)
	}
	return nil
}

// Free implements rpc.Replies.
func (s *Store) Free(ctx context.Context, key rpc.CallKey) error {
	result, err := s.db.Exec(ctx, `DELETE FROM idempotency_replies WHERE id=$1 AND owner=$2 AND reply IS NULL`, rowID(key), key.Owner)
	if err != nil {
		return fmt.Errorf("idempotency: free: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n > 0 {
		s.releaseRow(key.Principal)
	}
	return nil
}

// deleteReply removes the stored reply of a key for an owner.
func (s *Store) deleteReply(ctx context.Context, key rpc.CallKey, owner string) error {
	result, err := s.db.Exec(ctx, `DELETE FROM idempotency_replies WHERE id=$1 AND owner=$2`, rowID(key), owner)
	if err != nil {
		return fmt.Errorf("idempotency: forget: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n > 0 {
		s.releaseRow(key.Principal)
	}
	return nil
}

// Principals lists the principals with stored replies whose ids begin with a prefix.
func (s *Store) Principals(ctx context.Context, prefix string) ([]string, error) {
	rows, err := s.db.Query(ctx, `SELECT DISTINCT principal FROM idempotency_replies WHERE principal LIKE $1`, prefix+"%")
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (id string, err error) { err = row.Scan(&id); return id, err }, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("idempotency: list principals: %w", err)
	}
	return list, nil
}

// DeleteOwner forgets the keys that principals used on the session whose data has the key owner. Replies to their calls that
// name several sessions or none may hold something of it too: rpc.DeletedReply replaces them.
func (s *Store) DeleteOwner(ctx context.Context, owner string, principals ...string) error {
	for _, principal := range principals {
		if _, err := database.Exec(ctx, s.db, `DELETE FROM idempotency_replies WHERE principal=$1 AND owner=$2`, principal, owner); err != nil {
			return fmt.Errorf("idempotency: delete: %w", err)
		}
		if _, err := s.db.Exec(ctx, `UPDATE idempotency_replies SET reply=$2
			WHERE principal=$1 AND (owner='' OR owner LIKE $3) AND reply IS NOT NULL`, principal, rpc.DeletedReply(), rpc.SharedOwner+"%"); err != nil {
			return fmt.Errorf("idempotency: delete shared replies: %w", err)
		}
		s.mu.Lock()
		delete(s.counts, principal)
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) sweepLoop(ctx context.Context) {
	defer close(s.done)
	database.SweepEvery(ctx, s.cfg.SweepEvery, s.sweepOnce, s.cfg.Log, "old replies could not be swept")
}

// sweepOnce deletes keys that are too old and has the others counted anew.
func (s *Store) sweepOnce(ctx context.Context) error {
	for {
		result, err := database.Exec(ctx, s.db, `DELETE FROM idempotency_replies WHERE id IN
			(SELECT id FROM idempotency_replies WHERE started_at<=$1 LIMIT $2)`, s.oldestKept(time.Now()), sweepRows)
		if err != nil {
			return fmt.Errorf("idempotency: sweep: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("idempotency: sweep: %w", err)
		}
		if n < sweepRows {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
	return nil
}
