package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// A watch that is interrupted repeatedly while deliveries end returns each entry of its session once, in order.
func TestWatchResumesWithoutGaps(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		w := openWorld(t, db, Config{WatchEvery: time.Millisecond})
		w.addSink(&recorder{}, Policy{})
		const sessions, each = 4, 60
		for i := range sessions {
			w.putTargets(allEvents(fmt.Sprint("s", i)))
		}
		var writers sync.WaitGroup
		for i := range sessions {
			writers.Go(func() {
				for range each {
					w.appendEvents(fmt.Sprint("s", i), "message", 1)
				}
			})
		}
		var seen []Entry
		q := Query{Sessions: []string{"s1", "s2"}, Since: time.Unix(0, 0)}
		for len(seen) < 2*each {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			watch, err := w.Watch(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			news, err := watch.Next(ctx)
			watch.Close()
			cancel()
			if err != nil || news.Missed != nil {
				t.Fatalf("after %d: %+v, %v", len(seen), news.Missed, err)
			}
			// Simulates a connection that ended in the middle.
			some := news.Entries[:(len(news.Entries)+1)/2]
			seen = append(seen, some...)
			q.After, q.Since = some[len(some)-1].ID, time.Time{}
		}
		writers.Wait()
		want := w.listEntries(Query{Sessions: q.Sessions, OldestFirst: true, Limit: 1000})
		if len(want) != 2*each || len(seen) != len(want) {
			t.Fatalf("%d seen, %d stored", len(seen), len(want))
		}
		for i := range want {
			if want[i].ID != seen[i].ID || seen[i].Session != "s1" && seen[i].Session != "s2" {
				t.Fatalf("number %d is %+v, want %d", i, seen[i], want[i].ID)
			}
		}
		if w.Watches() != 0 {
			t.Errorf("%d watches are open", w.Watches())
		}
	})
}

func TestWatchBegins(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{WatchEvery: time.Millisecond})
	sink := &recorder{}
	w.addSink(sink, Policy{})
	w.putTargets(allEvents("shop"))
	w.appendEvents("shop", "message", 10)
	testkit.Eventually(t, "the deliveries", func() bool { return len(w.listEntries(Query{})) == 10 })
	stored := w.listEntries(Query{OldestFirst: true})
	for _, c := range []struct {
		name   string
		q      Query
		stored int
		missed *Missed
	}{
		{"the next", Query{}, 0, nil},
		{"after an id", Query{After: stored[3].ID}, 6, nil},
		{"after an id that was never there", Query{After: stored[9].ID + 1000}, 0, nil},
		{"from a time", Query{Since: time.Unix(0, 0)}, 10, nil},
		{"the last", Query{Limit: 3}, 3, nil},
		{"the last after an id", Query{After: stored[1].ID, Limit: 3}, 3, &Missed{stored[2].ID, stored[6].ID}},
		{"another session", Query{After: stored[1].ID, Sessions: []string{"other"}}, 0, nil},
		{"failed ones", Query{After: stored[1].ID, Failed: true}, 0, nil},
	} {
		watch, err := w.Watch(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if watch.Stored != c.stored {
			t.Errorf("%s: %d stored, want %d", c.name, watch.Stored, c.stored)
		}
		if c.stored > 0 {
			news, err := watch.Next(t.Context())
			if err != nil || len(news.Entries) != c.stored || news.Entries[c.stored-1].ID != stored[9].ID ||
				(news.Missed == nil) != (c.missed == nil) || news.Missed != nil && *news.Missed != *c.missed {
				t.Errorf("%s: %d entries, missed %v, %v", c.name, len(news.Entries), news.Missed, err)
			}
		}
		watch.Close()
	}
}

