package outlets

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/amqp"
	"github.com/waystation/waystation/transports/broker"
)

// amqpTransport is the name of RabbitMQ among the transports, whatever documents call it.
const amqpTransport = "amqp"

// amqpOptions are documented at amqp.Settings. Times are in seconds here.
type amqpOptions struct {
	Exchange             string         `json:"exchange"`
	ExchangeType         string         `json:"exchange_type"`
	Queue                string         `json:"queue"`
	QueueType            string         `json:"queue_type"`
	RoutingKey           string         `json:"routing_key"`
	Durable              bool           `json:"durable"`
	AutoDelete           bool           `json:"auto_delete"`
	Exclusive            bool           `json:"exclusive"`
	NoWait               bool           `json:"no_wait"`
	DeliveryMode         int            `json:"delivery_mode"`
	DeadLetterExchange   string         `json:"dead_letter_exchange"`
	DeadLetterRoutingKey string         `json:"dead_letter_routing_key"`
	MessageTTL           float64        `json:"message_ttl_seconds"`
	MaxLength            int64          `json:"max_length"`
	MaxLengthBytes       int64          `json:"max_length_bytes"`
	QueueArguments       map[string]any `json:"queue_arguments"`
	ExchangeArguments    map[string]any `json:"exchange_arguments"`
	PoolSize             int            `json:"pool_size"`
	WorkerCount          int            `json:"worker_count"`
	BufferSize           int            `json:"buffer_size"`
	BatchSize            int            `json:"batch_size"`
	BatchTimeout         float64        `json:"batch_timeout_seconds"`
	PublishTimeout       float64        `json:"publish_timeout_seconds"`
	MaxRetries           int            `json:"max_retries"`
	RetryDelay           float64        `json:"retry_delay_seconds"`
	tlsOptions
}

var amqpKind = Kind{New: func() Options {
	d := amqp.DefaultSettings()
	return &amqpOptions{
		Exchange: d.Exchange, ExchangeType: d.ExchangeType, Queue: d.Queue, QueueType: d.QueueType, RoutingKey: d.RoutingKey, Durable: d.Durable,
		AutoDelete: d.AutoDelete, Exclusive: d.Exclusive, NoWait: d.NoWait, DeliveryMode: d.DeliveryMode, DeadLetterExchange: d.DeadLetterExchange,
		DeadLetterRoutingKey: d.DeadLetterRoutingKey, MessageTTL: float64(d.MessageTTL) / 1000, MaxLength: d.MaxLength, MaxLengthBytes: d.MaxLengthBytes,
		QueueArguments: d.QueueArguments, ExchangeArguments: d.ExchangeArguments, PoolSize: d.ConnectionPoolSize, WorkerCount: d.WorkerCount,
		BufferSize: d.QueueBufferSize, BatchSize: d.BatchSize, BatchTimeout: seconds(d.BatchTimeout), PublishTimeout: seconds(d.PublishTimeout),
		MaxRetries: d.MaxRetries, RetryDelay: seconds(d.RetryDelay),
	}
}}

func seconds(ms int) float64 { return float64(ms) / 1000 }

// milliseconds of a time in seconds; what no integer holds becomes -1, which no field takes.
func milliseconds(seconds float64) int {
	ms := math.Round(seconds * 1000)
	if !(ms >= 0 && ms <= 1<<53) {
		return -1
	}
	return int(ms)
}

// duration of milliseconds; what no duration holds becomes one that no field takes.
func duration(ms int64) time.Duration {
	switch {
	case ms < 0:
		return -1
	case ms > math.MaxInt64/int64(time.Millisecond):
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// amqpFields are the options whose names differ from those of amqp.Settings.
var amqpFields = map[string]string{
	"message_ttl": "message_ttl_seconds", "connection_pool_size": "pool_size", "queue_buffer_size": "buffer_size",
	"batch_timeout_ms": "batch_timeout_seconds", "publish_timeout_ms": "publish_timeout_seconds", "retry_delay_ms": "retry_delay_seconds",
}

// Open implements Options.
func (o *amqpOptions) Open(address string, access Access) (Connection, error) {
	secured, err := o.check(access)
	if err != nil {
		return nil, err
	}
	settings := amqp.Settings{
		URL: address, Exchange: o.Exchange, ExchangeType: o.ExchangeType, Queue: pattern(o.Queue), QueueType: o.QueueType, RoutingKey: pattern(o.RoutingKey),
		Durable: o.Durable, AutoDelete: o.AutoDelete, Exclusive: o.Exclusive, NoWait: o.NoWait, DeliveryMode: o.DeliveryMode,
		DeadLetterExchange: o.DeadLetterExchange, DeadLetterRoutingKey: o.DeadLetterRoutingKey, MessageTTL: int64(milliseconds(o.MessageTTL)),
		MaxLength: o.MaxLength, MaxLengthBytes: o.MaxLengthBytes, QueueArguments: o.QueueArguments, ExchangeArguments: o.ExchangeArguments,
		ConnectionPoolSize: o.PoolSize, WorkerCount: o.WorkerCount, QueueBufferSize: o.BufferSize, BatchSize: o.BatchSize,
		BatchTimeout: milliseconds(o.BatchTimeout), PublishTimeout: milliseconds(o.PublishTimeout), MaxRetries: o.MaxRetries, RetryDelay: milliseconds(o.RetryDelay),
	}
	s, err := amqp.Open(amqp.Config{Settings: settings, TLS: secured, Dial: access.Dial})
	if err != nil {
		return nil, renamed(err, amqpFields)
	}
	return amqpConnection{s, address, o.Queue}, nil
}

// pattern takes {event} as well, which some documents have for the type of an event.
func pattern(text string) string { return strings.ReplaceAll(text, "{event}", "{event_type}") }

type amqpConnection struct {
	*amqp.Sink
	address, queue string
}

// Test implements Connection.
func (c amqpConnection) Test(ctx context.Context) (Report, error) {
	r, err := c.Sink.Test(ctx)
	out := Report{Host: r.Host, Port: r.Port, Exchange: r.Exchange, Queue: c.queue}
	if out.Host == "" {
		out.Host, out.Port = hostPort(c.address)
	}
	if err == nil {
		out.ExchangeExists, out.QueueExists = &r.ExchangeExists, &r.QueueExists
	}
	return out, err
}

// owns tells whether a queue is one that events of a session go to.
func (c amqpConnection) owns(session, queue string) bool {
	p, err := broker.ParsePattern(pattern(c.queue))
	return err == nil && p.Matches(session, queue)
}

// Figures implements Connection.
func (c amqpConnection) Figures() Figures {
	s := c.Stats()
	return Figures{Figures: s.Figures, ActiveQueues: len(s.Queues), Unroutable: s.Unroutable, Queues: s.Queues}
}
