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
)

// elsewhere is another transport: its targets take, refuse or hold back what they get.
type elsewhere struct {
	recorder
	mu     sync.Mutex
	refuse map[string]bool
	hold   map[string]chan struct{} // until it is closed
}

func newElsewhere() *elsewhere {
	s := &elsewhere{refuse: map[string]bool{}, hold: map[string]chan struct{}{}}
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

func (s *elsewhere) refuses(id string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse[id] = yes
}

// holds keeps what comes for a target until the test lets it go.
func (s *elsewhere) holds(id string) (release func()) {
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

// to counts what came for a target.
func (s *elsewhere) to(id string) (got []attempt) {
	return slices.DeleteFunc(s.seen(), func(a attempt) bool { return a.target != id })
}

// twoTransports is a world with dead letters of session a by the transport test, and the transport other, whose targets one
// and two belong to a. They want no event by themselves.
func twoTransports(t *testing.T, db *dbutil.Database, cfg Config, dead int) (*world, *elsewhere) {
	t.Helper()
	w := openWorld(t, db, cfg)
	s := newElsewhere()
	w.sink(newRefusing(), Policy{})
	w.connect(s)
	w.append("a", "Message", dead)
	eventually(t, "dead letters", func() bool { return len(w.list(Query{Status: DeadLetter})) == dead })
	return w, s
}

// connect adds the transport other.
func (w *world) connect(s *elsewhere) {
	w.t.Helper()
	if err := w.AddSink("other", s, Policy{}); err != nil {
		w.t.Fatal(err)
	}
	one := Target{Transport: "other", ID: "one", Session: "a", Filter: Filter{Events: []string{"Call"}}, Outlet: "other"}
	two := one
	two.ID, two.Outlet = "two", ""
	w.put(everything("a"), one, two)
}

func (w *world) bodies() (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(context.Background(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

var toOther = Destination{Transport: "other"}

// Dead letters of one transport go to all targets of another, as the same events, marked and in order, whatever the targets
// ask for by themselves; they leave the archive when the last of the targets has them.
func TestReplayElsewhere(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{}, 3)
		dead := w.list(Query{OldestFirst: true})
		release := s.holds("two")
		dry := w.replay(Replay{To: toOther, DryRun: true})
		want := []ReplayTarget{{"other", "one", "a", 3}, {"other", "two", "a", 3}}
		if dry.Matched != 3 || len(dry.Queued) != 3 || !slices.Equal(dry.Targets, want) || len(s.seen()) != 0 {
			t.Fatalf("dry run %+v", dry)
		}
		if got := w.replay(Replay{To: toOther, Remove: true}); got.Matched != 3 || len(got.Queued) != 3 || !slices.Equal(got.Targets, want) || got.Problems != nil {
			t.Fatalf("replay %+v", got)
		}
		eventually(t, "what one got", func() bool { return len(w.list(Query{Target: "one", Status: Delivered})) == 3 })
		if left := w.list(Query{Status: DeadLetter, OldestFirst: true}); len(left) != 3 || left[0].Replays != 1 || left[0].Error != "answered 410" || left[0].Attempts != 1 {
			t.Errorf("while two has nothing: %+v", left)
		}
		if again := w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "two"}}); again.Waiting != 3 || len(again.Queued) != 0 {
			t.Errorf("once more: %+v", again)
		}
		eventually(t, "what two is sent", func() bool { return len(s.to("two")) == 1 })
		if live := w.Live([]string{"a"}); len(live) != 1 || live[0].Transport != "other" || live[0].Target != "two" || live[0].ReplayOf != dead[0].ID {
			t.Errorf("live %+v", live)
		}
		release()
		eventually(t, "the archive without them", func() bool { return len(w.list(Query{Status: DeadLetter})) == 0 })
		for _, id := range []string{"one", "two"} {
			got, entries := s.to(id), w.list(Query{Transport: "other", Target: id, OldestFirst: true})
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
		if n := w.bodies(); n != 0 {
			t.Errorf("%d bodies left", n)
		}
	})
}

// A replay that fails elsewhere is a dead letter of its own and keeps what it repeated, whose error stays that of its own
// target. Both are sent once when they are replayed to the same target.
func TestReplayElsewhereFails(t *testing.T) {
	for _, order := range []string{"first", "last"} {
		t.Run(order, func(t *testing.T) {
			onEach(t, func(t *testing.T, db *dbutil.Database) { testReplayElsewhereFails(t, db, order == "first") })
		})
	}
}

