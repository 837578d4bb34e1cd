package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// otherSink is a second transport: its targets accept, reject or block their deliveries.
type otherSink struct {
	recorder
	mu     sync.Mutex
	refuse map[string]bool
	hold   map[string]chan struct{} // delivery blocks until the channel is closed
}

func newElsewhere() *otherSink {
	s := &otherSink{refuse: map[string]bool{}, hold: map[string]chan struct{}{}}
	s.answer = func(ctx context.Context, t Target, _ *Delivery) (int, error) {
		s.mu.Lock()
		refused, held := s.refuse[t.ID], s.hold[t.ID]
		s.mu.Unlock()
		if held != nil {
			select {
			case <-held:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		if refused {
			return 530, Permanent(errors.New("answered 530"))
		}
		return 0, nil
	}
	return s
}

func (s *otherSink) setRefusing(id string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse[id] = yes
}

// blockDeliveries blocks deliveries to a target until the test calls release.
func (s *otherSink) blockDeliveries(id string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.hold[id] = held
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.hold, id)
		close(held)
	}
}

// receivedBy returns the attempts received by a target.
func (s *otherSink) receivedBy(id string) (got []attempt) {
	return slices.DeleteFunc(s.recordedAttempts(), func(a attempt) bool { return a.target != id })
}

// twoTransports returns a world with dead letters of session a on the transport test, and the transport other, whose targets one and two belong to a.
// Their filters match no event.
func twoTransports(t *testing.T, db *dbutil.Database, cfg Config, dead int) (*world, *otherSink) {
	t.Helper()
	w := openWorld(t, db, cfg)
	s := newElsewhere()
	w.addSink(newRefusing(), Policy{})
	w.addOtherTransport(s)
	w.appendEvents("a", "Message", dead)
	testkit.Eventually(t, "dead letters", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == dead })
	return w, s
}

// addOtherTransport adds the transport other.
func (w *world) addOtherTransport(s *otherSink) {
	w.t.Helper()
	if err := w.AddSink("other", s, Policy{}); err != nil {
		w.t.Fatal(err)
	}
	one := Target{Transport: "other", ID: "one", Session: "a", Filter: Filter{Events: []string{"Call"}}, Outlet: "other"}
	two := one
	two.ID, two.Outlet = "two", ""
	w.putTargets(allEvents("a"), one, two)
}

func (w *world) countBodies() (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(context.Background(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

var toOther = Destination{Transport: "other"}

// Dead letters of one transport are replayed to all targets of another: the same events, marked as replays, in order, regardless of the targets'
// filters. They leave the archive after the last target received them.
func TestReplayToOtherTransport(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{}, 3)
		dead := w.listEntries(Query{OldestFirst: true})
		release := s.blockDeliveries("two")
		dry := w.replay(Replay{To: toOther, DryRun: true})
		want := []ReplayTarget{{"other", "one", "a", 3}, {"other", "two", "a", 3}}
		if dry.Matched != 3 || len(dry.Queued) != 3 || !slices.Equal(dry.Targets, want) || len(s.recordedAttempts()) != 0 {
			t.Fatalf("dry run %+v", dry)
		}
		if got := w.replay(Replay{To: toOther, Remove: true}); got.Matched != 3 || len(got.Queued) != 3 || !slices.Equal(got.Targets, want) || got.Problems != nil {
			t.Fatalf("replay %+v", got)
		}
		testkit.Eventually(t, "what one got", func() bool { return len(w.listEntries(Query{Target: "one", Status: Delivered})) == 3 })
		if left := w.listEntries(Query{Status: DeadLetter, OldestFirst: true}); len(left) != 3 || left[0].Replays != 1 || left[0].Error != "answered 410" || left[0].Attempts != 1 {
			t.Errorf("before two received an event: %+v", left)
		}
		if again := w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "two"}}); again.Waiting != 3 || len(again.Queued) != 0 {
			t.Errorf("once more: %+v", again)
		}
		testkit.Eventually(t, "what two is sent", func() bool { return len(s.receivedBy("two")) == 1 })
		if live := w.Live([]string{"a"}); len(live) != 1 || live[0].Transport != "other" || live[0].Target != "two" || live[0].ReplayOf != dead[0].ID {
			t.Errorf("live %+v", live)
		}
		release()
		testkit.Eventually(t, "the archive without them", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 0 })
		for _, id := range []string{"one", "two"} {
			got, entries := s.receivedBy(id), w.listEntries(Query{Transport: "other", Target: id, OldestFirst: true})
			if len(got) != 3 || len(entries) != 3 {
				t.Fatalf("%s got %+v, entries %+v", id, got, entries)
			}
			for i, e := range dead {
				if got[i].id != e.EventID || got[i].offset != e.Offset || !got[i].replay || got[i].kind != "Message" || !strings.Contains(got[i].body, fmt.Sprintf(`"n":%d`, i)) {
					t.Errorf("%s got %+v of %+v", id, got[i], e)
				}
				if entries[i].ReplayOf != e.ID || entries[i].EventID != e.EventID || entries[i].Status != Delivered {
					t.Errorf("entry of %s: %+v", id, entries[i])
				}
			}
		}
		if n := w.countBodies(); n != 0 {
			t.Errorf("%d bodies left", n)
		}
	})
}

