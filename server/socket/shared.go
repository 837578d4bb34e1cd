package socket

import (
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// Shared contains the rules of operators and sessions for connections that follow all sessions: those with an admin
// credential and a filter that names no session. Filters that name a session, and credentials of the session itself,
// are not affected.
type Shared interface {
	// Enabled reports whether such connections are permitted.
	Enabled() bool
	// Skips reports whether a session is left out of them now, Skipped whether it was left out when an event was
	// logged.
	Skips(session string) bool
	Skipped(session, epoch string, offset uint64) bool
}

// anySession is a Shared without rules.
type anySession struct{}

func (anySession) Enabled() bool                       { return true }
func (anySession) Skips(string) bool                   { return false }
func (anySession) Skipped(string, string, uint64) bool { return false }

// followsAll reports whether a connection of the principal with these filters follows all sessions.
func followsAll(who rpc.Principal, filters *filterSet) bool {
	return who.Kind == rpc.ScopeAdmin && who.Session == "" && filters.matchesUnnamed()
}

func errNotShared() *rpc.Error {
	return rpc.Forbidden("the operator lets no connection follow all sessions (global-websocket-enabled): name those it should")
}

// selectEvents returns the events that match the filters. Events of a session that is left out of connections to all
// sessions only match filters that name it.
func (r *read) selectEvents(shared Shared, events []*journal.Event) []*journal.Event {
	if r.filters.all && !r.shared {
		return events
	}
	var matched []*journal.Event
	for _, ev := range events {
		filters := r.filters
		if r.shared && shared.Skipped(ev.Session, r.epoch, ev.Offset) {
			filters = filters.naming
		}
		if filters.match(ev.Session, ev.Type, ev.Chats, false) {
			matched = append(matched, ev)
		}
	}
	return matched
}

// wantsSignal reports whether a connection receives a signal; the caller holds c.mu.
func (c *conn) wantsSignal(s *journal.Signal) bool {
	filters := c.filters
	if c.shared && c.e.cfg.Shared.Skips(s.Session) {
		filters = filters.naming
	}
	return filters.match(s.Session, s.Type, s.Chats, true)
}

// CloseShared closes the connections that follow all sessions, after the operator has disabled them.
func (e *Endpoint) CloseShared() {
	e.mu.Lock()
	list := make([]*conn, 0, len(e.adopters))
	for c := range e.adopters {
		list = append(list, c)
	}
	e.mu.Unlock()
	for _, c := range list {
		c.mu.Lock()
		all := c.shared
		c.mu.Unlock()
		if !all {
			continue
		}
		_ = c.Close(CloseForbidden, "no connection may follow all sessions any more")
	}
}
