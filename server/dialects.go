package main

import (
	"context"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/eventsocket"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/digigo"
	"github.com/waystation/waystation/server/rest/operations"
	"github.com/waystation/waystation/server/rest/waakg"
	"github.com/waystation/waystation/server/rest/wuzapi"
	"github.com/waystation/waystation/server/rest/wwebjs"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/webhook"
)

// openDialects opens the dialects, which answer REST calls.
func (a *app) openDialects(context.Context) (err error) {
	a.rates = rpc.NewRates(a.cfg.CallsPerSecond, a.cfg.CallBurst)
	a.shim, err = rest.New(a.registry, a.tokens, rest.Config{
		Admit: a.rates.Admit, DialectOf: a.dialectOf, Tickets: a.watchers, EventSockets: a.events, Heartbeat: a.cfg.StreamHeartbeat, QueryTokens: a.cfg.AllowQueryTokens, PublicURL: a.cfg.PublicURL,
		MaxBody: int64(a.cfg.MaxRESTBody), MaxFileBody: int64(a.cfg.MaxRESTFileBody), BodiesMemory: int64(a.cfg.RESTBodiesMemory),
		BodyMinRate: int64(a.cfg.BodyMinRate), BodyGrace: a.cfg.BodyGrace, BodyWait: a.cfg.RESTBodyWait,
		Log: a.log.With("part", "rest"),
	}, digigo.New(), wuzapi.New(), wwebjs.New(), waakg.New(), operations.New())
	return err
}

// openEventSockets opens the sockets that push events in the form of other gateways. Formats have the names of dialects.
func (a *app) openEventSockets(context.Context) error {
	a.events = eventsocket.New(eventsocket.Config{
		Journal: a.journal, MaxConnections: a.cfg.MaxEventSockets, MaxPerSession: a.cfg.MaxSessionConnections,
		Encode: func(ctx context.Context, format string, e *journal.Event) ([]byte, error) {
			return a.webhooks.Body(ctx, webhook.Format(format), e)
		},
		Log: a.log.With("part", "event sockets"),
	})
	close(a.socketsOpen)
	a.onClose("event sockets", func(ctx context.Context) error { a.events.Shutdown(ctx); return nil })
	return nil
}

// dialectOf returns the dialect of the caller's session, or the default for callers without a session token.
func (a *app) dialectOf(who rpc.Principal) string {
	session, err := a.bridge.Session(who.Session)
	if err != nil {
		return a.cfg.RootDialect
	}
	return session.Settings().Dialect
}
