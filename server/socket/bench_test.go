package socket

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// reader is a client that only counts frames, at little cost, so that the server's share of the CPU shows.
type reader struct {
	conn net.Conn
	buf  *bufio.Reader
}

func dialReader(tb testing.TB, addr, token string) *reader {
	tb.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	r := &reader{c, bufio.NewReaderSize(c, 16<<10)}
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", token)
	resp, err := http.ReadResponse(r.buf, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		tb.Fatal(resp, err)
	}
	hello := `{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1}}`
	frame := []byte{0x81, 0x80 | byte(len(hello)), 0, 0, 0, 0} // a mask of zeros changes nothing
	if _, err := c.Write(append(frame, hello...)); err != nil {
		tb.Fatal(err)
	}
	if err := r.skipFrame(); err != nil {
		tb.Fatal(err)
	}
	return r
}

func (r *reader) skipFrame() error {
	head := make([]byte, 2)
	if _, err := io.ReadFull(r.buf, head); err != nil {
		return err
	}
	size := int(head[1] & 0x7f)
	if size == 126 {
		if _, err := io.ReadFull(r.buf, head); err != nil {
			return err
		}
		size = int(head[0])<<8 | int(head[1])
	}
	_, err := r.buf.Discard(size)
	return err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmarkFanOut appends bursts of 200-byte events to one session that many sockets follow. The CPU it reports is that
// of server and clients together.
func benchmarkFanOut(b *testing.B, sockets, burst int) {
	w := newWorldWithoutServer(b, Config{MaxPerSession: sockets}, journal.Config{})
	srv := httptest.NewServer(w.endpoint)
	defer func() {
		w.endpoint.Shutdown(context.Background())
		srv.Close()
		_ = w.journal.Close()
	}()
	var got, done sync.WaitGroup
	var readers []*reader
	for range sockets {
		r := dialReader(b, srv.Listener.Addr().String(), "session:s1")
		readers = append(readers, r)
		done.Add(1)
		go func() {
			defer done.Done()
			for r.skipFrame() == nil {
				got.Done()
			}
		}()
	}
	record := journal.Record{Type: "Message", Origin: journal.OriginServer, Data: []byte(`"` + strings.Repeat("x", 60) + `"`)}
	records := make([]journal.Record, burst)
	for i := range records {
		records[i] = record
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for range b.N {
		got.Add(sockets * burst)
		if _, err := w.journal.Append(context.Background(), "s1", records...); err != nil {
			b.Fatal(err)
		}
		got.Wait()
	}
	deliveries := float64(b.N * sockets * burst)
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/deliveries, "cpu-ns/delivery")
	b.StopTimer()
	got.Add(1 << 20) // the close frames count, too
	for _, r := range readers {
		_ = r.conn.Close()
	}
	done.Wait()
}

func BenchmarkFanOutSingle(b *testing.B) { benchmarkFanOut(b, 1000, 1) }
func BenchmarkFanOutBurst(b *testing.B)  { benchmarkFanOut(b, 1000, 16) }

// BenchmarkIdle reports the memory of an idle authenticated connection; the clients are bare sockets that cost little.
// The time it reports means nothing.
func BenchmarkIdle(b *testing.B) {
	const sockets = 2000
	w := newWorldWithoutServer(b, Config{MaxPerSession: sockets}, journal.Config{})
	srv := httptest.NewServer(w.endpoint)
	defer func() {
		w.endpoint.Shutdown(context.Background())
		srv.Close()
		_ = w.journal.Close()
	}()
	runtime.GC()
	before, beforeHeap, goroutines := residentBytes(b), heapBytes(), runtime.NumGoroutine()
	conns := make([]net.Conn, 0, sockets)
	for range sockets {
		r := dialReader(b, srv.Listener.Addr().String(), "session:s1")
		conns = append(conns, r.conn)
		r.buf = nil
	}
	for b.Loop() {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.GC()
	b.ReportMetric(float64(residentBytes(b)-before)/sockets, "rss-B/conn")
	b.ReportMetric(float64(heapBytes()-beforeHeap)/sockets, "heap+stack-B/conn")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/sockets, "goroutines/conn")
	for _, c := range conns {
		_ = c.Close()
	}
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
