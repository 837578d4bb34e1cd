package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// backend opens handles of one database again and again.
type backend struct {
	name       string
	persistent bool
	address    func(t testing.TB) string
}

var backends = []backend{
	{name: "memory"},
	{name: "sqlite", persistent: true, address: sqlitePath},
	{name: "postgres", persistent: true, address: dbtest.Postgres},
}

func openDB(t testing.TB, address string) *dbutil.Database {
	t.Helper()
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func open(t testing.TB, db *dbutil.Database, cfg Config) *Journal {
	t.Helper()
	j, err := Open(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// onEach runs a contract test on every backend.
func onEach(t *testing.T, cfg Config, test func(t *testing.T, j *Journal, reopen func() *Journal)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			if !b.persistent {
				j := open(t, nil, cfg)
				test(t, j, nil)
				return
			}
			address := b.address(t)
			j := open(t, openDB(t, address), cfg)
			test(t, j, func() *Journal {
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				j = open(t, openDB(t, address), cfg)
				return j
			})
		})
	}
}

func record(key, data string) Record {
	return Record{Type: "Message", Origin: OriginWhatsApp, Key: key, Data: json.RawMessage(data)}
}

func appendOne(t testing.TB, j *Journal, session string, r Record) Result {
	t.Helper()
	results, err := j.Append(t.Context(), session, r)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func readAll(t testing.TB, j *Journal, session string, after uint64) []*Event {
	t.Helper()
	var all []*Event
	for {
		page, err := j.Read(t.Context(), session, after, 7, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Offset
	}
}

func checkGapless(t testing.TB, events []*Event, first uint64) {
	t.Helper()
	for i, e := range events {
		if e.Offset != first+uint64(i) {
			t.Fatalf("event %d has offset %d, want %d", i, e.Offset, first+uint64(i))
		}
	}
}

func TestAppendReadAndReopen(t *testing.T) {
	onEach(t, Config{RingEvents: 4}, func(t *testing.T, j *Journal, reopen func() *Journal) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("x", 3600))
		for i := range 20 {
			r := record(fmt.Sprint("k", i), fmt.Sprintf(`{"n":%d,"text":"ä\"\u0000 😀"}`, i))
			r.Time, r.Chats = at, []string{"1@s.whatsapp.net", "2@lid"}
			if got := appendOne(t, j, "s", r); got.Event.Offset != uint64(i+1) || got.Duplicate {
				t.Fatalf("append %d: %+v", i, got)
			}
		}
		before := readAll(t, j, "s", 0)
		checkGapless(t, before, 1)
		if len(before) != 20 || before[3].Chats[1] != "2@lid" || before[3].ID == before[4].ID {
			t.Fatalf("read %d events, %+v", len(before), before[3])
		}
		var body struct {
			Session, ID, Type, Origin, Time string
			Offset                          uint64
			Data                            struct{ N int }
		}
		if err := json.Unmarshal(before[5].Body(), &body); err != nil {
			t.Fatal(err)
		}
		if body.Session != "s" || body.Offset != 6 || body.Data.N != 5 || body.Time != "2026-01-02T02:04:05.678Z" || body.Origin != "whatsapp" {
			t.Fatalf("body %s", before[5].Body())
		}
		log, err := j.Log(t.Context(), "s")
		if err != nil || log.Head != 20 || log.Oldest != 1 || log.Epoch == "" {
			t.Fatalf("log %+v, %v", log, err)
		}
		if reopen == nil {
			return
		}
		j = reopen()
		again, err := j.Log(t.Context(), "s")
		if err != nil || again != log {
			t.Fatalf("after reopening %+v, %v; want %+v", again, err, log)
		}
		after := readAll(t, j, "s", 0)
		for i := range before {
			if string(after[i].Body()) != string(before[i].Body()) {
				t.Fatalf("bytes differ after reopening:\n%s\n%s", before[i].Body(), after[i].Body())
			}
		}
		if got := appendOne(t, j, "s", record("k3", `{}`)); !got.Duplicate || got.Event.Offset != 4 || got.Event.ID != before[3].ID {
			t.Fatalf("the key is forgotten: %+v", got)
		}
		if got := appendOne(t, j, "s", record("new", `{}`)); got.Event.Offset != 21 {
			t.Fatalf("offset %d after reopening", got.Event.Offset)
		}
	})
}

