package dispatch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// blockUntilDone blocks until its context ends.
func blockUntilDone(ctx context.Context, _ Target, _ *Delivery) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// A target that hangs forever does not delay other lanes, of the same or another transport.
func TestHangingTargetDelaysNoOtherLane(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	const sessions, events = 20, 30
	r := &recorder{answer: func(ctx context.Context, target Target, d *Delivery) (int, error) {
		if target.Session == "s0" {
			return blockUntilDone(ctx, target, d)
		}
		return 200, nil
	}}
	w.addSink(r, Policy{AttemptTimeout: time.Hour})
	for n := range sessions {
		w.putTargets(allEvents(fmt.Sprint("s", n)))
	}
	for n := range sessions {
		w.appendEvents(fmt.Sprint("s", n), "Message", events)
	}
	byTarget := map[string][]uint64{}
	for _, a := range r.awaitAttempts(t, (sessions-1)*events+1) {
		byTarget[a.target] = append(byTarget[a.target], a.offset)
	}
	for n := range sessions {
		want := upTo(1, events)
		if n == 0 {
			want = want[:1]
		}
		if got := byTarget[fmt.Sprint("to-s", n)]; !slices.Equal(got, want) {
			t.Errorf("s%d got %v", n, got)
		}
	}
	// An attempt is recorded after its sink has returned.
	testkit.Eventually(t, "the end of the other attempts", func() bool { return len(w.Live(nil)) == 1 })
	live := w.Live(nil)
	if live[0].Session != "s0" || !live[0].Active || live[0].Offset != 1 || live[0].Attempts != 1 {
		t.Errorf("live %+v", live)
	}
	if got := w.Live([]string{"s1"}); len(got) != 0 {
		t.Errorf("live of another session: %+v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// oneSlotSink is a sink that allows one attempt at a time.
type oneSlotSink struct {
	recorder
	room chan struct{}
}

func (s *oneSlotSink) Admit(ctx context.Context, _ Target) (func(), error) {
	select {
	case s.room <- struct{}{}:
		return func() { <-s.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Waiting for a slot uses neither an attempt nor an attempt's timeout.
func TestWaitingForSlotUsesNoAttempt(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		s := &oneSlotSink{room: make(chan struct{}, 1)}
		s.answer = func(ctx context.Context, _ Target, _ *Delivery) (int, error) {
			time.Sleep(9 * time.Second)
			return 200, ctx.Err()
		}
		w.addSink(s, Policy{AttemptTimeout: 10 * time.Second})
		for _, session := range []string{"a", "b", "c"} {
			w.putTargets(allEvents(session))
			w.appendEvents(session, "Message", 1)
		}
		sleep(20 * time.Second)
		live := w.Live(nil)
		if len(live) != 1 || !live[0].Active || len(w.listEntries(Query{})) != 2 {
			t.Errorf("live %+v", live)
		}
		sleep(20 * time.Second)
		for _, e := range w.listEntries(Query{}) {
			if e.Attempts != 1 || e.Status != Delivered {
				t.Errorf("entry %+v", e)
			}
		}
	})
}

// Removing a target cancels its attempt, and no event is sent afterwards.
func TestRemoveWhileInFlight(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{answer: blockUntilDone}
		w.addSink(r, Policy{AttemptTimeout: time.Hour})
		target := allEvents("a")
		w.putTargets(target)
		w.appendEvents("a", "Message", 3)
		r.awaitAttempts(t, 1)
		if err := w.RemoveTarget(t.Context(), "test", target.ID); err != nil {
			t.Fatal(err)
		}
		w.appendEvents("a", "Message", 1)
		if n := len(r.recordedAttempts()); n != 1 {
			t.Errorf("%d attempts", n)
		}
		if got := w.listEntries(Query{}); len(got) != 0 {
			t.Errorf("entries %+v", got)
		}
		r.answer = nil
		w.putTargets(target) // begins at the head
		w.appendEvents("a", "Message", 1)
		if got := attemptOffsets(r.awaitAttempts(t, 2)); !slices.Equal(got, []uint64{1, 5}) {
			t.Errorf("offsets %v", got)
		}
		if err := w.RemoveTarget(t.Context(), "test", "nobody"); err != nil {
			t.Errorf("removing a missing target: %v", err)
		}
	})
}

// The same id on another session is another target: it begins at that session's head.
func TestTargetMovesToAnotherSession(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{}
	w.addSink(r, Policy{})
	w.appendEvents("b", "Message", 2)
	target := allEvents("a")
	w.putTargets(target)
	w.appendEvents("a", "Message", 1)
	r.awaitAttempts(t, 1)
	target.Session = "b"
	w.putTargets(target)
	w.appendEvents("a", "Message", 1)
	w.appendEvents("b", "Message", 1)
	if got := r.awaitAttempts(t, 2)[1]; got.offset != 3 {
		t.Errorf("attempt %+v", got)
	}
}

// Close lets a running attempt finish and stores its outcome; a hanging attempt is cancelled and repeated after the restart.
func TestClose(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{DrainTimeout: time.Second})
		closing := make(chan struct{})
		r := &recorder{answer: func(ctx context.Context, target Target, d *Delivery) (int, error) {
			if target.Session == "hangs" {
				return blockUntilDone(ctx, target, d)
			}
			<-closing // attempts that Close finds in progress end within DrainTimeout
			return 200, nil
		}}
		w.addSink(r, Policy{AttemptTimeout: time.Hour})
		w.putTargets(allEvents("slow"), allEvents("hangs"))
		w.appendEvents("hangs", "Message", 1)
		r.awaitAttempts(t, 1)
		w.appendEvents("slow", "Message", 100)
		r.awaitAttempts(t, 2)
		time.AfterFunc(10*time.Millisecond, func() { close(closing) })
		inTime, cancel := context.WithTimeout(t.Context(), testkit.Patience) // the sink of the hanging target ends at DrainTimeout
		defer cancel()
		if err := w.Close(inTime); err != nil {
			t.Error(err)
		}
		before := len(r.recordedAttempts())
		w.appendEvents("slow", "Message", 1) // wakes no target
		r.answer = nil
		w.openDispatcher(Config{})
		w.addSink(r, Policy{})
		w.putTargets(allEvents("slow"), allEvents("hangs"))
		counts := map[string]int{}
		for _, a := range r.awaitAttempts(t, 103) {
			counts[fmt.Sprint(a.target, a.offset)]++
		}
		if len(counts) != 102 || counts["to-hangs1"] != 2 {
			t.Errorf("%d events, the hanging one %d times, after %d before Close", len(counts), counts["to-hangs1"], before)
		}
		if err := w.PutTargets(t.Context(), allEvents("x")); err != nil {
			t.Error(err)
		}
		w.close()
		if err := w.PutTargets(t.Context(), allEvents("y")); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Close waits for a sink that ignores its context no longer than its own context allows.
func TestCloseWithSinkIgnoringContext(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{DrainTimeout: 10 * time.Millisecond})
	release := make(chan struct{})
	r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) { <-release; return 200, nil }}
	w.addSink(r, Policy{})
	w.putTargets(allEvents("a"))
	w.appendEvents("a", "Message", 1)
	r.awaitAttempts(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("Close: %v after %v", err, time.Since(began))
	}
	close(release)
}

