package outlets

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/webhook"
)

// Globals are the global transports.
type Globals struct {
	Webhook   *webhook.Global     // nil = off
	Brokers   map[string]Settings // by transport; those that are not there, or not enabled, are off
	WebSocket bool                // sockets may follow all sessions
}

// SetGlobals puts other global transports in the place of those there are. When one of them is not right, nothing changes;
// the error is Problems by the name of the transport.
func (o *Outlets) SetGlobals(ctx context.Context, g Globals) error {
	return o.withGlobals(ctx, g, o.changeGlobals)
}

// withGlobals prepares global transports and takes the turn to use them.
func (o *Outlets) withGlobals(ctx context.Context, g Globals, use func(context.Context, map[string]*attached, Globals) error) error {
	next, g, err := o.prepareGlobals(ctx, g)
	if err != nil {
		return err
	}
	ctx, end, err := o.beginChange(ctx)
	if err != nil {
		o.releaseAll(next)
		return err
	}
	defer end()
	return use(ctx, next, g)
}

// changeGlobals is SetGlobals for callers that hold the change lock.
func (o *Outlets) changeGlobals(ctx context.Context, next map[string]*attached, g Globals) (err error) {
	for name, s := range o.sinks {
		err = errors.Join(err, o.switchTo(ctx, name, s, next[name]))
	}
	err = errors.Join(err, o.switchWebhook(ctx, g.Webhook))
	o.mu.Lock()
	o.globals = g
	o.mu.Unlock()
	return err
}

// prepareGlobals checks all settings and opens the new connections, or none. It may take as long as a DNS lookup, so it runs without the change lock.
func (o *Outlets) prepareGlobals(ctx context.Context, g Globals) (next map[string]*attached, checked Globals, err error) {
	bad := Problems{}
	next = map[string]*attached{}
	checked = Globals{Brokers: map[string]Settings{}, WebSocket: g.WebSocket}
	for _, name := range slices.Sorted(maps.Keys(g.Brokers)) {
		set := g.Brokers[name]
		if !set.Enabled {
			continue
		}
		a, err := o.attachSession(name, &set, Access{Operator: true, MaxNames: o.cfg.MaxNames})
		var p refusal.Problems
		switch {
		case errors.As(err, &p):
			bad[name] = p
			continue
		case err != nil:
			bad[name] = refusal.Problems{{Field: "enabled", Text: err.Error()}}
			continue
		}
		next[name], checked.Brokers[name] = a, set
	}
	if g.Webhook != nil {
		hook := *g.Webhook
		events, p := checkEvents(hook.Events, o.cfg.Events)
		hook.Events = events
		var more refusal.Problems
		if err := o.webhooks.CheckGlobal(ctx, hook); errors.As(err, &more) {
			for _, problem := range more {
				if !slices.Contains(p, problem) {
					p.Add(problem.Field, problem.Text)
				}
			}
		} else if err != nil {
			p.Add("url", err.Error())
		}
		if len(p) > 0 {
			bad[webhook.Transport] = p
		}
		checked.Webhook = &hook
	}
	if len(bad) == 0 {
		return next, checked, nil
	}
	o.releaseAll(next)
	return nil, Globals{}, bad
}

// switchTo has the global targets of a transport stand for something else; nil = off.
func (o *Outlets) switchTo(ctx context.Context, transport string, s *sink, next *attached) error {
	if next == nil {
		err := o.dispatcher.RemoveTargets(ctx, transport, dispatch.GlobalPrefix)
		o.dropConnection(s.setGlobal(nil))
		return err
	}
	before := s.setGlobal(next)
	err := o.dispatcher.PutTargets(ctx, o.globalTargets(func(session string) dispatch.Target { return o.globalTarget(transport, next, session) })...)
	o.dropConnection(before)
	return err
}

func (o *Outlets) switchWebhook(ctx context.Context, g *webhook.Global) error {
	if g == nil {
		err := o.dispatcher.RemoveTargets(ctx, webhook.Transport, dispatch.GlobalPrefix)
		o.webhooks.SetGlobal(nil)
		return err
	}
	o.webhooks.SetGlobal(g)
	return o.dispatcher.PutTargets(ctx, o.globalTargets(o.webhooks.GlobalTarget)...)
}

func (o *Outlets) globalTargets(of func(session string) dispatch.Target) []dispatch.Target {
	list := make([]dispatch.Target, 0, len(o.sessions))
	for session := range o.sessions {
		list = append(list, of(session))
	}
	return list
}

func (o *Outlets) globalTarget(transport string, a *attached, session string) dispatch.Target {
	return dispatch.Target{
		Transport: transport, ID: dispatch.GlobalPrefix + session, Session: session, Outlet: transport, Key: a.key,
		Filter: buildFilter(a.settings.Events, o.cfg.Events),
	}
}

// Globals are the global transports in use.
func (o *Outlets) Globals() Globals {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.globals
}
