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
)

// block never answers, until its context ends.
func block(ctx context.Context, _ Target, _ *Delivery) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// A target that hangs for ever costs the lanes of others nothing, whatever transport they use.
func TestHangingTargetDelaysNobody(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	const sessions, events = 20, 30
	r := &recorder{answer: func(ctx context.Context, target Target, d *Delivery) (int, error) {
		if target.Session == "s0" {
			return block(ctx, target, d)
		}
		return 200, nil
	}}
	w.sink(r, Policy{AttemptTimeout: time.Hour})
	for n := range sessions {
		w.put(everything(fmt.Sprint("s", n)))
	}
	for n := range sessions {
		w.append(fmt.Sprint("s", n), "Message", events)
	}
	byTarget := map[string][]uint64{}
	for _, a := range r.await(t, (sessions-1)*events+1) {
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
	live := w.Live(nil)
	if len(live) != 1 || live[0].Session != "s0" || !live[0].Active || live[0].Offset != 1 || live[0].Attempts != 1 {
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

// slots is a sink with room for one attempt at a time.
type slots struct {
	recorder
	room chan struct{}
}

func (s *slots) Admit(ctx context.Context, _ Target) (func(), error) {
	select {
	case s.room <- struct{}{}:
		return func() { <-s.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Waiting for room is no attempt and takes nothing of an attempt's time.
func TestRoom(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		s := &slots{room: make(chan struct{}, 1)}
		s.answer = func(ctx context.Context, _ Target, _ *Delivery) (int, error) {
			time.Sleep(9 * time.Second)
			return 200, ctx.Err()
		}
		w.sink(s, Policy{AttemptTimeout: 10 * time.Second})
		for _, session := range []string{"a", "b", "c"} {
			w.put(everything(session))
			w.append(session, "Message", 1)
		}
		sleep(20 * time.Second)
		live := w.Live(nil)
		if len(live) != 1 || !live[0].Active || len(w.list(Query{})) != 2 {
			t.Errorf("live %+v", live)
		}
		sleep(20 * time.Second)
		for _, e := range w.list(Query{}) {
			if e.Attempts != 1 || e.Status != Delivered {
				t.Errorf("entry %+v", e)
			}
		}
	})
}

// Removing a target cancels its attempt, and nothing of it goes out afterwards.
func TestRemoveWhileInFlight(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{answer: block}
		w.sink(r, Policy{AttemptTimeout: time.Hour})
		target := everything("a")
		w.put(target)
		w.append("a", "Message", 3)
		r.await(t, 1)
		if err := w.RemoveTarget(t.Context(), "test", target.ID); err != nil {
			t.Fatal(err)
		}
		w.append("a", "Message", 1)
		if n := len(r.seen()); n != 1 {
			t.Errorf("%d attempts", n)
		}
		if got := w.list(Query{}); len(got) != 0 {
			t.Errorf("entries %+v", got)
		}
		r.answer = nil
		w.put(target) // begins at the head
		w.append("a", "Message", 1)
		if got := offsets(r.await(t, 2)); !slices.Equal(got, []uint64{1, 5}) {
			t.Errorf("offsets %v", got)
		}
		if err := w.RemoveTarget(t.Context(), "test", "nobody"); err != nil {
			t.Errorf("removing what is not there: %v", err)
		}
	})
}

// The same id on another session is another target: it begins at that session's head.
func TestTargetMovesToAnotherSession(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{}
	w.sink(r, Policy{})
	w.append("b", "Message", 2)
	target := everything("a")
	w.put(target)
	w.append("a", "Message", 1)
	r.await(t, 1)
	target.Session = "b"
	w.put(target)
	w.append("a", "Message", 1)
	w.append("b", "Message", 1)
	if got := r.await(t, 2)[1]; got.offset != 3 {
		t.Errorf("attempt %+v", got)
	}
}

// Close lets an attempt end that is under way, and stores it; what hangs is cut off and comes again.
func TestClose(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{DrainTimeout: 300 * time.Millisecond})
		r := &recorder{answer: func(ctx context.Context, target Target, d *Delivery) (int, error) {
			if target.Session == "hangs" {
				return block(ctx, target, d)
			}
			time.Sleep(50 * time.Millisecond)
			return 200, nil
		}}
		w.sink(r, Policy{AttemptTimeout: time.Hour})
		w.put(everything("slow"), everything("hangs"))
		w.append("hangs", "Message", 1)
		r.await(t, 1)
		w.append("slow", "Message", 100)
		r.await(t, 2)
		began := time.Now()
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Close took %v", took)
		}
		before := len(r.seen())
		w.append("slow", "Message", 1) // wakes nobody
		r.answer = nil
		w.open(Config{})
		w.sink(r, Policy{})
		w.put(everything("slow"), everything("hangs"))
		counts := map[string]int{}
		for _, a := range r.await(t, 103) {
			counts[fmt.Sprint(a.target, a.offset)]++
		}
		if len(counts) != 102 || counts["to-hangs1"] != 2 {
			t.Errorf("%d events, the hanging one %d times, after %d before Close", len(counts), counts["to-hangs1"], before)
		}
		if err := w.PutTargets(t.Context(), everything("x")); err != nil {
			t.Error(err)
		}
		w.close()
		if err := w.PutTargets(t.Context(), everything("y")); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Close waits for a sink that ignores its context no longer than it is told to.
func TestCloseWithStubbornSink(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{DrainTimeout: 10 * time.Millisecond})
	release := make(chan struct{})
	r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) { <-release; return 200, nil }}
	w.sink(r, Policy{})
	w.put(everything("a"))
	w.append("a", "Message", 1)
	r.await(t, 1)
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
	w.sink(r, Policy{})
	w.put(everything("first"))
	w.append("first", "Message", 1)
	eventually(t, "the entry", func() bool { return len(w.list(Query{})) == 1 && w.Live(nil) == nil })
	before := runtime.NumGoroutine()
	targets := make([]Target, 3000)
	for n := range targets {
		targets[n] = everything(fmt.Sprint("s", n))
	}
	w.put(targets...)
	eventually(t, "quiet", func() bool { return runtime.NumGoroutine() <= before+5 })
	w.append("s1234", "Message", 1)
	if got := r.await(t, 2)[1]; got.target != "to-s1234" {
		t.Errorf("attempt %+v", got)
	}
}

