package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"
)

// Journal is the logs of all sessions. Its methods may be called concurrently.
type Journal struct {
	cfg   Config
	store store

	mu   sync.Mutex
	logs map[string]*sessionLog
	all  watcherList // watchers of every session

	queue   chan *operation
	closing chan struct{}
	close   sync.Once
	workers sync.WaitGroup

	entropy *ulid.MonotonicEntropy // the committer's
	stats   counters
}

type counters struct{ appended, duplicates, commits, failed, waited atomic.Uint64 }

// Stats are counts since Open.
type Stats struct {
	Appended   uint64 // events logged
	Duplicates uint64 // records that were logged already
	Commits    uint64 // transactions
	Failed     uint64 // appends answered with an error
	Waited     uint64 // appends that found MaxWaiting others before them
}

// Open opens the journal in a shared database, or in memory when db is nil: the
// latter forgets everything at Close and is meant for tests and trials.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Journal, error) {
	cfg = cfg.withDefaults()
	var backing store = newMemoryStore()
	if db != nil {
		var err error
		if backing, err = openSQLStore(ctx, db); err != nil {
			return nil, err
		}
	}
	j := &Journal{
		cfg:     cfg,
		store:   backing,
		logs:    map[string]*sessionLog{},
		queue:   make(chan *operation, cfg.MaxWaiting),
		closing: make(chan struct{}),
		entropy: ulid.Monotonic(rand.Reader, 0),
	}
	j.workers.Add(2)
	go j.commitLoop()
	go j.sweepLoop()
	return j, nil
}

// Close waits for the commit under way; appends still waiting get ErrClosed.
func (j *Journal) Close() error {
	j.close.Do(func() { close(j.closing) })
	j.workers.Wait()
	return j.store.close()
}

// Stats returns the counts so far.
func (j *Journal) Stats() Stats {
	return Stats{
		Appended: j.stats.appended.Load(), Duplicates: j.stats.duplicates.Load(),
		Commits: j.stats.commits.Load(), Failed: j.stats.failed.Load(), Waited: j.stats.waited.Load(),
	}
}

// Append logs records of one session, all or none of them, and returns after the
// commit is durable. Offsets follow the order of the calls' arrival. When ctx ends
// first the outcome is open: repeating the append with the same keys settles it.
//
// Errors: ErrInvalid, ErrTooLarge, ErrProjection, ErrUnavailable, ErrClosed and the
// context's.
func (j *Journal) Append(ctx context.Context, session string, records ...Record) ([]Result, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if err := j.check(session, records); err != nil {
		return nil, err
	}
	op := &operation{ctx: ctx, session: session, records: records, done: make(chan struct{})}
	if err := j.submit(ctx, op); err != nil {
		j.stats.failed.Add(1)
		return nil, err
	}
	return op.results, nil
}

// check refuses what could not be stored or encoded, before it can disturb a batch.
func (j *Journal) check(session string, records []Record) error {
	if session == "" {
		return fmt.Errorf("%w: session is empty", ErrInvalid)
	}
	if len(records) > j.cfg.MaxBatch {
		return fmt.Errorf("%w: %d records in one append, %d at most", ErrInvalid, len(records), j.cfg.MaxBatch)
	}
	for i := range records {
		r := &records[i]
		switch {
		case r.Type == "":
			return fmt.Errorf("%w: type is empty", ErrInvalid)
		case len(r.Data) > j.cfg.MaxData:
			return fmt.Errorf("%w: %d bytes, %d at most", ErrTooLarge, len(r.Data), j.cfg.MaxData)
		case !json.Valid(r.Data):
			return fmt.Errorf("%w: data of a %s event is not JSON", ErrInvalid, r.Type)
		}
	}
	return nil
}

