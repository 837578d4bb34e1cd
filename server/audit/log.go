// Package audit keeps the log of calls that could change something: the caller, the method, the session and the outcome,
// never params or results.
//
// Entries of a session that is deleted stay, under a name that stands for the session: those who know the session's id find
// them by it. It must not know HTTP. Enter at Open.
package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config of a Log. Zero values stand for the defaults given with each field.
type Config struct {
	// Key makes the names that stand for deleted sessions.
	Key []byte
	// OwnerOf returns the key of a session's data; empty = there is no such session.
	OwnerOf func(session string) string
	// Keep is how long entries are kept; 90 days.
	Keep time.Duration
	// FlushEvery is the interval at which entries are stored; 250 ms.
	FlushEvery time.Duration
	// MaxWaiting is the number of entries that wait to be stored; with more, calls wait for the database. 10,000.
	MaxWaiting int
	// SweepEvery is the time between two sweeps of old entries; 10 min.
	SweepEvery time.Duration
	Log        *slog.Logger // nil = discard
}

const (
	flushRows = 200  // entries a transaction
	sweepRows = 2000 // entries a transaction
	// roomTimeout is how long a call waits for the database.
	roomTimeout = time.Second
	// flushTimeout bounds the last flush beyond the caller's context.
	flushTimeout = 5 * time.Second
	// forgetFor is how long the owner of deleted data is known; calls end sooner.
	forgetFor = time.Hour
)

// errBehind is the cause for entries that find no room.
var errBehind = errors.New("the database is behind")

type entry struct {
	servermethods.AuditEntry
	account, credential, session, owner, reason string
}

// Log is the audit log. Its methods are safe for concurrent use.
type Log struct {
	db   *dbutil.Database
	cfg  Config
	stop context.CancelFunc
	done sync.WaitGroup
	room chan struct{} // a token for each waiting entry
	wake chan struct{}

	flushing sync.Mutex // held while entries are stored
	mu       sync.Mutex
	waiting  []entry
	// forgotten has the owners whose data was deleted and when: calls that began before may end after it.
	forgotten map[string]time.Time
}

var _ servermethods.AuditLog = (*Log)(nil)

// Open creates or updates the table and begins to store entries; Close ends that.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Log, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if db, err = database.Migrate(ctx, db, "audit", files); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	for value, usual := range map[*time.Duration]time.Duration{&cfg.Keep: 90 * 24 * time.Hour, &cfg.FlushEvery: 250 * time.Millisecond, &cfg.SweepEvery: 10 * time.Minute} {
		if *value <= 0 {
			*value = usual
		}
	}
	if cfg.MaxWaiting <= 0 {
		cfg.MaxWaiting = 10_000
	}
	if cfg.OwnerOf == nil {
		cfg.OwnerOf = func(session string) string { return session }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{db: db, cfg: cfg, forgotten: map[string]time.Time{}, room: make(chan struct{}, cfg.MaxWaiting), wake: make(chan struct{}, 1)}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Go(func() { l.flushLoop(ctx) })
	l.done.Go(func() {
		database.SweepEvery(ctx, cfg.SweepEvery, l.deleteOld, cfg.Log, "old entries of the audit log were not deleted")
	})
	return l, nil
}

// Close stores the waiting entries and ends the log. Entries that the database does not take go to the server's log.
func (l *Log) Close(ctx context.Context) error {
	l.stop()
	l.done.Wait()
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := l.storeWaiting(ctx); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i := range l.waiting {
			l.logUnstored(&l.waiting[i], err)
		}
	}
	return nil
}

// logUnstored writes an entry that could not be stored to the server's log.
func (l *Log) logUnstored(e *entry, cause error) {
	l.cfg.Log.Warn("an entry of the audit log was not stored", "method", e.Method, "caller", e.Caller, "account", e.account, "request_id", e.RequestID, "code", e.Code, "error", cause)
}

