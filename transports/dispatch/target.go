package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Target is where events of one session go by one transport.
type Target struct {
	Transport string // name of the sink
	ID        string // unique within the transport
	Session   string // whose events
	Filter    Filter
	// Key names what is up or down as a whole: targets with the same key share a breaker, which errors marked Unreachable
	// trip. Empty = the target stands alone.
	Key string
	// Outlet is what the session may stay out of (see Dispatcher.SetSkips); empty = the target gets all that it wants.
	Outlet string
}

// GlobalPrefix begins the ids of targets that the operator has set for every session; the session's id follows.
const GlobalPrefix = "global/"

// IsGlobal tells whether a target's id is one of the operator's.
func IsGlobal(id string) bool { return strings.HasPrefix(id, GlobalPrefix) }

// Filter says which events a target wants.
type Filter struct {
	Events  []string // names; "*" among them = every one
	Signals bool     // also volatile ones (typing, presence) of those names
}

func (f *Filter) wants(name string) bool {
	return slices.Contains(f.Events, name) || slices.Contains(f.Events, "*")
}

// ErrInvalid says that a target or query cannot be taken as it is.
var ErrInvalid = errors.New("dispatch: invalid")

// maxNameBytes bounds names of transports, targets, sessions and keys, as the journal does.
const maxNameBytes = 512

func (t *Target) check() error {
	for _, name := range []struct{ what, text string }{
		{"transport", t.Transport}, {"target id", t.ID}, {"session", t.Session},
	} {
		if name.text == "" {
			return fmt.Errorf("%w: a target without %s", ErrInvalid, name.what)
		}
		if len(name.text) > maxNameBytes || !utf8.ValidString(name.text) || strings.ContainsAny(name.text, "\x00\n") {
			return fmt.Errorf("%w: the %s of a target is not one line of at most %d bytes", ErrInvalid, name.what, maxNameBytes)
		}
	}
	return nil
}
