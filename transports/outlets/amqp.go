package outlets

import (
	"context"
	"strings"

	"github.com/waystation/waystation/transports/amqp"
	"github.com/waystation/waystation/transports/broker"
)

// amqpTransport is the name of RabbitMQ among the transports, whatever documents call it.
const amqpTransport = "amqp"

// amqpOptions are documented at amqp.Settings; its URL is no option.
type amqpOptions struct {
	amqp.Settings
	tlsOptions
}

var amqpKind = Kind{New: func() Options { return &amqpOptions{Settings: amqp.DefaultSettings()} }}

// Open implements Options.
func (o *amqpOptions) Open(address string, access Access) (Connection, error) {
	secured, err := o.resolveTLS(access)
	if err != nil {
		return nil, err
	}
	settings := o.Settings
	settings.URL, settings.Queue, settings.RoutingKey = address, eventPattern(o.Queue), eventPattern(o.RoutingKey)
	s, err := amqp.Open(amqp.Config{Settings: settings, TLS: secured, Dial: access.Dial, MaxRoutes: access.MaxNames})
	if err != nil {
		return nil, err
	}
	return amqpConnection{s, address, o.Queue}, nil
}

// Hosts implements Options.
func (o *amqpOptions) Hosts(address string) []Host {
	return []Host{{"url", amqp.Host(address)}}
}

// eventPattern takes {event} as well, which some documents have for the type of an event.
func eventPattern(text string) string { return strings.ReplaceAll(text, "{event}", "{event_type}") }

type amqpConnection struct {
	*amqp.Sink
	address, queue string
}

// Test implements Connection.
func (c amqpConnection) Test(ctx context.Context, session string) (Report, error) {
	r, err := c.Sink.Test(ctx, session)
	out := Report{Host: r.Host, Port: r.Port, Exchange: r.Exchange, Queue: c.queue}
	if out.Host == "" {
		out.Host, out.Port = hostPort(c.address)
	}
	if err == nil {
		out.ExchangeExists, out.QueueExists = &r.ExchangeExists, &r.QueueExists
	}
	return out, err
}

// ownsQueue reports whether a queue receives events of a session.
func (c amqpConnection) ownsQueue(session, queue string) bool {
	p, err := broker.ParsePattern(eventPattern(c.queue))
	return err == nil && p.Matches(session, queue)
}

// Figures implements Connection.
func (c amqpConnection) Figures() Figures {
	s := c.Stats()
	return Figures{Figures: s.Figures, ActiveQueues: len(s.Queues), Unroutable: s.Unroutable, Queues: s.Queues}
}