// A replay that fails on another transport is stored as a separate dead letter. The replayed entry stays, with the error of its own target. Replaying
// both to the same target sends the event once.
func TestReplayToOtherTransportFails(t *testing.T) {
	for _, order := range []string{"first", "last"} {
		t.Run(order, func(t *testing.T) {
			onEach(t, func(t *testing.T, db *dbutil.Database) { testReplayElsewhereFails(t, db, order == "first") })
		})
	}
}

func testReplayElsewhereFails(t *testing.T, db *dbutil.Database, first bool) {
	w, s := twoTransports(t, db, Config{}, 1)
	letter := w.listEntries(Query{})[0]
	s.setRefusing("two", true)
	later := "two"
	if first {
		later = "one"
	}
	release := s.blockDeliveries(later)
	w.replay(Replay{To: toOther, Remove: true})
	testkit.Eventually(t, "the first of both", func() bool { return w.listEntries(Query{OldestFirst: true})[0].Replays == 1 })
	release()
	testkit.Eventually(t, "both", func() bool { return len(w.listEntries(Query{})) == 3 })
	e, err := w.Get(t.Context(), letter.ID)
	if err != nil || e.Replays != 2 || e.LastReplay.IsZero() || e.Error != "answered 410" || e.Code != 410 || e.Attempts != 1 || e.Status != DeadLetter {
		t.Errorf("entry %+v, %v", e, err)
	}
	failed := w.listEntries(Query{Transport: "other", Status: DeadLetter})
	if len(failed) != 1 || failed[0].Target != "two" || failed[0].ReplayOf != e.ID || failed[0].EventID != e.EventID || failed[0].Error != "answered 530" || failed[0].Code != 530 {
		t.Fatalf("failed %+v", failed)
	}
	for range 2 { // still one entry after further failures
		before := w.listEntries(Query{IDs: []int64{failed[0].ID}})[0].Replays
		w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "two"}, Remove: true})
		testkit.Eventually(t, "the next failure", func() bool { return w.listEntries(Query{IDs: []int64{failed[0].ID}})[0].Replays == before+1 })
	}
	if all := w.listEntries(Query{Status: DeadLetter}); len(all) != 2 || all[0].Attempts != 3 || all[1].Attempts != 1 || all[1].Replays != 4 {
		t.Errorf("after more failures %+v", all)
	}
	s.setRefusing("two", false)
	if got := w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "two"}, Remove: true}); len(got.Queued) != 2 {
		t.Errorf("%+v", got)
	}
	testkit.Eventually(t, "no dead letter", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 0 })
	if got := s.receivedBy("two"); len(got) != 4 {
		t.Errorf("two got %+v", got)
	}
	if n := w.countBodies(); n != 0 {
		t.Errorf("%d bodies left", n)
	}
}

// An entry to be removed stays if one of its targets is removed before delivery, and is removed with the last queued replay, regardless of which call
// requested it.
func TestReplayToOtherTransportRemoval(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{}, 1)
		release := s.blockDeliveries("one")
		s.blockDeliveries("two")
		w.replay(Replay{To: toOther, Remove: true})
		testkit.Eventually(t, "both under way", func() bool { return len(s.recordedAttempts()) == 2 })
		if err := w.RemoveTarget(t.Context(), "other", "two"); err != nil {
			t.Fatal(err)
		}
		release()
		testkit.Eventually(t, "the replay", func() bool { return len(w.listEntries(Query{Status: Delivered})) == 1 })
		if got := w.listEntries(Query{Status: DeadLetter}); len(got) != 1 || got[0].Replays != 1 {
			t.Fatalf("dead letters %+v", got)
		}
		w.putTargets(Target{Transport: "other", ID: "three", Session: "a"})
		release = s.blockDeliveries("three")
		w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "three"}})
		w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "one"}, Remove: true})
		testkit.Eventually(t, "the second replay", func() bool { return len(w.listEntries(Query{Target: "one"})) == 2 })
		if got := w.listEntries(Query{Status: DeadLetter}); len(got) != 1 || got[0].Replays != 2 {
			t.Errorf("while three waits: %+v", got)
		}
		release()
		testkit.Eventually(t, "the last replay", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 0 })
		if got := w.listEntries(Query{Target: "three"}); len(got) != 1 {
			t.Errorf("three: %+v", got)
		}
	})
}

