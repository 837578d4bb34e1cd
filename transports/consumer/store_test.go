package consumer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

// onEach runs a test on both databases; open opens a store on the same database once more.
func onEach(t *testing.T, test func(t *testing.T, open func(Config) *Store)) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		test(t, func(cfg Config) *Store { return openStore(t, db, cfg) })
	})
}

func openStore(t *testing.T, db *dbutil.Database, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// neverByItself is for tests that say when to flush.
var neverByItself = Config{FlushEvery: time.Hour}

func acquire(t *testing.T, s *Store, id ID) map[string]Position {
	t.Helper()
	positions, err := s.Acquire(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return positions
}

func release(t *testing.T, s *Store, id ID) {
	t.Helper()
	if err := s.Release(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

var shop = ID{"admin", "shop"}

// The same changes lead to the same place, whether they meet in memory or in the database.
func TestChanges(t *testing.T) {
	steps := []struct {
		name   string
		change func(s *Store)
		want   Position
	}{
		{"begin", func(s *Store) { s.Begin(shop, "s", Position{"a", 5}) }, Position{"a", 5}},
		{"begin again", func(s *Store) { s.Begin(shop, "s", Position{"a", 9}) }, Position{"a", 5}},
		{"advance", func(s *Store) { s.Advance(shop, "s", Position{"a", 8}) }, Position{"a", 8}},
		{"not back", func(s *Store) { s.Advance(shop, "s", Position{"a", 7}) }, Position{"a", 8}},
		{"back on purpose", func(s *Store) { s.Move(shop, "s", Position{"a", 2}) }, Position{"a", 2}},
		{"on from there", func(s *Store) { s.Advance(shop, "s", Position{"a", 3}) }, Position{"a", 3}},
		{"another epoch", func(s *Store) { s.Advance(shop, "s", Position{"b", 1}) }, Position{"b", 1}},
		{"not back in it", func(s *Store) { s.Advance(shop, "s", Position{"b", 0}) }, Position{"b", 1}},
		{"largest offset", func(s *Store) { s.Advance(shop, "s", Position{"b", 1<<63 - 1}) }, Position{"b", 1<<63 - 1}},
		{"back and to another epoch", func(s *Store) {
			s.Move(shop, "s", Position{"b", 4})
			s.Advance(shop, "s", Position{"c", 2})
		}, Position{"c", 2}},
		{"without a beginning", func(s *Store) {
			s.Advance(shop, "s", Position{"c", 6})
			s.Begin(shop, "s", Position{"d", 1})
		}, Position{"c", 6}},
	}
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(neverByItself)
		for _, step := range steps {
			step.change(s)
			if got := acquire(t, s, shop)["s"]; got != step.want {
				t.Fatalf("%s: %+v, want %+v", step.name, got, step.want)
			}
		}
		inMemory := open(neverByItself)
		id := ID{"admin", "other"}
		for k := range steps {
			for _, step := range steps[:k+1] {
				step.change(inMemory)
			}
			inMemory.mu.Lock()
			c := inMemory.pending[cursorKey{shop, "s"}]
			clear(inMemory.pending)
			inMemory.mu.Unlock()
			if c.to != steps[k].want {
				t.Errorf("%s in memory: %+v, want %+v", steps[k].name, c, steps[k].want)
			}
		}
		if got := acquire(t, s, id); len(got) != 0 {
			t.Errorf("another name has %v", got)
		}
	})
}

// A process cannot set back a cursor that another process has moved.
func TestGuardIsInTheDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		ahead, behind := open(neverByItself), open(neverByItself)
		behind.Advance(shop, "s", Position{"a", 5})
		ahead.Advance(shop, "s", Position{"a", 9})
		for _, s := range []*Store{ahead, behind} {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := acquire(t, behind, shop)["s"]; got.Offset != 9 {
			t.Errorf("%+v", got)
		}
	})
}

func TestAcksGather(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{FlushEvery: 20 * time.Millisecond})
		for i := range uint64(10_000) {
			s.Advance(shop, "s", Position{"a", i})
		}
		await(t, s, 9_999)
		full := open(Config{FlushEvery: time.Hour, FlushChanges: 3})
		for i := range 3 {
			full.Advance(shop, fmt.Sprint("many", i), Position{"a", 1})
		}
		s.Advance(shop, "s", Position{"a", 10_000})
		await(t, s, 10_000)
		deadline := time.After(20 * time.Second)
		for len(stored(t, s)) != 4 {
			select {
			case <-deadline:
				t.Fatalf("FlushChanges does nothing: %v", stored(t, s))
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
}

// stored reads past the pending changes.
func stored(t *testing.T, s *Store) []Cursor {
	t.Helper()
	list, err := s.readCursors(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func await(t *testing.T, s *Store, offset uint64) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		for _, c := range stored(t, s) {
			if c.Session == "s" && c.Offset == offset {
				return
			}
		}
		select {
		case <-deadline:
			t.Fatalf("never at %d: %v", offset, stored(t, s))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestCloseAndReleaseWrite(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(neverByItself)
		acquire(t, s, shop)
		s.Advance(shop, "s", Position{"a", 1})
		release(t, s, shop)
		await(t, s, 1)
		s.Advance(shop, "s", Position{"a", 2})
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, open(neverByItself), 2)
	})
}

// More rows than one statement takes, and names and sessions that look like SQL.
func TestManyCursors(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(neverByItself)
		odd := ID{"session:o'brien", `"; DROP TABLE consumer_cursors; --`}
		const sessions = 2*statementRows + 3
		for i := range sessions {
			s.Begin(odd, fmt.Sprint("b", i), Position{"a", 1})
			s.Move(odd, fmt.Sprint("m", i), Position{"a", 2})
			s.Advance(odd, fmt.Sprint("a", i), Position{"a", 3})
		}
		got := acquire(t, s, odd)
		if len(got) != 3*sessions || got["b7"].Offset != 1 || got["m7"].Offset != 2 || got["a7"].Offset != 3 {
			t.Errorf("%d cursors", len(got))
		}
	})
}

func TestFailedFlushIsTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{FlushEvery: 5 * time.Millisecond})
		if err := s.lockWrites(t.Context()); err != nil { // keep the loop out
			t.Fatal(err)
		}
		s.Advance(shop, "s", Position{"a", 5})
		s.Advance(shop, "other", Position{"a", 1})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.flushPending(gone); err == nil {
			t.Fatal("flushed without a database")
		}
		s.Advance(shop, "s", Position{"a", 4})
		s.unlockWrites()
		await(t, s, 5)
		if list := stored(t, s); len(list) != 2 {
			t.Errorf("%v", list)
		}
	})
}

func TestMaxConsumers(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{FlushEvery: time.Hour, MaxConsumers: 2})
		one, two, three := ID{"p", "1"}, ID{"p", "2"}, ID{"p", "3"}
		acquire(t, s, one)
		s.Begin(one, "s", Position{"a", 1})
		acquire(t, s, two) // has no cursor, and counts
		if _, err := s.Acquire(t.Context(), three); !errors.Is(err, ErrTooMany) {
			t.Fatal(err)
		}
		acquire(t, s, one)
		acquire(t, s, two)
		acquire(t, s, ID{"q", "3"})
		release(t, s, two)
		release(t, s, two)
		acquire(t, s, three)
	})
}

func TestDelete(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(neverByItself)
		mail := ID{"admin", "mail"}
		for _, id := range []ID{shop, mail} {
			s.Begin(id, "s", Position{"a", 1})
			s.Begin(id, "t", Position{"a", 1})
		}
		acquire(t, s, shop)
		if err := s.Delete(t.Context(), shop); !errors.Is(err, ErrInUse) {
			t.Fatal(err)
		}
		s.Advance(mail, "s", Position{"a", 2}) // pending
		if err := s.DeleteSession(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		if list, err := s.List(t.Context(), "admin", ""); err != nil || len(list) != 2 || list[0].Name != "mail" || list[1].Session != "t" {
			t.Fatalf("%v, %v", list, err)
		}
		release(t, s, shop)
		s.Advance(shop, "t", Position{"a", 2})
		if err := s.Delete(t.Context(), shop); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), shop); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if list, err := s.List(t.Context(), "admin", ""); err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		if list, err := s.List(t.Context(), "session:s", ""); err != nil || len(list) != 0 {
			t.Fatalf("%v, %v", list, err)
		}
	})
}

func TestUnusedConsumersExpire(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		var mu sync.Mutex
		now := time.Now()
		pass := func(days int) {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(time.Duration(days) * 24 * time.Hour)
		}
		s := open(Config{FlushEvery: time.Hour, KeepFor: 6 * 24 * time.Hour, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
		names := func() (names []string) {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			list, err := s.List(t.Context(), "admin", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				names = append(names, c.Name+"/"+c.Session)
			}
			return names
		}
		for _, name := range []string{"acking", "gone", "open", "visiting"} {
			s.Begin(ID{"admin", name}, "quiet", Position{"a", 1})
			s.Begin(ID{"admin", name}, "s", Position{"a", 1})
		}
		acquire(t, s, ID{"admin", "open"})
		pass(4)
		s.Advance(ID{"admin", "acking"}, "s", Position{"a", 2})
		acquire(t, s, ID{"admin", "visiting"})
		release(t, s, ID{"admin", "visiting"})
		if got := names(); len(got) != 8 {
			t.Fatal(got)
		}
		pass(3)
		if got, want := fmt.Sprint(names()), "[acking/quiet acking/s open/quiet open/s visiting/quiet visiting/s]"; got != want {
			t.Fatal(got)
		}
		pass(7)
		if got, want := fmt.Sprint(names()), "[open/quiet open/s]"; got != want {
			t.Fatal(got)
		}
	})
}

// Many consumers at once: each reads positions that are never older than its acknowledgements.
func TestConcurrently(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{FlushEvery: time.Millisecond, FlushChanges: 4})
		var group sync.WaitGroup
		for n := range 8 {
			group.Go(func() {
				id := ID{"admin", fmt.Sprint("c", n)}
				last := uint64(0)
				for range 30 {
					positions, err := s.Acquire(t.Context(), id)
					if err != nil || positions["s"].Offset != last {
						t.Errorf("%+v, %v, want %d", positions, err, last)
						return
					}
					for range rand.IntN(20) {
						last++
						s.Advance(id, "s", Position{"a", last})
					}
					if err := s.Release(t.Context(), id); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	})
}
