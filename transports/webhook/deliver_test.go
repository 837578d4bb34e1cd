package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// stack is webhooks with a real journal and dispatcher.
type stack struct {
	*Webhooks
	journal *journal.Journal
	deliver *dispatch.Dispatcher
}

func openWhole(t testing.TB, db *dbutil.Database, policy dispatch.Policy) *stack {
	t.Helper()
	j, err := journal.Open(t.Context(), db, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	d, err := dispatch.Open(t.Context(), db, j, dispatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{Allow: []string{"127.0.0.1"}, MaxIdleConnsPerHost: DefaultHostRequests})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(t.Context()); g.Close() })
	hooks, err := Open(t.Context(), db, d, Config{
		Key: make([]byte, 32), Events: knownEvents, Check: g.Check, Transport: g.Client(guard.Limits{MaxRedirects: -1}).Transport, Policy: policy,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &stack{hooks, j, d}
}

func (w *stack) append(t testing.TB, session string, n int) {
	t.Helper()
	for i := range n {
		record := journal.Record{Type: "Message", Origin: journal.OriginWhatsApp, Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))}
		if _, err := w.journal.Append(t.Context(), session, record); err != nil {
			t.Error(err)
		}
	}
}

// Events reach each session's webhook in order. Ten webhooks of one session hang on a host shared by all: they use up their session's share of it,
// other sessions are not delayed, and no event is lost.
func TestDeliveries(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "webhook.db") },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { checkDeliveries(t, openDatabase(t, address(t))) })
	}
}

func checkDeliveries(t *testing.T, db *dbutil.Database) {
	const others, events = 6, 40
	var mu sync.Mutex
	got := map[string][]uint64{}
	freed := make(chan struct{})
	var hung atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct {
			Session string
			Offset  uint64
		}
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/hangs" {
			select {
			case <-freed:
			default:
				hung.Add(1)
				<-freed
				panic(http.ErrAbortHandler)
			}
		}
		_ = json.Unmarshal(body, &e)
		mu.Lock()
		defer mu.Unlock()
		at := e.Session + r.URL.RawQuery
		got[at] = append(got[at], e.Offset)
	}))
	t.Cleanup(server.Close)
	w := openWhole(t, db, dispatch.Policy{
		AttemptTimeout: time.Hour, BackoffBase: 5 * time.Millisecond, // a hanging request keeps its slot to the end
	})
	inOrder := func(at string) bool {
		mu.Lock()
		defer mu.Unlock()
		for i, offset := range got[at] {
			if offset != uint64(i+1) {
				t.Fatalf("%s received %v", at, got[at])
			}
		}
		return len(got[at]) == events
	}
	for i := range 10 { // more than its share
		requireNoError[*Webhook](t)(w.Create(t.Context(), "stuck", Change{URL: ptr(fmt.Sprintf("%s/hangs?%d", server.URL, i)), Events: []string{"Message"}}))
	}
	for i := range others {
		requireNoError[*Webhook](t)(w.Update(t.Context(), Key{fmt.Sprint("s", i), DefaultID}, Change{URL: ptr(server.URL + "/fine")}))
	}
	var writing sync.WaitGroup
	writing.Go(func() { w.append(t, "stuck", events) })
	for i := range others {
		writing.Go(func() { w.append(t, fmt.Sprint("s", i), events) })
	}
	writing.Wait()
	for i := range others {
		testkit.Eventually(t, "all events of the others", func() bool { return inOrder(fmt.Sprint("s", i)) })
	}
	const share = DefaultHostRequests / 4
	testkit.Eventually(t, "requests up to the session's share", func() bool { return hung.Load() >= share })
	if n := hung.Load(); n != share {
		t.Errorf("%d requests of one session are under way", n)
	}
	close(freed)
	for i := range 10 {
		testkit.Eventually(t, "all events of the session that was stuck", func() bool { return inOrder(fmt.Sprint("stuck", i)) })
	}
}

// BenchmarkDeliver measures deliveries from the journal to a local receiver that responds immediately, with the cursor stored for each event.
func BenchmarkDeliver(b *testing.B) {
	for _, sessions := range []int{1, 100} {
		b.Run(fmt.Sprint("sessions=", sessions), func(b *testing.B) { benchmarkDeliver(b, sessions) })
	}
}

func benchmarkDeliver(b *testing.B, sessions int) {
	var got atomic.Int64
	open, all := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-open // the events exist when it begins
		if got.Add(1) == int64(b.N) {
			close(all)
		}
	}))
	b.Cleanup(server.Close)
	db, err := database.Open(b.Context(), filepath.Join(b.TempDir(), "webhook.db"), database.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	w := openWhole(b, db, dispatch.Policy{AttemptTimeout: time.Hour})
	var writing sync.WaitGroup
	for i := range sessions {
		key := Key{fmt.Sprint("s", i), DefaultID}
		if _, err := w.Update(b.Context(), key, Change{URL: ptr(server.URL), Secret: ptr("0123456789abcdef")}); err != nil {
			b.Fatal(err)
		}
		n := b.N / sessions
		if i < b.N%sessions {
			n++
		}
		writing.Go(func() { w.append(b, key.Session, n) })
	}
	writing.Wait()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	close(open)
	<-all
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "us-CPU/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// cpuTime returns the CPU time of this process, including the receiver.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
