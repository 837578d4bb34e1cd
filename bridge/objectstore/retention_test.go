package objectstore

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// runCycle runs one cycle and waits for its end.
func (w *world) runCycle() Stats {
	w.t.Helper()
	before := w.Retention().Cycles
	w.RunRetention()
	testkit.Eventually(w.t, "the cycle", func() bool { st := w.Retention(); return st.Cycles > before && !st.CycleRunning })
	return w.Retention()
}

func (w *world) fill(session string, n int) {
	w.t.Helper()
	for i := range n {
		w.add(session, fmt.Sprintf("%s-%d-%d", session, i, w.now().UnixNano()), []byte("12345"))
	}
	testkit.Eventually(w.t, "the objects", func() bool { return w.Standing(session).Waiting == 0 })
}

func TestRetention(t *testing.T) {
	onEach(t, Config{RetainBatch: 3, RetainObjects: 10}, func(t *testing.T, w *world) {
		s := newServer(t)
		w.set("short", to(s), &Change{RetentionDays: ptr(1)})
		w.set("long", to(s), &Change{RetentionDays: ptr(30)})
		w.set("keeps", to(s))
		w.fill("short", 12)
		w.fill("long", 2)
		w.fill("keeps", 2)
		if st := w.runCycle(); st.Deleted != 0 || s.objects(t) != 16 || !st.Running || st.LastRun.IsZero() {
			t.Errorf("too early: %+v, %d objects", st, s.objects(t))
		}
		w.advance(25 * time.Hour)
		w.fill("short", 1) // too young for retention
		s.be(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				refuse(w, http.StatusForbidden, "AccessDenied")
				return true
			}
			return false
		})
		if st := w.runCycle(); st.Deleted != 0 || st.Errors != 1 || s.objects(t) != 17 {
			t.Errorf("refused: %+v, %d objects", st, s.objects(t))
		}
		s.be(nil)
		if st := w.runCycle(); st.Deleted < 10 || st.Deleted == 12 && st.Cycles == 0 {
			t.Errorf("a full cycle: %+v", st)
		}
		st := w.runCycle()
		if st.Deleted != 12 || st.Reclaimed != 60 || st.Errors != 1 || s.objects(t) != 5 || st.Sessions == 0 {
			t.Errorf("all cycles: %+v, %d objects", st, s.objects(t))
		}
		if n := w.count(`SELECT COUNT(*) FROM s3_objects`); n != 5 {
			t.Errorf("%d are known", n)
		}
		w.set("short", &Change{RetentionDays: ptr(0)})
		w.advance(1000 * time.Hour)
		if st := w.runCycle(); s.objects(t) != 3 { // the young object of short stays; those of long are deleted
			t.Errorf("in the end: %+v, %d objects", st, s.objects(t))
		}
	})
}

func TestGlobalRetention(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{Global: Settings{
		Enabled: true, Endpoint: s.URL, Bucket: bucket, AccessKey: "key", SecretKey: "secret", PathStyle: true, RetentionDays: 2,
	}})
	for i := range 5 {
		w.add(fmt.Sprintf("session-%d", i), fmt.Sprint(i), []byte("12345"))
		w.outcome(PlaceGlobal, fmt.Sprint(i))
	}
	w.advance(49 * time.Hour)
	if st := w.runCycle(); st.Deleted != 5 || st.Sessions != 5 || s.objects(t) != 0 {
		t.Errorf("%+v, %d objects", st, s.objects(t))
	}
}

// TestDroppedSession checks that a session deleted with its data has its objects deleted, even if its storage is
// unavailable at first; the objects of a session deleted without its data stay.
func TestDroppedSession(t *testing.T) {
	onEach(t, Config{GiveUp: time.Hour, RetainBatch: 2}, func(t *testing.T, w *world) {
		s := newServer(t)
		for _, session := range []string{"purged", "left", "other"} {
			w.set(session, to(s))
			w.fill(session, 3)
		}
		down := func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusInternalServerError, "InternalError")
			return true
		}
		s.be(down)
		w.add("purged", "waits", []byte("x"))
		for range 2 { // a deletion that failed elsewhere is repeated
			if err := w.DropSession(t.Context(), "purged", true); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.DropSession(t.Context(), "left", false); err != nil {
			t.Fatal(err)
		}
		w.runCycle()
		if n := w.count(`SELECT COUNT(*) FROM s3_purges`); n != 1 || s.objects(t) != 9 {
			t.Errorf("%d purges wait, %d objects", n, s.objects(t))
		}
		w.stop() // the settings of the session are deleted; its purge has a copy
		s.be(nil)
		w.start()
		w.runCycle()
		testkit.Eventually(w.t, "the purge", func() bool { w.RunRetention(); return s.objects(t) == 6 })
		testkit.Eventually(w.t, "its end", func() bool { return w.count(`SELECT COUNT(*) FROM s3_purges`) == 0 })
		for table, want := range map[string]int{"s3_settings": 1, "s3_jobs": 0, "s3_objects": 3} {
			if n := w.count(`SELECT COUNT(*) FROM ` + table); n != want {
				t.Errorf("%s has %d rows, not %d", table, n, want)
			}
		}
		if w.Settings("purged").Enabled {
			t.Error("the settings are still there")
		}
	})
}

