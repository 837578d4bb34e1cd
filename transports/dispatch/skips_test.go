package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

var outletNames = []string{"webhook", "amqp", "sqs", "redis"}

// span is the start and end of an operation, by a clock that ticks on each read.
type span struct{ from, to int64 }

// flips are the changes of one outlet: the first on, the second off, and so on.
type flips []span

// stateDuring returns whether an operation during s was certainly skipped, certainly not skipped, or overlapped a change.
func (f flips) stateDuring(s span) (skipped, sure bool) {
	for i, flip := range f {
		switch {
		case s.to < flip.from:
			return i%2 == 1, true
		case s.from < flip.to:
			return false, false
		}
	}
	return len(f)%2 == 1, true
}

// Each outlet's flag is flipped 100 times while 5,000 events are logged (less on PostgreSQL): events logged before a change are delivered, events
// logged after it are not, and vice versa, whether the lane keeps up, is behind all events, or was closed and reopened in between.
func TestSkips(t *testing.T) {
	for _, mode := range []string{"live", "behind"} {
		t.Run(mode, func(t *testing.T) {
			onEach(t, func(t *testing.T, db *dbutil.Database) { testSkips(t, db, mode == "behind") })
		})
	}
}

func testSkips(t *testing.T, db *dbutil.Database, behind bool) {
	events, changes := 5000, 100
	if db.Dialect == dbutil.Postgres { // commits take longer there
		events, changes = 1000, 20
	}
	const appenders = 10
	w := openWorld(t, db, Config{KeepDelivered: -1})
	gate := make(chan struct{})
	if !behind {
		close(gate)
	}
	recorders := make(map[string]*recorder, len(outletNames))
	connect := func() {
		for _, name := range outletNames {
			if recorders[name] == nil {
				recorders[name] = &recorder{answer: func(ctx context.Context, _ Target, _ *Delivery) (int, error) {
					select {
					case <-gate:
						return 200, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				}}
			}
			if err := w.AddSink(name, recorders[name], Policy{AttemptTimeout: time.Hour}); err != nil {
				t.Fatal(err)
			}
			w.putTargets(Target{Transport: name, ID: "global/s", Session: "s", Filter: Filter{Events: []string{"*"}}, Outlet: name})
		}
	}
	connect()

	var clock atomic.Int64
	spans := make([]span, events+1) // by offset
	var load, flipping sync.WaitGroup
	for range appenders {
		load.Go(func() {
			for range events / appenders {
				from := clock.Add(1)
				results, err := w.journal.Append(context.Background(), "s", journal.Record{Type: "Message"})
				if err != nil {
					t.Error(err)
					return
				}
				spans[results[0].Event.Offset] = span{from, clock.Add(1)}
			}
		})
	}
	var mu sync.Mutex
	on := map[string]bool{}
	history := map[string]flips{}
	flip := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		on[name] = !on[name]
		var list []string
		for _, outlet := range outletNames {
			if on[outlet] {
				list = append(list, outlet)
			}
		}
		from := clock.Add(1)
		if err := w.SetSkips(context.Background(), "s", list, nil); err != nil {
			t.Error(err)
		}
		history[name] = append(history[name], span{from, clock.Add(1)})
	}
	for _, name := range outletNames {
		flipping.Go(func() {
			for range changes {
				flip(name)
			}
		})
	}
	load.Wait()
	flipping.Wait()
	if behind {
		w.close()
		w.openDispatcher(Config{KeepDelivered: -1})
		for _, r := range recorders {
			r.mu.Lock()
			r.attempts = nil // the first event of each, delivered to no outlet
			r.mu.Unlock()
		}
		close(gate)
		connect()
	}
	w.appendEvents("s", "Message", 1) // no outlet is skipped any more: the last event
	for _, name := range outletNames {
		r := recorders[name]
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) { // time for the test's whole traffic
			if seen := r.recordedAttempts(); len(seen) > 0 && seen[len(seen)-1].offset == uint64(events)+1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the last event was not delivered by %s", name)
			}
		}
		got := attemptOffsets(r.recordedAttempts())
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%s: out of order or twice", name)
		}
		sent := make(map[uint64]bool, len(got))
		for _, offset := range got {
			sent[offset] = true
		}
		turns, certain, last := 0, 0, true
		for offset := uint64(1); offset <= uint64(events); offset++ {
			skipped, sure := history[name].stateDuring(spans[offset])
			if sure {
				certain++
			}
			if sure && sent[offset] == skipped {
				t.Fatalf("%s: offset %d was sent: %t, certainly skipped: %t", name, offset, sent[offset], skipped)
			}
			if sent[offset] != last {
				turns, last = turns+1, sent[offset]
			}
		}
		if len(history[name]) != changes || turns > changes {
			t.Errorf("%s: %d changes between sent and not sent by %d flips", name, turns, len(history[name]))
		}
		t.Logf("%s: %d of %d events sent, %d turns; certain without the order of commits: %d", name, len(got)-1, events, turns, certain)
	}
	// Ranges that all lanes have passed are deleted.
	testkit.Eventually(t, "empty windows", func() bool {
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_skips`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows == 0 && len(w.skips.sessions()) == 0
	})
}

// The change passed to SetSkips is stored in the same transaction or not at all, and changes beyond the limit are rejected.
func TestSkipsAreOneChange(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{MaxSkips: 2})
		r := &recorder{answer: blockUntilDone}
		w.addSink(r, Policy{AttemptTimeout: time.Hour})
		w.putTargets(Target{Transport: "test", ID: "global/s", Session: "s", Filter: Filter{Events: []string{"*"}}, Outlet: "test"})
		broken := errors.New("broken")
		err := w.SetSkips(t.Context(), "s", []string{"test"}, func(context.Context) error { return broken })
		if !errors.Is(err, broken) || w.Skips("s", "test") {
			t.Fatalf("%v, skips: %t", err, w.Skips("s", "test"))
		}
		for i := range 2 {
			w.appendEvents("s", "Message", 1)
			for _, list := range [][]string{{"test"}, {"test"}} {
				if err := w.SetSkips(t.Context(), "s", list, nil); err != nil {
					t.Fatal(err)
				}
			}
			w.appendEvents("s", "Message", 1)
			if got := w.Skips("s", "test"); !got {
				t.Errorf("round %d: not skipped", i)
			}
			if err := w.SetSkips(t.Context(), "s", nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		// Skipping again at the same position extends the last range.
		if err := w.SetSkips(t.Context(), "s", []string{"test"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.SetSkips(t.Context(), "s", nil, nil); err != nil {
			t.Fatal(err)
		}
		w.appendEvents("s", "Message", 1)
		if err := w.SetSkips(t.Context(), "s", []string{"test"}, nil); !errors.Is(err, ErrTooManySkips) {
			t.Errorf("error %v", err)
		}
		if err := w.DeleteSession(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_skips`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d windows of a deleted session, %v", rows, err)
		}
	})
}

