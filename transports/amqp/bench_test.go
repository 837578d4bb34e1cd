package amqp

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
)

// Fifty sessions to one durable queue with confirms, beside amqp091-go alone with fifty goroutines that publish the same
// messages on one channel and wait for each confirm: the sink as lanes use it, and the way from the journal through the
// dispatcher. Rounds alternate.
func BenchmarkBesideClient(b *testing.B) {
	const lanes, each, size = 50, 200, 1000
	server := brokertest.RabbitMQ(b)
	cfg := config(b, server.URL())
	cfg.Exchange, cfg.Queue, cfg.RoutingKey = "bench", "bench", "bench"
	cfg.MaxLength, cfg.QueueArguments = 10_000, map[string]any{"x-overflow": "drop-head"}
	s := open(b, cfg)
	s.must(b, event("shop", 1))
	c := channel(b, server)
	if err := c.Confirm(false); err != nil {
		b.Fatal(err)
	}
	text := `{"text":"` + strings.Repeat("x", size) + `"}`
	deliveries := make([]*dispatch.Delivery, lanes)
	for i := range deliveries {
		e := &journal.Event{Session: "session-" + strconv.Itoa(i), Offset: 1, ID: "01KABC" + strconv.Itoa(i), Type: "Message", Time: time.Now(), Data: []byte(text)}
		deliveries[i] = &dispatch.Delivery{Event: e, Body: e.Body(), Attempt: 1}
	}
	var raw, sink, dispatched float64
	for b.Loop() {
		raw += rawRate(b, c, s, deliveries, each)
		sink += brokertest.LaneRate(b, s, lanes, each, func(lane, _ int) *dispatch.Delivery { return deliveries[lane] })
		dispatched += brokertest.DispatchRate(b, s, lanes, each, size)
	}
	rounds := float64(b.N)
	b.ReportMetric(raw/rounds, "raw-events/s")
	b.ReportMetric(sink/rounds, "sink-events/s")
	b.ReportMetric(dispatched/rounds, "dispatched-events/s")
	b.ReportMetric(sink/raw, "sink/raw")
	b.ReportMetric(dispatched/raw, "dispatched/raw")
	b.ReportMetric(0, "ns/op")
}

func rawRate(b *testing.B, c *amqp.Channel, s *Sink, deliveries []*dispatch.Delivery, each int) float64 {
	b.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for _, d := range deliveries {
		all.Go(func() {
			for range each {
				confirm, err := c.PublishWithDeferredConfirm("bench", "bench", true, false, s.message(d, d.Body))
				if err != nil || !confirm.Wait() {
					b.Error("not confirmed", err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(each*len(deliveries)) / time.Since(began).Seconds()
}
