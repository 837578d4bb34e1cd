package publisher

import (
	"cmp"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Defaults of Config.
const (
	DefaultTopic    = "waystation.{session}" // a topic of its own keeps a session's order in brokers that order by topic
	DefaultTimeout  = 10 * time.Second       // within the attempt's time in the dispatcher, which is 15 s by default
	DefaultMaxBytes = 1_000_000              // below the limits of Kafka and NATS, which are 1 MiB
)

// Config sets up a Sink. Zero fields take the defaults above.
type Config struct {
	// Publisher publishes the messages. Publish is called concurrently for different targets. The sink closes it.
	Publisher message.Publisher
	// Topic is the name pattern of topics (see broker.Pattern).
	Topic string
	// Classify returns an error of Publish with its class: dispatch.Permanent, Unreachable, UnreachableApart, Refused or RetryAfter; an error without
	// a class is retried by the policy. nil = DefaultClassify.
	Classify func(err error) error
	Timeout  time.Duration // of one call of Publish
	MaxBytes int           // of a payload; larger events are sent by reference
}

func (c Config) withDefaults() Config {
	c.Topic = cmp.Or(c.Topic, DefaultTopic)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	if c.Classify == nil {
		c.Classify = DefaultClassify
	}
	return c
}

// Validate returns the invalid settings, as refusal.Problems.
func (c Config) Validate() error {
	var p refusal.Problems
	c = c.withDefaults()
	if c.Publisher == nil {
		p.Add("publisher", "must not be nil")
	}
	if _, err := broker.ParsePattern(c.Topic); err != nil {
		p.Add("topic", err.Error())
	}
	if c.Timeout < 0 {
		p.Add("timeout", "must not be negative")
	}
	if c.MaxBytes < 0 {
		p.Add("max_bytes", "must not be negative")
	}
	return p.Err()
}