// A session that skips an outlet while its log is recreated continues to skip it, and the earlier ranges do not apply to the recreated log.
func TestSkipsOfRecreatedLog(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{}
	w.addSink(r, Policy{})
	w.putTargets(Target{Transport: "test", ID: "global/s", Session: "s", Filter: Filter{Events: []string{"*"}, Signals: true}, Outlet: "test"})
	w.appendEvents("s", "Message", 3)
	r.awaitAttempts(t, 3)
	if err := w.SetSkips(t.Context(), "s", []string{"test"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.journal.Purge(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	w.appendEvents("s", "Message", 2)
	w.journal.Signal(journal.Signal{Session: "s", Type: "ChatPresence"})
	if err := w.SetSkips(t.Context(), "s", nil, nil); err != nil {
		t.Fatal(err)
	}
	w.appendEvents("s", "Message", 1)
	if got := fmt.Sprint(attemptOffsets(r.awaitAttempts(t, 4))); got != "[1 2 3 3]" {
		t.Errorf("got %s", got)
	}
	if list := w.skips.forSession("s"); len(list) != 0 {
		t.Errorf("windows %+v", list)
	}
}

// Targets are removed together by id prefix, including those that are not in use.
func TestRemoveTargets(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.addSink(r, Policy{})
		for _, id := range []string{"global/a", "global/b", "own/a"} {
			w.putTargets(Target{Transport: "test", ID: id, Session: id[len(id)-1:], Filter: Filter{Events: []string{"*"}}})
		}
		w.close()
		w.openDispatcher(Config{})
		w.addSink(r, Policy{})
		w.putTargets(Target{Transport: "test", ID: "global/a", Session: "a", Filter: Filter{Events: []string{"*"}}})
		if err := w.RemoveTargets(t.Context(), "test", "global/"); err != nil {
			t.Fatal(err)
		}
		w.appendEvents("a", "Message", 1)
		w.putTargets(Target{Transport: "test", ID: "own/a", Session: "a", Filter: Filter{Events: []string{"*"}}})
		if got := r.awaitAttempts(t, 1); got[0].target != "own/a" {
			t.Errorf("attempts %+v", got)
		}
		var rows int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_cursors`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("%d cursors, %v", rows, err)
		}
	})
}
