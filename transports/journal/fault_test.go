package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// faultyStore fails the next commits as configured.
type faultyStore struct {
	store
	mu     sync.Mutex
	faults []fault
}

type fault int

const (
	answerLost   fault = iota // the commit takes place but returns an error
	commitLost                // the commit does not take place and the outcome is unknown
	notReachable              // the store is not called
)

func (s *faultyStore) next(faults ...fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

func (s *faultyStore) commit(ctx context.Context, write func(context.Context, storeTx) error) error {
	s.mu.Lock()
	var now fault = -1
	if len(s.faults) > 0 {
		now, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	switch now {
	case answerLost:
		if err := s.store.commit(ctx, write); err != nil {
			return err
		}
	case commitLost:
		boom := errors.New("boom")
		if err := s.store.commit(ctx, func(ctx context.Context, tx storeTx) error {
			return errors.Join(write(ctx, tx), boom)
		}); !errors.Is(err, boom) {
			return fmt.Errorf("the transaction took place: %w", err)
		}
	case notReachable:
		return ErrUnavailable
	default:
		return s.store.commit(ctx, write)
	}
	return fmt.Errorf("%w: %w", errOutcomeUnknown, ErrUnavailable)
}

func TestUnknownOutcomes(t *testing.T) {
	onEach(t, Config{}, func(t *testing.T, j *Journal, _ func() *Journal) {
		faulty := &faultyStore{store: j.store}
		j.store = faulty
		woken := make(chan struct{}, 100)
		defer j.Watch("s", wakeFunc(func() { woken <- struct{}{} }))()
		appendOne(t, j, "s", record("1", `1`))

		// The journal determines the outcome by itself.
		faulty.next(answerLost)
		if got := appendOne(t, j, "s", record("2", `2`)); got.Event.Offset != 2 || got.Duplicate {
			t.Fatalf("%+v", got)
		}
		faulty.next(commitLost)
		if _, err := j.Append(t.Context(), "s", record("3", `3`)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("a lost commit: %v", err)
		}
		appendOne(t, j, "s", record("4", `4`))

		// It cannot determine the outcome: the producer's retry does, with its key.
		faulty.next(answerLost, notReachable)
		if _, err := j.Append(t.Context(), "s", record("5", `5`)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("an unreachable store: %v", err)
		}
		if got := appendOne(t, j, "s", record("5", `5`)); !got.Duplicate || got.Event.Offset != 4 {
			t.Fatalf("%+v", got)
		}
		checkGapless(t, readAll(t, j, "s", 0), 1)

		// Without a retry: readers are woken when the store recovers.
		for len(woken) > 0 {
			<-woken
		}
		faulty.next(answerLost, notReachable)
		if _, err := j.Append(t.Context(), "s", record("", `6`)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("an unreachable store: %v", err)
		}
		<-woken
		events := readAll(t, j, "s", 0)
		checkGapless(t, events, 1)
		if len(events) != 5 {
			t.Fatalf("%d events", len(events))
		}
	})
}

type wakeFunc func()

func (f wakeFunc) Wake(string)    { f() }
func (f wakeFunc) Signal(*Signal) {}

// tmpfs mounts a file system of the given size; without the right to mount, the test is skipped.
func tmpfs(t *testing.T, size string) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestDiskFull(t *testing.T) {
	dir := tmpfs(t, "4m")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, openDB(t, filepath.Join(dir, "journal.db")), Config{RingEvents: 1})
	data := `"` + strings.Repeat("x", 20_000) + `"`
	logged, err := 0, error(nil)
	for err == nil && logged < 1000 {
		if _, err = j.Append(t.Context(), "s", record(fmt.Sprint(logged), data)); err == nil {
			logged++
		}
	}
	if !errors.Is(err, ErrDiskFull) || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("after %d events: %v", logged, err)
	}
	for range 3 {
		if _, err = j.Append(t.Context(), "s", record(fmt.Sprint(logged), data)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("still full: %v", err)
		}
	}
	if n := len(readAll(t, j, "s", 0)); n != logged {
		t.Fatalf("%d events on the full disk, want %d", n, logged)
	}
	if err = os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	got := appendOne(t, j, "s", record(fmt.Sprint(logged), `1`))
	if got.Event.Offset != uint64(logged+1) || got.Duplicate {
		t.Fatalf("with room again: %+v, want offset %d", got, logged+1)
	}
	checkGapless(t, readAll(t, j, "s", 0), 1)
}

func TestPostgresRestart(t *testing.T) {
	if os.Getenv(dbtest.EnvPostgres) != "" {
		t.Skip("the given PostgreSQL is not ours to restart")
	}
	server, err := dbtest.StartPostgres()
	if err != nil {
		if testing.Short() {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	defer server.Close()
	j := open(t, openDB(t, server.URL("postgres")), Config{})
	log := func() Log {
		l, err := j.Log(t.Context(), "s0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	epoch := log().Epoch
	var acknowledged, refused atomic.Int64
	const workers, each = 4, 150
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				r := record(fmt.Sprintf("%d-%d", w, i), `{}`)
				testkit.Eventually(t, "an append", func() bool { // retry until accepted, as a producer does
					_, err := j.Append(t.Context(), fmt.Sprint("s", w%2), r)
					if err != nil && !errors.Is(err, ErrUnavailable) {
						t.Errorf("not typed: %v", err)
					}
					if err != nil {
						refused.Add(1)
					}
					return err == nil
				})
				acknowledged.Add(1)
			}
		})
	}
	for n := range int64(2) {
		testkit.Eventually(t, "appends before the restart", func() bool { return acknowledged.Load() > (n+1)*workers*each/4 })
		server.Stop()
		before := refused.Load()
		testkit.Eventually(t, "appends are refused", func() bool { return refused.Load() > before })
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	total := 0
	for s := range 2 {
		events := readAll(t, j, fmt.Sprint("s", s), 0)
		checkGapless(t, events, 1)
		total += len(events)
	}
	if total != workers*each {
		t.Errorf("%d events, want %d", total, workers*each)
	}
	if log().Epoch != epoch {
		t.Error("the epoch changed")
	}
}
