package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"
)

// Journal contains the logs of all sessions. Its methods are safe for concurrent use.
type Journal struct {
	cfg      Config
	store    store
	watchers watchers

	mu   sync.RWMutex
	logs map[string]*sessionLog // sessions used since Open

	queue   chan *operation
	life    context.Context // ends with Close
	end     context.CancelFunc
	stopped chan struct{} // closed when the committer has stopped
	workers sync.WaitGroup

	// Used by the committer only.
	ids      *ulid.MonotonicEntropy
	lastTime uint64              // milliseconds of the newest id
	unsure   map[string]struct{} // sessions whose last commit has an unknown outcome

	stats counters
}

type counters struct {
	appended, duplicates, commits, failed, waited, signalsDropped, trimmed atomic.Uint64
	failing                                                                atomic.Bool
}

// Stats are counts since Open.
type Stats struct {
	Appended       uint64 // events logged
	Duplicates     uint64 // records that had already been logged
	Commits        uint64 // transactions
	Failed         uint64 // appends that returned an error
	Waited         uint64 // appends that had to wait behind MaxWaiting others
	SignalsDropped uint64 // signals larger than MaxData
	Trimmed        uint64 // events dropped by retention
	Failing        bool   // the last commit failed
	Waiting        int    // appends in the queue now
}

// Open opens the journal in a shared database, or in memory when db is nil: the latter loses all data at Close and is meant for tests.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Journal, error) {
	cfg = cfg.withDefaults()
	var backing store = newMemoryStore()
	if db != nil {
		var err error
		if backing, err = openSQLStore(ctx, db); err != nil {
			return nil, fmt.Errorf("journal: open: %w", err)
		}
	}
	j := &Journal{
		cfg:     cfg,
		store:   backing,
		logs:    map[string]*sessionLog{},
		queue:   make(chan *operation, cfg.MaxWaiting),
		stopped: make(chan struct{}),
		ids:     ulid.Monotonic(rand.Reader, 0),
		unsure:  map[string]struct{}{},
	}
	j.life, j.end = context.WithCancel(context.Background())
	j.workers.Add(2)
	go j.commitLoop()
	go j.sweepLoop()
	return j, nil
}

// Close commits the queued appends, then ends the journal's goroutines. The database stays open. Later calls return ErrClosed.
func (j *Journal) Close() error {
	j.end()
	j.workers.Wait()
	return j.store.close()
}

// Stats returns the counts so far.
func (j *Journal) Stats() Stats {
	return Stats{
		Appended: j.stats.appended.Load(), Duplicates: j.stats.duplicates.Load(),
		Commits: j.stats.commits.Load(), Failed: j.stats.failed.Load(), Waited: j.stats.waited.Load(),
		SignalsDropped: j.stats.signalsDropped.Load(), Trimmed: j.stats.trimmed.Load(), Failing: j.stats.failing.Load(), Waiting: len(j.queue),
	}
}

// Append logs records of one session, all or none of them, and returns after the commit is durable. Offsets follow the order of the calls. If ctx
// ends first, or on ErrUnavailable, the outcome may be unknown: repeating the append with the same keys resolves it.
//
// Errors: ErrInvalid, ErrTooLarge, ErrProjection, ErrUnavailable (ErrDiskFull), ErrInTransaction, ErrClosed and the context's.
func (j *Journal) Append(ctx context.Context, session string, records ...Record) ([]Result, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if j.store.inTransaction(ctx) {
		return nil, ErrInTransaction
	}
	op := newOperation(ctx, session)
	if err := op.setRecords(records, &j.cfg); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := j.submit(ctx, op); err != nil {
		j.stats.failed.Add(1)
		return nil, err
	}
	if j.cfg.ObserveAppend != nil {
		j.cfg.ObserveAppend(time.Since(began))
	}
	return op.results, nil
}

// submit queues an operation for the committer and waits until it is done.
func (j *Journal) submit(ctx context.Context, op *operation) error {
	if j.life.Err() != nil {
		return ErrClosed
	}
	select {
	case j.queue <- op:
	default:
		j.stats.waited.Add(1)
		select {
		case j.queue <- op:
		case <-ctx.Done():
			return fmt.Errorf("journal: waiting for the queue: %w", ctx.Err())
		case <-j.life.Done():
			return ErrClosed
		}
	}
	select {
	case <-op.done:
		return op.err
	case <-ctx.Done():
		return fmt.Errorf("journal: waiting for the commit: %w", ctx.Err())
	case <-j.stopped:
	}
	select {
	case <-op.done:
		return op.err
	default: // queued after the committer's last check
		return ErrClosed
	}
}

// lookupEntry returns the session's entry in memory, nil if it has none.
func (j *Journal) lookupEntry(session string) *sessionLog {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.logs[session]
}

