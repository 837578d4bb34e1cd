package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Target is a receiver of the events of one session by one transport.
type Target struct {
	Transport string // name of the sink
	ID        string // unique within the transport
	Session   string // session whose events are delivered
	Filter    Filter
	// Key identifies the unit that is reachable or unreachable as a whole: targets with the same key share a breaker, which errors marked Unreachable
	// trip. Empty = a breaker for this target alone.
	Key string
	// Outlet is the name by which the session may skip the target (see Dispatcher.SetSkips); empty = the target is never skipped.
	Outlet string
}

// GlobalPrefix begins the ids of targets that the operator configured for every session; the session's id follows.
const GlobalPrefix = "global/"

// IsGlobal reports whether a target's id is one of the operator's.
func IsGlobal(id string) bool { return strings.HasPrefix(id, GlobalPrefix) }

// Filter selects the events of a target.
type Filter struct {
	Events  []string // event names; "*" = every event
	Signals bool     // include volatile events (typing, presence) of those names
}

func (f *Filter) matches(name string) bool {
	return slices.Contains(f.Events, name) || slices.Contains(f.Events, "*")
}

// ErrInvalid is returned for an invalid target or query.
var ErrInvalid = errors.New("dispatch: invalid")

// maxNameBytes limits names of transports, targets, sessions and keys, as the journal does.
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
