package webhook

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/guard"
)

const (
	// globalID is the id of the operator's webhook, which gets the events of all sessions. It is in no table.
	globalID = "global"
)

var globalKey = Key{ID: globalID}

// Global is the operator's webhook.
type Global struct {
	URL    string
	Events []string // names, or AllEvents among them
	Format Format
	Files  FileMode // of messages; empty = FilesNone
	Secret string   // empty = not signed
	// Requests may be under way at a time, a quarter of them of one session; 0 = DefaultGlobalRequests. With less than before,
	// those under way go on.
	Requests int
}

func (g *Global) webhook() *Webhook {
	return &Webhook{
		Key: globalKey, Name: globalID, URL: guard.NormalizeOrKeep(g.URL), Events: slices.Clone(g.Events), Format: g.Format, Files: g.Files, Active: true, Secret: g.Secret,
	}
}

// CheckGlobal tells what is wrong with the operator's webhook: refusal.Problems, or nil. A host that cannot be looked up now is
// nothing wrong.
func (w *Webhooks) CheckGlobal(ctx context.Context, g Global) error {
	c := Change{URL: &g.URL, Events: g.Events, Secret: &g.Secret, Format: &g.Format}
	if c.Events == nil {
		c.Events = []string{}
	}
	text, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return err
	}
	if isAway[text] {
		text = ""
	}
	if g.URL == "" {
		text = "must not be empty"
	}
	return w.store.check(&c, g.webhook(), text)
}

// SetGlobal makes a webhook that was checked the operator's, in the place of the one before; nil = there is none. Targets
// are put by the caller.
func (w *Webhooks) SetGlobal(g *Global) {
	w.store.mu.Lock()
	before := w.store.global
	if w.store.global = nil; g != nil {
		w.store.global = g.webhook().ready()
	}
	w.store.mu.Unlock()
	if g != nil {
		w.sink.global.resize(cmp.Or(g.Requests, DefaultGlobalRequests))
	}
	if before != nil && (g == nil || g.URL != before.URL) {
		w.sink.forget(globalKey) // it is about another receiver
	}
}

// GlobalTarget is the operator's webhook as the dispatcher knows it for a session.
func (w *Webhooks) GlobalTarget(session string) dispatch.Target {
	t := dispatch.Target{Transport: Transport, ID: dispatch.GlobalPrefix + session, Session: session, Outlet: Transport}
	if hook := w.store.delivering(globalKey); hook != nil {
		t.Filter, t.Key = w.store.filter(hook), address(hook.URL)
	}
	return t
}

// TestGlobal is Test for the operator's webhook.
func (w *Webhooks) TestGlobal(ctx context.Context) (Trial, error) {
	hook := w.store.delivering(globalKey)
	if hook == nil {
		return Trial{}, ErrNoURL
	}
	return w.sink.try(ctx, hook)
}

// GlobalLoad tells how many requests of the operator's webhook are under way, and how many more may be.
func (w *Webhooks) GlobalLoad() (active, free int) {
	active, limit := w.sink.global.inUse()
	return active, max(limit-active, 0)
}

// GlobalRequests are how many requests of the operator's webhook may be under way at a time.
func (w *Webhooks) GlobalRequests() int {
	_, limit := w.sink.global.inUse()
	return limit
}

// GlobalStanding tells how the latest attempts of the operator's webhook went.
func (w *Webhooks) GlobalStanding() Standing { return w.sink.standing(globalKey) }

func isGlobal(t dispatch.Target) bool { return dispatch.IsGlobal(t.ID) }

// room is where a webhook's requests wait for a slot: the operator's have slots of their own, which its receiver is made
// for, and take none of the sessions'.
func (s *sink) room(global bool) *slots {
	if global {
		return s.global
	}
	return s.slots
}

// inUse is how many slots are taken over all hosts, and how many one host has.
func (s *slots) inUse() (n, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hosts {
		n += h.total
	}
	return n, s.limit
}

// SendGlobal makes one attempt to deliver something to the operator's webhook, beside the events of sessions. ErrNoURL:
// there is none.
func (w *Webhooks) SendGlobal(ctx context.Context, d *dispatch.Delivery) error {
	if w.store.delivering(globalKey) == nil {
		return ErrNoURL
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.AttemptTimeout)
	defer cancel()
	if _, err := w.sink.Deliver(ctx, w.GlobalTarget(d.Event.Session), d); err != nil {
		return fmt.Errorf("%s: %w", Transport, err)
	}
	return nil
}
