package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// refusingSink rejects every delivery permanently until it is switched.
type refusingSink struct {
	recorder
	accept atomic.Bool
}

func newRefusing() *refusingSink {
	s := &refusingSink{}
	s.answer = func(context.Context, Target, *Delivery) (int, error) {
		if s.accept.Load() {
			return 204, nil
		}
		return 410, Permanent(errors.New("answered 410"))
	}
	return s
}

func (w *world) replay(r Replay) Replayed {
	w.t.Helper()
	got, err := w.Replay(context.Background(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// Replays empty the dead letters: same events, in order, marked; their bodies are deleted with them.
func TestReplayEmptiesDeadLetters(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWith(t, db, Config{}, journal.Config{RetainEvents: 1})
		s := newRefusing()
		w.addSink(s, Policy{})
		w.putTargets(allEvents("a"), allEvents("b"))
		w.appendEvents("a", "Message", 4)
		w.appendEvents("b", "Message", 1)
		testkit.Eventually(t, "dead letters", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 5 })
		if err := w.journal.Sweep(t.Context()); err != nil { // now only the archive has the bodies
			t.Fatal(err)
		}
		s.accept.Store(true)
		dry := w.replay(Replay{Query: Query{Status: DeadLetter, Sessions: []string{"a"}}, DryRun: true})
		if dry.Matched != 4 || len(dry.Queued) != 4 || len(s.recordedAttempts()) != 5 {
			t.Fatalf("dry run %+v", dry)
		}
		first := slices.DeleteFunc(s.recordedAttempts(), func(a attempt) bool { return a.target != "to-a" })
		got := w.replay(Replay{Query: Query{Status: DeadLetter, Sessions: []string{"a"}}, Remove: true})
		if got.Matched != 4 || len(got.Queued) != 4 || got.Problems != nil {
			t.Fatalf("replay %+v", got)
		}
		again := s.awaitAttempts(t, 9)[5:]
		for i, a := range again {
			if before := first[i]; !a.replay || a.number != 1 || a.id != before.id || a.offset != before.offset || a.body != before.body {
				t.Errorf("replay %+v of %+v", a, before)
			}
		}
		testkit.Eventually(t, "the archive without them", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 1 })
		delivered := w.listEntries(Query{Status: Delivered, OldestFirst: true})
		if len(delivered) != 4 || delivered[0].ReplayOf != got.Queued[0].ID || delivered[0].EventID != first[0].id || delivered[0].Code != 204 {
			t.Errorf("delivered %+v", delivered)
		}
		var bodies int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&bodies); err != nil || bodies != 1 {
			t.Errorf("%d bodies left, %v", bodies, err)
		}
	})
}

// A failed replay leaves the entry, with the newest error; a delivered one is counted.
func TestReplayKeepsCount(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		s := newRefusing()
		w.addSink(s, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 1)
		testkit.Eventually(t, "the dead letter", func() bool { return len(w.listEntries(Query{})) == 1 })
		w.replay(Replay{Remove: true})
		testkit.Eventually(t, "the failed replay", func() bool { return w.listEntries(Query{})[0].Replays == 1 })
		e := w.listEntries(Query{})[0]
		if e.Status != DeadLetter || e.Attempts != 2 || e.LastReplay.IsZero() || e.Error != "answered 410" || len(w.listEntries(Query{})) != 1 {
			t.Errorf("entry %+v", e)
		}
		s.accept.Store(true)
		w.replay(Replay{Query: Query{IDs: []int64{e.ID}}})
		testkit.Eventually(t, "the replay", func() bool { return len(w.listEntries(Query{})) == 2 })
		if e, err := w.Get(t.Context(), e.ID); err != nil || e.Replays != 2 || e.Status != DeadLetter {
			t.Errorf("entry %+v, %v", e, err)
		}
		// Delivered events can be replayed too, as long as the journal has them.
		w.replay(Replay{Query: Query{Status: Delivered}})
		s.awaitAttempts(t, 4)
		testkit.Eventually(t, "the second replay", func() bool { return len(w.listEntries(Query{Status: Delivered})) == 2 })
	})
}

