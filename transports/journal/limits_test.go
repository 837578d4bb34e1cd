package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// blockCommitter appends a record whose projection blocks the committer until release.
func blockCommitter(t *testing.T, j *Journal) (release func()) {
	t.Helper()
	started, hold, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := record("", `0`)
	var once sync.Once
	r.Project = func(context.Context) error { once.Do(func() { close(started) }); <-hold; return nil }
	go func() {
		defer close(done)
		if _, err := j.Append(context.Background(), "held", r); err != nil {
			t.Error(err)
		}
	}()
	<-started
	return func() { close(hold); <-done }
}

func TestQueueIsBounded(t *testing.T) {
	j := open(t, nil, Config{MaxWaiting: 2})
	release := blockCommitter(t, j)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 4)
	for range 4 {
		go func() { _, err := j.Append(ctx, "s", record("", `1`)); errs <- err }()
	}
	testkit.Eventually(t, "two wait, two wait outside", func() bool {
		stats := j.Stats()
		return stats.Waiting == 2 && stats.Waited == 2
	})
	cancel()
	for range 4 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled append: %v", err)
		}
	}
	release()
	// An append cancelled before its commit began is not logged.
	if got := appendOne(t, j, "s", record("", `1`)); got.Event.Offset != 1 {
		t.Errorf("offset %d", got.Event.Offset)
	}
}

// Batches gather only while several sessions append, and a batch of one among many does not end that.
func TestBatchesGatherOnlyWithConcurrentSessions(t *testing.T) {
	var c concurrency
	for range 3 {
		if c.recordBatch(1); c.expected() {
			t.Error("a lone appender waits")
		}
	}
	c.recordBatch(2)
	for i := range concurrencyLasts {
		if !c.expected() {
			t.Errorf("alone after %d batches of one", i)
		}
		c.recordBatch(1)
	}
	if c.expected() {
		t.Error("a lone appender waits forever")
	}
	j := open(t, nil, Config{GatherFor: time.Nanosecond})
	gathered := make(chan struct{})
	go func() {
		j.gatherBatch(true)
		close(gathered)
	}()
	select {
	case <-gathered:
	case <-time.After(20 * time.Second):
		t.Error("gathering is unbounded")
	}
}

// With a store as quick as memory and one processor, an appender whose call returned and the committer would alternate while 99 others do not run.
func TestSessionsShareCommitsOnOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const sessions, each = 100, 20
	j := open(t, nil, Config{})
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Go(func() {
			for n := range each {
				if _, err := j.Append(t.Context(), fmt.Sprint("session-", s), record(fmt.Sprint(n), `1`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	commits := j.stats.commits.Load()
	t.Logf("%d appends took %d commits", sessions*each, commits)
	if commits > sessions*each/10 {
		t.Error("sessions commit alone")
	}
}

func TestGivingUpDuringTheCommit(t *testing.T) {
	j := open(t, nil, Config{})
	started, hold := make(chan struct{}), make(chan struct{})
	r := record("k", `1`)
	r.Project = func(context.Context) error { close(started); <-hold; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() { _, err := j.Append(ctx, "s", r); answer <- err }()
	<-started
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(hold)
	r.Project = nil
	if got := appendOne(t, j, "s", r); !got.Duplicate || got.Event.Offset != 1 {
		t.Fatalf("the retry: %+v", got)
	}
}

func TestHangingProjectionIsGivenUp(t *testing.T) {
	onEach(t, Config{CommitTimeout: 200 * time.Millisecond}, func(t *testing.T, j *Journal, _ func() *Journal) {
		appendOne(t, j, "s", record("", `1`))
		r := record("", `1`)
		r.Project = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		if _, err := j.Append(t.Context(), "s", r); !errors.Is(err, ErrProjection) {
			t.Fatalf("append: %v", err)
		}
		if got := appendOne(t, j, "s", record("", `1`)); got.Event.Offset != 2 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	j, err := Open(t.Context(), nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	release := blockCommitter(t, j)
	answers := make(chan error, 3)
	for range 3 {
		go func() { _, err := j.Append(context.Background(), "s", record("", `1`)); answers <- err }()
	}
	testkit.Eventually(t, "three wait", func() bool { return j.Stats().Waiting == 3 })
	closed := make(chan error)
	go func() { closed <- j.Close() }()
	release()
	for range 3 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := j.Log(t.Context(), "new"); !errors.Is(err, ErrClosed) {
		t.Errorf("log after close: %v", err)
	}
}

func TestRingBounds(t *testing.T) {
	now := time.Now()
	j := open(t, nil, Config{RingEvents: 10, RingBytes: 1500, RingIdle: time.Minute, Now: func() time.Time { return now }})
	for range 100 {
		appendOne(t, j, "s", record("", `1`))
	}
	l := j.lookupEntry("s")
	if len(l.ring) != 10 || cap(l.ring) > 40 {
		t.Errorf("%d events in the ring, room for %d", len(l.ring), cap(l.ring))
	}
	appendOne(t, j, "s", record("", fmt.Sprintf(`"%01400d"`, 0)))
	if len(l.ring) != 1 { // the newest stays, regardless of its size
		t.Errorf("%d events, %d bytes in the ring", len(l.ring), l.bytes)
	}
	now = now.Add(2 * time.Minute)
	if err := j.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.ring != nil || l.bytes != 0 {
		t.Error("an idle session keeps its ring")
	}
	checkGapless(t, readAll(t, j, "s", 90), 91)
	if got := appendOne(t, j, "s", record("", `1`)); got.Event.Offset != 102 || len(l.ring) != 1 {
		t.Errorf("after idling: %+v", got)
	}
}

func TestIdleSessionsCostLittle(t *testing.T) {
	const sessions, budget = 1000, 700 // bytes per session: position, name and map entry
	j := open(t, openDB(t, sqlitePath(t)), Config{})
	before := heapBytes()
	for i := range sessions {
		if _, err := j.Log(t.Context(), fmt.Sprint("session-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if each := (int64(heapBytes()) - int64(before)) / sessions; each > budget {
		t.Errorf("%d bytes for an idle session, at most %d", each, budget)
	}
	runtime.KeepAlive(j)
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestPanickingWatcherHarmsNobody(t *testing.T) {
	j := open(t, nil, Config{MaxData: 10})
	woken := 0
	defer j.Watch("s", wakeFunc(func() { panic("watcher") }))()
	defer j.Watch("s", wakeFunc(func() { woken++ }))()
	appendOne(t, j, "s", record("", `1`))
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
	j.Signal(Signal{Session: "s", Data: bytes.Repeat([]byte(" "), 11)})
	if n := j.Stats().SignalsDropped; n != 1 {
		t.Errorf("%d signals dropped", n)
	}
}
