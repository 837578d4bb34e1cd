package dispatch

import (
	"cmp"
	"log/slog"
	"time"
)

// Defaults of Policy.
const (
	DefaultMaxAttempts     = 16                    // with the backoff below about 45 minutes: longer than a failed deployment
	DefaultMaxAge          = 24 * time.Hour        // covers an outage of a night and a day; afterwards events become dead letters
	DefaultAttemptTimeout  = 15 * time.Second      // most webhook senders use 5 to 30 s
	DefaultBackoffBase     = time.Second           // a restarting process is back within seconds
	DefaultBackoffCap      = 10 * time.Minute      // longest wait of a target that has recovered
	DefaultRetryAfterCap   = time.Hour             // a longer delay blocks the lane without benefit
	DefaultBreakerFailures = 5                     // in a row; a restart causes fewer
	DefaultBreakerPause    = 15 * time.Second      // one probe per period is negligible load
	DefaultWindow          = 16                    // larger windows gain little
	DefaultWindowShare     = 128                   // a crash repeats less than 1 %, plus one event
	DefaultWindowTime      = 20 * time.Millisecond // deliveries to a slow target are stored one at a time
)

// Policy is the retry policy of a sink. Zero fields take the defaults above.
type Policy struct {
	MaxAttempts int // attempts per delivery before it becomes a dead letter
	// MaxAge is the longest time that an event is held while its target is Unreachable, measured from when it was logged.
	MaxAge         time.Duration
	AttemptTimeout time.Duration // of one attempt
	// BackoffBase and BackoffCap bound the pause before attempt n+1: a random time up to base*2^(n-1), at most the cap.
	BackoffBase, BackoffCap time.Duration
	RetryAfterCap           time.Duration // longest delay that a target may request
	BreakerFailures         int           // consecutive Unreachable errors, over all lanes of a key, that open its breaker
	BreakerPause            time.Duration // interval between probes while the breaker is open
	// Window is the maximum number of events that a lane sends while it catches up before it stores the outcomes: a crash repeats events that were
	// sent but not stored. The window is one event plus one for every WindowShare consecutive successes, and ends after WindowTime.
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
	DefaultKeepDelivered    = 7 * 24 * time.Hour  // same as the events themselves
	DefaultMaxDelivered     = 100_000             // entries, some 300 bytes each
	DefaultKeepDeadLetters  = 90 * 24 * time.Hour // long enough for an operator to return from holidays
	DefaultMaxDeadLetters   = 100_000             // each keeps a body
	DefaultMaxQueuedReplays = 10_000              // ids only
	DefaultMaxSignals       = 64                  // per target; older signals are worthless
	DefaultMaxSkips         = 1000                // per session and outlet; about 100 bytes each
	DefaultCommitTimeout    = 30 * time.Second    // same as the journal's
	DefaultMaxCommitRecords = 512                 // a commit of this size takes milliseconds
	DefaultSkipEvery        = time.Second         // delay before cursors that passed only unwanted events are written
	DefaultReadEvents       = 64                  // a page
	DefaultReadBytes        = 64 << 10            // memory of a waiting lane
	DefaultDrainTimeout     = 5 * time.Second     // most running attempts end by then
	DefaultSweepEvery       = time.Minute
	DefaultMaxWatches       = 32                     // each reads a page per change
	DefaultWatchEvery       = 100 * time.Millisecond // sufficient for a person watching
	DefaultSweepBatch       = 500                    // rows per delete: blocks other writers for about 2 ms
)

// Config tunes a dispatcher. Zero fields take the defaults above.
type Config struct {
	KeepDelivered    time.Duration // archive entries of delivered events; negative = not stored
	MaxDelivered     int           // limit of entries of delivered events; the oldest are removed first
	KeepDeadLetters  time.Duration // dead letters and gaps
	MaxDeadLetters   int           // limit of dead letters and gaps; the oldest are removed first, counted and logged
	MaxQueuedReplays int           // limit of queued replays; further ones are rejected
	MaxSignals       int           // limit of queued signals per target; the oldest are dropped and counted
	MaxSkips         int           // skipped ranges of a session's log per outlet that lanes may not have passed yet
	CommitTimeout    time.Duration // a longer transaction is cancelled and retried
	MaxCommitRecords int           // ended deliveries of one commit
	SkipEvery        time.Duration // longest delay before a cursor that passed unwanted events is written
	ReadEvents       int           // most events per read of a lane
	ReadBytes        int           // most bytes of bodies per read of a lane, beyond the first event
	DrainTimeout     time.Duration // time that Close waits for running attempts, within its context
	SweepEvery       time.Duration // pause between retention runs of the archive
	SweepBatch       int           // rows deleted in one transaction
	MaxWatches       int           // limit of open watches; further ones are rejected
	WatchEvery       time.Duration // shortest interval between two archive reads of a watch
	// ObserveAttempts returns the function that gets the duration of each attempt of a transport. AddSink calls it once. nil =
	// durations are not observed.
	ObserveAttempts func(transport string) (observe func(took time.Duration))
	Now             func() time.Time
	Log             *slog.Logger // nil = no logging
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
