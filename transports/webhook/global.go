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
	// globalID is the id of the operator's webhook, which receives the events of all sessions. It is in no table.
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
	// Requests is the limit of concurrent requests, of which one session may have a quarter; 0 = DefaultGlobalRequests. Lowering it does not cancel
	// running requests.
	Requests int
}

func (g *Global) webhook() *Webhook {
	return &Webhook{
		Key: globalKey, Name: globalID, URL: guard.NormalizeOrKeep(g.URL), Events: slices.Clone(g.Events), Format: g.Format, Files: g.Files, Active: true, Secret: g.Secret,
	}
}

// CheckGlobal validates the operator's webhook: refusal.Problems, or nil. A host that cannot be resolved now is accepted.
func (w *Webhooks) CheckGlobal(ctx context.Context, g Global) error {
	c := Change{URL: &g.URL, Events: g.Events, Secret: &g.Secret, Format: &g.Format}
	if c.Events == nil {
		c.Events = []string{}
	}
	text, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return err
	}
	if isTemporary[text] {
		text = ""
	}
	if g.URL == "" {
		text = "must not be empty"
	}
	return w.store.validate(&c, g.webhook(), text)
}

// SetGlobal replaces the operator's webhook by one that was checked; nil = none. The caller puts the targets.
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
		w.sink.forget(globalKey) // it describes another receiver
	}
}

// GlobalTarget returns the operator's webhook as a dispatcher target of a session.
func (w *Webhooks) GlobalTarget(session string) dispatch.Target {
	t := dispatch.Target{Transport: Transport, ID: dispatch.GlobalPrefix + session, Session: session, Outlet: Transport}
	if hook := w.store.lookupActive(globalKey); hook != nil {
		t.Filter, t.Key = w.store.buildFilter(hook), hostPort(hook.URL)
	}
	return t
}

// TestGlobal is Test for the operator's webhook.
func (w *Webhooks) TestGlobal(ctx context.Context) (TestResult, error) {
	hook := w.store.lookupActive(globalKey)
	if hook == nil {
		return TestResult{}, ErrNoURL
	}
	return w.sink.testWebhook(ctx, hook)
}

// GlobalLoad returns the number of running requests of the operator's webhook, and of free slots.
func (w *Webhooks) GlobalLoad() (active, free int) {
	active, limit := w.sink.global.inUse()
	return active, max(limit-active, 0)
}

// GlobalRequests returns the limit of concurrent requests of the operator's webhook.
func (w *Webhooks) GlobalRequests() int {
	_, limit := w.sink.global.inUse()
	return limit
}

// GlobalStanding returns the outcome of the latest attempts of the operator's webhook.
func (w *Webhooks) GlobalStanding() Standing { return w.sink.standing(globalKey) }

func isGlobal(t dispatch.Target) bool { return dispatch.IsGlobal(t.ID) }

// slotsFor returns the slots of a webhook's requests: the operator's webhook has separate slots, sized for its receiver, and uses none of the
// sessions'.
func (s *sink) slotsFor(global bool) *slots {
	if global {
		return s.global
	}
	return s.slots
}

// inUse returns the number of used slots over all hosts, and the limit per host.
func (s *slots) inUse() (n, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hosts {
		n += h.total
	}
	return n, s.limit
}

// SendGlobal makes one attempt to deliver to the operator's webhook, outside the lanes of sessions. ErrNoURL: there is none.
func (w *Webhooks) SendGlobal(ctx context.Context, d *dispatch.Delivery) error {
	if w.store.lookupActive(globalKey) == nil {
		return ErrNoURL
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Policy.AttemptTimeout)
	defer cancel()
	if _, err := w.sink.Deliver(ctx, w.GlobalTarget(d.Event.Session), d); err != nil {
		return fmt.Errorf("%s: %w", Transport, err)
	}
	return nil
}
