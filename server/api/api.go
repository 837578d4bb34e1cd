package api

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/socket"
)

// Sockets are the WebSocket, the event stream, and the authentication of requests.
type Sockets interface {
	http.Handler // the WebSocket
	ServeEvents(w http.ResponseWriter, r *http.Request)
	// Principal returns the caller of a request.
	Principal(r *http.Request) (rpc.Principal, error)
	Connections() int
	Sent() socket.Sent
}

// Dialects are the REST dialects.
type Dialects interface {
	http.Handler
	Dialects() []*rest.Dialect
}

// WatchTokens are the tokens of delivery.createWatchToken.
type WatchTokens interface {
	// Look returns the owner of a token and the filter that it contains.
	Look(ctx context.Context, token string) (who rpc.Principal, filter []byte, err error)
}

// Deps is what the handlers need of the server.
type Deps struct {
	Settings    *config.Config
	Version     string
	Registry    *rpc.Registry
	Sockets     Sockets
	Dialects    Dialects
	Sessions    Sessions
	WatchTokens WatchTokens
	Origins     *origin.List
	Proxies     *address.Proxies
	URLs        *URLs
	Metrics     *Metrics
	// Health returns the result of server.getHealth.
	Health func(ctx context.Context) methods.ServerHealth
	// Rates are the rates of callers without a connection.
	Rates *rpc.Rates
	// Bodies is the memory for bodies of POST /v1/rpc and frames of sockets.
	Bodies *budget.Budget
	// Replies is the memory for replies that are not read yet.
	Replies *budget.Budget
	Log     *slog.Logger
}

// API is the HTTP side of a server.
type API struct {
	Deps
	refusals *rpc.Rates // rate of log lines about rejected origins and hosts
}

// Log lines about rejected origins and hosts: per second, and burst.
const (
	refusalsLogged = 0.2
	refusalBurst   = 10
)

// New returns the handlers of a server.
func New(deps Deps) *API {
	return &API{Deps: deps, refusals: rpc.NewRates(refusalsLogged, refusalBurst)}
}

// HostsOf returns the host names under which a listener is reached.
func HostsOf(cfg *config.Config, listen string) *origin.Hosts {
	return origin.NewHosts(listen, slices.Concat([]string{cfg.PublicURL}, cfg.AllowedOrigins, cfg.AllowedHosts)...)
}