// A replay requested while another replay removes its entry is either rejected or sent.
func TestReplayDuringRemoval(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		const letters = 40
		w, s := twoTransports(t, db, Config{}, letters)
		sent := map[string]bool{}
		for _, e := range w.listEntries(Query{}) {
			only := Query{IDs: []int64{e.ID}}
			w.replay(Replay{Query: only, To: Destination{Transport: "other", Target: "one"}, Remove: true})
			for {
				got := w.replay(Replay{Query: only, To: Destination{Transport: "other", Target: "two"}})
				if len(got.Queued) == 1 {
					sent[e.EventID] = true
				}
				if got.Matched == 0 || len(got.Problems) > 0 {
					break
				}
			}
		}
		testkit.Eventually(t, "the end of the queue", func() bool {
			waiting, err := w.store.queuedTargets(t.Context())
			return err == nil && len(waiting) == 0
		})
		for _, a := range s.receivedBy("two") {
			delete(sent, a.id)
		}
		if len(sent) != 0 || len(s.receivedBy("two")) == 0 {
			t.Errorf("%d events were queued but not sent, %d were sent", len(sent), len(s.receivedBy("two")))
		}
	})
}

// A crash or restart preserves replays to another transport and their removal flag.
func TestReplayToOtherTransportRestart(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{DrainTimeout: 10 * time.Millisecond}, 2)
		s.blockDeliveries("two")
		w.replay(Replay{To: toOther, Remove: true})
		testkit.Eventually(t, "what one got", func() bool { return len(w.listEntries(Query{Target: "one"})) == 2 })
		w.close()
		s = newElsewhere()
		w.openDispatcher(Config{})
		w.addSink(newRefusing(), Policy{})
		w.addOtherTransport(s)
		testkit.Eventually(t, "the end", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 0 })
		if got := s.receivedBy("two"); len(s.receivedBy("one")) != 0 || !slices.Equal(attemptOffsets(got), []uint64{1, 2}) {
			t.Errorf("after the restart %+v", s.recordedAttempts())
		}
	})
}

// Entries that cannot be sent to the requested target are reported one by one; a skipped outlet receives replays only if the target is named.
func TestReplayToOtherTransportRejected(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{MaxQueuedReplays: 3}, 2)
		ids := []int64{w.listEntries(Query{OldestFirst: true})[0].ID, w.listEntries(Query{})[0].ID}
		requireProblem := func(to Destination, want string) {
			t.Helper()
			got := w.replay(Replay{Query: Query{Status: DeadLetter}, To: to, Remove: true})
			problems := make([]string, len(ids))
			for i, id := range ids {
				problems[i] = fmt.Sprintf("entry %d: %s", id, want)
			}
			if len(got.Queued) != 0 || got.Targets != nil || !slices.Equal(got.Problems, problems) {
				t.Errorf("%+v: %+v, want %q", to, got, problems)
			}
		}
		w.putTargets(Target{Transport: "other", ID: "of-b", Session: "b"})
		requireProblem(Destination{Transport: "other", Target: "three"}, `its session has no target "three" of other in use`)
		requireProblem(Destination{Transport: "other", Target: "of-b"}, `its session has no target "of-b" of other in use`)
		if _, err := w.Replay(t.Context(), Replay{To: toOther}); !errors.Is(err, ErrTooMany) {
			t.Errorf("four into a queue of three: %v", err)
		}
		for _, to := range []Destination{{Transport: "third"}, {Target: "one"}} {
			if _, err := w.Replay(t.Context(), Replay{To: to}); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", to, err)
			}
		}
		if err := w.SetSkips(t.Context(), "a", []string{"other"}, nil); err != nil {
			t.Fatal(err)
		}
		if got := w.replay(Replay{To: toOther, DryRun: true}); len(got.Targets) != 1 || got.Targets[0].Target != "two" {
			t.Errorf("staying out of one: %+v", got)
		}
		if err := w.RemoveTarget(t.Context(), "other", "two"); err != nil {
			t.Fatal(err)
		}
		requireProblem(toOther, "its session stays out of the global target of other and has no other")
		if n := len(s.recordedAttempts()); n != 0 {
			t.Errorf("%d attempts", n)
		}
		w.replay(Replay{To: Destination{Transport: "other", Target: "one"}})
		testkit.Eventually(t, "what was named", func() bool { return len(w.listEntries(Query{Target: "one"})) == 2 })
		if err := w.RemoveTarget(t.Context(), "other", "one"); err != nil {
			t.Fatal(err)
		}
		requireProblem(toOther, "its session has no target of other in use")
	})
}
