package amqp

import (
	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Settings are the documented fields, under the names that calls have for them. Start from DefaultSettings.
type Settings struct {
	// URL is amqp:// or amqps:// (TLS) with user, password, host, port and virtual host. It is a secret: broker.Mask shows it.
	URL string `json:"-"`
	// Exchange gets the messages and is declared, unless the broker brings it along (amq.*). Empty = the default exchange,
	// which brings each message to the queue of its routing key: Queue is needed then, and RoutingKey is not used.
	Exchange     string `json:"exchange"`
	ExchangeType string `json:"exchange_type"` // topic, direct, fanout or headers
	// Queue is a name pattern (see broker.Pattern): queues are declared and bound at their first event. Empty = none; consumers bind their own
	// queues. With a headers exchange queues are bound to the headers session and type, as far as the pattern has them; otherwise with the routing
	// key.
	Queue      string `json:"queue"`
	QueueType  string `json:"queue_type"`  // classic, quorum or stream
	RoutingKey string `json:"routing_key"` // a name pattern

	Durable      bool `json:"durable"`       // exchange and queues outlive a restart of the broker
	AutoDelete   bool `json:"auto_delete"`   // they go with their last binding or consumer
	Exclusive    bool `json:"exclusive"`     // queues belong to the sink's connection and end with it
	DeliveryMode int  `json:"delivery_mode"` // of messages: 1 = in memory, 2 = kept on disk

	// DeadLetterExchange receives messages dropped by queues. It is not declared: without it, and a queue bound to it, the broker discards them.
	DeadLetterExchange   string `json:"dead_letter_exchange"`
	DeadLetterRoutingKey string `json:"dead_letter_routing_key"`
	// MessageTTL is how long a message may be in a queue, seconds; 0 = for ever. RabbitMQ counts milliseconds.
	MessageTTL     float64 `json:"message_ttl_seconds"`
	MaxLength      int64   `json:"max_length"`       // messages of a queue; 0 = any number
	MaxLengthBytes int64   `json:"max_length_bytes"` // of a queue; 0 = any size
	// QueueArguments and ExchangeArguments are for the broker; they win over the fields above.
	QueueArguments    map[string]any `json:"queue_arguments"`
	ExchangeArguments map[string]any `json:"exchange_arguments"`

	// PublishTimeout is how long a message may take to its confirm, seconds.
	PublishTimeout float64 `json:"publish_timeout_seconds"`

	// The rest is accepted and kept, without effect. Declarations always wait for their answer, or a refusal would not be
	// seen (NoWait). One connection carries all lanes (ConnectionPoolSize), and a session's events go one after the other
	// (WorkerCount, BatchSize, BatchTimeout). Events wait in the journal, not in a buffer that a crash empties
	// (QueueBufferSize). The dispatcher's policy says how often and when a delivery is tried again (MaxRetries, RetryDelay).
	NoWait             bool    `json:"no_wait"`
	ConnectionPoolSize int     `json:"pool_size"`
	WorkerCount        int     `json:"worker_count"`
	QueueBufferSize    int     `json:"buffer_size"`
	BatchSize          int     `json:"batch_size"`
	BatchTimeout       float64 `json:"batch_timeout_seconds"`
	MaxRetries         int     `json:"max_retries"`
	RetryDelay         float64 `json:"retry_delay_seconds"`
}

// DefaultSettings returns the documented defaults, and where there are none, values that preserve messages.
func DefaultSettings() Settings {
	return Settings{
		Exchange: "whatsapp.events", ExchangeType: "topic", QueueType: "classic", RoutingKey: "whatsapp.{user_id}.{event_type}",
		Durable: true, DeliveryMode: 2, PublishTimeout: 5,
		ConnectionPoolSize: 50, WorkerCount: 100, QueueBufferSize: 100_000, BatchSize: 1000, BatchTimeout: 0.1, MaxRetries: 3, RetryDelay: 1,
	}
}

// Limits of fields.
const (
	maxName    = 255         // bytes of a name in the protocol
	maxTTL     = 4294967.295 // seconds: RabbitMQ has 32 bits for milliseconds
	minTimeout = 0.001       // seconds of a publish
	maxTimeout = 5 * 60      // seconds of a publish; a lane waits so long
	maxNumber  = 1 << 53     // exact in JSON
	reserved   = "amq."      // names of the broker itself
)

// oneOf are the fields with a choice.
var oneOf = map[string]map[string]bool{
	"exchange_type": {"topic": true, "direct": true, "fanout": true, "headers": true},
	"queue_type":    {"classic": true, "quorum": true, "stream": true},
}

// Validate returns the invalid settings, as refusal.Problems.
func (s Settings) Validate() error {
	var p refusal.Problems
	if _, err := parseURL(s.URL); err != nil {
		p.Add("url", err.Error())
	}
	s.checkNames(&p)
	s.checkNumbers(&p)
	s.checkQueueType(&p)
	for _, a := range []struct {
		field string
		args  map[string]any
	}{{"queue_arguments", s.QueueArguments}, {"exchange_arguments", s.ExchangeArguments}} {
		if _, err := toTable(a.args); err != nil {
			p.Add(a.field, err.Error())
		}
	}
	return p.Err()
}

func (s *Settings) checkNames(p *refusal.Problems) {
	if s.Exchange == "" && s.Queue == "" {
		p.Add("exchange", "or queue must be named")
	}
	for _, f := range []struct{ field, text string }{{"queue", s.Queue}, {"routing_key", s.RoutingKey}} {
		if _, err := broker.ParsePattern(f.text); err != nil {
			p.Add(f.field, err.Error())
		}
	}
	for _, f := range []struct{ field, text string }{
		{"exchange", s.Exchange},
		{"queue", s.Queue},
		{"routing_key", s.RoutingKey},
		{"dead_letter_exchange", s.DeadLetterExchange},
		{"dead_letter_routing_key", s.DeadLetterRoutingKey},
	} {
		if len(f.text) > maxName {
			p.Add(f.field, "is longer than 255 bytes")
		} else if !isPrintable(f.text) {
			p.Add(f.field, "has bytes that are no printable text")
		}
	}
	if len(s.Queue) >= len(reserved) && s.Queue[:len(reserved)] == reserved {
		p.Add("queue", "must not begin with amq., which is the broker's own")
	}
	for _, f := range []struct{ field, text string }{{"exchange_type", s.ExchangeType}, {"queue_type", s.QueueType}} {
		if !oneOf[f.field][f.text] {
			p.Add(f.field, "is not one of "+joinChoices(oneOf[f.field]))
		}
	}
	if s.DeadLetterRoutingKey != "" && s.DeadLetterExchange == "" {
		p.Add("dead_letter_routing_key", "needs a dead_letter_exchange")
	}
}

func (s *Settings) checkNumbers(p *refusal.Problems) {
	if s.DeliveryMode != 1 && s.DeliveryMode != 2 {
		p.Add("delivery_mode", "must be 1 (in memory) or 2 (on disk)")
	}
	if s.PublishTimeout < minTimeout || s.PublishTimeout > maxTimeout {
		p.Add("publish_timeout_seconds", "must be from 0.001 to 300 seconds")
	}
	if s.MessageTTL < 0 || s.MessageTTL > maxTTL {
		p.Add("message_ttl_seconds", "must be from 0 to 4294967.295 seconds")
	}
	for _, f := range []struct {
		field string
		n     float64
	}{
		{"max_length", float64(s.MaxLength)},
		{"max_length_bytes", float64(s.MaxLengthBytes)},
		{"pool_size", float64(s.ConnectionPoolSize)},
		{"worker_count", float64(s.WorkerCount)},
		{"buffer_size", float64(s.QueueBufferSize)},
		{"batch_size", float64(s.BatchSize)},
		{"batch_timeout_seconds", s.BatchTimeout},
		{"max_retries", float64(s.MaxRetries)},
		{"retry_delay_seconds", s.RetryDelay},
	} {
		if f.n < 0 || f.n > maxNumber {
			p.Add(f.field, "must not be negative, nor more than 2^53")
		}
	}
}

// checkQueueType rejects options that quorum queues and streams do not support.
func (s *Settings) checkQueueType(p *refusal.Problems) {
	if s.Queue == "" || s.QueueType == "classic" {
		return
	}
	for _, f := range []struct {
		field string
		wrong bool
		text  string
	}{
		{"durable", !s.Durable, "must be true: queues of that queue_type always are"},
		{"auto_delete", s.AutoDelete, "is not for queues of that queue_type"},
		{"exclusive", s.Exclusive, "is not for queues of that queue_type"},
		{"message_ttl_seconds", s.QueueType == "stream" && s.MessageTTL > 0, "is not for streams; use the argument x-max-age"},
		{"max_length", s.QueueType == "stream" && s.MaxLength > 0, "is not for streams; use max_length_bytes"},
		{"dead_letter_exchange", s.QueueType == "stream" && s.DeadLetterExchange != "", "is not for streams"},
	} {
		if f.wrong {
			p.Add(f.field, f.text)
		}
	}
}
