package amqp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

func TestOversizedAndNotUTF8(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.MaxBytes = 1000
	s := open(t, cfg)
	large := event("shop", 1)
	large.Event.Data = []byte(`{"text":"` + strings.Repeat("x", 2000) + `"}`)
	large.Body = large.Event.Body()
	s.must(t, large)
	broken := event("shop", 2)
	broken.Body = []byte("{\"text\":\"a\xff\xfeb\"}")
	s.must(t, broken)
	c := channel(t, server)
	for _, want := range []string{
		`{"session":"shop","offset":1,"id":"id-shop-1","type":"Message","time":"2026-01-01T00:00:00.123Z","truncated":true}`, "{\"text\":\"a\ufffdb\"}",
	} {
		if m := get(t, c, name(t, "")+"shop.Message"); string(m.Body) != want {
			t.Errorf("%s, want %s", m.Body, want)
		}
	}
	if code, err := s.try(t, event(strings.Repeat("x", 300), 1)); brokertest.Meaning(err) != "permanent" || code != 0 {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
}

// A broker that takes less than the settings allow gets large events by reference, and the connection does not end with each.
func TestLargerThanTheBrokerTakes(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	most := func(bytes int) {
		server.Control(t, "eval", fmt.Sprintf("application:set_env(rabbit, max_message_size, %[1]d), persistent_term:put(max_message_size, %[1]d).", bytes))
	}
	most(10_000)
	t.Cleanup(func() { most(128 << 20) })
	cfg := config(t, server.URL())
	cfg.Queue = name(t, "queue")
	var dials atomic.Int64
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	s := open(t, cfg)
	large := func(session string, offset uint64) *dispatch.Delivery {
		d := event(session, offset)
		d.Event.Data = []byte(`{"text":"` + strings.Repeat("x", 20_000) + `"}`)
		d.Body = d.Event.Body()
		return d
	}
	for n := range uint64(3) {
		s.must(t, large("shop", 2*n+1))
		s.must(t, event("shop", 2*n+2))
	}
	s.must(t, large("office", 1))
	c := channel(t, server)
	for n := range uint64(6) {
		m := get(t, c, cfg.Queue)
		if truncated := strings.Contains(string(m.Body), `"truncated":true`); m.Headers["offset"] != int64(n+1) || truncated != (n%2 == 0) {
			t.Errorf("message %d: %v %.200s", n, m.Headers, m.Body)
		}
	}
	if m := get(t, c, cfg.Queue); !strings.Contains(string(m.Body), `"truncated":true`) {
		t.Errorf("%.200s", m.Body)
	}
	if st := s.Stats(); st.Truncated != 4 || st.Published != 7 || dials.Load() != 2 {
		t.Errorf("%+v, connected %d times", st, dials.Load())
	}
	if _, err := c.QueueDelete(cfg.Queue, false, false, false); err != nil {
		t.Error(err)
	}
}
