package bridge

import "time"

// Config bounds and paces the bridge. A zero field takes its default.
type Config struct {
	// ConnectConcurrency is how many sessions may be dialling and logging in at
	// once, at start and after an outage. Default 8: a login costs some
	// milliseconds of CPU, and a burst of hundreds would time out itself.
	ConnectConcurrency int
	// ConnectTimeout ends a dial and handshake. Default 30 s.
	ConnectTimeout time.Duration
	// LoginTimeout is how long an open socket may stay without a login or a
	// pairing code. Default 60 s.
	LoginTimeout time.Duration
	// PasskeyTimeout bounds the wait for the answer to a passkey request; a request that says less ends earlier. Default 10 min,
	// which WhatsApp's own requests say.
	PasskeyTimeout time.Duration
	// ConfirmTimeout bounds each wait between an accepted passkey answer and the end of pairing: for the phone, for the caller's
	// confirmation, for WhatsApp. Default 2 min.
	ConfirmTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause before a reconnect: it doubles
	// from the first to the second, and the real pause is a random part of it.
	// Defaults 1 s and 2 min.
	BackoffMin, BackoffMax time.Duration
	// KeepAliveLimit is how long pings may fail before the connection is given
	// up and opened again. Default 90 s.
	KeepAliveLimit time.Duration
	// RedeliveryPause is how long a session waits after an event that could not
	// be recorded, before it opens its connection again to have it redelivered.
	// Default 5 s.
	RedeliveryPause time.Duration
	// StoreProbe is the pause between probes of a store that refused an event; the session reconnects once a probe succeeds.
	// Default 1 s.
	StoreProbe time.Duration
	// StanzaBytes is the largest stanza of WhatsApp after decompression, in bytes; larger ones are dropped. Default 32 MiB: a frame has 16 MiB.
	StanzaBytes int
	// StanzaDepth is how many levels deep stanzas may be inside each other; others are dropped. Default 64: WhatsApp's have fewer than ten.
	StanzaDepth int
	// MaxSessions bounds the stored sessions. Default 10000.
	MaxSessions int
	// EventDataLimit is the largest data of one event, in bytes. What is over it
	// loses its raw part first. Default 64 KiB.
	EventDataLimit int
	// HistoryWorkers is how many history blobs are downloaded at once over all
	// sessions. Default 2: one blob may take tens of megabytes while it is read.
	HistoryWorkers int
	// DeviceName is what the phone shows in its list of linked devices, unless a
	// session's client profile says otherwise. Default "Waystation".
	DeviceName string
	// Dialect is the setting of that name of sessions that are made without one; empty = that of DefaultSettings.
	Dialect string
	// NoEcho keeps messages sent through methods from becoming events, whatever
	// the sessions' settings; a call that asks for its event gets it. Default
	// false.
	NoEcho bool
	// SkipMedia keeps the files of messages where they are, whatever the
	// sessions' settings; a call that asks for one gets it. Default false.
	SkipMedia bool
	// KeepDeleted is how long messages, media and contact keys of a session
	// stay that was deleted without purge, for a session created with Restore.
	// Default 30 days.
	KeepDeleted time.Duration
}

const (
	defaultConnectConcurrency = 8
	defaultConnectTimeout     = 30 * time.Second
	defaultLoginTimeout       = 60 * time.Second
	defaultPasskeyTimeout     = 10 * time.Minute
	defaultConfirmTimeout     = 2 * time.Minute
	defaultBackoffMin         = time.Second
	defaultBackoffMax         = 2 * time.Minute
	defaultKeepAliveLimit     = 90 * time.Second
	defaultRedeliveryPause    = 5 * time.Second
	defaultStoreProbe         = time.Second
	defaultStanzaBytes        = 32 << 20
	defaultStanzaDepth        = 64
	defaultMaxSessions        = 10000
	defaultEventDataLimit     = 64 << 10
	defaultHistoryWorkers     = 2
	defaultDeviceName         = "Waystation"
	defaultKeepDeleted        = 30 * 24 * time.Hour
)

func (c Config) withDefaults() Config {
	setDefault(&c.ConnectConcurrency, defaultConnectConcurrency)
	setDefault(&c.ConnectTimeout, defaultConnectTimeout)
	setDefault(&c.LoginTimeout, defaultLoginTimeout)
	setDefault(&c.PasskeyTimeout, defaultPasskeyTimeout)
	setDefault(&c.ConfirmTimeout, defaultConfirmTimeout)
	setDefault(&c.BackoffMin, defaultBackoffMin)
	setDefault(&c.BackoffMax, defaultBackoffMax)
	setDefault(&c.KeepAliveLimit, defaultKeepAliveLimit)
	setDefault(&c.RedeliveryPause, defaultRedeliveryPause)
	setDefault(&c.StoreProbe, defaultStoreProbe)
	setDefault(&c.StanzaBytes, defaultStanzaBytes)
	setDefault(&c.StanzaDepth, defaultStanzaDepth)
	setDefault(&c.MaxSessions, defaultMaxSessions)
	setDefault(&c.EventDataLimit, defaultEventDataLimit)
	setDefault(&c.HistoryWorkers, defaultHistoryWorkers)
	setDefault(&c.DeviceName, defaultDeviceName)
	setDefault(&c.KeepDeleted, defaultKeepDeleted)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
