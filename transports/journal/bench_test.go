package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
)

// usualData is about the size of a text message's event.
var usualData = json.RawMessage(`{"chat":"4915200000001@s.whatsapp.net","sender":"4915200000002@s.whatsapp.net","text":"` + strings.Repeat("x", 200) + `"}`)

func usualRecord(n int64) Record {
	return Record{
		Type: "Message", Origin: OriginWhatsApp, Key: fmt.Sprint("4915200000001@s.whatsapp.net/3EB0", n), Data: usualData,
		Chats: []string{"4915200000001@s.whatsapp.net", "100000000000001@lid"},
	}
}

func benchStores(b *testing.B, run func(b *testing.B, j *Journal, db *dbutil.Database)) {
	for _, backend := range backends[1:] {
		b.Run(backend.name, func(b *testing.B) {
			db := openDB(b, backend.address(b))
			run(b, open(b, db, Config{RingEvents: 64}), db)
		})
	}
}

func reportLatency(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "events/s")
}

// cpuTime returns the CPU time of the process, including the database's C code; for PostgreSQL only the client's side.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAppend(b *testing.B) {
	for _, sessions := range []int{1, 100} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			benchStores(b, func(b *testing.B, j *Journal, _ *dbutil.Database) {
				b.ReportAllocs()
				before := cpuTime()
				reportLatency(b, appendAll(b, j, sessions, b.N))
				b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/event")
				stats := j.Stats()
				b.ReportMetric(float64(stats.Appended)/float64(stats.Commits), "events/commit")
			})
		})
	}
}

// appendAll lets each session append one event after the other, n in all.
func appendAll(b *testing.B, j *Journal, sessions, n int) []time.Duration {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Go(func() {
			session := fmt.Sprint("session-", s)
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				start := time.Now()
				if _, err := j.Append(context.Background(), session, usualRecord(i)); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	return took
}

// BenchmarkAppendAtRate appends at a fixed rate, as WhatsApp causes, independent of the journal's speed.
func BenchmarkAppendAtRate(b *testing.B) {
	const perSecond, sessions = 2000, 100
	benchStores(b, func(b *testing.B, j *Journal, _ *dbutil.Database) {
		took := make([]time.Duration, b.N)
		var wg sync.WaitGroup
		start := time.Now()
		for i := range b.N {
			due := start.Add(time.Duration(i) * time.Second / perSecond)
			if wait := time.Until(due); wait > 0 {
				<-time.After(wait)
			}
			wg.Go(func() {
				if _, err := j.Append(context.Background(), fmt.Sprint("session-", i%sessions), usualRecord(int64(i))); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(due)
			})
		}
		wg.Wait()
		reportLatency(b, took)
	})
}

// Each session makes whatsmeow's writes for a message (a ratchet in one small transaction) and then appends, all on one file.
func BenchmarkAppendBesideSmallWrites(b *testing.B) {
	benchStores(b, func(b *testing.B, j *Journal, db *dbutil.Database) {
		benchBeside(b, j, db)
	})
}

func benchBeside(b *testing.B, j *Journal, db *dbutil.Database) {
	const sessions = 50
	ctx := context.Background()
	blob := "BLOB"
	if db.Dialect == dbutil.Postgres {
		blob = "BYTEA"
	}
	for _, statement := range []string{
		`CREATE TABLE ratchets (session TEXT, peer TEXT, state ` + blob + `, PRIMARY KEY (session, peer))`,
		`CREATE TABLE seen (session TEXT, id BIGINT, PRIMARY KEY (session, id))`,
	} {
		if _, err := db.Exec(ctx, statement); err != nil {
			b.Fatal(err)
		}
	}
	state := make([]byte, 800)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for s := range sessions {
		wg.Go(func() {
			session := fmt.Sprint("session-", s)
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				start := time.Now()
				err := db.DoTxn(ctx, nil, func(ctx context.Context) error {
					if _, err := db.Exec(ctx, `INSERT INTO ratchets VALUES ($1, $2, $3) ON CONFLICT (session, peer) DO UPDATE SET state=excluded.state`,
						session, fmt.Sprint(i%20), state); err != nil {
						return err
					}
					_, err := db.Exec(ctx, `INSERT INTO seen VALUES ($1, $2)`, session, i)
					return err
				})
				if err == nil {
					_, err = j.Append(ctx, session, usualRecord(i))
				}
				if err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	reportLatency(b, took)
}

func BenchmarkRead1000(b *testing.B) {
	ctx := context.Background()
	const n = 1000
	fill := func(b *testing.B, j *Journal) {
		records := make([]Record, 100)
		for i := range n / len(records) {
			for k := range records {
				records[k] = usualRecord(int64(i*len(records) + k))
			}
			if _, err := j.Append(ctx, "s", records...); err != nil {
				b.Fatal(err)
			}
		}
	}
	read := func(b *testing.B, j *Journal) {
		b.ReportAllocs()
		for b.Loop() {
			if events, err := j.Read(ctx, "s", 0, n, 0); err != nil || len(events) != n {
				b.Fatal(len(events), err)
			}
		}
	}
	b.Run("ring", func(b *testing.B) {
		j := open(b, nil, Config{})
		fill(b, j)
		read(b, j)
	})
	for _, backend := range backends[1:] {
		b.Run(backend.name, func(b *testing.B) {
			j := open(b, openDB(b, backend.address(b)), Config{RingEvents: 1})
			fill(b, j)
			read(b, j)
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	e := usualEvent()
	b.ReportAllocs()
	b.SetBytes(int64(len(appendBody(nil, &e))))
	for b.Loop() {
		event := e
		event.encode()
	}
}

func usualEvent() Event {
	return Event{
		Session: "session-1", Offset: 123456, ID: "01J9Z3K4M5N6P7Q8R9S0T1V2W3", Type: "Message", Origin: OriginWhatsApp,
		Time: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), Data: usualData,
	}
}

// TestEncodeAllocates allows one allocation for the body and no other.
func TestEncodeAllocates(t *testing.T) {
	e := usualEvent()
	if n := testing.AllocsPerRun(100, func() { event := e; event.encode() }); n > 1 {
		t.Errorf("encoding makes %v allocations, want 1", n)
	}
}

func sqlitePath(t testing.TB) string { return filepath.Join(t.TempDir(), "journal.db") }