// Targets that have nothing to send have no goroutines.
func TestIdleTargets(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{}
	w.addSink(r, Policy{})
	w.putTargets(allEvents("first"))
	w.appendEvents("first", "Message", 1)
	testkit.Eventually(t, "the entry", func() bool { return len(w.listEntries(Query{})) == 1 && w.Live(nil) == nil })
	before := runtime.NumGoroutine()
	targets := make([]Target, 3000)
	for n := range targets {
		targets[n] = allEvents(fmt.Sprint("s", n))
	}
	w.putTargets(targets...)
	testkit.Eventually(t, "quiet", func() bool { return runtime.NumGoroutine() <= before+5 })
	w.appendEvents("s1234", "Message", 1)
	if got := r.awaitAttempts(t, 2)[1]; got.target != "to-s1234" {
		t.Errorf("attempt %+v", got)
	}
}

// Events that retention removed before the lane sent them are recorded as a gap.
func TestGap(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWith(t, db, Config{}, journal.Config{RetainEvents: 4})
		r := &recorder{}
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 2)
		testkit.Eventually(t, "both entries", func() bool { return len(w.listEntries(Query{})) == 2 })
		w.close()
		w.appendEvents("a", "Message", 10)
		if err := w.journal.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.openDispatcher(Config{})
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		if got := attemptOffsets(r.awaitAttempts(t, 6)); !slices.Equal(got, []uint64{1, 2, 9, 10, 11, 12}) {
			t.Fatalf("offsets %v", got)
		}
		gaps := w.listEntries(Query{Status: Gap})
		if len(gaps) != 1 || gaps[0].From != 3 || gaps[0].Offset != 8 || gaps[0].Session != "a" || gaps[0].Target != "to-a" || gaps[0].Error == "" || !gaps[0].First.IsZero() {
			t.Errorf("gaps %+v", gaps)
		}
		if stats := w.Stats()[0]; stats.Lost != 6 {
			t.Errorf("stats %+v", stats)
		}
	})
}

