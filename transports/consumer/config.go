package consumer

import (
	"cmp"
	"log/slog"
	"time"
)

// Defaults of Config.
const (
	DefaultFlushEvery   = 200 * time.Millisecond // limits the repeats after a crash; five commits a second regardless of the number of acks
	DefaultFlushChanges = 1000                   // cursors: one commit of this size takes milliseconds
	DefaultWriteTimeout = 10 * time.Second       // of a flush in the background; a database that is silent for so long is gone
	DefaultKeepFor      = 30 * 24 * time.Hour    // a month of holidays and forgotten deployments
	DefaultSweepEvery   = time.Hour              // expiry need not be punctual
	DefaultMaxConsumers = 100                    // names of one principal; clients that make up names must not fill the disk
)

// Config tunes a store. Zero fields take the defaults above.
type Config struct {
	FlushEvery   time.Duration // pause after the first change before all are written
	FlushChanges int           // changed cursors that are written without waiting for FlushEvery
	WriteTimeout time.Duration // for a flush in the background; a failed one is retried
	KeepFor      time.Duration // unused consumers are removed after this time; negative = kept
	SweepEvery   time.Duration // pause between removals
	MaxConsumers int           // names a principal may have; more are ErrTooMany
	Now          func() time.Time
	Log          *slog.Logger // nil = silent
}

func (c Config) withDefaults() Config {
	c.FlushEvery = cmp.Or(c.FlushEvery, DefaultFlushEvery)
	c.FlushChanges = cmp.Or(c.FlushChanges, DefaultFlushChanges)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, DefaultWriteTimeout)
	c.KeepFor = cmp.Or(c.KeepFor, DefaultKeepFor)
	c.SweepEvery = cmp.Or(c.SweepEvery, DefaultSweepEvery)
	c.MaxConsumers = cmp.Or(c.MaxConsumers, DefaultMaxConsumers)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
