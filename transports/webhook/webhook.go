package webhook

import (
	"net/url"
	"slices"
	"time"

	"github.com/waystation/waystation/transports/kit/guard"
)

// DefaultID is the id of the webhook that every session has. It is empty and inactive until it is set, and deleting it
// empties it.
const DefaultID = "default"

// AllEvents stands for every event that has an offset; signals (typing, presence, pairing codes) must be named. In a
// format that has words for some events only it stands for those, signals among them.
const AllEvents = "*"

// Masked is what stands in results for a secret; given as one, it means that the secret stays as it is.
const Masked = "***"

// Key names a webhook. Ids other than DefaultID are unique over the server.
type Key struct{ Session, ID string }

// Webhook is an address that receives a session's events.
type Webhook struct {
	Key
	Name   string
	URL    string   // empty = delivers nowhere
	Events []string // names, or AllEvents among them
	Format Format
	Files  FileMode // of messages; empty = FilesNone
	Active bool     // delivers

	Secret         string // key of the signature; empty = not signed
	PreviousSecret string // the one before the last rotation
	PreviousUntil  time.Time
	BodyToken      string // repeated in the body, or a header, by formats that know one; empty = left out

	Created, Updated time.Time // zero: the default webhook, never set

	to *url.URL // URL, of those in memory that deliver; nil = to be parsed
}

// secrets are the keys that sign a delivery at a moment, the newest first.
func (w *Webhook) secrets(now time.Time) []string {
	switch {
	case w.Secret == "":
		return nil
	case w.PreviousSecret != "" && now.Before(w.PreviousUntil):
		return []string{w.Secret, w.PreviousSecret}
	}
	return []string{w.Secret}
}

// delivers tells whether events are to be sent to it.
func (w *Webhook) delivers() bool { return w.Active && w.URL != "" }

// ready prepares a webhook for its deliveries, which share it from then on.
func (w *Webhook) ready() *Webhook {
	w.to, _ = url.Parse(guard.NormalizeOrKeep(w.URL)) // what is wrong with it, each delivery says
	return w
}

func (w *Webhook) clone() *Webhook {
	c := *w
	c.Events = slices.Clone(w.Events)
	return &c
}

// empty is the default webhook of a session that never set it.
func empty(session string) *Webhook {
	return &Webhook{Key: Key{session, DefaultID}, Name: DefaultID, Events: []string{}, Format: FormatNative, Files: FilesNone}
}

// Change is what Create and Update set; nil fields stay as they are.
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

// apply changes w. An address that is set where there was none switches on, unless the change says otherwise; an empty
// one switches off.
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

// applied is apply for a caller who has no use for w otherwise.
func (c *Change) applied(w *Webhook) *Webhook {
	c.apply(w)
	return w
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
