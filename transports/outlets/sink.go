package outlets

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/waystation/waystation/transports/dispatch"
)

// Ids of targets: the session's follows.
const (
	ownPrefix = "own/"
)

// sink is all brokers of one kind, as the dispatcher sees them.
type sink struct {
	kind Kind

	mu     sync.RWMutex
	global *attached            // nil = no global connection
	own    map[string]*attached // by session
}

// attached is a connection in use, with the settings it is used by. It is never changed, only replaced.
type attached struct {
	*shared
	settings Settings
}

// errGone says that a transport was switched off while an event was on its way to it. The event is kept for the moment that
// it takes the dispatcher to hear of it, and is no dead letter.
var errGone = errors.New("the transport is switched off")

// connectionOf returns the connection of a target; nil = it was removed.
func (s *sink) connectionOf(t dispatch.Target) *attached {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if dispatch.IsGlobal(t.ID) {
		return s.global
	}
	return s.own[t.Session]
}

// Deliver implements dispatch.Sink.
func (s *sink) Deliver(ctx context.Context, t dispatch.Target, d *dispatch.Delivery) (code int, err error) {
	a := s.connectionOf(t)
	switch {
	case a == nil:
		return 0, errGone
	case d.Signal && !slices.Contains(a.settings.Events, d.Event.Type):
		return 0, nil // AllEvents brings no signals
	}
	return a.Deliver(ctx, t, d)
}

// DeliverAll implements dispatch.Batcher. Signals never come this way.
func (s *sink) DeliverAll(ctx context.Context, t dispatch.Target, all []dispatch.Delivery) (taken, code int, err error) {
	a := s.connectionOf(t)
	if a == nil {
		return 0, 0, errGone
	}
	return dispatch.DeliverAll(ctx, a.Connection, t, all)
}

// setGlobal replaces the connection of the global targets.
func (s *sink) setGlobal(a *attached) (before *attached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.global = s.global, a
	return before
}

// setOwn replaces the connection of a session's target.
func (s *sink) setOwn(session string, a *attached) (before *attached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.own[session]
	if a == nil {
		delete(s.own, session)
	} else {
		s.own[session] = a
	}
	return before
}

func (s *sink) globalNow() *attached {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.global
}

func (s *sink) ownNow(session string) *attached {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.own[session]
}
