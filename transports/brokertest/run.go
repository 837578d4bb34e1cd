package brokertest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// Policy tries again soon, as tests want it.
var Policy = dispatch.Policy{
	AttemptTimeout: 5 * time.Second, BackoffBase: 10 * time.Millisecond, BackoffCap: 100 * time.Millisecond,
	BreakerPause: 50 * time.Millisecond, MaxAttempts: 1000,
}

// Event is the delivery of a message of a session, beside any journal.
func Event(session string, offset uint64) *dispatch.Delivery {
	e := &journal.Event{
		Session: session, Offset: offset, ID: fmt.Sprintf("id-%s-%d", session, offset), Type: "Message", Origin: journal.OriginWhatsApp,
		Time: time.UnixMilli(1767225600123), Data: []byte(`{"text":"Grüße"}`),
	}
	return &dispatch.Delivery{Event: e, Body: e.Body(), Attempt: 1}
}

// Run is a journal and a dispatcher with one sink, a target for each session.
type Run struct {
	t        testing.TB
	journal  *journal.Journal
	sessions []string
	*dispatch.Dispatcher
}

// NewRun opens a run on SQLite for the length of the test. The sink must be closed after it: make it first.
func NewRun(t testing.TB, sink dispatch.Sink, sessions int) *Run {
	t.Helper()
	ctx := context.Background()
	db, err := database.Open(ctx, filepath.Join(t.TempDir(), "run.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r := &Run{t: t}
	if r.journal, err = journal.Open(ctx, db, journal.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.journal.Close() })
	if r.Dispatcher, err = dispatch.Open(ctx, db, r.journal, dispatch.Config{DrainTimeout: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Dispatcher.Close(context.Background()) })
	if err := r.AddSink("broker", sink, Policy); err != nil {
		t.Fatal(err)
	}
	for i := range sessions {
		session := sessionName(i)
		r.sessions = append(r.sessions, session)
		target := dispatch.Target{Transport: "broker", ID: session, Session: session, Filter: dispatch.Filter{Events: []string{"*"}}, Key: "broker"}
		if err := r.PutTargets(ctx, target); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func sessionName(i int) string { return fmt.Sprintf("session-%d", i) }

// Append logs n events of each session, of about size bytes.
func (r *Run) Append(n, size int) {
	r.t.Helper()
	data := fmt.Appendf(nil, `{"text":"%0*d"}`, size, 0)
	var all sync.WaitGroup
	for _, session := range r.sessions {
		all.Go(func() {
			for records := range slices.Chunk(slices.Repeat([]journal.Record{{Type: "Message", Data: data}}, n), 20) {
				if _, err := r.journal.Append(context.Background(), session, records...); err != nil {
					r.t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// Await polls until n deliveries ended well. A dead letter fails the test.
func (r *Run) Await(n int) {
	r.t.Helper()
	Eventually(r.t, fmt.Sprintf("%d deliveries", n), func() bool {
		stats := r.Stats()[0]
		if stats.DeadLetters > 0 {
			r.t.Fatalf("dead letters: %+v", stats)
		}
		return stats.Delivered >= uint64(n)
	})
}

// Eventually polls until check holds, for longer than testkit.Eventually: brokers restart meanwhile.
func Eventually(t testing.TB, what string, check func() bool) {
	t.Helper()
	testkit.Within(t, 90*time.Second, what, check)
}

// Ledger records the events of a receiver, in the order of arrival.
type Ledger struct {
	mu         sync.Mutex
	last       map[string]uint64
	ids        map[string]string // by session and offset
	total      int
	duplicates int
	wrong      []string
}

// Add records an event. Repeated events are counted; an event before its predecessor is an error.
func (l *Ledger) Add(session string, offset uint64, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last, l.ids = map[string]uint64{}, map[string]string{}
	}
	key := fmt.Sprintf("%s/%d", session, offset)
	switch last := l.last[session]; {
	case offset == last+1:
		l.last[session], l.ids[key] = offset, id
		l.total++
	case offset > last:
		l.wrong = append(l.wrong, fmt.Sprintf("%s came after %d", key, last))
		l.last[session] = offset
	default:
		l.duplicates++
		if l.ids[key] != id {
			l.wrong = append(l.wrong, key+" came with another id")
		}
	}
}

// Total is how many different events came.
func (l *Ledger) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// Check fails the test unless each of the sessions got n events in order, and returns how many came more than once.
func (l *Ledger) Check(t testing.TB, sessions, n int) (duplicates int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range sessions {
		if session := sessionName(i); l.last[session] != uint64(n) {
			t.Errorf("%s: the last of %d events that came is %d", session, n, l.last[session])
		}
	}
	if len(l.wrong) > 0 {
		t.Errorf("%d events out of order: %v", len(l.wrong), l.wrong[:min(5, len(l.wrong))])
	}
	return l.duplicates
}