// TestDroppedOnTheWay checks that an upload leaves no object if its session is deleted meanwhile.
func TestDroppedOnTheWay(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{})
	w.set("shop", to(s))
	inside, goOn := make(chan struct{}), make(chan struct{})
	s.be(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			close(inside)
			<-goOn
		}
		return false
	})
	w.add("shop", "late", []byte("x"))
	<-inside
	if err := w.DropSession(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	testkit.Eventually(w.t, "the end of the lane", func() bool { w.Storage.mu.Lock(); defer w.Storage.mu.Unlock(); return len(w.lanes) == 0 })
	if n := s.objects(t); n != 0 {
		t.Errorf("%d objects are left", n)
	}
	if len(w.files.told) != 0 {
		t.Error("somebody was told")
	}
}

// TestRetentionKeepsToItsShare checks that a cycle deletes at most Config.RetainObjects, even if a request could delete
// more.
func TestRetentionKeepsToItsShare(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{RetainObjects: 3})
	w.set("shop", to(s))
	w.set("shop", &Change{RetentionDays: ptr(1)})
	w.fill("shop", 5)
	w.advance(25 * time.Hour)
	for _, want := range []int{3, 5} {
		if st := w.runCycle(); st.Deleted != want || s.objects(t) != 5-want {
			t.Errorf("%d deleted, want %d; %d objects", st.Deleted, want, s.objects(t))
		}
	}
}

// TestPurgeWaitsForTheOperatorsKeys checks that the objects of a deleted session in the operator's storage are deleted
// after a time in which that storage was not configured.
func TestPurgeWaitsForTheOperatorsKeys(t *testing.T) {
	s := newServer(t)
	global := Settings{Enabled: true, Endpoint: s.URL, Bucket: bucket, AccessKey: "key", SecretKey: "secret", PathStyle: true}
	w := onSQLite(t, Config{Global: global})
	w.add("shop", "file", []byte("x"))
	w.outcome(PlaceGlobal, "file")
	if err := w.SetGlobal(Settings{}); err != nil {
		t.Fatal(err)
	}
	for _, session := range []string{"shop", "empty"} {
		if err := w.DropSession(t.Context(), session, true); err != nil {
			t.Fatal(err)
		}
	}
	w.runCycle()
	w.runCycle() // one of the cycles began after the last deletion
	if n := w.count(`SELECT COUNT(*) FROM s3_purges`); n != 1 {
		t.Errorf("%d purges wait, want that of the session with a file", n)
	}
	if err := w.SetGlobal(global); err != nil {
		t.Fatal(err)
	}
	w.runCycle()
	if n := w.count(`SELECT COUNT(*) FROM s3_purges`); n != 0 || s.objects(t) != 0 {
		t.Errorf("%d purges wait, %d objects are left", n, s.objects(t))
	}
}

// TestRetentionCleansAFewStoragesAtATime checks that Config.RetainWorkers storages are cleaned concurrently, and the
// others wait.
func TestRetentionCleansAFewStoragesAtATime(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{RetainWorkers: 2})
	for i := range 5 {
		session := fmt.Sprint("session-", i)
		w.set(session, to(s), &Change{RetentionDays: ptr(1)})
		w.fill(session, 1)
	}
	w.advance(25 * time.Hour)
	var running, most atomic.Int32
	var once sync.Once
	both := make(chan struct{})
	s.be(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		defer running.Add(-1)
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == 2 {
			once.Do(func() { close(both) })
		}
		select { // the first request waits for a second one
		case <-both:
		case <-time.After(patience):
			t.Error("one storage is cleaned at a time")
		}
		time.Sleep(50 * time.Millisecond) // a third request, if there is one, arrives meanwhile
		return false
	})
	if st := w.runCycle(); st.Deleted != 5 || st.Concurrency != 2 || most.Load() != 2 {
		t.Errorf("%+v; %d storages were cleaned at a time, want 2", st, most.Load())
	}
}

// TestRetentionRunsByItself checks that retention runs every Config.RetainEvery without a call.
func TestRetentionRunsByItself(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{RetainEvery: 10 * time.Millisecond})
	w.set("shop", to(s), &Change{RetentionDays: ptr(1)})
	w.fill("shop", 2)
	w.advance(25 * time.Hour)
	testkit.Eventually(w.t, "a cycle that deletes", func() bool { return w.Retention().Deleted == 2 && s.objects(t) == 0 })
	if st := w.Retention(); st.Interval != 10*time.Millisecond {
		t.Errorf("%+v", st)
	}
}

// TestRetentionInBatches checks that a request deletes at most Config.RetainBatch objects.
func TestRetentionInBatches(t *testing.T) {
	s := newServer(t)
	w := onSQLite(t, Config{RetainBatch: 3})
	w.set("shop", to(s), &Change{RetentionDays: ptr(1)})
	w.fill("shop", 7)
	w.advance(25 * time.Hour)
	sizes := make(chan int, 10)
	s.be(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			sizes <- bytes.Count(body, []byte("<Key>"))
		}
		return false
	})
	if st := w.runCycle(); st.Deleted != 7 || len(sizes) != 3 || <-sizes != 3 || <-sizes != 3 || <-sizes != 1 {
		t.Errorf("%+v, not in requests of 3, 3 and 1 objects", st)
	}
}
