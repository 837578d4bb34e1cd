package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func upTo(from, to uint64) (list []uint64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

// A new target begins at the head, receives every event in order and has an archive entry for each.
func TestOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.addSink(r, Policy{})
		w.appendEvents("a", "Message", 3) // logged before the target exists
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 200)
		got := r.awaitAttempts(t, 200)
		if !slices.Equal(attemptOffsets(got), upTo(4, 203)) {
			t.Fatalf("offsets %v", attemptOffsets(got))
		}
		events, err := w.journal.Read(t.Context(), "a", 3, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if first := got[0]; first.id != events[0].ID || first.body != string(events[0].Body()) || first.number != 1 || first.kind != "Message" {
			t.Errorf("first attempt %+v", first)
		}
		testkit.Eventually(t, "the last entry", func() bool { return len(w.listEntries(Query{Limit: 1000})) == 200 })
		e := w.listEntries(Query{OldestFirst: true, Limit: 1})[0]
		if e.Status != Delivered || e.EventID != events[0].ID || e.Session != "a" || e.Offset != 4 || e.From != 4 || e.Type != "Message" ||
			e.Transport != "test" || e.Target != "to-a" || e.Attempts != 1 || e.Code != 200 || e.Error != "" || e.First.IsZero() || e.Archived.IsZero() {
			t.Errorf("entry %+v", e)
		}
	})
}

// After a restart the lane resumes at the cursor: no event is repeated or lost.
func TestRestart(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 10)
		r.awaitAttempts(t, 10)
		w.close()
		w.appendEvents("a", "Message", 5)
		w.openDispatcher(Config{})
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 5)
		if got := r.awaitAttempts(t, 20); !slices.Equal(attemptOffsets(got), upTo(1, 20)) {
			t.Fatalf("offsets %v", attemptOffsets(got))
		}
	})
}

// The cursor, including the stored one, passes events that the filter rejects.
func TestFilter(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{SkipEvery: time.Millisecond})
		r := &recorder{}
		w.addSink(r, Policy{})
		target := allEvents("a")
		target.Filter.Events = []string{"Call"}
		w.putTargets(target)
		w.appendEvents("a", "Message", 3)
		w.appendEvents("a", "Call", 1)
		w.appendEvents("a", "Message", 3)
		if got := r.awaitAttempts(t, 1); got[0].offset != 4 || got[0].kind != "Call" {
			t.Fatalf("attempt %+v", got[0])
		}
		testkit.Eventually(t, "the cursor behind what was left out", func() bool {
			stored, err := w.store.loadCursors(t.Context(), []Target{target})
			return err == nil && stored[placeOf(target)].at.offset == 7
		})
		if n := len(r.recordedAttempts()); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

// A delivery whose attempts are used up becomes a dead letter with its body, and the lane continues.
func TestDeadLetter(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{answer: func(_ context.Context, _ Target, d *Delivery) (int, error) {
			switch d.Event.Offset {
			case 2:
				return 500, errors.New("answered 500\nwith \x00 a line")
			case 3:
				return 404, Permanent(errors.New("answered 404"))
			}
			return 200, nil
		}}
		w.addSink(r, Policy{MaxAttempts: 3, BackoffBase: time.Millisecond, BackoffCap: time.Millisecond})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 4)
		if got := attemptOffsets(r.awaitAttempts(t, 6)); !slices.Equal(got, []uint64{1, 2, 2, 2, 3, 4}) {
			t.Fatalf("offsets %v", got)
		}
		testkit.Eventually(t, "the last entry", func() bool { return len(w.listEntries(Query{})) == 4 })
		dead := w.listEntries(Query{Status: DeadLetter, OldestFirst: true})
		if len(dead) != 2 || dead[0].Attempts != 3 || dead[0].Code != 500 || dead[0].Error != "answered 500 with a line" ||
			dead[1].Attempts != 1 || dead[1].Code != 404 || dead[1].Error != "answered 404" {
			t.Fatalf("dead letters %+v", dead)
		}
		if err := w.journal.Purge(t.Context(), "a"); err != nil { // as retention does
			t.Fatal(err)
		}
		body, err := w.Body(t.Context(), dead[0])
		if err != nil || string(body) != r.recordedAttempts()[1].body {
			t.Errorf("body %s, %v", body, err)
		}
		delivered := w.listEntries(Query{Status: Delivered})
		if body, err := w.Body(t.Context(), delivered[0]); err != nil || body != nil {
			t.Errorf("body of a removed delivered event: %s, %v", body, err)
		}
	})
}

// An event appended while its lane becomes idle is sent immediately.
func TestEventAtLaneEndIsSent(t *testing.T) {
	w := openWorld(t, openDatabase(t, filepath.Join(t.TempDir(), "d.db")), Config{KeepDelivered: -1})
	const sessions, rounds = 4, 300
	came := make([]chan uint64, sessions)
	r := &recorder{answer: func(_ context.Context, target Target, d *Delivery) (int, error) {
		came[target.Session[0]-'a'] <- d.Event.Offset
		return 200, nil
	}}
	w.addSink(r, Policy{})
	var wg sync.WaitGroup
	for n := range sessions {
		came[n] = make(chan uint64, 1)
		session := string(rune('a' + n))
		w.putTargets(allEvents(session))
		wg.Go(func() {
			for round := range uint64(rounds) {
				if _, err := w.journal.Append(context.Background(), session, journal.Record{Type: "Message"}); err != nil {
					t.Error(err)
					return
				}
				select {
				case offset := <-came[n]:
					if offset != round+1 {
						t.Errorf("%s: offset %d, want %d", session, offset, round+1)
						return
					}
				case <-time.After(10 * time.Second):
					t.Errorf("%s: event %d was not delivered", session, round+1)
					return
				}
				time.Sleep(rand.N(300 * time.Microsecond)) // hits the lane in every state
			}
		})
	}
	wg.Wait()
}
