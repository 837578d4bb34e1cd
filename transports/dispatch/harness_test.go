package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// world is a journal and a dispatcher on one database.
type world struct {
	t       testing.TB
	db      *dbutil.Database
	journal *journal.Journal
	*Dispatcher
}

// onEach runs a test on SQLite and PostgreSQL.
func onEach(t *testing.T, test func(t *testing.T, db *dbutil.Database)) {
	dbtest.OnEach(t, func(t *testing.T, address string) { test(t, openDatabase(t, address)) })
}

func openDatabase(t testing.TB, address string) *dbutil.Database {
	t.Helper()
	db, err := database.Open(context.Background(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openWorld(t testing.TB, db *dbutil.Database, cfg Config) *world {
	t.Helper()
	return openWith(t, db, cfg, journal.Config{})
}

func openWith(t testing.TB, db *dbutil.Database, cfg Config, journalCfg journal.Config) *world {
	t.Helper()
	log, err := journal.Open(context.Background(), db, journalCfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	w := &world{t: t, db: db, journal: log}
	w.openDispatcher(cfg)
	return w
}

// openDispatcher opens a dispatcher on the world's journal and replaces the previous one.
func (w *world) openDispatcher(cfg Config) {
	w.t.Helper()
	d, err := Open(context.Background(), w.db, w.journal, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Dispatcher = d
	w.t.Cleanup(func() { _ = d.Close(context.Background()) })
}

// appendEvents logs n events of a type.
func (w *world) appendEvents(session, kind string, n int) {
	w.t.Helper()
	for i := range n {
		if _, err := w.journal.Append(context.Background(), session, journal.Record{Type: kind, Data: fmt.Appendf(nil, `{"n":%d}`, i)}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) addSink(s Sink, p Policy) {
	w.t.Helper()
	if err := w.AddSink("test", s, p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) putTargets(targets ...Target) {
	w.t.Helper()
	if err := w.PutTargets(context.Background(), targets...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.t.Helper()
	if err := w.Close(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) listEntries(q Query) []Entry {
	w.t.Helper()
	entries, _, err := w.List(context.Background(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

func allEvents(session string) Target {
	return Target{Transport: "test", ID: "to-" + session, Session: session, Filter: Filter{Events: []string{"*"}}}
}

// attempt is an attempt recorded by a recorder.
type attempt struct {
	target         string
	offset         uint64
	id, kind       string
	body           string
	number         int
	signal, replay bool
	at             time.Time
}

// recorder is a sink that returns the configured answers.
type recorder struct {
	answer func(ctx context.Context, t Target, d *Delivery) (int, error) // nil = 200

	mu       sync.Mutex
	attempts []attempt
	changed  chan struct{}
}

// refuseBad rejects events of type bad permanently.
func refuseBad(_ context.Context, _ Target, d *Delivery) (int, error) {
	if d.Event.Type == "bad" {
		return 404, Permanent(errors.New("no"))
	}
	return 200, nil
}

func (r *recorder) Deliver(ctx context.Context, t Target, d *Delivery) (int, error) {
	r.mu.Lock()
	r.attempts = append(r.attempts, attempt{t.ID, d.Event.Offset, d.Event.ID, d.Event.Type, string(d.Body), d.Attempt, d.Signal, d.Replay, time.Now()})
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	r.mu.Unlock()
	if r.answer == nil {
		return 200, nil
	}
	return r.answer(ctx, t, d)
}

func (r *recorder) recordedAttempts() []attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]attempt(nil), r.attempts...)
}

// awaitAttempts waits for n attempts and returns them.
func (r *recorder) awaitAttempts(t testing.TB, n int) []attempt {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		if len(r.attempts) >= n {
			r.mu.Unlock()
			return r.recordedAttempts()
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d attempts, want %d", len(r.recordedAttempts()), n)
		}
	}
}

func attemptOffsets(attempts []attempt) []uint64 {
	list := make([]uint64, len(attempts))
	for i, a := range attempts {
		list[i] = a.offset
	}
	return list
}
