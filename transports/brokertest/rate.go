package brokertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// Load is the load of a throughput test: a number of sessions with a number of events each, of about Size bytes.
type Load struct{ Sessions, Events, Size int }

// Deliveries are the first event of each session.
func (l Load) Deliveries() []*dispatch.Delivery {
	text := `{"text":"` + strings.Repeat("x", l.Size) + `"}`
	list := make([]*dispatch.Delivery, l.Sessions)
	for i := range list {
		e := &journal.Event{Session: sessionName(i), Offset: 1, ID: "01KABC" + sessionName(i), Type: "Message", Time: time.Now(), Data: []byte(text)}
		list[i] = &dispatch.Delivery{Event: e, Body: e.Body(), Attempt: 1}
	}
	return list
}

// Gate holds the deliveries of a sink until it is opened.
type Gate struct{ opened chan struct{} }

// NewGate makes a gate that is shut.
func NewGate() *Gate { return &Gate{make(chan struct{})} }

// Open lets all deliveries through.
func (g *Gate) Open() { close(g.opened) }

// Hold puts a sink behind the gate.
func (g *Gate) Hold(s dispatch.Sink) dispatch.Sink { return gated{s, g} }

type gated struct {
	dispatch.Sink
	gate *Gate
}

// Admit implements dispatch.Admitter.
func (g gated) Admit(ctx context.Context, t dispatch.Target) (func(), error) {
	select {
	case <-g.gate.opened:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a, ok := g.Sink.(dispatch.Admitter); ok {
		return a.Admit(ctx, t)
	}
	return func() {}, nil
}

// DeliverAll implements dispatch.Batcher.
func (g gated) DeliverAll(ctx context.Context, t dispatch.Target, all []dispatch.Delivery) (taken, code int, err error) {
	return dispatch.DeliverAll(ctx, g.Sink, t, all)
}

// JournalRate is how many events a second go from the journal through the dispatcher, with its stored cursors and its
// archive, to a sink. All are logged before the start.
func (l Load) JournalRate(t testing.TB, sink dispatch.Sink) float64 {
	t.Helper()
	gate := NewGate()
	run := NewRun(t, gate.Hold(sink), l.Sessions)
	run.Append(l.Events, l.Size)
	began := time.Now()
	gate.Open()
	run.Await(l.Sessions * l.Events)
	rate := l.rateSince(began)
	_ = run.Close(context.Background())
	return rate
}

// LaneRate is how many events a second goroutines, one for each session, get through one after the other.
func (l Load) LaneRate(t testing.TB, send func(ctx context.Context, lane int) error) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	began := time.Now()
	var all sync.WaitGroup
	for lane := range l.Sessions {
		all.Go(func() {
			for range l.Events {
				if err := send(ctx, lane); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return l.rateSince(began)
}

func (l Load) rateSince(began time.Time) float64 {
	return float64(l.Sessions*l.Events) / time.Since(began).Seconds()
}

// Throughput compares a transport with the raw client by the medians of alternating rounds, and fails if its rate from the journal is below aim times
// the client's rate. Other load on the machine only lowers the share, because it has more goroutines than one client: a missed aim is retried twice.
// Without the race detector only.
func (l Load) Throughput(t *testing.T, aim float64, raw, journal func() float64) {
	t.Helper()
	testkit.MeasuresSpeed(t)
	const tries = 3
	rounds := testkit.ChooseSize(3, 5)
	for range tries {
		var raws, journals []float64
		for range rounds {
			raws, journals = append(raws, raw()), append(journals, journal())
		}
		slices.Sort(raws)
		slices.Sort(journals)
		share := journals[rounds/2] / raws[rounds/2]
		t.Logf("%d sessions with %d events of %d bytes each: %.0f a second from the journal, %.0f by the client alone: %.2f (aim %.2f)",
			l.Sessions, l.Events, l.Size, journals[rounds/2], raws[rounds/2], share, aim)
		t.Logf("rounds: %.0f beside %.0f", journals, raws)
		if share >= aim {
			return
		}
	}
	t.Errorf("less than %.2f of the client's rate, three times", aim)
}
