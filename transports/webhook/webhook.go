package webhook

import (
	"net/url"
	"slices"
	"time"

	"github.com/waystation/waystation/transports/kit/guard"
)

// DefaultID is the id of the webhook that every session has. It is empty and inactive until it is set, and deleting it empties it.
const DefaultID = "default"

// AllEvents stands for every event that has an offset; signals (typing, presence, pairing codes) must be named. In a format that supports only some
// events it stands for those, signals among them.
const AllEvents = "*"

// Masked replaces a secret in results; as an input it leaves the secret unchanged.
const Masked = "***"

// Key identifies a webhook. Ids other than DefaultID are unique in the server.
type Key struct{ Session, ID string }

// Webhook is an address that receives a session's events.
type Webhook struct {
	Key
	Name   string
	URL    string   // empty = no deliveries
	Events []string // names, or AllEvents among them
	Format Format
	Files  FileMode // of messages; empty = FilesNone
	Active bool     // switched on

	Secret         string // key of the signature; empty = not signed
	PreviousSecret string // secret before the last rotation
	PreviousUntil  time.Time
	BodyToken      string // repeated in the body, or a header, by formats that support it; empty = left out

	Created, Updated time.Time // zero: the default webhook, never set

	to *url.URL // parsed URL, for cached active webhooks; nil = not parsed yet
}

// secrets returns the keys that sign a delivery at a given time, the newest first.
func (w *Webhook) secrets(now time.Time) []string {
	switch {
	case w.Secret == "":
		return nil
	case w.PreviousSecret != "" && now.Before(w.PreviousUntil):
		return []string{w.Secret, w.PreviousSecret}
	}
	return []string{w.Secret}
}

// isActive reports whether events are sent to it.
func (w *Webhook) isActive() bool { return w.Active && w.URL != "" }

// ready prepares a webhook for its deliveries, which share it from then on.
func (w *Webhook) ready() *Webhook {
	w.to, _ = url.Parse(guard.NormalizeOrKeep(w.URL)) // a parse error is reported by each delivery
	return w
}

func (w *Webhook) clone() *Webhook {
	c := *w
	c.Events = slices.Clone(w.Events)
	return &c
}

// emptyDefault returns the default webhook of a session that never set it.
func emptyDefault(session string) *Webhook {
	return &Webhook{Key: Key{session, DefaultID}, Name: DefaultID, Events: []string{}, Format: FormatNative, Files: FilesNone}
}

// Change contains the fields set by Create and Update; nil fields stay unchanged.
type Change struct {
	Name      *string
	URL       *string // "" switches off
	Events    []string
	Secret    *string // "" removes it, Masked keeps it; ends a rotation
	Format    *Format
	Files     *FileMode
	Active    *bool
	BodyToken *string // "" removes it, Masked keeps it
}

// apply changes w. Setting an address where there was none switches the webhook on, unless the change says otherwise; an empty one switches it off.
func (c *Change) apply(w *Webhook) {
	hadURL := w.URL != ""
	set(&w.Name, c.Name)
	set(&w.URL, c.URL)
	w.URL = guard.NormalizeOrKeep(w.URL)
	set(&w.Format, c.Format)
	set(&w.Files, c.Files)
	set(&w.Active, c.Active)
	if c.Events != nil {
		w.Events = slices.Clone(c.Events)
	}
	if c.Secret != nil && *c.Secret != Masked {
		w.Secret, w.PreviousSecret, w.PreviousUntil = *c.Secret, "", time.Time{}
	}
	if c.BodyToken != nil && *c.BodyToken != Masked {
		w.BodyToken = *c.BodyToken
	}
	switch {
	case w.URL == "":
		w.Active = false
	case !hadURL && c.Active == nil:
		w.Active = true
	}
	if w.URL != "" && len(w.Events) == 0 && c.Events == nil {
		w.Events = []string{AllEvents}
	}
}

// applied is apply, returning w.
func (c *Change) applied(w *Webhook) *Webhook {
	c.apply(w)
	return w
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