// A queued entry is not queued twice; a restart preserves the queue; removing a target deletes its queue.
func TestReplayQueue(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{MaxQueuedReplays: 5, DrainTimeout: 10 * time.Millisecond})
		s := newRefusing()
		w.addSink(s, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 6)
		testkit.Eventually(t, "dead letters", func() bool { return len(w.listEntries(Query{})) == 6 })
		refuse := s.answer
		s.answer = blockUntilDone
		if _, err := w.Replay(t.Context(), Replay{}); !errors.Is(err, ErrTooMany) {
			t.Fatalf("six into a queue of five: %v", err)
		}
		if got := w.replay(Replay{Query: Query{Limit: 3}}); len(got.Queued) != 3 {
			t.Fatalf("%+v", got)
		}
		s.awaitAttempts(t, 7) // hangs in the first
		if got := w.replay(Replay{Query: Query{Limit: 4}}); got.Matched != 4 || len(got.Queued) != 1 || got.Waiting != 3 {
			t.Fatalf("%+v", got)
		}
		if live := w.Live([]string{"a"}); len(live) != 1 || !live[0].Replay || live[0].ReplayOf == 0 {
			t.Errorf("live %+v", live)
		}
		w.close()
		s.answer = refuse
		s.accept.Store(true)
		w.openDispatcher(Config{})
		w.addSink(s, Policy{})
		w.putTargets(allEvents("a"))
		testkit.Eventually(t, "replays after the restart", func() bool { return len(w.listEntries(Query{Status: Delivered})) == 4 })
		if got := attemptOffsets(s.recordedAttempts()[6:]); !slices.Equal(got, []uint64{1, 1, 2, 3, 4}) {
			t.Errorf("offsets %v", got)
		}
		s.answer = blockUntilDone
		w.replay(Replay{Query: Query{Status: DeadLetter, Limit: 2}})
		s.awaitAttempts(t, 12)
		if err := w.RemoveTarget(t.Context(), "test", "to-a"); err != nil {
			t.Fatal(err)
		}
		if waiting, err := w.store.queuedTargets(t.Context()); err != nil || len(waiting) != 0 {
			t.Errorf("queue %v, %v", waiting, err)
		}
		if got := w.replay(Replay{Query: Query{Status: DeadLetter}}); got.Matched != 6 || len(got.Queued) != 0 || len(got.Problems) != 6 {
			t.Errorf("to a removed target: %+v", got)
		}
	})
}

// Entries that can no longer be sent are reported: by the call (also as a dry run), or in the entry if retention removed the event while it was
// queued.
func TestReplayOfRemovedEvents(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWith(t, db, Config{}, journal.Config{RetainEvents: 1})
		goOn := make(chan struct{})
		r := &recorder{answer: func(ctx context.Context, _ Target, d *Delivery) (int, error) {
			if d.Replay {
				select {
				case <-goOn:
				case <-ctx.Done():
				}
			}
			return 200, ctx.Err()
		}}
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 3)
		testkit.Eventually(t, "entries", func() bool { return len(w.listEntries(Query{})) == 3 })
		if got := w.replay(Replay{}); len(got.Queued) != 3 {
			t.Fatalf("before retention: %+v", got)
		}
		r.awaitAttempts(t, 4)
		if err := w.journal.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		if got := attemptOffsets(r.awaitAttempts(t, 5)); !slices.Equal(got, []uint64{1, 2, 3, 1, 3}) {
			t.Fatalf("offsets %v", got)
		}
		testkit.Eventually(t, "the replays' entries", func() bool { return len(w.listEntries(Query{})) == 5 })
		stored := w.listEntries(Query{OldestFirst: true})
		if e := stored[1]; e.Error != "cannot be replayed: the event is no longer kept" || e.Replays != 0 || e.Status != Delivered {
			t.Errorf("entry %+v", e)
		}
		for _, dry := range []bool{true, false} {
			got := w.replay(Replay{Query: Query{IDs: []int64{stored[0].ID, stored[1].ID, stored[2].ID}}, DryRun: dry})
			want := []string{fmt.Sprintf("entry %d: its event is no longer kept", stored[0].ID), fmt.Sprintf("entry %d: its event is no longer kept", stored[1].ID)}
			if got.Matched != 3 || len(got.Queued) != 1 || got.Queued[0].ID != stored[2].ID || !slices.Equal(got.Problems, want) {
				t.Errorf("dry run %t: %+v", dry, got)
			}
		}
	})
}

// A dry run is rejected with the same error as the real one.
func TestDryRunOfTooMany(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{MaxQueuedReplays: 4})
	w.addSink(newRefusing(), Policy{})
	w.putTargets(allEvents("a"))
	w.appendEvents("a", "Message", 5)
	testkit.Eventually(t, "dead letters", func() bool { return len(w.listEntries(Query{})) == 5 })
	for _, r := range []Replay{{}, {Query: Query{Limit: 2}, Share: true}} {
		for _, r.DryRun = range []bool{true, false} {
			if _, err := w.Replay(t.Context(), r); !errors.Is(err, ErrTooMany) {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
}

// The replays of one session leave room in the queue for others.
func TestReplayShare(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{MaxQueuedReplays: 8, DrainTimeout: 10 * time.Millisecond})
		s := newRefusing()
		w.addSink(s, Policy{})
		for _, session := range []string{"a", "b"} {
			w.putTargets(allEvents(session))
			w.appendEvents(session, "Message", 3)
		}
		testkit.Eventually(t, "dead letters", func() bool { return len(w.listEntries(Query{})) == 6 })
		s.answer = blockUntilDone
		of := func(session string, limit int) Replay {
			return Replay{Query: Query{Sessions: []string{session}, Limit: limit}, Share: true}
		}
		if _, err := w.Replay(t.Context(), of("a", 3)); !errors.Is(err, ErrTooMany) {
			t.Errorf("three into a share of two: %v", err)
		}
		w.replay(of("a", 2))
		if _, err := w.Replay(t.Context(), of("a", 3)); !errors.Is(err, ErrTooMany) {
			t.Errorf("one more: %v", err)
		}
		if got := w.replay(of("b", 2)); len(got.Queued) != 2 {
			t.Errorf("%+v", got)
		}
		if got := w.replay(Replay{}); len(got.Queued) != 2 || got.Waiting != 4 {
			t.Errorf("%+v", got)
		}
	})
}
