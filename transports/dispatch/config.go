package dispatch

import (
	"cmp"
	"log/slog"
	"time"
)

// Defaults of Policy.
const (
	DefaultMaxAttempts     = 16                    // with the backoff below some 45 minutes: longer than a deployment gone wrong
	DefaultMaxAge          = 24 * time.Hour        // a night and a day of outage hold a lane, then dead letters take over
	DefaultAttemptTimeout  = 15 * time.Second      // most webhook senders wait 5 to 30 s
	DefaultBackoffBase     = time.Second           // a process that restarts is back in seconds
	DefaultBackoffCap      = 10 * time.Minute      // what a target that came back waits at most
	DefaultRetryAfterCap   = time.Hour             // above it a target holds its lane for no good reason
	DefaultBreakerFailures = 5                     // in a row; fewer happen in any restart
	DefaultBreakerPause    = 15 * time.Second      // one probe in this time costs nobody anything
	DefaultWindow          = 16                    // more make it hardly faster
	DefaultWindowShare     = 128                   // a crash repeats less than 1 %, and one event
	DefaultWindowTime      = 20 * time.Millisecond // what goes to a slow target is stored one by one
)

// Policy says how a sink's deliveries are tried. Zero fields take the defaults above.
type Policy struct {
	MaxAttempts int // attempts of one delivery until it is a dead letter
	// MaxAge is how old an event may become while its target is Unreachable, counted from when it was logged.
	MaxAge         time.Duration
	AttemptTimeout time.Duration // of one attempt
	// BackoffBase and BackoffCap bound the pause before attempt n+1: a random time up to base*2^(n-1), at most the cap.
	BackoffBase, BackoffCap time.Duration
	RetryAfterCap           time.Duration // longest pause a target may ask for
	BreakerFailures         int           // Unreachable errors in a row, over all lanes of a key, that open its breaker
	BreakerPause            time.Duration // an open breaker lets one attempt probe after this time
	// Window is how many events a lane that catches up sends, at most, until it stores how they ended: a crash repeats what
	// was sent and not stored. It is one event and one more for every WindowShare of those that went well in a row, and
	// ends after WindowTime.
	Window, WindowShare int
	WindowTime          time.Duration
}

func (p Policy) withDefaults() Policy {
	p.MaxAttempts = cmp.Or(p.MaxAttempts, DefaultMaxAttempts)
	p.MaxAge = cmp.Or(p.MaxAge, DefaultMaxAge)
	p.AttemptTimeout = cmp.Or(p.AttemptTimeout, DefaultAttemptTimeout)
	p.BackoffBase = cmp.Or(p.BackoffBase, DefaultBackoffBase)
	p.BackoffCap = cmp.Or(p.BackoffCap, DefaultBackoffCap)
	p.RetryAfterCap = cmp.Or(p.RetryAfterCap, DefaultRetryAfterCap)
	p.BreakerFailures = cmp.Or(p.BreakerFailures, DefaultBreakerFailures)
	p.BreakerPause = cmp.Or(p.BreakerPause, DefaultBreakerPause)
	p.Window = cmp.Or(p.Window, DefaultWindow)
	p.WindowShare = cmp.Or(p.WindowShare, DefaultWindowShare)
	p.WindowTime = cmp.Or(p.WindowTime, DefaultWindowTime)
	return p
}

// Defaults of Config.
const (
	DefaultKeepDelivered    = 7 * 24 * time.Hour  // as long as the events themselves
	DefaultMaxDelivered     = 100_000             // entries, some 300 bytes each
	DefaultKeepDeadLetters  = 90 * 24 * time.Hour // somebody is back from holidays by then
	DefaultMaxDeadLetters   = 100_000             // each keeps a body
	DefaultMaxQueuedReplays = 10_000              // ids only
	DefaultMaxSignals       = 64                  // a target; older ones are worth nothing
	DefaultMaxSkips         = 1000                // of one session and outlet; some 100 bytes each
	DefaultCommitTimeout    = 30 * time.Second    // as the journal's
	DefaultMaxCommitRecords = 512                 // a commit of this size takes milliseconds
	DefaultSkipEvery        = time.Second         // how late cursors that only passed unwanted events are written
	DefaultReadEvents       = 64                  // a page
	DefaultReadBytes        = 64 << 10            // what a lane that waits holds in memory
	DefaultDrainTimeout     = 5 * time.Second     // most attempts under way end by then
	DefaultSweepEvery       = time.Minute
	DefaultMaxWatches       = 32                     // each reads a page when there is something new
	DefaultWatchEvery       = 100 * time.Millisecond // people look at it
	DefaultSweepBatch       = 500                    // rows of one delete: others wait for it about 2 ms
)

// Config tunes a dispatcher. Zero fields take the defaults above.
type Config struct {
	KeepDelivered    time.Duration // archive entries of delivered events; negative = none is made
	MaxDelivered     int           // entries of delivered events kept; the oldest go first
	KeepDeadLetters  time.Duration // dead letters and gaps
	MaxDeadLetters   int           // dead letters and gaps kept; the oldest go first, counted and logged
	MaxQueuedReplays int           // replays that wait; more are refused
	MaxSignals       int           // signals that wait for one target; older ones are dropped and counted
	MaxSkips         int           // stretches of a session's log that one outlet leaves out and lanes may still come to
	CommitTimeout    time.Duration // a transaction that takes longer is given up and tried again
	MaxCommitRecords int           // ended deliveries of one commit
	SkipEvery        time.Duration // longest time until a cursor that passed unwanted events is written
	ReadEvents       int           // most events a lane reads at once
	ReadBytes        int           // most bytes of bodies a lane reads at once, beyond the first event
	DrainTimeout     time.Duration // Close lets attempts under way end for so long, within its context
	SweepEvery       time.Duration // pause between retention runs of the archive
	SweepBatch       int           // rows deleted in one transaction
	MaxWatches       int           // open at a time; more are refused
	WatchEvery       time.Duration // shortest time between two looks of a watch into the archive
	Now              func() time.Time
	Log              *slog.Logger // nil = silent
}

func (c Config) withDefaults() Config {
	c.KeepDelivered = cmp.Or(c.KeepDelivered, DefaultKeepDelivered)
	c.MaxDelivered = cmp.Or(c.MaxDelivered, DefaultMaxDelivered)
	c.KeepDeadLetters = cmp.Or(c.KeepDeadLetters, DefaultKeepDeadLetters)
	c.MaxDeadLetters = cmp.Or(c.MaxDeadLetters, DefaultMaxDeadLetters)
	c.MaxQueuedReplays = cmp.Or(c.MaxQueuedReplays, DefaultMaxQueuedReplays)
	c.MaxSignals = cmp.Or(c.MaxSignals, DefaultMaxSignals)
	c.MaxSkips = cmp.Or(c.MaxSkips, DefaultMaxSkips)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, DefaultCommitTimeout)
	c.MaxCommitRecords = cmp.Or(c.MaxCommitRecords, DefaultMaxCommitRecords)
	c.SkipEvery = cmp.Or(c.SkipEvery, DefaultSkipEvery)
	c.ReadEvents = cmp.Or(c.ReadEvents, DefaultReadEvents)
	c.ReadBytes = cmp.Or(c.ReadBytes, DefaultReadBytes)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	c.SweepEvery = cmp.Or(c.SweepEvery, DefaultSweepEvery)
	c.SweepBatch = cmp.Or(c.SweepBatch, DefaultSweepBatch)
	c.MaxWatches = cmp.Or(c.MaxWatches, DefaultMaxWatches)
	c.WatchEvery = cmp.Or(c.WatchEvery, DefaultWatchEvery)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
