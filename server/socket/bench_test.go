package socket

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/server/socket/sockettest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit"
	"go.mau.fi/util/dbutil"
)

const benchHello = `{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1}}`

// benchServer serves an endpoint on a journal in memory until the benchmark ends.
func benchServer(b testing.TB, cfg Config) (w *world, addr string) {
	return benchServerOn(b, nil, cfg, journal.Config{})
}

// benchServerOn is the same with a journal in a database.
func benchServerOn(b testing.TB, db *dbutil.Database, cfg Config, jcfg journal.Config) (w *world, addr string) {
	w = newWorldOn(b, db, cfg, jcfg)
	srv := httptest.NewServer(w.endpoint)
	b.Cleanup(func() {
		w.endpoint.Shutdown(context.Background())
		srv.Close()
		_ = w.journal.Close()
	})
	return w, srv.Listener.Addr().String()
}

// cpuTime returns the CPU time of this process; the clients run in another process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU runs the rest of a benchmark of n operations each time and reports the server's CPU time for one.
func reportCPU(b *testing.B, unit string, n int, run func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for range b.N {
		run()
	}
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N*n), "server-cpu-ns/"+unit)
	b.StopTimer()
}

// benchmarkFanOut appends bursts of 200-byte events to one session that many sockets follow.
func benchmarkFanOut(b *testing.B, sockets, burst int) {
	w, addr := benchServer(b, Config{MaxPerSession: sockets})
	swarm := sockettest.Start(b, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: sockets, Greeting: benchHello})
	record := journal.Record{Type: "Message", Origin: journal.OriginServer, Data: []byte(`"` + strings.Repeat("x", 60) + `"`)}
	records := make([]journal.Record, burst)
	for i := range records {
		records[i] = record
	}
	reportCPU(b, "delivery", sockets*burst, func() {
		if _, err := w.journal.Append(context.Background(), "s1", records...); err != nil {
			b.Fatal(err)
		}
		swarm.Await(sockets * burst)
	})
}

func BenchmarkFanOutSingle(b *testing.B) { benchmarkFanOut(b, 1000, 1) }
func BenchmarkFanOutBurst(b *testing.B)  { benchmarkFanOut(b, 1000, 16) }

// BenchmarkCall measures a call without work, over a socket with 64 calls in flight.
func BenchmarkCall(b *testing.B) {
	_, addr := benchServer(b, Config{Rate: 1e12, Burst: 1 << 30})
	swarm := sockettest.Start(b, sockettest.Options{
		Addr: addr, Token: "session:s1", Sockets: 1, Greeting: benchHello,
		Call: `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`,
	})
	const calls = 64 * 50
	reportCPU(b, "call", calls, func() { swarm.Call(calls, 64) })
}

// BenchmarkResume measures a client that reconnects and receives 1,000 missed events: the time from the start of its
// connecting to the last event.
func BenchmarkResume(b *testing.B) {
	const missed = 1000
	for _, from := range []struct {
		name string
		ring int
	}{{"memory", missed}, {"store", 1}} {
		b.Run(from.name, func(b *testing.B) {
			db, err := database.Open(context.Background(), filepath.Join(b.TempDir(), "resume.db"), database.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			w, addr := benchServerOn(b, db, Config{}, journal.Config{RingEvents: from.ring})
			w.append("s1", "Message", missed)
			hello := w.resumeHello(b, 0)
			swarm := sockettest.Start(b, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: 1, Greeting: benchHello})
			b.ResetTimer()
			for range b.N {
				swarm.Redial(hello, 1, missed)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/resume")
		})
	}
}

// resumeHello returns a conn.hello that resumes session s1 after an offset.
func (w *world) resumeHello(tb testing.TB, offset int) string {
	log, err := w.journal.Log(context.Background(), "s1")
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1,"resume":{"s1":{"epoch":%q,"offset":%d}}}}`, log.Epoch, offset)
}

// TestLoadReconnects reconnects 10,000 clients at once, or 1,000 in an ordinary run, each of which missed 20 events.
func TestLoadReconnects(t *testing.T) {
	testkit.MeasuresSpeed(t)
	const missed, limit = 20, 20 * time.Second
	clients := testkit.ChooseSize(1000, 10_000)
	w, addr := benchServerOn(t, nil, Config{MaxPerSession: 2 * clients, MaxConnections: 2 * clients, MaxWaiting: clients, MaxWaitingPerAddress: clients}, journal.Config{})
	swarm := sockettest.Start(t, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: clients, Greeting: benchHello})
	w.append("s1", "Message", missed)
	swarm.Await(clients * missed)
	began, cpu := time.Now(), cpuTime()
	swarm.Redial(w.resumeHello(t, 0), 500, missed) // fails when a connection ends earlier
	took := time.Since(began)
	t.Logf("%d clients were back with %d events each after %s, %s of it server CPU", clients, missed, took.Round(time.Millisecond), (cpuTime() - cpu).Round(time.Millisecond))
	if took > limit {
		t.Errorf("that is more than %s", limit)
	}
	w.append("s1", "Message", 1)
	swarm.Await(clients) // and all are still connected
}

// BenchmarkIdle reports the memory of an idle authenticated connection: the resident size after the connections were
// made and garbage was collected, including the room the collector keeps for more garbage, and the rest after that
// room is returned to the system. The reported time is meaningless. Memory the process had before counts as free, so
// run it alone.
func BenchmarkIdle(b *testing.B) {
	const sockets = 5000
	_, addr := benchServer(b, Config{MaxPerSession: sockets})
	for b.Loop() {
		runtime.Gosched()
	}
	debug.FreeOSMemory()
	resident, heap, goroutines := residentBytes(b), heapBytes(), runtime.NumGoroutine()
	report := func(value int64, unit string) { b.ReportMetric(float64(value)/sockets, unit+"/conn") }
	sockettest.Start(b, sockettest.Options{Addr: addr, Token: "session:s1", Sockets: sockets, Greeting: benchHello})
	runtime.GC()
	runtime.GC()
	report(residentBytes(b)-resident, "rss-with-room-B")
	report(heapBytes()-heap, "heap+stack-B")
	debug.FreeOSMemory()
	report(residentBytes(b)-resident, "rss-B")
	report(int64(runtime.NumGoroutine()-goroutines), "goroutines")
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func residentBytes(b *testing.B) int64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc")
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
