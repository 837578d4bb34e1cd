package redis

import (
	"cmp"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Defaults of Config.
const (
	DefaultStream    = "waystation:{session}" // one stream a session: readers of one do not wade through the others
	DefaultMaxLen    = 100_000                // entries; some 100 MB of a busy stream
	DefaultTimeout   = 5 * time.Second        // a Redis that takes longer is as good as away
	DefaultMaxBytes  = 8 << 20                // bytes of a payload; larger ones hold up all other clients of the Redis
	DefaultPipeline  = 256                    // events; more do not make it faster
	DefaultBytes     = 1 << 20                // bytes of a pipeline: less than 10 ms on a fast network
	DefaultPipelines = 2                      // one is written while Redis answers the other; more make them smaller
	DefaultMaxHalves = 10_000                 // some 100 bytes each
)

const (
	maxTrim    = 1 << 40     // of MaxLen; Redis takes more, no memory does
	maxTimeout = time.Minute // limit of Timeout: a settings change or shutdown waits this long for running requests
)

// Config sets up a Sink. Zero fields take the defaults above.
type Config struct {
	// URL is redis:// or rediss:// (TLS) with user, password, host, port and database number as usual;
	// redis+sentinel://user:password@sentinel1:26379,sentinel2:26379/master-name/0 or redis+cluster://host1:6379,host2:6379,
	// both also with rediss+. It is a secret.
	URL string
	// SentinelUser and SentinelPassword are for the sentinels themselves; those of the URL are for the servers.
	SentinelUser, SentinelPassword string
	TLS                            broker.TLS
	Dial                           broker.Dial // nil = connect anywhere

	// Stream and Channel are name patterns (see broker.Pattern). One may be empty; when both are, Stream takes its default.
	// With both an event goes to the two of them, and counts as delivered when both have it.
	Stream, Channel string
	MaxLen          int64 // entries a stream keeps, roughly: Redis trims in whole nodes; negative = all
	MaxBytes        int   // bytes of a payload; larger events are sent by reference
	// Replicas is the number of replicas that must also have an event before it counts as delivered (WAIT); zero = none. Redis replicates
	// asynchronously: a server that fails, and is replaced by a replica, loses unreplicated data. Not for clusters. While there are fewer replicas,
	// events are held, and each probe leaves another copy of one in its stream.
	Replicas int

	Timeout   time.Duration // of a connection attempt, and of a pipeline until it is written and until each answer
	Pipeline  int           // events of one pipeline
	Bytes     int           // bytes of the payloads of one pipeline; a larger event goes alone
	Pipelines int           // under way at a time, and connections used
	MaxHalves int           // sessions whose stream has an event that their channel refuses; beyond it such events are there twice
}

func (c Config) withDefaults() Config {
	if c.Stream == "" && c.Channel == "" {
		c.Stream = DefaultStream
	}
	c.MaxLen = cmp.Or(c.MaxLen, DefaultMaxLen)
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.Pipeline = cmp.Or(c.Pipeline, DefaultPipeline)
	c.Bytes = cmp.Or(c.Bytes, DefaultBytes)
	c.Pipelines = cmp.Or(c.Pipelines, DefaultPipelines)
	c.MaxHalves = cmp.Or(c.MaxHalves, DefaultMaxHalves)
	return c
}

// Validate returns the invalid settings, as refusal.Problems.
func (c Config) Validate() error {
	var p refusal.Problems
	c = c.withDefaults()
	at, err := parseURL(c.URL)
	if err != nil {
		p.Add("url", err.Error())
	} else if at.form == cluster && c.Replicas > 0 {
		p.Add("replicas", "is not for clusters")
	}
	for _, name := range []struct{ field, text string }{{"stream", c.Stream}, {"channel", c.Channel}} {
		if _, err := broker.ParsePattern(name.text); err != nil {
			p.Add(name.field, err.Error())
		}
	}
	if c.MaxLen > maxTrim {
		p.Add("max_len", "is more than any Redis holds")
	}
	for field, n := range map[string]int{
		"max_bytes": c.MaxBytes, "pipeline": c.Pipeline, "bytes": c.Bytes, "pipelines": c.Pipelines, "replicas": c.Replicas, "max_halves": c.MaxHalves,
	} {
		if n < 0 {
			p.Add(field, "must not be negative")
		}
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		p.Add("timeout", "must be from 0, which is the default, to "+maxTimeout.String())
	}
	return p.Err()
}
