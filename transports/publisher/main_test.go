package publisher

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var event = brokertest.Event

// fake is a publisher that calls a function.
type fake struct {
	publish func(topic string, msg *message.Message) error
	close   func() error
}

func (f fake) Publish(topic string, messages ...*message.Message) error {
	return f.publish(topic, messages[0])
}

func (f fake) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

func open(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := NewSink(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func targetOf(d *dispatch.Delivery) dispatch.Target {
	return dispatch.Target{Transport: "test", ID: "own/" + d.Event.Session, Session: d.Event.Session}
}

// deliver makes an attempt that ends after a time.
func (s *Sink) deliver(t testing.TB, d *dispatch.Delivery, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := s.Deliver(ctx, targetOf(d), d)
	return err
}
