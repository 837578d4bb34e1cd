package redis

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
)

// Fifty sessions to streams, beside go-redis alone with pipelines of as many XADDs of the same size: the sink as lanes use
// it, and the way from the journal through the dispatcher. Rounds alternate.
func BenchmarkBesideClient(b *testing.B) {
	const lanes, each, size = 50, 1000, 1000
	server := brokertest.Redis(b, brokertest.RedisOptions{})
	s := open(b, Config{URL: server.URL()})
	client := reader(b, server)
	text := `{"text":"` + strings.Repeat("x", size) + `"}`
	deliveries := make([]*dispatch.Delivery, lanes)
	for i := range deliveries {
		e := &journal.Event{Session: "session-" + strconv.Itoa(i), Offset: 1, ID: "01KABC", Type: "Message", Time: time.Now(), Data: []byte(text)}
		deliveries[i] = &dispatch.Delivery{Event: e, Body: e.Body(), Attempt: 1}
	}
	var raw, sink, dispatched float64
	for b.Loop() {
		raw += rawRate(b, client, deliveries, each)
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

func rawRate(b *testing.B, client *redis.Client, deliveries []*dispatch.Delivery, each int) float64 {
	b.Helper()
	began := time.Now()
	for range each {
		pipe := client.Pipeline()
		for _, d := range deliveries {
			pipe.XAdd(b.Context(), &redis.XAddArgs{Stream: "raw:" + d.Event.Session, MaxLen: DefaultMaxLen, Approx: true, Values: []any{
				"id", d.Event.ID, "session", d.Event.Session, "offset", "1", "type", d.Event.Type, "time", "2026-01-01T00:00:00.123Z", "payload", d.Body,
			}})
		}
		if _, err := pipe.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return float64(each*len(deliveries)) / time.Since(began).Seconds()
}
