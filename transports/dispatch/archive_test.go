package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// newFilledWorld returns a world with 3 delivered events of a, then 2 dead letters of b.
func newFilledWorld(t *testing.T, db *dbutil.Database, cfg Config) *world {
	w := openWorld(t, db, cfg)
	r := &recorder{answer: func(_ context.Context, target Target, _ *Delivery) (int, error) {
		if target.Session == "b" {
			return 404, Permanent(errors.New("answered 404"))
		}
		return 200, nil
	}}
	w.addSink(r, Policy{})
	w.putTargets(allEvents("a"), allEvents("b"))
	w.appendEvents("a", "Message", 3)
	r.awaitAttempts(t, 3)
	testkit.Eventually(t, "quiet", func() bool { return w.Live(nil) == nil })
	w.appendEvents("b", "Call", 2)
	testkit.Eventually(t, "entries", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 2 })
	return w
}

func TestQuery(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		var clock atomic.Int64
		clock.Store(time.Now().UnixMilli())
		w := newFilledWorld(t, db, Config{Now: func() time.Time { return time.UnixMilli(clock.Add(1000)) }})
		all := w.listEntries(Query{OldestFirst: true})
		if len(all) != 5 {
			t.Fatalf("%d entries", len(all))
		}
		newest := func(entries ...Entry) (ids []int64) {
			for i := range entries {
				ids = append(ids, entries[len(entries)-1-i].ID)
			}
			return ids
		}
		for name, c := range map[string]struct {
			query Query
			want  []int64
			total int
		}{
			"all":            {Query{}, newest(all...), 5},
			"delivered":      {Query{Status: Delivered}, newest(all[:3]...), 3},
			"failed":         {Query{Failed: true}, newest(all[3:]...), 2},
			"event":          {Query{Type: "Call"}, newest(all[3:]...), 2},
			"transport":      {Query{Transport: "other"}, nil, 0},
			"target":         {Query{Target: "to-a"}, newest(all[:3]...), 3},
			"session":        {Query{Sessions: []string{"b", "c"}}, newest(all[3:]...), 2},
			"no session":     {Query{Sessions: []string{}}, nil, 0},
			"ids":            {Query{IDs: []int64{all[1].ID, all[4].ID, 999}}, newest(all[1], all[4]), 2},
			"after":          {Query{After: all[2].ID, OldestFirst: true}, []int64{all[3].ID, all[4].ID}, 2},
			"since":          {Query{Since: all[3].Archived}, newest(all[3:]...), 2},
			"since, between": {Query{Since: all[3].Archived.Add(time.Nanosecond)}, newest(all[4:]...), 1},
			"until":          {Query{Until: all[2].Archived}, newest(all[:3]...), 3},
			"limit":          {Query{Limit: 2}, newest(all[3:]...), 5},
			"limit and skip": {Query{Limit: 2, Skip: 2}, newest(all[1:3]...), 5},
			"skip all":       {Query{Skip: 9}, nil, 5},
		} {
			entries, total, err := w.List(t.Context(), c.query)
			ids := newest(entries...)
			for i := range len(ids) / 2 {
				ids[i], ids[len(ids)-1-i] = ids[len(ids)-1-i], ids[i]
			}
			if err != nil || fmt.Sprint(ids) != fmt.Sprint(c.want) || total != c.total {
				t.Errorf("%s: %v of %d, want %v of %d, %v", name, ids, total, c.want, c.total, err)
			}
		}
		if _, _, err := w.List(t.Context(), Query{IDs: make([]int64, maxIDs+1)}); !errors.Is(err, ErrInvalid) {
			t.Errorf("too many ids: %v", err)
		}
		if _, err := w.Get(t.Context(), 999); !errors.Is(err, ErrNotFound) {
			t.Errorf("a missing entry: %v", err)
		}
	})
}

