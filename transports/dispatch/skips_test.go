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
)

var outletNames = []string{"webhook", "amqp", "sqs", "redis"}

// span is from when to when something was going on, by a clock that ticks with each question.
type span struct{ from, to int64 }

// flips are the changes of one outlet, the first of them on, then off, and so on.
type flips []span

// state tells whether something that went on during s was skipped for sure, not for sure, or began or ended meanwhile.
func (f flips) state(s span) (skipped, sure bool) {
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

// Each outlet's flag is flipped 100 times while 5,000 events are logged (less on PostgreSQL): what was logged before a change goes out, what is
// logged after it does not, and the other way round, whether the lane keeps up, is behind all of it, or was ended and
// opened again in between.
func TestSkips(t *testing.T) {
	for _, mode := range []string{"live", "behind"} {
		t.Run(mode, func(t *testing.T) {
			onEach(t, func(t *testing.T, db *dbutil.Database) { testSkips(t, db, mode == "behind") })
		})
	}
}

func testSkips(t *testing.T, db *dbutil.Database, behind bool) {
	events, changes := 5000, 100
	if db.Dialect == dbutil.Postgres { // where a commit takes longer
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
			w.put(Target{Transport: name, ID: "global/s", Session: "s", Filter: Filter{Events: []string{"*"}}, Outlet: name})
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
		w.open(Config{KeepDelivered: -1})
		for _, r := range recorders {
			r.mu.Lock()
			r.attempts = nil // the first event of each, which nobody took
			r.mu.Unlock()
		}
		close(gate)
		connect()
	}
	w.append("s", "Message", 1) // none is skipped any more: the last one
	for _, name := range outletNames {
		r := recorders[name]
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) { // the test's whole traffic
			if seen := r.seen(); len(seen) > 0 && seen[len(seen)-1].offset == uint64(events)+1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the last event by %s did not come", name)
			}
		}
		got := offsets(r.seen())
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%s: out of order or twice", name)
		}
		sent := make(map[uint64]bool, len(got))
		for _, offset := range got {
			sent[offset] = true
		}
		turns, certain, last := 0, 0, true
		for offset := uint64(1); offset <= uint64(events); offset++ {
			skipped, sure := history[name].state(spans[offset])
			if sure {
				certain++
			}
			if sure && sent[offset] == skipped {
				t.Fatalf("%s: offset %d was sent: %t, skipped for sure: %t", name, offset, sent[offset], skipped)
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
	// Nothing is kept of what all have passed.
	eventually(t, "empty windows", func() bool {
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

// What a change stores beside it is stored with it or not at all, and changes that nobody can follow are refused.
func TestSkipsAreOneChange(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{MaxSkips: 2})
		r := &recorder{answer: block}
		w.sink(r, Policy{AttemptTimeout: time.Hour})
		w.put(Target{Transport: "test", ID: "global/s", Session: "s", Filter: Filter{Events: []string{"*"}}, Outlet: "test"})
		broken := errors.New("broken")
		err := w.SetSkips(t.Context(), "s", []string{"test"}, func(context.Context) error { return broken })
		if !errors.Is(err, broken) || w.Skips("s", "test") {
			t.Fatalf("%v, skips: %t", err, w.Skips("s", "test"))
		}
		for i := range 2 {
			w.append("s", "Message", 1)
			for _, list := range [][]string{{"test"}, {"test"}} {
				if err := w.SetSkips(t.Context(), "s", list, nil); err != nil {
					t.Fatal(err)
				}
			}
			w.append("s", "Message", 1)
			if got := w.Skips("s", "test"); !got {
				t.Errorf("round %d: not skipped", i)
			}
			if err := w.SetSkips(t.Context(), "s", nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		// On again at the same place goes on with the last stretch.
		if err := w.SetSkips(t.Context(), "s", []string{"test"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.SetSkips(t.Context(), "s", nil, nil); err != nil {
			t.Fatal(err)
		}
		w.append("s", "Message", 1)
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

// A session that stays out of an outlet when its log is made anew stays out still, and a log that was made anew has none
// of the stretches before.
func TestSkipsOfANewLog(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{}
	w.sink(r, Policy{})
	w.put(Target{Transport: "test", ID: "global/s", Session: "s", Filter: Filter{Events: []string{"*"}, Signals: true}, Outlet: "test"})
	w.append("s", "Message", 3)
	r.await(t, 3)
	if err := w.SetSkips(t.Context(), "s", []string{"test"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.journal.Purge(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	w.append("s", "Message", 2)
	w.journal.Signal(journal.Signal{Session: "s", Type: "ChatPresence"})
	if err := w.SetSkips(t.Context(), "s", nil, nil); err != nil {
		t.Fatal(err)
	}
	w.append("s", "Message", 1)
	if got := fmt.Sprint(offsets(r.await(t, 4))); got != "[1 2 3 3]" {
		t.Errorf("got %s", got)
	}
	if list := w.skips.of("s"); len(list) != 0 {
		t.Errorf("windows %+v", list)
	}
}

// Targets are removed together by the beginning of their id, those that are not in use as well.
func TestRemoveTargets(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.sink(r, Policy{})
		for _, id := range []string{"global/a", "global/b", "own/a"} {
			w.put(Target{Transport: "test", ID: id, Session: id[len(id)-1:], Filter: Filter{Events: []string{"*"}}})
		}
		w.close()
		w.open(Config{})
		w.sink(r, Policy{})
		w.put(Target{Transport: "test", ID: "global/a", Session: "a", Filter: Filter{Events: []string{"*"}}})
		if err := w.RemoveTargets(t.Context(), "test", "global/"); err != nil {
			t.Fatal(err)
		}
		w.append("a", "Message", 1)
		w.put(Target{Transport: "test", ID: "own/a", Session: "a", Filter: Filter{Events: []string{"*"}}})
		if got := r.await(t, 1); got[0].target != "own/a" {
			t.Errorf("attempts %+v", got)
		}
		var rows int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_cursors`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("%d cursors, %v", rows, err)
		}
	})
}
