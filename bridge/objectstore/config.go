package objectstore

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Default values of Config.
const (
	DefaultUploads       = 16                  // concurrent files; a core handles some hundred MB/s
	DefaultUploadTimeout = 2 * time.Minute     // 100 MiB at 1 MB/s
	DefaultGiveUp        = 10 * time.Minute    // a restarting storage is back by then; the event waits no longer
	DefaultRetryMin      = time.Second         // for a restarting server
	DefaultRetryMax      = time.Minute         // the longest wait after a storage is back
	DefaultMaxWaiting    = 10_000              // some 5 MB in the database
	DefaultMaxBytes      = 100 << 20           // limit of other stored files too
	DefaultRetainEvery   = time.Hour           // retention is counted in days
	DefaultRetainWorkers = 5                   // concurrent sessions
	DefaultRetainBatch   = 1000                // limit of one delete request
	DefaultRetainObjects = 10_000              // per cycle; the next cycle continues
	DefaultTestTimeout   = 15 * time.Second    // a caller waits for it
	maxPurgeAge          = 30 * 24 * time.Hour // a storage unreachable for so long is given up
	globalLanes          = 4                   // concurrent uploads to the operator's storage
	maxRetentionDays     = 36_500              // a century
	maxField             = 1024                // bytes of an address or a key
	partSize             = 16 << 20            // bytes sent in one request
	dayLength            = 24 * time.Hour
	defaultRegion        = "us-east-1"
	awsEndpoint          = "https://s3.amazonaws.com"
)

// Config configures a Storage. Zero fields have the defaults above.
type Config struct {
	// Key encrypts the keys of storages in the database: 32 bytes that survive a restart.
	Key []byte
	// PreviousKeys decrypt values that were sealed before the key was replaced. Open seals those values again with Key.
	PreviousKeys [][]byte
	// Global has the initial settings of the operator's storage (see SetGlobal); not enabled = none.
	Global Settings
	// Check reports whether a session's endpoint may be requested now. Guarded makes the requests to it, under the same
	// rule.
	Check   func(ctx context.Context, url string) error
	Guarded http.RoundTripper
	// Open makes the requests to the operator's storage; nil = a plain transport.
	Open http.RoundTripper

	MaxBytes      int64         // of one file; larger ones are not stored
	Uploads       int           // concurrent uploads over all storages
	UploadTimeout time.Duration // per file, from WhatsApp to the storage
	GiveUp        time.Duration // age at which a file is given up
	RetryMin      time.Duration // first pause after a failure; it doubles
	RetryMax      time.Duration
	MaxWaiting    int           // pending files in a lane
	RetainEvery   time.Duration // between cycles of retention
	RetainWorkers int           // storages cleaned concurrently
	RetainBatch   int           // objects deleted by one request
	RetainObjects int           // objects deleted in one cycle
	TestTimeout   time.Duration // timeout of a storage test
	Now           func() time.Time
	Log           *slog.Logger // nil = discarded
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
