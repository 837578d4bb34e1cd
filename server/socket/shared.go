package socket

import (
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// Shared is what operators and sessions say about connections that follow all sessions: those with an admin's credential
// and a filter that names no session. Filters that name a session, and its own credential, are not concerned.
type Shared interface {
	// Enabled tells whether there may be such connections.
	Enabled() bool
	// Skips tells whether a session stays out of them now, Skipped whether it did when an event was logged.
	Skips(session string) bool
	Skipped(session, epoch string, offset uint64) bool
}

// anySession is a server without such rules.
type anySession struct{}

func (anySession) Enabled() bool                       { return true }
func (anySession) Skips(string) bool                   { return false }
func (anySession) Skipped(string, string, uint64) bool { return false }

// takesAll tells whether a principal's connection with these filters follows all sessions.
func takesAll(who rpc.Principal, filters *filterSet) bool {
	return who.Kind == rpc.ScopeAdmin && who.Session == "" && filters.wantsAny()
}

func errNotShared() *rpc.Error {
	return rpc.Forbidden("the operator lets no connection follow all sessions (global-websocket-enabled): name those it should")
}

// choose returns the events that filters want. Those of a session that stays out of connections to all sessions only pass
// filters that name it.
func (r *read) choose(shared Shared, events []*journal.Event) []*journal.Event {
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

// wantsSignal tells whether a connection gets a signal; the caller holds c.mu.
func (c *conn) wantsSignal(s *journal.Signal) bool {
	filters := c.filters
	if c.shared && c.e.cfg.Shared.Skips(s.Session) {
		filters = filters.naming
	}
	return filters.match(s.Session, s.Type, s.Chats, true)
}

// CloseShared ends the connections that follow all sessions, after the operator has switched them off.
func (e *Endpoint) CloseShared() {
	e.mu.Lock()
	list := make([]*conn, 0, len(e.everyone))
	for c := range e.everyone {
		list = append(list, c)
	}
	e.mu.Unlock()
	for _, c := range list {
		_ = c.Close(CloseForbidden, "no connection may follow all sessions any more")
	}
}
