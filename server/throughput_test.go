package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// Events of 50 sessions go to 1,000 sockets, 20 a session, and at the same time to Redis, RabbitMQ and a webhook:
// each gets all of them. The measurements are printed; the package of each transport tests its speed beside its
// client alone.
func TestThroughputOfAllAtOnce(t *testing.T) {
	testkit.MeasuresSpeed(t)
	const sessions, followers, size = 50, 20, 1000
	each := testkit.ChooseSize(40, 400)
	var posted atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		posted.Add(1)
	}))
	t.Cleanup(hook.Close)
	cache, rabbit := brokertest.Redis(t, brokertest.RedisOptions{}), brokertest.RabbitMQ(t)
	file := filepath.Join(t.TempDir(), "env")
	text := strings.Join([]string{
		"GLOBAL_WEBHOOK_ENABLED=1", "GLOBAL_WEBHOOK_URL=" + hook.URL, "GLOBAL_REDIS_ENABLED=1", "GLOBAL_REDIS_URL=" + cache.URL(),
		"GLOBAL_RABBITMQ_ENABLED=1", "GLOBAL_RABBITMQ_URL=" + rabbit.URL(), "GLOBAL_RABBITMQ_QUEUE=throughput",
	}, "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "-allow-hosts", "127.0.0.1", "-env-file", file, "-calls-per-second", "100000", "-call-burst", "100000", "-log-level", "warn")
	var frames atomic.Int64
	var reading sync.WaitGroup
	var clients []*socketClient
	for i := range sessions {
		session := fmt.Sprint("s", i)
		s.must("session.create", object{"session_id": session})
		for range followers {
			c := dial(t, s.url("/v1/ws"), s.token, object{"filters": []object{{"sessions": []string{session}}}})
			clients = append(clients, c)
			reading.Go(func() {
				for {
					_, raw, err := c.ws.Read(context.Background())
					if err != nil {
						return
					}
					frames.Add(int64(bytes.Count(raw, []byte(`"method":"event"`))))
				}
			})
		}
	}
	t.Cleanup(func() {
		for _, c := range clients {
			_ = c.ws.CloseNow()
		}
		reading.Wait()
	})

	began := time.Now()
	data := fmt.Appendf(nil, `{"text":"%0*d"}`, size, 0)
	var load sync.WaitGroup
	for i := range sessions {
		load.Go(func() {
			for records := range slices.Chunk(slices.Repeat([]journal.Record{{Type: "Message", Data: data}}, each), 20) {
				if _, err := s.app.journal.Append(context.Background(), fmt.Sprint("s", i), records...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	took := map[string]time.Duration{}
	note := func(what string, all bool) {
		if _, known := took[what]; all && !known {
			took[what] = time.Since(began)
		}
	}
	events := sessions * each
	for deadline := began.Add(4 * patience); len(took) < 4; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s only these have all events: %v; sockets %d of %d, %+v", 4*patience, took, frames.Load(), events*followers, s.app.deliver.Stats())
		}
		note("sockets", frames.Load() == int64(events*followers))
		for _, stats := range s.app.deliver.Stats() {
			if slices.Contains([]string{"webhook", "redis", "amqp"}, stats.Transport) {
				note(stats.Transport, stats.Delivered == uint64(events))
			}
			if stats.DeadLetters+stats.Lost > 0 {
				t.Fatalf("%+v", stats)
			}
		}
	}
	load.Wait()
	if n := posted.Load(); n != int64(events) {
		t.Errorf("%d requests came, want %d", n, events)
	}
	for what, d := range took {
		t.Logf("%s: %d events in %s, %.0f a second", what, events, d.Round(time.Millisecond), float64(events)/d.Seconds())
	}
	t.Logf("sockets got %d frames, %.0f a second", frames.Load(), float64(frames.Load())/took["sockets"].Seconds())
}
