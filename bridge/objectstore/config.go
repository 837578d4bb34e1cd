package objectstore

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Defaults of Config.
const (
	DefaultUploads       = 16                  // one file each; a core is busy with some hundred MB/s of them
	DefaultUploadTimeout = 2 * time.Minute     // 100 MiB at 1 MB/s
	DefaultGiveUp        = 10 * time.Minute    // a storage that restarts is back by then; the event waits no longer
	DefaultRetryMin      = time.Second         // a server that restarts
	DefaultRetryMax      = time.Minute         // what a storage that came back waits at most
	DefaultMaxWaiting    = 10_000              // some 5 MB in the database
	DefaultMaxBytes      = 100 << 20           // what is kept of other files too
	DefaultRetainEvery   = time.Hour           // retention is counted in days
	DefaultRetainWorkers = 5                   // sessions at a time
	DefaultRetainBatch   = 1000                // what one request may delete
	DefaultRetainObjects = 10_000              // of one cycle; the next one goes on
	DefaultTestTimeout   = 15 * time.Second    // somebody waits for it
	maxPurgeAge          = 30 * 24 * time.Hour // a storage that is gone for so long is gone
	globalLanes          = 4                   // uploads to the operator's storage at a time
	maxRetentionDays     = 36_500              // a century
	maxField             = 1024                // bytes of an address or a key
	partSize             = 16 << 20            // bytes sent in one request
	dayLength            = 24 * time.Hour
	defaultRegion        = "us-east-1"
	awsEndpoint          = "https://s3.amazonaws.com"
)

// Config sets up a Storage. Zero fields take the defaults above.
type Config struct {
	// Key encrypts keys of storages in the database: 32 bytes that survive a restart.
	Key []byte
	// PreviousKeys open values that were sealed before the key was replaced. Open seals those with Key.
	PreviousKeys [][]byte
	// Global is the operator's storage at the start (see SetGlobal); not enabled = none.
	Global Settings
	// Check tells whether a session's endpoint may be requested now, Guarded makes the requests to it, under the same rule.
	Check   func(ctx context.Context, url string) error
	Guarded http.RoundTripper
	// Open makes the requests to the operator's storage; nil = a plain transport.
	Open http.RoundTripper

	MaxBytes      int64         // of one file; larger ones are not stored
	Uploads       int           // files on their way at a time, over all storages
	UploadTimeout time.Duration // of one file, from WhatsApp to the storage
	GiveUp        time.Duration // age at which a file is given up
	RetryMin      time.Duration // first pause after a failure; it doubles
	RetryMax      time.Duration
	MaxWaiting    int           // files that may wait in a lane
	RetainEvery   time.Duration // between cycles of retention
	RetainWorkers int           // storages cleaned at a time
	RetainBatch   int           // objects deleted by one request
	RetainObjects int           // objects deleted in one cycle
	TestTimeout   time.Duration // of a trial
	Now           func() time.Time
	Log           *slog.Logger // nil = silent
}

func (c Config) withDefaults() Config {
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	c.Uploads = cmp.Or(c.Uploads, DefaultUploads)
	c.UploadTimeout = cmp.Or(c.UploadTimeout, DefaultUploadTimeout)
	c.GiveUp = cmp.Or(c.GiveUp, DefaultGiveUp)
	c.RetryMin = cmp.Or(c.RetryMin, DefaultRetryMin)
	c.RetryMax = cmp.Or(c.RetryMax, DefaultRetryMax)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, DefaultMaxWaiting)
	c.RetainEvery = cmp.Or(c.RetainEvery, DefaultRetainEvery)
	c.RetainWorkers = cmp.Or(c.RetainWorkers, DefaultRetainWorkers)
	c.RetainBatch = cmp.Or(c.RetainBatch, DefaultRetainBatch)
	c.RetainObjects = cmp.Or(c.RetainObjects, DefaultRetainObjects)
	c.TestTimeout = cmp.Or(c.TestTimeout, DefaultTestTimeout)
	if c.Open == nil {
		c.Open = http.DefaultTransport
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