func TestTalliesAndDelete(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := newFilledWorld(t, db, Config{})
		tallies, err := w.Tallies(t.Context(), "")
		if err != nil || len(tallies) != 2 || tallies[0].Status != DeadLetter || tallies[0].Type != "Call" || tallies[0].Count != 2 ||
			tallies[1].Status != Delivered || tallies[1].Count != 3 || tallies[1].Oldest.After(tallies[1].Newest) {
			t.Fatalf("tallies %+v, %v", tallies, err)
		}
		if tallies, err = w.Tallies(t.Context(), Delivered); err != nil || len(tallies) != 1 {
			t.Errorf("tallies of one kind %+v, %v", tallies, err)
		}
		gone, err := w.Delete(t.Context(), Query{Type: "Call", Limit: 1})
		if err != nil || len(gone) != 1 || len(w.listEntries(Query{})) != 4 {
			t.Fatalf("deleted %+v, %v", gone, err)
		}
		if body, err := w.store.loadBody(t.Context(), gone[0].EventID); err != nil || body != nil {
			t.Errorf("the body of a deleted dead letter: %s, %v", body, err)
		}
		if gone, err = w.Delete(t.Context(), Query{}); err != nil || len(gone) != 4 || len(w.listEntries(Query{})) != 0 {
			t.Errorf("deleted %+v, %v", gone, err)
		}
	})
}

// Dead letters of one event share its body, which is kept until the last of them is deleted.
func TestSharedBody(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{})
		w.addSink(newRefusing(), Policy{})
		one, other := allEvents("a"), allEvents("a")
		other.ID = "other"
		w.putTargets(one, other)
		w.appendEvents("a", "Message", 1)
		testkit.Eventually(t, "both dead letters", func() bool { return len(w.listEntries(Query{})) == 2 })
		for left := range 2 {
			var bodies int
			if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&bodies); err != nil || bodies != 1 {
				t.Fatalf("%d bodies with %d dead letters, %v", bodies, 2-left, err)
			}
			if _, err := w.Delete(t.Context(), Query{Limit: 1}); err != nil {
				t.Fatal(err)
			}
		}
		var bodies int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&bodies); err != nil || bodies != 0 {
			t.Errorf("%d bodies without a dead letter, %v", bodies, err)
		}
	})
}

// Retention removes entries by age and by number, with separate limits for each kind.
func TestSweep(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		var ahead atomic.Int64
		cfg := Config{
			KeepDelivered: time.Hour, MaxDelivered: 2, KeepDeadLetters: 24 * time.Hour, SweepBatch: 1,
			Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		}
		w := newFilledWorld(t, db, cfg)
		check := func(when string, delivered, dead int) {
			t.Helper()
			if err := w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d, l := len(w.listEntries(Query{Status: Delivered})), len(w.listEntries(Query{Status: DeadLetter})); d != delivered || l != dead {
				t.Errorf("%s: %d delivered, %d dead letters, want %d and %d", when, d, l, delivered, dead)
			}
		}
		newest := w.listEntries(Query{Status: Delivered})[0].ID
		check("at once", 2, 2)
		if w.listEntries(Query{Status: Delivered})[0].ID != newest {
			t.Error("an entry other than the oldest was deleted")
		}
		ahead.Store(int64(2 * time.Hour))
		check("after two hours", 0, 2)
		ahead.Store(int64(25 * time.Hour))
		check("after a day", 0, 0)
		var bodies int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&bodies); err != nil || bodies != 0 {
			t.Errorf("%d bodies left, %v", bodies, err)
		}
	})
}

// Beyond Config.MaxDeadLetters the oldest dead letters are removed. Delivered events do not count.
func TestDeadLettersAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := newFilledWorld(t, db, Config{MaxDeadLetters: 1, SweepBatch: 1})
		newest := w.listEntries(Query{Status: DeadLetter})[0].ID
		for range 2 { // the second run finds nothing to remove
			if err := w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if dead := w.listEntries(Query{Status: DeadLetter}); len(dead) != 1 || dead[0].ID != newest {
			t.Errorf("dead letters %+v, want one with id %d", dead, newest)
		}
		if n := len(w.listEntries(Query{Status: Delivered})); n != 3 {
			t.Errorf("%d delivered events, want 3", n)
		}
	})
}

// Entries of delivered events can be switched off; dead letters are always stored.
func TestKeepNoDeliveries(t *testing.T) {
	w := newFilledWorld(t, openDatabase(t, t.TempDir()+"/d.db"), Config{KeepDelivered: -1})
	if got := w.listEntries(Query{}); len(got) != 2 || got[0].Status != DeadLetter {
		t.Errorf("entries %+v", got)
	}
}