func testReplayElsewhereFails(t *testing.T, db *dbutil.Database, first bool) {
	w, s := twoTransports(t, db, Config{}, 1)
	letter := w.list(Query{})[0]
	s.refuses("two", true)
	later := "two"
	if first {
		later = "one"
	}
	release := s.holds(later)
	w.replay(Replay{To: toOther, Remove: true})
	eventually(t, "the first of both", func() bool { return w.list(Query{OldestFirst: true})[0].Replays == 1 })
	release()
	eventually(t, "both", func() bool { return len(w.list(Query{})) == 3 })
	e, err := w.Get(t.Context(), letter.ID)
	if err != nil || e.Replays != 2 || e.LastReplay.IsZero() || e.Error != "answered 410" || e.Code != 410 || e.Attempts != 1 || e.Status != DeadLetter {
		t.Errorf("entry %+v, %v", e, err)
	}
	failed := w.list(Query{Transport: "other", Status: DeadLetter})
	if len(failed) != 1 || failed[0].Target != "two" || failed[0].ReplayOf != e.ID || failed[0].EventID != e.EventID || failed[0].Error != "answered 530" || failed[0].Code != 530 {
		t.Fatalf("failed %+v", failed)
	}
	for range 2 { // failing again it stays one
		before := w.list(Query{IDs: []int64{failed[0].ID}})[0].Replays
		w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "two"}, Remove: true})
		eventually(t, "the next failure", func() bool { return w.list(Query{IDs: []int64{failed[0].ID}})[0].Replays == before+1 })
	}
	if all := w.list(Query{Status: DeadLetter}); len(all) != 2 || all[0].Attempts != 3 || all[1].Attempts != 1 || all[1].Replays != 4 {
		t.Errorf("after more failures %+v", all)
	}
	s.refuses("two", false)
	if got := w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "two"}, Remove: true}); len(got.Queued) != 2 {
		t.Errorf("%+v", got)
	}
	eventually(t, "no dead letter", func() bool { return len(w.list(Query{Status: DeadLetter})) == 0 })
	if got := s.to("two"); len(got) != 4 {
		t.Errorf("two got %+v", got)
	}
	if n := w.bodies(); n != 0 {
		t.Errorf("%d bodies left", n)
	}
}

// An entry that was to go stays when one of its targets is removed before it has it, and goes with the last replay that
// waits, whoever asked for it.
func TestReplayElsewhereRemoval(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{}, 1)
		release := s.holds("one")
		s.holds("two")
		w.replay(Replay{To: toOther, Remove: true})
		eventually(t, "both under way", func() bool { return len(s.seen()) == 2 })
		if err := w.RemoveTarget(t.Context(), "other", "two"); err != nil {
			t.Fatal(err)
		}
		release()
		eventually(t, "the replay", func() bool { return len(w.list(Query{Status: Delivered})) == 1 })
		if got := w.list(Query{Status: DeadLetter}); len(got) != 1 || got[0].Replays != 1 {
			t.Fatalf("dead letters %+v", got)
		}
		w.put(Target{Transport: "other", ID: "three", Session: "a"})
		release = s.holds("three")
		w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "three"}})
		w.replay(Replay{Query: Query{Status: DeadLetter}, To: Destination{Transport: "other", Target: "one"}, Remove: true})
		eventually(t, "the second replay", func() bool { return len(w.list(Query{Target: "one"})) == 2 })
		if got := w.list(Query{Status: DeadLetter}); len(got) != 1 || got[0].Replays != 2 {
			t.Errorf("while three waits: %+v", got)
		}
		release()
		eventually(t, "the last replay", func() bool { return len(w.list(Query{Status: DeadLetter})) == 0 })
		if got := w.list(Query{Target: "three"}); len(got) != 1 {
			t.Errorf("three: %+v", got)
		}
	})
}

// A replay that is asked for while another takes its entry away is either refused or sent.
func TestReplayMeetsRemoval(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		const letters = 40
		w, s := twoTransports(t, db, Config{}, letters)
		sent := map[string]bool{}
		for _, e := range w.list(Query{}) {
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
		eventually(t, "the end of the queue", func() bool {
			waiting, err := w.store.queuedTargets(t.Context())
			return err == nil && len(waiting) == 0
		})
		for _, a := range s.to("two") {
			delete(sent, a.id)
		}
		if len(sent) != 0 || len(s.to("two")) == 0 {
			t.Errorf("%d events were queued and not sent, %d were", len(sent), len(s.to("two")))
		}
	})
}

// A crash or restart loses no replay to another transport, and what was asked for with it.
func TestReplayElsewhereRestart(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{DrainTimeout: 10 * time.Millisecond}, 2)
		s.holds("two")
		w.replay(Replay{To: toOther, Remove: true})
		eventually(t, "what one got", func() bool { return len(w.list(Query{Target: "one"})) == 2 })
		w.close()
		s = newElsewhere()
		w.open(Config{})
		w.sink(newRefusing(), Policy{})
		w.connect(s)
		eventually(t, "the end", func() bool { return len(w.list(Query{Status: DeadLetter})) == 0 })
		if got := s.to("two"); len(s.to("one")) != 0 || !slices.Equal(offsets(got), []uint64{1, 2}) {
			t.Errorf("after the restart %+v", s.seen())
		}
	})
}

// What cannot go where it is asked to is told by entry; a session stays out unless the target is named.
func TestReplayElsewhereRefused(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w, s := twoTransports(t, db, Config{MaxQueuedReplays: 3}, 2)
		ids := []int64{w.list(Query{OldestFirst: true})[0].ID, w.list(Query{})[0].ID}
		told := func(to Destination, want string) {
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
		w.put(Target{Transport: "other", ID: "of-b", Session: "b"})
		told(Destination{Transport: "other", Target: "three"}, `its session has no target "three" of other in use`)
		told(Destination{Transport: "other", Target: "of-b"}, `its session has no target "of-b" of other in use`)
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
		told(toOther, "its session stays out of the global target of other and has no other")
		if n := len(s.seen()); n != 0 {
			t.Errorf("%d attempts", n)
		}
		w.replay(Replay{To: Destination{Transport: "other", Target: "one"}})
		eventually(t, "what was named", func() bool { return len(w.list(Query{Target: "one"})) == 2 })
		if err := w.RemoveTarget(t.Context(), "other", "one"); err != nil {
			t.Fatal(err)
		}
		told(toOther, "its session has no target of other in use")
	})
}
