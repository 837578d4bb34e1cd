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
)

func upTo(from, to uint64) (list []uint64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

// A new target begins at the head, gets every event in order and leaves a trace of each.
func TestOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.sink(r, Policy{})
		w.append("a", "Message", 3) // before the target
		w.put(everything("a"))
		w.append("a", "Message", 200)
		got := r.await(t, 200)
		if !slices.Equal(offsets(got), upTo(4, 203)) {
			t.Fatalf("offsets %v", offsets(got))
		}
		events, err := w.journal.Read(t.Context(), "a", 3, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if first := got[0]; first.id != events[0].ID || first.body != string(events[0].Body()) || first.number != 1 || first.kind != "Message" {
			t.Errorf("first attempt %+v", first)
		}
		eventually(t, "the last entry", func() bool { return len(w.list(Query{Limit: 1000})) == 200 })
		e := w.list(Query{OldestFirst: true, Limit: 1})[0]
		if e.Status != Delivered || e.EventID != events[0].ID || e.Session != "a" || e.Offset != 4 || e.From != 4 || e.Type != "Message" ||
			e.Transport != "test" || e.Target != "to-a" || e.Attempts != 1 || e.Code != 200 || e.Error != "" || e.First.IsZero() || e.Archived.IsZero() {
			t.Errorf("entry %+v", e)
		}
	})
}

// A restart goes on at the cursor: nothing is sent twice, nothing left out.
func TestRestart(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.sink(r, Policy{})
		w.put(everything("a"))
		w.append("a", "Message", 10)
		r.await(t, 10)
		w.close()
		w.append("a", "Message", 5)
		w.open(Config{})
		w.sink(r, Policy{})
		w.put(everything("a"))
		w.append("a", "Message", 5)
		if got := r.await(t, 20); !slices.Equal(offsets(got), upTo(1, 20)) {
			t.Fatalf("offsets %v", offsets(got))
		}
	})
}

// Events that the filter leaves out are passed, also for the stored cursor.
func TestFilter(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{SkipEvery: time.Millisecond})
		r := &recorder{}
		w.sink(r, Policy{})
		target := everything("a")
		target.Filter.Events = []string{"Call"}
		w.put(target)
		w.append("a", "Message", 3)
		w.append("a", "Call", 1)
		w.append("a", "Message", 3)
		if got := r.await(t, 1); got[0].offset != 4 || got[0].kind != "Call" {
			t.Fatalf("attempt %+v", got[0])
		}
		eventually(t, "the cursor behind what was left out", func() bool {
			stored, err := w.store.cursors(t.Context(), []Target{target})
			return err == nil && stored[placeOf(target)].at.offset == 7
		})
		if n := len(r.seen()); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

// A delivery whose attempts are used up is a dead letter with its body, and the lane goes on.
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
		w.sink(r, Policy{MaxAttempts: 3, BackoffBase: time.Millisecond, BackoffCap: time.Millisecond})
		w.put(everything("a"))
		w.append("a", "Message", 4)
		if got := offsets(r.await(t, 6)); !slices.Equal(got, []uint64{1, 2, 2, 2, 3, 4}) {
			t.Fatalf("offsets %v", got)
		}
		eventually(t, "the last entry", func() bool { return len(w.list(Query{})) == 4 })
		dead := w.list(Query{Status: DeadLetter, OldestFirst: true})
		if len(dead) != 2 || dead[0].Attempts != 3 || dead[0].Code != 500 || dead[0].Error != "answered 500 with a line" ||
			dead[1].Attempts != 1 || dead[1].Code != 404 || dead[1].Error != "answered 404" {
			t.Fatalf("dead letters %+v", dead)
		}
		if err := w.journal.Purge(t.Context(), "a"); err != nil { // as retention would
			t.Fatal(err)
		}
		body, err := w.Body(t.Context(), dead[0])
		if err != nil || string(body) != r.seen()[1].body {
			t.Errorf("body %s, %v", body, err)
		}
		delivered := w.list(Query{Status: Delivered})
		if body, err := w.Body(t.Context(), delivered[0]); err != nil || body != nil {
			t.Errorf("body of a delivered event that is gone: %s, %v", body, err)
		}
	})
}

// An event that comes just when its lane goes to rest is sent as well, and at once.
func TestNoWakeIsMissed(t *testing.T) {
	w := openWorld(t, openDatabase(t, filepath.Join(t.TempDir(), "d.db")), Config{KeepDelivered: -1})
	const sessions, rounds = 4, 300
	came := make([]chan uint64, sessions)
	r := &recorder{answer: func(_ context.Context, target Target, d *Delivery) (int, error) {
		came[target.Session[0]-'a'] <- d.Event.Offset
		return 200, nil
	}}
	w.sink(r, Policy{})
	var wg sync.WaitGroup
	for n := range sessions {
		came[n] = make(chan uint64, 1)
		session := string(rune('a' + n))
		w.put(everything(session))
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
					t.Errorf("%s: event %d did not come", session, round+1)
					return
				}
				time.Sleep(rand.N(300 * time.Microsecond)) // meets the lane in every state
			}
		})
	}
	wg.Wait()
}
