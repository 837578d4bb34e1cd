package journal

import (
	"cmp"
	"log/slog"
	"time"
)

// Defaults of Config.
const (
	DefaultMaxData         = 64 << 10             // what the protocol promises for one event
	DefaultMaxWaiting      = 8192                 // far above one append per session of a full node
	DefaultMaxBatchRecords = 512                  // a commit of this size still takes milliseconds
	DefaultMaxBatchBytes   = 4 << 20              // likewise, for large events
	DefaultGatherFor       = 5 * time.Millisecond // far below what a person or a retry notices
	DefaultCommitTimeout   = 30 * time.Second     // longer than any checkpoint; a database that is silent for so long is gone
	DefaultRingEvents      = 1024                 // a client that was away for 1,000 events resumes from memory
	DefaultRingBytes       = 512 << 10            // 1,000 usual events; bounds a session with large ones
	DefaultRingIdle        = 5 * time.Minute      // after this a reconnect is rare enough to read the store
	DefaultReadEvents      = 1000                 // a page
	DefaultReadBytes       = 1 << 20              // a page of large events
	DefaultRetainEvents    = 100_000              // a session
	DefaultRetainFor       = 7 * 24 * time.Hour   // a week of outage on the client's side
	DefaultRetainBytes     = 64 << 20             // a session: 100,000 events of usual size
	DefaultKeysFor         = 45 * 24 * time.Hour
	DefaultSweepEvery      = time.Minute
	DefaultSweepBatch      = 500 // rows: appends wait for one such delete at most, about 2 ms
)

// Config tunes a journal. Zero fields take the defaults above.
type Config struct {
	MaxData         int // bytes of one event's data; more is ErrTooLarge
	MaxWaiting      int // appends queued for a commit; further ones wait outside, counted in Stats.Waited
	MaxBatchRecords int // records in one commit, and in one Append
	MaxBatchBytes   int // bytes of data after which a commit takes no further append
	// GatherFor is how long a batch may wait for more appends while the processors are
	// busy and several sessions append; an append that has no company never waits.
	// Negative = no batch waits.
	GatherFor     time.Duration
	CommitTimeout time.Duration // a transaction that takes longer is given up (ErrUnavailable)
	RingEvents    int           // newest events of a session kept in memory
	RingBytes     int           // and bytes of their bodies at most
	RingIdle      time.Duration // a session without appends for this long gives its ring back
	ReadEvents    int           // most events of one Read
	ReadBytes     int           // most bytes of bodies of one Read, beyond its first event
	RetainFor     time.Duration // events appended longer ago are dropped; negative = kept
	RetainEvents  int           // events a session may keep, oldest dropped first; negative = no limit
	RetainBytes   int64         // bytes a session may keep, oldest dropped first; negative = no limit
	// KeysFor is how long a dedupe key is remembered. It outlives its event: WhatsApp
	// hands over again what was not acknowledged for about a month. Negative = always.
	KeysFor    time.Duration
	SweepEvery time.Duration // pause between retention runs
	SweepBatch int           // rows deleted in one transaction
	Now        func() time.Time
	Log        *slog.Logger // nil = silent
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
