package redis

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
)

// Fifty sessions to streams, beside go-redis alone with pipelines of as many XADDs of the same size.
func TestThroughput(t *testing.T) {
	load := brokertest.Load{Sessions: 50, Events: 4000, Size: 1000}
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL()})
	client := reader(t, server)
	deliveries := load.Deliveries()
	raw := brokertest.Load{Sessions: 1, Events: load.Events, Size: load.Size}
	load.Throughput(t, 0.5, func() float64 {
		return float64(load.Sessions) * raw.LaneRate(t, func(ctx context.Context, _ int) error {
			pipe := client.Pipeline()
			for _, d := range deliveries {
				pipe.XAdd(ctx, &redis.XAddArgs{Stream: "raw:" + d.Event.Session, MaxLen: DefaultMaxLen, Approx: true, Values: []any{
					"id", d.Event.ID, "session", d.Event.Session, "offset", "1", "type", d.Event.Type, "time", "2026-01-01T00:00:00.123Z", "payload", d.Body,
				}})
			}
			_, err := pipe.Exec(ctx)
			return err
		})
	}, func() float64 { return load.JournalRate(t, s) })
}