// submit queues an operation for the committer and waits until it is done.
func (j *Journal) submit(ctx context.Context, op *operation) error {
	select {
	case <-j.closing:
		return ErrClosed
	case j.queue <- op:
	default:
		j.stats.waited.Add(1)
		select {
		case j.queue <- op:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.closing:
			return ErrClosed
		}
	}
	select {
	case <-op.done:
		return op.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Signal hands a volatile happening to those who watch the session now.
func (j *Journal) Signal(s Signal) {
	if s.Time.IsZero() {
		s.Time = j.cfg.Now().UTC()
	}
	j.watchersOf(s.Session, func(w Watcher) { w.Signal(&s) })
}

// Watch calls w after each commit and for each signal of a session, or of every
// session when it is "". It tells of nothing that was committed before.
func (j *Journal) Watch(session string, w Watcher) (stop func()) {
	list := &j.all
	if session != "" {
		list = &j.entry(session).watchers
	}
	return list.add(w)
}

func (j *Journal) watchersOf(session string, tell func(Watcher)) {
	j.mu.Lock()
	l := j.logs[session]
	j.mu.Unlock()
	if l != nil {
		l.watchers.each(tell)
	}
	j.all.each(tell)
}

// entry returns the session's place in memory, loaded or not.
func (j *Journal) entry(session string) *sessionLog {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.logs[session]
	if l == nil {
		l = &sessionLog{}
		j.logs[session] = l
	}
	return l
}

// Log describes a session's log and makes it when it does not exist.
func (j *Journal) Log(ctx context.Context, session string) (Log, error) {
	l, err := j.loaded(ctx, session)
	if err != nil {
		return Log{}, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Log{Session: session, Epoch: l.epoch, Head: l.head, Oldest: l.oldest}, nil
}

// loaded returns the session's log with its position read from the store.
func (j *Journal) loaded(ctx context.Context, session string) (*sessionLog, error) {
	l := j.entry(session)
	if l.isLoaded() {
		return l, nil
	}
	// The committer loads, so that a position is never read beside a commit.
	op := &operation{ctx: ctx, session: session, done: make(chan struct{}), run: func(ctx context.Context) error {
		return j.load(ctx, session, l)
	}}
	if err := j.submit(ctx, op); err != nil {
		return nil, err
	}
	return l, nil
}

// load runs in the committer.
func (j *Journal) load(ctx context.Context, session string, l *sessionLog) error {
	if l.isLoaded() {
		return nil
	}
	row, err := j.store.openLog(ctx, session, newEpoch())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	l.setPosition(row)
	return nil
}

func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Read returns events after an offset in order, at most maxEvents and, beyond the
// first, maxBytes of bodies (0 = no limit). No events means that the reader is at
// the head. ErrPositionLost: retention passed the reader by; Log tells the bounds.
func (j *Journal) Read(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*Event, error) {
	l, err := j.loaded(ctx, session)
	if err != nil {
		return nil, err
	}
	if maxEvents <= 0 {
		maxEvents = j.cfg.MaxBatch
	}
	events, inMemory, err := l.tail(after, maxEvents, maxBytes)
	if err != nil || inMemory {
		return events, err
	}
	events, err = j.store.page(ctx, session, after, maxEvents, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// Retention may have run between the two looks.
	if len(events) == 0 || events[0].Offset != after+1 {
		return nil, ErrPositionLost
	}
	return events, nil
}

// Purge drops a session's log and its dedupe keys. A later log of that name has
// another epoch.
func (j *Journal) Purge(ctx context.Context, session string) error {
	op := &operation{ctx: ctx, session: session, done: make(chan struct{}), run: func(ctx context.Context) error {
		if err := j.store.purge(ctx, session); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		j.mu.Lock()
		l := j.logs[session]
		delete(j.logs, session)
		j.mu.Unlock()
		if l != nil {
			l.forget()
			// Watchers of the name stay: they see the next log of it.
			if kept := l.watchers.all(); len(kept) > 0 {
				j.mu.Lock()
				j.logs[session] = l
				j.mu.Unlock()
			}
		}
		return nil
	}}
	return j.submit(ctx, op)
}

// watcherList is read far more often than changed: readers take no lock.
type watcherList struct {
	mu      sync.Mutex
	current atomic.Pointer[[]*watching]
}

type watching struct{ w Watcher }

func (l *watcherList) add(w Watcher) (stop func()) {
	entry := &watching{w}
	l.change(func(list []*watching) []*watching { return append(list, entry) })
	return func() {
		l.change(func(list []*watching) []*watching {
			return slices.DeleteFunc(list, func(e *watching) bool { return e == entry })
		})
	}
}

func (l *watcherList) change(edit func([]*watching) []*watching) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := edit(slices.Clone(l.all()))
	l.current.Store(&list)
}

func (l *watcherList) all() []*watching {
	if p := l.current.Load(); p != nil {
		return *p
	}
	return nil
}

func (l *watcherList) each(tell func(Watcher)) {
	for _, e := range l.all() {
		tell(e.w)
	}
}

// eventTime gives times the resolution they are stored with.
func eventTime(t time.Time, now func() time.Time) time.Time {
	if t.IsZero() {
		t = now()
	}
	return t.UTC().Truncate(time.Millisecond)
}
