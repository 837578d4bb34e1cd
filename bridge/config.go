package bridge

import (
	"time"

	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/outbox"
)

// Config sets limits, timeouts and pauses of the bridge. A zero field has its default.
type Config struct {
	// ConnectConcurrency is the number of sessions that may dial and log in concurrently, at start and after an outage.
	// Default 8: a login costs some milliseconds of CPU, and hundreds at once would time out.
	ConnectConcurrency int
	// ConnectTimeout ends a dial and handshake. Default 30 s.
	ConnectTimeout time.Duration
	// LoginTimeout is the time that an open socket may stay without a login or a pairing code. Default 60 s.
	LoginTimeout time.Duration
	// PasskeyTimeout bounds the wait for the answer to a passkey request; a request with a shorter timeout ends
	// earlier. Default 10 min, the timeout of WhatsApp's own requests.
	PasskeyTimeout time.Duration
	// ConfirmTimeout bounds each wait between an accepted passkey answer and the end of pairing: for the phone, for the caller's
	// confirmation, for WhatsApp. Default 2 min.
	ConfirmTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause before a reconnect: the upper limit doubles from BackoffMin to
	// BackoffMax, and the pause is a random part of it. Defaults 1 s and 2 min.
	BackoffMin, BackoffMax time.Duration
	// KeepAliveLimit is the time that pings may fail before the connection is closed and opened again. Default 90 s.
	KeepAliveLimit time.Duration
	// RedeliveryPause is the pause after an event that could not be recorded before the session reconnects to have it
	// redelivered. Default 5 s.
	RedeliveryPause time.Duration
	// StoreProbe is the interval between probes of a store that refused an event; the session reconnects once a probe
	// succeeds. Default 1 s.
	StoreProbe time.Duration
	// StanzaBytes is the largest stanza accepted from WhatsApp after decompression, in bytes; larger stanzas are
	// dropped. Default 32 MiB: a frame has at most 16 MiB.
	StanzaBytes int
	// StanzaDepth is the accepted nesting depth of stanzas; deeper stanzas are dropped. Default 64: WhatsApp's stanzas
	// have fewer than ten levels.
	StanzaDepth int
	// MaxSessions bounds the stored sessions. Default 10000.
	MaxSessions int
	// EventDataLimit is the largest data of one event, in bytes. Larger data loses its raw part first. Default 64 KiB.
	EventDataLimit int
	// HistoryWorkers is the number of history blobs downloaded concurrently over all sessions. Default 2: one blob may
	// take tens of megabytes while it is read.
	HistoryWorkers int
	// PhoneTimeout bounds the wait for the phone's answer to a request for history or app state, and between two chunks
	// of history. Default 5 min.
	PhoneTimeout time.Duration
	// MaxHistoryRequests bounds the requests for history of a session that wait for the phone. Default 20.
	MaxHistoryRequests int
	// MaxLabels bounds the labels of a session. Default 1000.
	MaxLabels int
	// MaxLabelUses bounds the chats and messages of a session that have a label. Default 100000.
	MaxLabelUses int
	// DeviceName is the name in the phone's list of linked devices, unless the session's client profile has another.
	// Default "Waystation".
	DeviceName string
	// Dialect is the dialect of sessions that are created without one; empty = the dialect of DefaultSettings.
	Dialect string
	// NoEcho suppresses the events of messages sent through methods, regardless of the sessions' settings; a call can
	// still request its event. Default false.
	NoEcho bool
	// SkipMedia disables fetching the files of messages, regardless of the sessions' settings; a call can still request
	// a file. Default false.
	SkipMedia bool
	// KeepDeleted is the time for which messages, media and contact keys of a session deleted without purge are kept,
	// for a session created with Restore. Default 30 days.
	KeepDeleted time.Duration
	// Outbox has the limits of automatic messages.
	Outbox outbox.Config
	// Automation has the limits of automatic answers.
	Automation automation.Config
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
	defaultPhoneTimeout       = 5 * time.Minute
	defaultMaxHistoryRequests = 20
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
	setDefault(&c.PhoneTimeout, defaultPhoneTimeout)
	setDefault(&c.MaxHistoryRequests, defaultMaxHistoryRequests)
	setDefault(&c.DeviceName, defaultDeviceName)
	setDefault(&c.KeepDeleted, defaultKeepDeleted)
	c.Outbox = c.Outbox.WithDefaults()
	c.Automation = c.Automation.WithDefaults()
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