// Record adds the entry of a call. While MaxWaiting entries are not stored yet it waits a second at most; then the entry goes to the server's log only.
func (l *Log) Record(ctx context.Context, c rpc.ChangedCall) {
	e := entry{AuditEntry: servermethods.AuditEntry{
		ID: ulid.Make().String(), At: time.Now(), Caller: string(c.Principal.Kind), Method: c.Method, RequestID: c.RequestID, DurationMS: c.Took.Milliseconds(),
	}, account: c.Principal.Account, credential: c.Principal.Credential, session: c.Session}
	if e.Caller == "" {
		e.Caller = string(rpc.ScopePublic)
	}
	if c.Err != nil {
		e.Code, e.reason = c.Err.Code, c.Err.Reason
	}
	if e.session != "" {
		if e.owner = l.cfg.OwnerOf(e.session); e.owner == "" {
			e.session = l.standIn(e.session)
		}
	}
	if !l.takeRoom(ctx) {
		l.logUnstored(&e, errBehind)
		return
	}
	l.mu.Lock()
	if _, gone := l.forgotten[e.owner]; gone && e.owner != "" {
		e.session, e.owner = l.standIn(e.session), ""
	}
	l.waiting = append(l.waiting, e)
	full := len(l.waiting) >= flushRows
	l.mu.Unlock()
	if full {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// takeRoom waits for room among the waiting entries.
func (l *Log) takeRoom(ctx context.Context) bool {
	select {
	case l.room <- struct{}{}:
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, roomTimeout)
	defer cancel()
	select {
	case l.room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// standIn returns the name that stands for a deleted session.
func (l *Log) standIn(session string) string {
	sum := hmac.New(sha256.New, l.cfg.Key)
	sum.Write([]byte(session))
	return "deleted:" + hex.EncodeToString(sum.Sum(nil)[:8])
}

func (l *Log) flushLoop(ctx context.Context) {
	ticker := time.NewTicker(l.cfg.FlushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-l.wake:
		}
		if err := l.storeWaiting(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Log.Warn("entries of the audit log were not stored; they are tried again", "error", err)
		}
	}
}

// storeWaiting stores the waiting entries. Those of a failed transaction stay.
func (l *Log) storeWaiting(ctx context.Context) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	for {
		l.mu.Lock()
		batch := l.waiting[:min(len(l.waiting), flushRows)]
		l.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		if err := l.insertBatch(ctx, batch); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		l.mu.Lock()
		if l.waiting = l.waiting[len(batch):]; len(l.waiting) == 0 {
			l.waiting = nil
		}
		l.mu.Unlock()
		for range batch {
			<-l.room
		}
	}
}

func (l *Log) insertBatch(ctx context.Context, batch []entry) error {
	const columns = 12
	var places strings.Builder
	args := make([]any, 0, len(batch)*columns)
	for i := range batch {
		e := &batch[i]
		if i > 0 {
			places.WriteByte(',')
		}
		places.WriteByte('(')
		for c := range columns {
			if c > 0 {
				places.WriteByte(',')
			}
			fmt.Fprintf(&places, "$%d", i*columns+c+1)
		}
		places.WriteByte(')')
		args = append(args, e.ID, e.At.UnixMilli(), e.Caller, e.account, e.credential, e.session, e.owner, e.Method, e.RequestID, e.Code, e.reason, e.DurationMS)
	}
	_, err := l.db.Exec(ctx, `INSERT INTO audit_entries (id, at, caller, account, credential, session, owner, method, request, code, reason, took) VALUES `+
		places.String()+` ON CONFLICT (id) DO NOTHING`, args...)
	return err
}

// ForgetSession replaces the id of a session whose data is deleted, in entries stored, waiting, and of calls that end later.
func (l *Log) ForgetSession(ctx context.Context, owner string) error {
	now := time.Now()
	l.mu.Lock()
	maps.DeleteFunc(l.forgotten, func(_ string, at time.Time) bool { return now.Sub(at) > forgetFor })
	l.forgotten[owner] = now
	l.mu.Unlock()
	if err := l.storeWaiting(ctx); err != nil {
		return err
	}
	rows, err := l.db.Query(ctx, `SELECT DISTINCT session FROM audit_entries WHERE owner=$1`, owner)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	sessions, err := dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[string], err).AsList()
	for _, session := range sessions {
		if err == nil {
			_, err = l.db.Exec(ctx, `UPDATE audit_entries SET session=$1, owner='' WHERE owner=$2 AND session=$3`, l.standIn(session), owner, session)
		}
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// deleteOld deletes old entries.
func (l *Log) deleteOld(ctx context.Context) error {
	before := ulid.ULID{}
	if err := before.SetTime(ulid.Timestamp(time.Now().Add(-l.cfg.Keep))); err != nil {
		return err
	}
	for {
		result, err := l.db.Exec(ctx, `DELETE FROM audit_entries WHERE id IN (SELECT id FROM audit_entries WHERE id<$1 ORDER BY id LIMIT $2)`, before.String(), sweepRows)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n < sweepRows {
			return err
		}
	}
}
