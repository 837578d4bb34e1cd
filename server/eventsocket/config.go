package eventsocket

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// Defaults of Config.
const (
	DefaultMaxConnections = 1000 // some 40 KB each
	DefaultMaxPerSession  = 100
	DefaultStallTimeout   = 15 * time.Second
	DefaultHeartbeat      = 25 * time.Second // proxies close connections that are silent for 30 to 60 s
	DefaultPongTimeout    = 10 * time.Second
)

// Limits that need no setting.
const (
	maxSignals  = 64        // volatile events that wait for one connection; the oldest are dropped
	readEvents  = 64        // events read from the journal at a time
	readBytes   = 256 << 10 // likewise, in bytes
	maxInput    = 64 << 10  // bytes of a message from a client, which is discarded
	retryAfter  = 5 * time.Second
	openTimeout = 10 * time.Second // to find the end of the log
)

// Journal is the part of journal.Journal that the package needs.
type Journal interface {
	Watch(session string, w journal.Watcher) (stop func())
	Lookup(ctx context.Context, session string) (log journal.Log, exists bool, err error)
	Read(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*journal.Event, error)
}

var _ Journal = (*journal.Journal)(nil)

// Config of an Endpoint. Zero fields take the defaults above.
type Config struct {
	Journal Journal
	// Encode returns the frame of an event in a format; nil if the format has none for it. Signals have no offset.
	Encode func(ctx context.Context, format string, e *journal.Event) ([]byte, error)
	// MaxConnections is the limit of the whole endpoint, MaxPerSession that of one session.
	MaxConnections, MaxPerSession int
	// StallTimeout is how long a client may take to accept a frame.
	StallTimeout time.Duration
	// Heartbeat is the interval of pings, PongTimeout how long a client may take to answer one.
	Heartbeat, PongTimeout time.Duration
	Log                    *slog.Logger // nil = silent
}

func (c Config) withDefaults() Config {
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxPerSession = cmp.Or(c.MaxPerSession, DefaultMaxPerSession)
	c.StallTimeout = cmp.Or(c.StallTimeout, DefaultStallTimeout)
	c.Heartbeat = cmp.Or(c.Heartbeat, DefaultHeartbeat)
	c.PongTimeout = cmp.Or(c.PongTimeout, DefaultPongTimeout)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
