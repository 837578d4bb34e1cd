package socket

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// crowd is survivors that run at the same time.
type crowd []*survivor

func newCrowd(w *world, l *ledger, n int) crowd {
	list := make(crowd, n)
	for i := range list {
		list[i] = &survivor{
			name: fmt.Sprintf("client %d", i), url: w.url, ledger: l,
			rng: rand.New(rand.NewPCG(1, uint64(i))), places: make(map[string]place),
		}
	}
	return list
}

// each runs f for all at once and waits.
func (list crowd) each(t *testing.T, f func(s *survivor) error) {
	t.Helper()
	var wg sync.WaitGroup
	for _, s := range list {
		wg.Go(func() {
			if err := f(s); err != nil {
				t.Errorf("%s, cut %d times: %v", s.name, s.cuts, err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// slowest is how many events the one furthest behind has.
func (list crowd) slowest() int64 {
	least := list[0].seen.Load()
	for _, s := range list {
		least = min(least, s.seen.Load())
	}
	return least
}

// feed appends events to the sessions of the ledger in turn; it runs at most lead events ahead of the slowest.
func (list crowd) feed(t *testing.T, l *ledger, events, lead int) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range events {
		if t.Failed() {
			return
		}
		l.append(t, l.ids[rng.IntN(len(l.ids))], "Message")
		if n := l.total.Load(); n%16 == 0 {
			_ = pollUntil(time.Minute, "slowest", func() bool { return t.Failed() || n-list.slowest() < int64(lead) })
		}
	}
}

// survive uses connections, the first ones until they are cut, until all events have arrived. Between two of them it
// is disconnected for up to outage events.
func (s *survivor) survive(events int64, cuts, maxBytes, outage int) error {
	done := func() bool { return s.seen.Load() == events }
	for !done() {
		reads, writes := -1, -1
		if s.cuts < cuts {
			reads = s.rng.IntN(maxBytes)
			if s.rng.IntN(10) == 0 { // in the request or in conn.hello
				writes = s.rng.IntN(500)
			}
		}
		cut, err := s.connection(reads, writes, done)
		if err != nil {
			return err
		}
		if cut {
			until := min(s.seen.Load()+int64(s.rng.IntN(outage)), events)
			if err := pollUntil(time.Minute, "an outage", func() bool { return s.ledger.total.Load() >= until }); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clients whose connections are reset at random bytes, some in the middle of the upgrade or of conn.hello, miss no
// event, get no event twice and see no gap.
func TestResumeAfterCuts(t *testing.T) {
	clients, cuts, events := testkit.ChooseSize(20, 200), testkit.ChooseSize(10, 50), testkit.ChooseSize(1000, 10000)
	w := newWorld(t, Config{}, journal.Config{})
	l := newLedger(w, 4)
	list := newCrowd(w, l, clients)
	start := time.Now()
	// Seven tenths of the bytes pass before the last cut, so that each has its number of cuts before the events end.
	const frame = 260
	most := events * frame * 7 / 10 * 2 / cuts
	var feeding sync.WaitGroup
	feeding.Go(func() { list.feed(t, l, events, 2000) })
	list.each(t, func(s *survivor) error {
		if err := s.survive(int64(events), cuts, most, 1000); err != nil {
			return err
		}
		if s.cuts != cuts {
			return errors.New("all had come before the last cut")
		}
		return nil
	})
	feeding.Wait()
	t.Logf("%d clients, %d cuts each, %d events in %s", clients, cuts, events, time.Since(start).Round(time.Millisecond))
}

// The same while old events are being removed: every event is received or is in exactly one announced gap.
func TestResumeWhileRetentionRuns(t *testing.T) {
	clients, cuts, events := testkit.ChooseSize(20, 100), testkit.ChooseSize(10, 50), testkit.ChooseSize(1000, 10000)
	w := newWorld(t, Config{}, journal.Config{RetainEvents: 60, RingEvents: 60, SweepEvery: time.Millisecond})
	l := newLedger(w, 2)
	list := newCrowd(w, l, clients)
	var feeding sync.WaitGroup
	feeding.Go(func() { list.feed(t, l, events, 600) })
	list.each(t, func(s *survivor) error {
		s.mayGap = true
		return s.survive(int64(events), cuts, 10000, 400) // few of the bytes arrive, so the cuts come early
	})
	feeding.Wait()
	gaps := 0
	for _, s := range list {
		gaps += s.gaps
	}
	if gaps == 0 {
		t.Error("nothing was removed while a client was away")
	}
	t.Logf("%d gaps for %d clients", gaps, clients)
}

// A client that was disconnected for longer than events are kept gets one gap, in the reply to conn.hello and at its
// position in the stream, with the range of the missed events.
func TestResumeBeyondRetention(t *testing.T) {
	clients := testkit.ChooseSize(20, 200)
	const first, away, kept = 500, 1200, 800
	w := newWorld(t, Config{}, journal.Config{RetainEvents: kept, RingEvents: kept, SweepEvery: time.Millisecond})
	l := newLedger(w, 1)
	list := newCrowd(w, l, clients)
	for range first {
		l.append(t, "s1", "Message")
	}
	list.each(t, func(s *survivor) error { // each disconnects at a different position
		at := int64(s.rng.IntN(first + 1))
		_, err := s.connection(-1, -1, func() bool { return s.seen.Load() == at })
		return err
	})
	for range away {
		l.append(t, "s1", "Message")
	}
	const oldest = first + away - kept + 1
	w.awaitOldest("s1", oldest)
	all := func(s *survivor) func() bool {
		return func() bool { return s.seen.Load() == l.total.Load() }
	}
	list.each(t, func(s *survivor) error {
		s.mayGap = true
		if _, err := s.connection(-1, -1, all(s)); err != nil {
			return err
		}
		if s.gaps != 1 {
			return fmt.Errorf("%d gaps", s.gaps)
		}
		return nil
	})
	list.each(t, func(s *survivor) error { // and none when it returns in time
		s.mayGap = false
		_, err := s.connection(-1, -1, all(s))
		return err
	})
}