func TestDuplicatesWithinOneAppend(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, j *Journal, _ func() *Journal) {
		projected := 0
		r := record("k", `1`)
		r.Project = func(context.Context) error { projected++; return nil }
		results, err := j.Append(t.Context(), "s", r, r, record("", `2`), record("", `2`))
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Duplicate || !results[1].Duplicate || results[1].Event.Offset != 1 || results[3].Event.Offset != 3 {
			t.Fatalf("%+v", results)
		}
		if got := appendOne(t, j, "other", record("k", `1`)); got.Duplicate {
			t.Fatal("keys of two sessions are mixed up")
		}
		if projected != 1 {
			t.Fatalf("projected %d times", projected)
		}
	})
}

func TestFailingProjectionCostsNobodyElse(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, j *Journal, _ func() *Journal) {
		boom := errors.New("boom")
		release := blockCommitter(t, j) // the committer is blocked: the following appends become one batch
		failing, panicking := record("f", `1`), record("p", `1`)
		failing.Project = func(context.Context) error { return boom }
		panicking.Project = func(context.Context) error { panic("projection") }
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for i, r := range []Record{record("1", `1`), failing, record("2", `2`), panicking, record("3", `3`), record("4", `4`)} {
			wg.Add(1)
			go func() { defer wg.Done(); _, errs[i] = j.Append(t.Context(), "b", r) }()
		}
		testkit.Eventually(t, "six appends wait", func() bool { return j.Stats().Waiting == 6 })
		release()
		wg.Wait()
		for i, want := range []error{nil, boom, nil, ErrProjection, nil, nil} {
			if !errors.Is(errs[i], want) {
				t.Errorf("append %d: %v, want %v", i, errs[i], want)
			}
		}
		events := readAll(t, j, "b", 0)
		checkGapless(t, events, 1)
		if len(events) != 4 {
			t.Fatalf("%d events", len(events))
		}
		if got := appendOne(t, j, "b", record("f", `1`)); got.Duplicate {
			t.Fatal("the key of a failed append is stored")
		}
	})
}

func TestConcurrentSessionsStayGapless(t *testing.T) {
	onEach(t, Config{RingEvents: 16}, func(t *testing.T, j *Journal, _ func() *Journal) {
		const sessions, each = 8, 60
		var wg sync.WaitGroup
		for s := range sessions {
			for half := range 2 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for i := range each / 2 {
						key := fmt.Sprintf("%d-%d", half, i)
						for range 2 { // every producer tries twice
							if _, err := j.Append(t.Context(), fmt.Sprint(s), record(key, `{}`)); err != nil {
								t.Error(err)
								return
							}
						}
					}
				}()
			}
		}
		wg.Wait()
		for s := range sessions {
			events := readAll(t, j, fmt.Sprint(s), 0)
			checkGapless(t, events, 1)
			if len(events) != each {
				t.Errorf("session %d has %d events", s, len(events))
			}
		}
	})
}

