package amqp

import (
	"context"
	"errors"
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
)

// Fifty sessions to one durable queue with confirms, beside amqp091-go alone with fifty goroutines that publish the same
// messages on one channel and wait for each confirm.
func TestThroughput(t *testing.T) {
	load := brokertest.Load{Sessions: 50, Events: 200, Size: 1000}
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.Exchange, cfg.Queue, cfg.RoutingKey = "bench", "bench", "bench"
	cfg.MaxLength, cfg.QueueArguments = 10_000, map[string]any{"x-overflow": "drop-head"}
	s := open(t, cfg)
	s.must(t, event("shop", 1))
	c := channel(t, server)
	if err := c.Confirm(false); err != nil {
		t.Fatal(err)
	}
	deliveries := load.Deliveries()
	load.Throughput(t, 0.7, func() float64 {
		return load.LaneRate(t, func(ctx context.Context, lane int) error {
			d := deliveries[lane]
			confirm, err := c.PublishWithDeferredConfirmWithContext(ctx, "bench", "bench", true, false, s.newMessage(d, d.Body))
			if err == nil && !confirm.Wait() {
				err = errors.New("not confirmed")
			}
			return err
		})
	}, func() float64 { return load.JournalRate(t, s) })
}