// What retention took before the lane came to it is put down as a gap.
func TestGap(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWith(t, db, Config{}, journal.Config{RetainEvents: 4})
		r := &recorder{}
		w.sink(r, Policy{})
		w.put(everything("a"))
		w.append("a", "Message", 2)
		eventually(t, "both entries", func() bool { return len(w.list(Query{})) == 2 })
		w.close()
		w.append("a", "Message", 10)
		if err := w.journal.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.open(Config{})
		w.sink(r, Policy{})
		w.put(everything("a"))
		if got := offsets(r.await(t, 6)); !slices.Equal(got, []uint64{1, 2, 9, 10, 11, 12}) {
			t.Fatalf("offsets %v", got)
		}
		gaps := w.list(Query{Status: Gap})
		if len(gaps) != 1 || gaps[0].From != 3 || gaps[0].Offset != 8 || gaps[0].Session != "a" || gaps[0].Target != "to-a" || gaps[0].Error == "" || !gaps[0].First.IsZero() {
			t.Errorf("gaps %+v", gaps)
		}
		if stats := w.Stats()[0]; stats.Lost != 6 {
			t.Errorf("stats %+v", stats)
		}
	})
}

// A log made anew is sent from its beginning.
func TestEpoch(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.sink(r, Policy{})
		w.put(everything("a"))
		w.append("a", "Message", 5)
		r.await(t, 5)
		eventually(t, "quiet", func() bool { return w.Live(nil) == nil })
		if err := w.journal.Purge(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, exists, err := w.journal.Lookup(t.Context(), "a"); exists || err != nil {
			t.Fatalf("a log was made by looking: %v", err)
		}
		w.append("a", "Message", 6)
		if got := offsets(r.await(t, 11)); !slices.Equal(got, append(upTo(1, 5), upTo(1, 6)...)) {
			t.Errorf("offsets %v", got)
		}
	})
}

// A deleted session leaves nothing behind.
func TestDeleteSession(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{answer: func(_ context.Context, target Target, d *Delivery) (int, error) {
			if d.Replay {
				return 500, errors.New("no")
			}
			return 404, Permanent(errors.New("no"))
		}}
		w.sink(r, Policy{BackoffBase: time.Hour, BackoffCap: time.Hour})
		w.put(everything("a"), everything("b"))
		w.append("a", "Message", 2)
		w.append("b", "Message", 2)
		eventually(t, "dead letters", func() bool { return len(w.list(Query{})) == 4 })
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

// A panic of a sink costs the one delivery an attempt.
func TestPanic(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	r := &recorder{answer: func(_ context.Context, _ Target, d *Delivery) (int, error) {
		if d.Attempt == 1 && d.Event.Offset == 1 {
			panic("secret")
		}
		return 200, nil
	}}
	w.sink(r, Policy{BackoffBase: time.Millisecond})
	w.put(everything("a"))
	w.append("a", "Message", 2)
	r.await(t, 3)
	eventually(t, "entries", func() bool { return len(w.list(Query{})) == 2 })
	if e := w.list(Query{OldestFirst: true})[0]; e.Attempts != 2 || e.Error != "the test transport failed inside" {
		t.Errorf("entry %+v", e)
	}
}

// While ends cannot be stored, lanes wait: nothing is lost, and no event is sent again and again.
func TestDatabaseTrouble(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.sink(r, Policy{})
		w.put(everything("a"), everything("b"))
		if _, err := db.Exec(t.Context(), `ALTER TABLE dispatch_archive RENAME TO away`); err != nil {
			t.Fatal(err)
		}
		w.append("a", "Message", 3)
		w.append("b", "Message", 3)
		r.await(t, 2)
		if _, err := db.Exec(t.Context(), `ALTER TABLE away RENAME TO dispatch_archive`); err != nil {
			t.Fatal(err)
		}
		got := r.await(t, 6)
		eventually(t, "entries", func() bool { return len(w.list(Query{})) == 6 })
		if len(r.seen()) != 6 {
			t.Errorf("attempts %+v", got)
		}
	})
}

func TestBadTargets(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{})
	w.sink(&recorder{}, Policy{})
	if err := w.PutTargets(t.Context(), everything("a"), everything("a")); !errors.Is(err, ErrInvalid) {
		t.Errorf("a target twice: %v", err)
	}
	if err := w.AddSink("test", &recorder{}, Policy{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a second sink of one name: %v", err)
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