// A slow reader receives the ids removed by retention as Missed, and does not delay deliveries.
func TestWatchIsTooSlow(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{WatchEvery: time.Millisecond, MaxDelivered: 5, MaxWatches: 1})
	w.addSink(&recorder{}, Policy{})
	w.putTargets(allEvents("shop"))
	watch, err := w.Watch(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Watch(t.Context(), Query{}); !errors.Is(err, ErrTooManyWatches) {
		t.Errorf("a second watch: %v", err)
	}
	w.appendEvents("shop", "message", 20)
	testkit.Eventually(t, "the deliveries", func() bool { return len(w.listEntries(Query{})) == 20 })
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := w.listEntries(Query{OldestFirst: true})
	news, err := watch.Next(t.Context())
	if err != nil || len(left) != 5 || news.Missed == nil || news.Missed.To != left[0].ID-1 || len(news.Entries) != 5 {
		t.Fatalf("%d left, got %+v, %v", len(left), news, err)
	}
	// The same with a start in the past, and after a restart.
	watch.Close()
	for range 2 {
		if watch, err = w.Watch(t.Context(), Query{After: 1}); err != nil {
			t.Fatal(err)
		}
		if news, err = watch.Next(t.Context()); err != nil || news.Missed == nil || *news.Missed != (Missed{2, left[0].ID - 1}) || len(news.Entries) != 5 {
			t.Fatalf("got %+v, %v", news, err)
		}
		watch.Close()
		w.close()
		w.openDispatcher(Config{})
	}
	if watch, err = w.Watch(t.Context(), Query{}); err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	w.EndWatches()
	if _, err := watch.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := w.Watch(t.Context(), Query{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a watch after the end: %v", err)
	}
}

func TestPrune(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		now := time.Now()
		var mu sync.Mutex
		clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		w := openWorld(t, db, Config{Now: clock, SweepEvery: time.Hour})
		w.addSink(&recorder{answer: refuseBad}, Policy{})
		w.putTargets(allEvents("shop"))
		w.appendEvents("shop", "message", 3)
		w.appendEvents("shop", "bad", 1)
		testkit.Eventually(t, "the deliveries", func() bool { return len(w.listEntries(Query{})) == 4 })
		mu.Lock()
		now = now.Add(3 * time.Hour)
		mu.Unlock()
		w.appendEvents("shop", "message", 1)
		testkit.Eventually(t, "the newest", func() bool { return len(w.listEntries(Query{})) == 5 })
		for _, c := range []struct {
			older time.Duration
			gone  int
			left  int
		}{{0, 0, 5}, {4 * time.Hour, 0, 5}, {2 * time.Hour, 3, 2}} {
			p, err := w.Prune(t.Context(), c.older)
			if err != nil || p.Entries != c.gone || len(w.listEntries(Query{})) != c.left {
				t.Fatalf("older than %s: %+v, %d left, %v", c.older, p, len(w.listEntries(Query{})), err)
			}
		}
		mu.Lock()
		now = now.Add(DefaultKeepDeadLetters)
		mu.Unlock()
		if p, err := w.Prune(t.Context(), 0); err != nil || p.Entries != 2 || p.TotalEntries != 5 || p.Next.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// Retention of one kind of entries hides no entry of another kind with a longer retention, and no entry that was read before.
func TestWatchPastRetention(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{WatchEvery: time.Millisecond, MaxDelivered: 1})
	w.addSink(&recorder{answer: refuseBad}, Policy{})
	w.putTargets(allEvents("shop"))
	watch, err := w.Watch(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { watch.Close() }()
	const dead = watchPage + 10
	w.appendEvents("shop", "bad", dead)
	w.appendEvents("shop", "message", 3)
	testkit.Eventually(t, "the deliveries", func() bool { return len(w.listEntries(Query{Status: Delivered})) == 3 })
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := func() News {
		t.Helper()
		news, err := watch.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return news
	}
	// An open watch returns all remaining entries, and reports once that there were more.
	news := next()
	if news.Missed == nil || *news.Missed != (Missed{1, dead + 2}) || len(news.Entries) != watchPage {
		t.Fatalf("%d entries, missed %+v", len(news.Entries), news.Missed)
	}
	if news = next(); news.Missed != nil || len(news.Entries) != 11 || news.Entries[0].ID != watchPage+1 {
		t.Fatalf("then %d entries, missed %+v", len(news.Entries), news.Missed)
	}
	for _, c := range []struct {
		name   string
		q      Query
		stored int
		missed *Missed
	}{
		{"dead letters since a time", Query{Status: DeadLetter, Since: time.Unix(0, 0)}, dead, nil},
		{"failed ones after an id", Query{Failed: true, After: dead - 5}, 5, nil},
		{"the last failed ones", Query{Failed: true, Limit: 3}, 3, nil},
		{"all since a time", Query{Since: time.Unix(0, 0)}, dead + 1, nil},
		{"all after an id", Query{After: dead - 5}, 6, &Missed{dead - 4, dead + 2}},
		{"all after the newest", Query{After: dead + 3}, 0, nil},
	} {
		watch.Close()
		if watch, err = w.Watch(t.Context(), c.q); err != nil {
			t.Fatal(err)
		}
		if watch.Stored != c.stored {
			t.Errorf("%s: %d stored, want %d", c.name, watch.Stored, c.stored)
		}
		if watch.Stored > 0 {
			if news := next(); (news.Missed == nil) != (c.missed == nil) || news.Missed != nil && *news.Missed != *c.missed || len(news.Entries) != min(c.stored, watchPage) {
				t.Errorf("%s: %d entries, missed %+v", c.name, len(news.Entries), news.Missed)
			}
		}
	}
	// A reader that has read everything, or begins now, receives no Missed, even if the archive is empty.
	if _, err := w.Prune(t.Context(), time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	for len(w.listEntries(Query{})) > 0 {
		if _, err := w.Delete(t.Context(), Query{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []Query{{}, {After: dead + 3}, {Since: time.Now()}, {Limit: 5}} {
		watch.Close()
		if watch, err = w.Watch(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		w.appendEvents("shop", "message", 1)
		if news := next(); news.Missed != nil || len(news.Entries) != 1 {
			t.Errorf("%+v: %d entries, missed %+v", q, len(news.Entries), news.Missed)
		}
		if _, err := w.Delete(t.Context(), Query{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
	}
}

// A watch reads the archive once per Config.WatchEvery, however often it changes.
func TestWatchReadsAtIntervals(t *testing.T) {
	inBubble(t, Config{WatchEvery: time.Minute}, func(t *testing.T, w *world) {
		w.addSink(&recorder{}, Policy{})
		w.putTargets(allEvents("shop"))
		watch, err := w.Watch(t.Context(), Query{})
		if err != nil {
			t.Fatal(err)
		}
		defer watch.Close()
		began, entries := time.Now(), 0
		for _, want := range []time.Duration{0, time.Minute, 2 * time.Minute} {
			w.appendEvents("shop", "message", 3)
			sleep(time.Second)
			news, err := watch.Next(t.Context())
			if entries += len(news.Entries); err != nil || len(news.Entries) != 3 {
				t.Fatalf("%+v, %v", news, err)
			}
			if took := time.Since(began); took < want || took > want+2*time.Second {
				t.Errorf("%d entries were read after %v, want %v", entries, took, want)
			}
		}
	})
}