func (j *Journal) entryFor(session string) *sessionLog {
	if l := j.lookupEntry(session); l != nil {
		return l
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.logs[session]
	if l == nil {
		l = &sessionLog{}
		j.logs[session] = l
	}
	return l
}

// Log describes a session's log and creates it if it does not exist.
func (j *Journal) Log(ctx context.Context, session string) (Log, error) {
	row, err := j.loadRow(ctx, session)
	if err != nil {
		return Log{}, err
	}
	return row.log(), nil
}

func (j *Journal) loadRow(ctx context.Context, session string) (logRow, error) {
	if err := checkSession(session); err != nil {
		return logRow{}, err
	}
	for {
		if l := j.lookupEntry(session); l != nil {
			if row, ok := l.position(); ok {
				return row, nil
			}
		}
		if _, err := j.lookUp(ctx, session, true); err != nil {
			return logRow{}, err
		}
	}
}

// lookUp lets the committer read a log's position, so that the read never overlaps a commit. exists is false if the session has no log and create is
// not set.
func (j *Journal) lookUp(ctx context.Context, session string, create bool) (exists bool, err error) {
	if j.store.inTransaction(ctx) {
		return false, ErrInTransaction
	}
	op := newOperation(ctx, session)
	var found bool // owned by the committer until submit reports that it ran
	op.run = func(ctx context.Context) (err error) {
		found, err = j.loadPosition(ctx, session, create)
		return err
	}
	if err := j.submit(ctx, op); err != nil {
		return false, err
	}
	return found, nil
}

// loadPosition runs in the committer.
func (j *Journal) loadPosition(ctx context.Context, session string, create bool) (exists bool, err error) {
	var rows map[string]logRow
	err = j.store.commit(ctx, func(ctx context.Context, tx storeTx) (err error) {
		rows, err = tx.logs(ctx, []string{session}, create)
		return err
	})
	if err != nil {
		return false, err
	}
	delete(j.unsure, session)
	row, exists := rows[session]
	if !exists {
		j.dropEntry(session)
		return false, nil
	}
	if j.entryFor(session).setPosition(row) && row.head > 0 {
		j.wake(session)
	}
	return true, nil
}

// dropEntry removes the memory entry of a session without a log.
func (j *Journal) dropEntry(session string) {
	j.mu.Lock()
	l := j.logs[session]
	delete(j.logs, session)
	j.mu.Unlock()
	if l != nil {
		l.invalidate() // for readers that reference it
	}
}

// Read returns events after an offset in order: at most maxEvents and, beyond the first, at most maxBytes of bodies (0 or more than the configured
// page = that page). No events means that the reader is at the head. Recent events come from memory, older ones from the store; the bytes are the
// same.
//
// ErrPositionLost: the log does not continue there; Log returns its bounds and epoch.
func (j *Journal) Read(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*Event, error) {
	maxEvents, maxBytes = bounded(maxEvents, j.cfg.ReadEvents), bounded(maxBytes, j.cfg.ReadBytes)
	for {
		l := j.lookupEntry(session)
		if l == nil {
			exists, err := j.lookUp(ctx, session, false)
			switch {
			case err != nil:
				return nil, err
			case !exists && after > 0:
				return nil, fmt.Errorf("%w: session %q has no log", ErrPositionLost, session)
			case !exists:
				return nil, nil
			}
			continue
		}
		events, row, answer := l.readTail(after, maxEvents, maxBytes)
		switch answer {
		case tailServed:
			return events, nil
		case tailLost:
			return nil, fmt.Errorf("%w: after %d, the log has %d to %d", ErrPositionLost, after, row.oldest, row.head)
		case tailUnknown:
			if _, err := j.lookUp(ctx, session, false); err != nil {
				return nil, err
			}
			continue
		case tailInStore:
		}
		events, err := j.store.page(ctx, row, after, maxEvents, maxBytes)
		if err != nil {
			return nil, err
		}
		// Retention or Purge may have run since tail read the ring; head is above after.
		if len(events) == 0 || events[0].Offset != after+1 {
			return nil, fmt.Errorf("%w: after %d, dropped meanwhile", ErrPositionLost, after)
		}
		return events, nil
	}
}

func bounded(asked, limit int) int {
	if asked <= 0 {
		return limit
	}
	return min(asked, limit)
}

// Purge drops a session's log and its dedupe keys and wakes its watchers. A later log of that session has another epoch. If ctx ends early the log is
// still dropped; the next retention run deletes the rest of its rows.
func (j *Journal) Purge(ctx context.Context, session string) error {
	if j.store.inTransaction(ctx) {
		return ErrInTransaction
	}
	var id int64
	var found bool
	op := newOperation(ctx, session)
	op.run = func(ctx context.Context) error {
		err := j.store.commit(ctx, func(ctx context.Context, tx storeTx) (err error) {
			id, found, err = tx.purge(ctx, session)
			return err
		})
		if err == nil {
			delete(j.unsure, session)
			j.dropEntry(session)
			j.wake(session)
		}
		return err
	}
	if err := j.submit(ctx, op); err != nil {
		return err
	}
	for more := found; more; {
		var err error
		if more, err = j.store.drain(ctx, id, j.cfg.SweepBatch); err != nil {
			return err
		}
	}
	return nil
}

func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
