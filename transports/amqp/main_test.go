package amqp

import (
	"context"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(brokertest.Runner{M: m})
}

// config is the documented defaults with names of the test's own.
func config(t testing.TB, url string) Config {
	cfg := Config{Settings: DefaultSettings(), ReconnectBase: 20 * time.Millisecond, ReconnectCap: 200 * time.Millisecond}
	cfg.URL, cfg.Exchange, cfg.Queue = url, name(t, "exchange"), name(t, "")+"{session}.{event_type}"
	return cfg
}

// name is unique on the shared server.
func name(t testing.TB, what string) string {
	return strings.NewReplacer("/", ".", "{", "", "}", "").Replace(t.Name()) + "." + what
}

func open(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// channel is a client of the test's own.
func channel(t testing.TB, server *brokertest.RabbitMQServer) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get takes the next message off a queue.
func get(t testing.TB, c *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	var got amqp.Delivery
	brokertest.Eventually(t, "a message in "+queue, func() bool {
		m, ok, err := c.Get(queue, true)
		if err != nil {
			t.Fatal(err)
		}
		got = m
		return ok
	})
	return got
}

var event = brokertest.Event

func (s *Sink) try(t testing.TB, d *dispatch.Delivery) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.Deliver(ctx, dispatch.Target{Transport: Transport, Session: d.Event.Session}, d)
}

func (s *Sink) must(t testing.TB, d *dispatch.Delivery) {
	t.Helper()
	if code, err := s.try(t, d); err != nil {
		t.Fatal(code, err)
	}
}
