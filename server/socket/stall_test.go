package socket

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.b.Bytes(), []byte(s))
}

// timed is clients of one world that measure the delivery time of events.
type timed struct {
	clients []*client
	done    sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration
}

const timedKey = `"appended":`

func newTimed(w *world, n int) *timed {
	m := &timed{}
	for range n {
		c := w.dial("session:s1")
		c.hello(object{})
		m.clients = append(m.clients, c)
		m.done.Go(func() {
			for {
				_, b, err := c.ws.Read(context.Background())
				if err != nil {
					return
				}
				now := time.Now()
				if at := bytes.Index(b, []byte(timedKey)); at >= 0 {
					digits, _, _ := strings.Cut(string(b[at+len(timedKey):]), "}")
					nanos, _ := strconv.ParseInt(digits, 10, 64)
					m.mu.Lock()
					m.took = append(m.took, now.Sub(time.Unix(0, nanos)))
					m.mu.Unlock()
				}
			}
		})
	}
	return m
}

// end closes the clients and returns the 99th percentile of how many measurements.
func (m *timed) end() (p99 time.Duration, n int) {
	for _, c := range m.clients {
		_ = c.ws.CloseNow()
	}
	m.done.Wait()
	slices.Sort(m.took)
	return m.took[len(m.took)*99/100], len(m.took)
}

// A client that reads nothing is closed after the stall limit and can resume. Until then it does not slow down the
// others: their events take as long as those of a server without such a client, measured at the same time. Other load
// on the machine may affect only one of the two, so a missed target is retried twice.
func TestStalledClientDoesNotSlowOthers(t *testing.T) {
	const tries = 3
	factor, slack := testkit.ChooseSize(3.0, 1.2), testkit.ChooseSize(20*time.Millisecond, 100*time.Microsecond)
	for n := range tries {
		var base, p99 time.Duration
		t.Run(strconv.Itoa(n+1), func(t *testing.T) { base, p99 = besideStalled(t) })
		if t.Failed() || p99 <= time.Duration(float64(base)*factor)+slack {
			return
		}
	}
	t.Errorf("deliveries are slower beside a stalled client, %d times", tries)
}

// besideStalled measures deliveries without a stalled client and beside one, which it checks is closed and resumes.
func besideStalled(t *testing.T) (base, p99 time.Duration) {
	t.Helper()
	stall, silence, readers := testkit.ChooseSize(time.Second, 15*time.Second), testkit.ChooseSize(3*time.Second, time.Minute), 20
	limit := silence + waitLimit
	var log logged
	with := newWorld(t, Config{StallTimeout: stall, Heartbeat: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))}, journal.Config{})
	without := newWorld(t, Config{}, journal.Config{})
	l, other := newLedger(with, 2), newLedger(without, 2)
	for range 300 { // more than the system's buffers of a connection hold
		l.appendData(t, "s2", "Message", object{"text": strings.Repeat("x", 60000)})
	}
	undisturbed, disturbed := newTimed(without, readers), newTimed(with, readers)

	start := time.Now()
	lazy := survivor{name: "the stalled client", url: with.url, ledger: l, places: make(map[string]place)}
	var looked sync.WaitGroup
	looked.Go(func() { // it ignores everything except the reply to its hello until it is closed, then reads the rest
		closed := func() bool { return time.Since(start) > silence && log.contains("code=4001") }
		_, err := lazy.connection(-1, -1, func() bool {
			if err := pollUntil(limit, "the close", closed); err != nil {
				t.Error(err)
			}
			return false
		})
		if err == nil {
			t.Error("the connection was not closed")
		}
	})
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for time.Since(start) < silence {
		<-pace.C
		both := []*ledger{l, other}
		rand.Shuffle(2, func(i, k int) { both[i], both[k] = both[k], both[i] })
		for _, l := range both {
			l.appendData(t, "s1", "Message", object{"appended": time.Now().UnixNano()})
		}
	}
	if !log.contains("code=4001") {
		t.Error("not closed as stalled")
	}
	looked.Wait()
	base, _ = undisturbed.end()
	p99, n := disturbed.end()
	t.Logf("p99 of %d deliveries: %s beside a stalled client, %s without, %.2f times", n, p99, base, float64(p99)/float64(base))
	if lazy.seen.Load() == l.total.Load() {
		t.Error("the client was not behind when it was closed")
	}
	if _, err := lazy.connection(-1, -1, func() bool { return lazy.seen.Load() == l.total.Load() }); err != nil {
		t.Error("resume:", err)
	}
	return base, p99
}
