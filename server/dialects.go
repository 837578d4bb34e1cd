package main

import (
	"context"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/digigo"
	"github.com/waystation/waystation/server/rest/operations"
	"github.com/waystation/waystation/server/rest/waakg"
	"github.com/waystation/waystation/server/rest/wuzapi"
	"github.com/waystation/waystation/server/rest/wwebjs"
)

// openDialects opens the dialects, which answer REST calls.
func (a *app) openDialects(context.Context) (err error) {
	a.rates = rpc.NewRates(a.cfg.CallsPerSecond, a.cfg.CallBurst)
	a.shim, err = rest.New(a.registry, a.tokens, rest.Config{
		Admit: a.rates.Admit, DialectOf: a.dialectOf, Tickets: a.watchers, Heartbeat: a.cfg.StreamHeartbeat, QueryTokens: a.cfg.AllowQueryTokens,
		MaxBody: int64(a.cfg.MaxRESTBody), MaxFileBody: int64(a.cfg.MaxRESTFileBody), BodiesMemory: int64(a.cfg.RESTBodiesMemory),
		BodyMinRate: int64(a.cfg.BodyMinRate), BodyGrace: a.cfg.BodyGrace, BodyWait: a.cfg.RESTBodyWait,
		Log: a.log.With("part", "rest"),
	}, digigo.New(), wuzapi.New(), wwebjs.New(), waakg.New(), operations.New())
	return err
}

// dialectOf returns the dialect of the caller's session, or the default for callers without a session token.
func (a *app) dialectOf(who rpc.Principal) string {
	session, err := a.bridge.Session(who.Session)
	if err != nil {
		return a.cfg.RootDialect
	}
	return session.Settings().Dialect
}
