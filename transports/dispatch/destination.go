package dispatch

import (
	"fmt"
	"slices"
	"strings"
)

// Destination is where else entries are sent. The zero value is the target that each of them went to.
type Destination struct {
	// Transport is the name of a sink; empty = each entry's own target.
	Transport string
	// Target is a target of the transport. Empty = every target of the transport that the entry's session has in use, except those whose outlet the
	// session currently skips.
	Target string
}

// send is one entry to be sent to one target.
type send struct {
	entry *Entry
	to    *target
}

// sendKey identifies a send.
type sendKey struct {
	entry int64
	to    targetKey
}

func (t *target) lookupKey() targetKey { return targetKey{t.sink.name, t.id} }

func (d *Dispatcher) checkDestination(to Destination) error {
	switch {
	case to.Transport == "" && to.Target != "":
		return fmt.Errorf("%w: a destination without a transport", ErrInvalid)
	case to.Transport != "" && d.lookupSink(to.Transport) == nil:
		return fmt.Errorf("%w: unknown transport %q", ErrInvalid, to.Transport)
	}
	return nil
}

// resolveDestinations returns the targets to which an entry is sent, or the problem that prevents it.
func (d *Dispatcher) resolveDestinations(r *Replay, e *Entry) (list []*target, problem string) {
	switch {
	case e.Status == Gap:
		return nil, "its events were lost before they could be sent"
	case r.To.Transport != "":
		return d.targetsOfTransport(r.To, e.Session, r.Own)
	}
	if s := d.lookupSink(e.Transport); s != nil {
		if t := s.lookupTarget(e.Target); t != nil && t.session == e.Session {
			return []*target{t}, ""
		}
	}
	return nil, "its target is not in use any more"
}

func (d *Dispatcher) targetsOfTransport(to Destination, session string, own bool) (list []*target, problem string) {
	out := false
	for _, t := range d.targetsOf(session) {
		switch {
		case t.sink.name != to.Transport || to.Target != "" && t.id != to.Target || own && IsGlobal(t.id):
		case to.Target == "" && d.Skips(session, t.settings().Outlet):
			out = true
		default:
			list = append(list, t)
		}
	}
	switch {
	case len(list) > 0:
		slices.SortFunc(list, func(a, b *target) int { return strings.Compare(a.id, b.id) })
		return list, ""
	case to.Target != "":
		return nil, fmt.Sprintf("its session has no target %q of %s in use", to.Target, to.Transport)
	case out:
		return nil, fmt.Sprintf("its session stays out of the global target of %s and has no other", to.Transport)
	}
	return nil, fmt.Sprintf("its session has no target of %s in use", to.Transport)
}
