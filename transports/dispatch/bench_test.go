package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// nullSink accepts every delivery immediately.
type nullSink struct {
	left atomic.Int64
	done chan struct{}
}

func (n *nullSink) Deliver(context.Context, Target, *Delivery) (int, error) {
	if n.left.Add(-1) == 0 {
		close(n.done)
	}
	return 200, nil
}

// BenchmarkDeliver measures the path from the journal to a sink that does nothing, with cursors and archive on SQLite. An operation is one event.
func BenchmarkDeliver(b *testing.B) {
	for _, lanes := range []int{1, 10, 100, 1000} {
		for _, keep := range []bool{true, false} {
			b.Run(fmt.Sprintf("lanes=%d/archive=%t", lanes, keep), func(b *testing.B) {
				cfg := Config{}
				if !keep {
					cfg.KeepDelivered = -1
				}
				benchmarkDeliver(b, lanes, cfg)
			})
		}
	}
}

func benchmarkDeliver(b *testing.B, lanes int, cfg Config) {
	each := (b.N + lanes - 1) / lanes
	deliverAll := newBacklog(b, lanes, each, cfg)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	deliverAll()
	used := cpuTime() - before
	b.StopTimer()
	b.ReportMetric(float64(each*lanes)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(used.Microseconds())/float64(each*lanes), "cpu-us/event")
}

// cpuTime returns the CPU time of the process, including the database's C code.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// newBacklog logs events for each lane and returns a function that delivers them.
func newBacklog(t testing.TB, lanes, each int, cfg Config) (deliverAll func()) {
	t.Helper()
	w := openWith(t, openDatabase(t, filepath.Join(t.TempDir(), "d.db")), cfg, journal.Config{RetainEvents: -1, RetainBytes: -1})
	targets := make([]Target, lanes)
	for i := range targets {
		targets[i] = allEvents(fmt.Sprint("s", i))
	}
	w.addSink(&nullSink{}, Policy{})
	w.putTargets(targets...)
	w.close()
	data := json.RawMessage(`{"text":"` + strings.Repeat("x", 200) + `"}`)
	for i := range lanes {
		for left := each; left > 0; left -= 512 {
			records := make([]journal.Record, min(left, 512))
			for n := range records {
				records[n] = journal.Record{Type: "Message", Data: data}
			}
			if _, err := w.journal.Append(context.Background(), fmt.Sprint("s", i), records...); err != nil {
				t.Fatal(err)
			}
		}
	}
	sink := &nullSink{done: make(chan struct{})}
	sink.left.Store(int64(each * lanes))
	w.openDispatcher(cfg)
	w.addSink(sink, Policy{})
	return func() {
		w.putTargets(targets...)
		<-sink.done
	}
}

// BenchmarkWakeWithoutTarget measures the cost of an event in a session without targets.
func BenchmarkWakeWithoutTarget(b *testing.B) {
	w := openWorld(b, openDatabase(b, filepath.Join(b.TempDir(), "d.db")), Config{})
	w.addSink(&nullSink{}, Policy{})
	w.putTargets(allEvents("other"))
	b.ReportAllocs()
	for b.Loop() {
		watcher{w.Dispatcher}.Wake("nobody's")
	}
}

// BenchmarkLagBesideHanging measures the time from append to delivery in 19 sessions, alone and while the target of the 20th hangs. An operation is
// one round of one event in each session.
func BenchmarkLagBesideHanging(b *testing.B) {
	for _, hanging := range []bool{false, true} {
		b.Run(fmt.Sprintf("hanging=%t", hanging), func(b *testing.B) {
			const sessions = 19
			w := openWorld(b, openDatabase(b, filepath.Join(b.TempDir(), "d.db")), Config{DrainTimeout: time.Millisecond})
			lags := make(chan time.Duration, sessions)
			r := &recorder{answer: func(ctx context.Context, target Target, d *Delivery) (int, error) {
				if target.Session == "hangs" {
					return blockUntilDone(ctx, target, d)
				}
				lags <- time.Since(loggedAt(d.Event))
				return 200, nil
			}}
			w.addSink(r, Policy{AttemptTimeout: time.Hour})
			for n := range sessions {
				w.putTargets(allEvents(fmt.Sprint("s", n)))
			}
			if hanging {
				w.putTargets(allEvents("hangs"))
				w.appendEvents("hangs", "Message", 100)
				r.awaitAttempts(b, 1)
			}
			var all []time.Duration
			for b.Loop() {
				for n := range sessions {
					w.appendEvents(fmt.Sprint("s", n), "Message", 1)
				}
				for range sessions {
					all = append(all, <-lags)
				}
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
