package journal

import (
	"log/slog"
	"time"
)

// Defaults of Config.
const (
	DefaultMaxData       = 64 << 10  // as the protocol promises to clients
	DefaultMaxWaiting    = 8192      // appends waiting for a commit; more wait outside
	DefaultMaxBatch      = 512       // records in one commit: keeps a commit in the range of milliseconds
	DefaultRingEvents    = 256       // covers a reconnect of seconds without touching the store
	DefaultRingBytes     = 256 << 10 // bounds a session with large events
	DefaultRetentionAge  = 7 * 24 * time.Hour
	DefaultRetentionSize = 100_000     // events a session
	DefaultSweepEvery    = time.Minute // how often retention looks
	DefaultSweepBatch    = 1000        // events deleted in one transaction, so that appends get through
)

// Config tunes a journal; zero fields take the defaults above.
type Config struct {
	MaxData         int           // bytes of one event's data
	MaxWaiting      int           // appends that may wait for a commit
	MaxBatch        int           // records in one commit
	RingEvents      int           // newest events of a session kept in memory
	RingBytes       int           // and their bytes at most
	RetentionAge    time.Duration // older events are dropped; negative = never
	RetentionEvents int           // more events than this a session are dropped, oldest first; negative = never
	SweepEvery      time.Duration // interval of the retention run
	SweepBatch      int           // events deleted at a time
	Now             func() time.Time
	Log             *slog.Logger
}

func (c Config) withDefaults() Config {
	setDefault(&c.MaxData, DefaultMaxData)
	setDefault(&c.MaxWaiting, DefaultMaxWaiting)
	setDefault(&c.MaxBatch, DefaultMaxBatch)
	setDefault(&c.RingEvents, DefaultRingEvents)
	setDefault(&c.RingBytes, DefaultRingBytes)
	setDefault(&c.RetentionAge, DefaultRetentionAge)
	setDefault(&c.RetentionEvents, DefaultRetentionSize)
	setDefault(&c.SweepEvery, DefaultSweepEvery)
	setDefault(&c.SweepBatch, DefaultSweepBatch)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