// A recreated log is sent from its beginning.
func TestEpoch(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 5)
		r.awaitAttempts(t, 5)
		testkit.Eventually(t, "quiet", func() bool { return w.Live(nil) == nil })
		if err := w.journal.Purge(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, exists, err := w.journal.Lookup(t.Context(), "a"); exists || err != nil {
			t.Fatalf("the lookup created a log: %v", err)
		}
		w.appendEvents("a", "Message", 6)
		if got := attemptOffsets(r.awaitAttempts(t, 11)); !slices.Equal(got, append(upTo(1, 5), upTo(1, 6)...)) {
			t.Errorf("offsets %v", got)
		}
	})
}

// DeleteSession removes all stored data of a session.
func TestDeleteSession(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{answer: func(_ context.Context, target Target, d *Delivery) (int, error) {
			if d.Replay {
				return 500, errors.New("no")
			}
			return 404, Permanent(errors.New("no"))
		}}
		w.addSink(r, Policy{BackoffBase: time.Hour, BackoffCap: time.Hour})
		w.putTargets(allEvents("a"), allEvents("b"))
		w.appendEvents("a", "Message", 2)
		w.appendEvents("b", "Message", 2)
		testkit.Eventually(t, "dead letters", func() bool { return len(w.listEntries(Query{})) == 4 })
		if got, err := w.Replay(t.Context(), Replay{}); err != nil || len(got.Queued) != 4 {
			t.Fatalf("%+v, %v", got, err)
		}
		if err := w.DeleteSession(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"dispatch_cursors": 1, "dispatch_archive": 2, "dispatch_bodies": 2, "dispatch_replays": 2} {
			var rows int
			if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&rows); err != nil || rows != want {
				t.Errorf("%s has %d rows, want those of the other session (%d), %v", table, rows, want, err)
			}
		}
	})
}

// A panic of a sink uses up one attempt of its delivery.
func TestPanic(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{answer: func(_ context.Context, _ Target, d *Delivery) (int, error) {
		if d.Attempt == 1 && d.Event.Offset == 1 {
			panic("secret")
		}
		return 200, nil
	}}
	w.addSink(r, Policy{BackoffBase: time.Millisecond})
	w.putTargets(allEvents("a"))
	w.appendEvents("a", "Message", 2)
	r.awaitAttempts(t, 3)
	testkit.Eventually(t, "entries", func() bool { return len(w.listEntries(Query{})) == 2 })
	if e := w.listEntries(Query{OldestFirst: true})[0]; e.Attempts != 2 || e.Error != "internal error in the test transport" {
		t.Errorf("entry %+v", e)
	}
}

// While outcomes cannot be stored, lanes wait: no event is lost or sent repeatedly.
func TestDatabaseTrouble(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"), allEvents("b"))
		if _, err := db.Exec(t.Context(), `ALTER TABLE dispatch_archive RENAME TO away`); err != nil {
			t.Fatal(err)
		}
		w.appendEvents("a", "Message", 3)
		w.appendEvents("b", "Message", 3)
		r.awaitAttempts(t, 2)
		if _, err := db.Exec(t.Context(), `ALTER TABLE away RENAME TO dispatch_archive`); err != nil {
			t.Fatal(err)
		}
		got := r.awaitAttempts(t, 6)
		testkit.Eventually(t, "entries", func() bool { return len(w.listEntries(Query{})) == 6 })
		if len(r.recordedAttempts()) != 6 {
			t.Errorf("attempts %+v", got)
		}
	})
}

func TestBadTargets(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	w.addSink(&recorder{}, Policy{})
	if err := w.PutTargets(t.Context(), allEvents("a"), allEvents("a")); !errors.Is(err, ErrInvalid) {
		t.Errorf("a duplicate target: %v", err)
	}
	if err := w.AddSink("test", &recorder{}, Policy{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a second sink with the same name: %v", err)
	}
	for name, target := range map[string]Target{
		"unknown transport": {Transport: "other", ID: "x", Session: "a"},
		"no transport":      {ID: "x", Session: "a"},
		"no id":             {Transport: "test", Session: "a"},
		"no session":        {Transport: "test", ID: "x"},
		"two lines":         {Transport: "test", ID: "x\ny", Session: "a"},
		"not UTF-8":         {Transport: "test", ID: "x", Session: "\xff"},
		"too long":          {Transport: "test", ID: string(make([]byte, maxNameBytes+1)), Session: "a"},
	} {
		if err := w.PutTargets(t.Context(), target); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