func TestRetentionAndPurge(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	cfg := Config{RetainBytes: 10 * (2 + rowOverhead), RetainFor: time.Hour, SweepBatch: 3, Now: clock, RingEvents: 4}
	onEach(t, cfg, func(t *testing.T, j *Journal, reopen func() *Journal) {
		for range 25 {
			appendOne(t, j, "s", record("", `{}`))
		}
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		log, _ := j.Log(t.Context(), "s")
		if log.Oldest != 16 || log.Head != 25 {
			t.Fatalf("%+v", log)
		}
		if _, err := j.Read(t.Context(), "s", 14, 1, 0); !errors.Is(err, ErrPositionLost) {
			t.Fatalf("read behind retention: %v", err)
		}
		checkGapless(t, readAll(t, j, "s", 15), 16)
		mu.Lock()
		now = now.Add(2 * time.Hour)
		mu.Unlock()
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if log, _ = j.Log(t.Context(), "s"); log.Oldest != 26 || log.Head != 25 {
			t.Fatalf("all aged out: %+v", log)
		}
		if reopen != nil {
			j = reopen()
		}
		if got := appendOne(t, j, "s", record("", `{}`)); got.Event.Offset != 26 {
			t.Fatalf("offset %d after everything aged out", got.Event.Offset)
		}
		if err := j.Purge(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		fresh, err := j.Log(t.Context(), "s")
		if err != nil || fresh.Epoch == log.Epoch || fresh.Head != 0 {
			t.Fatalf("after a purge: %+v, %v", fresh, err)
		}
	})
}

func TestReadBounds(t *testing.T) {
	onEach(t, Config{RingEvents: 5}, func(t *testing.T, j *Journal, _ func() *Journal) {
		for range 12 {
			appendOne(t, j, "s", record("", `"`+strings.Repeat("x", 200)+`"`))
		}
		for _, c := range []struct {
			after         uint64
			events, bytes int
			want          int
		}{{0, 100, 0, 12}, {0, 3, 0, 3}, {0, 100, 1, 1}, {0, 100, 1100, 3}, {9, 100, 0, 3}, {9, 2, 0, 2}, {9, 9, 1, 1}, {12, 9, 0, 0}} {
			got, err := j.Read(t.Context(), "s", c.after, c.events, c.bytes)
			if err != nil || len(got) != c.want {
				t.Errorf("Read(after %d, %d events, %d bytes) = %d events, %v; want %d", c.after, c.events, c.bytes, len(got), err, c.want)
			}
		}
		if _, err := j.Read(t.Context(), "s", 13, 1, 0); !errors.Is(err, ErrPositionLost) {
			t.Errorf("read after a position that never existed: %v", err)
		}
		if got, err := j.Read(t.Context(), "nobody", 0, 1, 0); err != nil || len(got) != 0 {
			t.Errorf("read of a session without a log: %v, %v", got, err)
		}
		if _, err := j.Read(t.Context(), "nobody", 1, 1, 0); !errors.Is(err, ErrPositionLost) {
			t.Errorf("read of a session without a log: %v", err)
		}
	})
}

type recorder struct {
	mu      sync.Mutex
	wakes   map[string]int
	signals []string
}

func (r *recorder) Wake(session string) { r.mu.Lock(); r.wakes[session]++; r.mu.Unlock() }
func (r *recorder) Signal(s *Signal) {
	r.mu.Lock()
	r.signals = append(r.signals, s.Session+s.Type)
	r.mu.Unlock()
}

func TestWatchers(t *testing.T) {
	j := open(t, nil, Config{})
	one, all := &recorder{wakes: map[string]int{}}, &recorder{wakes: map[string]int{}}
	stop := j.Watch("a", one)
	defer j.Watch("", all)()
	appendOne(t, j, "a", record("k", `1`))
	appendOne(t, j, "a", record("k", `1`)) // a duplicate wakes no watcher
	appendOne(t, j, "b", record("", `1`))
	j.Signal(Signal{Session: "a", Type: "Presence"})
	j.Signal(Signal{Session: "b", Type: "Presence"})
	stop()
	appendOne(t, j, "a", record("", `1`))
	if one.wakes["a"] != 1 || one.wakes["b"] != 0 || len(one.signals) != 1 {
		t.Errorf("watcher of one session: %+v", one)
	}
	if all.wakes["a"] != 2 || all.wakes["b"] != 1 || len(all.signals) != 2 {
		t.Errorf("watcher of all: %+v", all)
	}
}

func TestBadRecords(t *testing.T) {
	j := open(t, nil, Config{MaxData: 100, MaxBatchRecords: 3})
	for name, c := range map[string]struct {
		session string
		records []Record
		want    error
	}{
		"no session":  {"", []Record{record("", `1`)}, ErrInvalid},
		"no type":     {"s", []Record{{Data: json.RawMessage(`1`)}}, ErrInvalid},
		"not JSON":    {"s", []Record{record("", `{`)}, ErrInvalid},
		"not UTF-8":   {"s", []Record{record("", "\"\xff\"")}, ErrInvalid},
		"long name":   {strings.Repeat("s", 513), []Record{record("", `1`)}, ErrInvalid},
		"bad chat":    {"s", []Record{{Type: "Message", Chats: []string{"a\nb"}}}, ErrInvalid},
		"zero byte":   {"s", []Record{{Type: "Mess\x00age"}}, ErrInvalid},
		"too large":   {"s", []Record{record("", `"`+strings.Repeat("x", 99)+`"`)}, ErrTooLarge},
		"too many":    {"s", []Record{record("", `1`), record("", `1`), record("", `1`), record("", `1`)}, ErrTooLarge},
		"one of many": {"s", []Record{record("", `1`), record("", `{`)}, ErrInvalid},
	} {
		if _, err := j.Append(t.Context(), c.session, c.records...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if log, _ := j.Log(t.Context(), "s"); log.Head != 0 {
		t.Errorf("something was logged: %+v", log)
	}
}

func TestClose(t *testing.T) {
	j, err := Open(t.Context(), nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err = j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err = j.Append(t.Context(), "s", record("", `1`)); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
}
