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
	DefaultMaxURL         = 2048                // bytes; what browsers and proxies agree on
	DefaultHostRequests   = 16                  // at a time; a receiver with a handful of workers is not run over
	DefaultGlobalRequests = 50                  // of Global; what the operator's own receiver is made for
	DefaultMaxAnswer      = 64 << 10            // bytes read of an answer, so that its connection can be used again
	DefaultFileBytes      = 16 << 20            // WhatsApp's bound of pictures, sounds and most videos
	DefaultKeepSecret     = 24 * time.Hour      // a day to bring the new key to every receiver
	MaxKeepSecret         = 30 * 24 * time.Hour // a rotation that never ends protects nobody
)

// Bounds of a webhook's fields.
const (
	maxName   = 255 // characters
	maxEvents = 100 // names
	minSecret = 16  // bytes; less can be guessed
	maxSecret = 256 // bytes
	maxToken  = 255 // bytes
)

// Config sets up Webhooks. Zero fields take the defaults above.
type Config struct {
	// Key encrypts secrets in the database: 32 bytes that survive a restart.
	Key []byte
	// PreviousKeys open values that were sealed before the key was replaced. Open seals those with Key.
	PreviousKeys [][]byte
	// Events are the names that may be subscribed to, and which of them are signals.
	Events map[string]bool
	// Check tells whether an address may be requested now. It is asked when an address is set; Transport asks again for each
	// connection.
	Check func(ctx context.Context, url string) error
	// Transport makes the requests; an http.Client would add what they do not need, redirects and cookies. It must be guarded.
	Transport http.RoundTripper
	// Policy says how deliveries are tried. Its AttemptTimeout is that of trials too, and its RetryAfterCap what a
	// receiver may ask for.
	Policy dispatch.Policy

	// Messages reads what events leave out or write in another form, for the formats of other gateways. nil: they make do
	// with the events.
	Messages Messages

	// Files opens the files of messages. nil: every file counts as unavailable.
	Files Files
	// FileBytes is the largest file that is sent, in bytes; larger ones are left out.
	FileBytes int64
	// FileMemory bounds the bodies with files that are in memory at a time. nil: no bound.
	FileMemory Memory

	MaxPerSession int   // webhooks, the default one included
	MaxURL        int   // bytes
	HostRequests  int   // requests to one host and port at a time
	MaxAnswer     int64 // bytes
	Now           func() time.Time
}

// Messages gives formats what a message has beyond its event. Its methods may be called concurrently.
type Messages interface {
	// Whole returns the data of a Message event with the texts and the original that it lost because it was too large. An
	// error is temporary: the delivery is tried again.
	Whole(ctx context.Context, session string, data json.RawMessage) (json.RawMessage, error)
	// GoJSON returns the original of a message as encoding/json makes it of whatsmeow's Go structs.
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
