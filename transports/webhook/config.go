package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
)

// Defaults of Config.
const (
	DefaultMaxPerSession  = 20                  // a lane and a cursor each
	DefaultMaxURL         = 2048                // bytes; the limit that browsers and proxies have in common
	DefaultHostRequests   = 16                  // concurrent; does not overload a receiver with few workers
	DefaultGlobalRequests = 50                  // for Global; the operator's own receiver is sized for it
	DefaultMaxAnswer      = 64 << 10            // bytes of a response to read, so that its connection can be reused
	DefaultFileBytes      = 16 << 20            // WhatsApp's limit for pictures, sounds and most videos
	DefaultKeepSecret     = 24 * time.Hour      // a day to deploy the new key to every receiver
	MaxKeepSecret         = 30 * 24 * time.Hour // longer rotations would defeat their purpose
)

// Bounds of a webhook's fields.
const (
	maxName   = 255 // characters
	maxEvents = 100 // names
	minSecret = 16  // bytes; shorter ones can be guessed
	maxSecret = 256 // bytes
	maxToken  = 255 // bytes
)

// Config sets up Webhooks. Zero fields take the defaults above.
type Config struct {
	// Key encrypts secrets in the database: 32 bytes that must not change between restarts.
	Key []byte
	// PreviousKeys decrypt values that were sealed before the key was replaced. Open reseals those with Key.
	PreviousKeys [][]byte
	// Events maps the event names that may be subscribed to; true = a signal.
	Events map[string]bool
	// Check reports whether an address may be requested now. It is called when an address is set; Transport checks again for each connection.
	Check func(ctx context.Context, url string) error
	// Transport makes the requests; an http.Client would add redirects and cookies, which deliveries must not use. It must be guarded.
	Transport http.RoundTripper
	// Policy is the retry policy of deliveries. Its AttemptTimeout also applies to tests, and its RetryAfterCap to delays requested by a receiver.
	Policy dispatch.Policy

	// Messages completes events for the formats of other gateways: it reads omitted data or converts it. nil: the formats use the events only.
	Messages Messages

	// Files opens the files of messages. nil: every file counts as unavailable.
	Files Files
	// FileBytes is the size limit of files, in bytes; larger ones are left out.
	FileBytes int64
	// FileMemory limits the memory of bodies with files. nil: no limit.
	FileMemory Memory

	MaxPerSession int   // webhooks, the default one included
	MaxURL        int   // bytes
	HostRequests  int   // concurrent requests to one host and port
	MaxAnswer     int64 // bytes
	Now           func() time.Time
}

// Messages returns message data that events do not contain. Its methods may be called concurrently.
type Messages interface {
	// Whole returns the data of a Message event including the texts and the original that were omitted for size. An error is temporary: the delivery
	// is retried.
	Whole(ctx context.Context, session string, data json.RawMessage) (json.RawMessage, error)
	// GoJSON returns the original of a message as encoding/json encodes whatsmeow's Go structs.
	GoJSON(raw json.RawMessage) (json.RawMessage, error)
}

func (c Config) withDefaults() Config {
	c.MaxPerSession = cmp.Or(c.MaxPerSession, DefaultMaxPerSession)
	c.MaxURL = cmp.Or(c.MaxURL, DefaultMaxURL)
	c.HostRequests = cmp.Or(c.HostRequests, DefaultHostRequests)
	c.MaxAnswer = cmp.Or(c.MaxAnswer, DefaultMaxAnswer)
	c.FileBytes = cmp.Or(c.FileBytes, DefaultFileBytes)
	c.Policy.MaxAttempts = cmp.Or(c.Policy.MaxAttempts, dispatch.DefaultMaxAttempts)
	c.Policy.AttemptTimeout = cmp.Or(c.Policy.AttemptTimeout, dispatch.DefaultAttemptTimeout)
	c.Policy.RetryAfterCap = cmp.Or(c.Policy.RetryAfterCap, dispatch.DefaultRetryAfterCap)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
