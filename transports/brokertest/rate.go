package brokertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
)

// gated is a sink whose deliveries wait for the start.
type gated struct {
	dispatch.Sink
	start chan struct{}
}

// Admit implements dispatch.Admitter.
func (g gated) Admit(ctx context.Context, _ dispatch.Target) (func(), error) {
	select {
	case <-g.start:
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// DeliverAll implements dispatch.Batcher.
func (g gated) DeliverAll(ctx context.Context, t dispatch.Target, all []dispatch.Delivery) (taken, code int, err error) {
	return dispatch.DeliverAll(ctx, g.Sink, t, all)
}

// DispatchRate is how many events a second go from the journal through the dispatcher, with its stored cursors and its
// archive, to the sink: each of the sessions has n logged before the start.
func DispatchRate(b testing.TB, sink dispatch.Sink, sessions, n, size int) float64 {
	b.Helper()
	g := gated{sink, make(chan struct{})}
	run := NewRun(b, g, sessions)
	run.Append(n, size)
	began := time.Now()
	close(g.start)
	run.Await(sessions * n)
	rate := float64(sessions*n) / time.Since(began).Seconds()
	_ = run.Close(context.Background())
	return rate
}

// LaneRate is how many events a second a sink takes from lanes that send n each, one at a time, without a dispatcher.
func LaneRate(b testing.TB, sink dispatch.Sink, lanes, n int, delivery func(lane, n int) *dispatch.Delivery) float64 {
	b.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			for i := range n {
				d := delivery(lane, i)
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				_, err := sink.Deliver(ctx, dispatch.Target{Session: d.Event.Session}, d)
				cancel()
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(lanes*n) / time.Since(began).Seconds()
}
