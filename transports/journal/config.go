package journal

import (
	"cmp"
	"log/slog"
	"time"
)

// Defaults of Config.
const (
	DefaultMaxData         = 64 << 10             // the protocol's limit for one event
	DefaultMaxWaiting      = 8192                 // far above one append per session of a full node
	DefaultMaxBatchRecords = 512                  // a commit of this size still takes milliseconds
	DefaultMaxBatchBytes   = 4 << 20              // same, for large events
	DefaultGatherFor       = 5 * time.Millisecond // not noticeable to a person or a retry
	DefaultCommitTimeout   = 30 * time.Second     // longer than any checkpoint; a database without a response for this long is unreachable
	DefaultRingEvents      = 1024                 // a client that missed 1,000 events resumes from memory
	DefaultRingBytes       = 512 << 10            // 1,000 usual events; bounds a session with large ones
	DefaultRingIdle        = 5 * time.Minute      // after this a reconnect is rare enough to read the store
	DefaultReadEvents      = 1000                 // a page
	DefaultReadBytes       = 1 << 20              // a page of large events
	DefaultRetainEvents    = 100_000              // per session
	DefaultRetainFor       = 7 * 24 * time.Hour   // a week of outage on the client's side
	DefaultRetainBytes     = 64 << 20             // per session: 100,000 events of usual size
	DefaultKeysFor         = 45 * 24 * time.Hour
	DefaultSweepEvery      = time.Minute
	DefaultSweepBatch      = 500 // rows: appends wait for at most one such delete, about 2 ms
)

// Config tunes a journal. Zero fields take the defaults above.
type Config struct {
	MaxData         int // bytes of one event's data; more is ErrTooLarge
	MaxWaiting      int // appends queued for a commit; further ones block, counted in Stats.Waited
	MaxBatchRecords int // records in one commit, and in one Append
	MaxBatchBytes   int // bytes of data at which a commit accepts no further append
	// GatherFor is how long a batch may wait for more appends while the processors are busy and several sessions append; a lone append is committed
	// immediately. Negative = no batch waits.
	GatherFor     time.Duration
	CommitTimeout time.Duration // a longer transaction is cancelled (ErrUnavailable)
	RingEvents    int           // newest events of a session kept in memory
	RingBytes     int           // and bytes of their bodies at most
	RingIdle      time.Duration // the ring of a session without appends for this long is released
	ReadEvents    int           // most events of one Read
	ReadBytes     int           // most bytes of bodies of one Read, beyond its first event
	RetainFor     time.Duration // events appended longer ago are dropped; negative = kept
	RetainEvents  int           // events a session may keep, oldest dropped first; negative = no limit
	RetainBytes   int64         // bytes a session may keep, oldest dropped first; negative = no limit
	// KeysFor is the retention time of dedupe keys. They outlive their events: WhatsApp redelivers unacknowledged messages for about a month.
	// Negative = forever.
	KeysFor    time.Duration
	SweepEvery time.Duration // pause between retention runs
	SweepBatch int           // rows deleted in one transaction
	// ObserveAppend gets the duration of each append that was committed, its wait in the queue included; nil = it is not
	// observed.
	ObserveAppend func(took time.Duration)
	Now           func() time.Time
	Log           *slog.Logger // nil = no logging
}

func (c Config) withDefaults() Config {
	c.MaxData = cmp.Or(c.MaxData, DefaultMaxData)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, DefaultMaxWaiting)
	c.MaxBatchRecords = cmp.Or(c.MaxBatchRecords, DefaultMaxBatchRecords)
	c.MaxBatchBytes = cmp.Or(c.MaxBatchBytes, DefaultMaxBatchBytes)
	c.GatherFor = cmp.Or(c.GatherFor, DefaultGatherFor)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, DefaultCommitTimeout)
	c.RingEvents = cmp.Or(c.RingEvents, DefaultRingEvents)
	c.RingBytes = cmp.Or(c.RingBytes, DefaultRingBytes)
	c.RingIdle = cmp.Or(c.RingIdle, DefaultRingIdle)
	c.ReadEvents = cmp.Or(c.ReadEvents, DefaultReadEvents)
	c.ReadBytes = cmp.Or(c.ReadBytes, DefaultReadBytes)
	c.RetainFor = cmp.Or(c.RetainFor, DefaultRetainFor)
	c.RetainEvents = cmp.Or(c.RetainEvents, DefaultRetainEvents)
	c.RetainBytes = cmp.Or(c.RetainBytes, DefaultRetainBytes)
	c.KeysFor = cmp.Or(c.KeysFor, DefaultKeysFor)
	c.SweepEvery = cmp.Or(c.SweepEvery, DefaultSweepEvery)
	c.SweepBatch = cmp.Or(c.SweepBatch, DefaultSweepBatch)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
