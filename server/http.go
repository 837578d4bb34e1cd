package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
)

// Limits of plain HTTP. Sockets have their own.
const (
	// headerTimeout ends connections that do not finish a request's header.
	headerTimeout = 10 * time.Second
	// bodyTimeout ends requests whose body arrives too slowly.
	bodyTimeout = time.Minute
	// replyTimeout exceeds the longest call (120 s), so that its reply can still be written.
	replyTimeout = 150 * time.Second
	// keepAlive is how long an idle connection is kept for the next request.
	keepAlive = 2 * time.Minute
	// maxHeader is the largest header, in bytes; tokens and cookies fit in a fraction.
	maxHeader = 16 << 10
	// probeTimeout limits the probe of one dependency.
	probeTimeout = 2 * time.Second
)

func (a *app) newHTTPServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/ws", a.endpoint)
	mux.Handle("GET /ws", a.endpoint)
	mux.Handle("/v1/rpc", rpc.HTTPHandler(a.registry, a.endpoint.Principal, rpc.PeerOptions{
		InFlight: a.cfg.CallsInFlight, MaxFrame: a.cfg.MaxBody, Rates: a.rates, Log: a.log.With("part", "rpc"),
		HTTP: rpc.HTTPOptions{
			Bodies: a.bodies, MinRate: int64(a.cfg.MinBodyRate), PublicBody: a.cfg.MaxPublicBody, Replies: a.replies,
		},
	}))
	files := newFileHandler(a)
	mux.HandleFunc("POST "+mediaPath, files.upload)
	mux.HandleFunc("GET "+mediaPath+"/{id}", files.download)
	mux.HandleFunc("HEAD "+uploadPath+"/{id}", files.onUpload(files.headUpload))
	mux.HandleFunc("PATCH "+uploadPath+"/{id}", files.onUpload(files.patchUpload))
	mux.HandleFunc("DELETE "+uploadPath+"/{id}", files.onUpload(files.deleteUpload))
	mux.HandleFunc("GET /v1/events", a.endpoint.ServeEvents)
	mux.HandleFunc("GET "+deliveriesPath, a.serveDeliveries)
	mux.HandleFunc("POST /v1/tickets", a.serveTickets)
	mux.HandleFunc("GET "+metricsPath, a.serveMetricsToAdmin)
	mux.HandleFunc("GET "+healthPath, a.serveHealth)
	mux.HandleFunc("GET /{$}", a.serveLanding)
	return &http.Server{
		Handler:           a.proxies.Handler(withSecurityHeaders(a.origins.Guard(a.routePath(mux), http.HandlerFunc(a.refusePage)))),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      replyTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.With("part", "http").Handler(), slog.LevelDebug),
		ConnState:         newPlainConns(a.cfg.MaxHTTPConnections, a.cfg.MaxHTTPPerAddress, a.proxies).Changed,
	}
}

// routePath routes Waystation's own paths to mux and all others to the dialects.
func (a *app) routePath(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; strings.HasPrefix(path, "/v1/") || path == "/ws" || path == metricsPath || path == "/" {
			mux.ServeHTTP(w, r)
			return
		}
		a.shim.ServeHTTP(w, r)
	})
}

// refusePage rejects requests to hosts that are not this server's, and web pages of origins that are not permitted. A
// page that opens a socket receives the reason as a close code; it cannot see an HTTP status.
func (a *app) refusePage(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Origin") != "" && (r.URL.Path == "/v1/ws" || r.URL.Path == "/ws"):
		a.endpoint.ServeHTTP(w, r) // rejects by the same rules
	case !a.origins.AllowsHost(r):
		a.refuseHost(w, r)
	default:
		a.logRefusal("a page was refused", "origin", r.Header.Get("Origin"), "allowed-origins")
		a.registry.Refuse(w, rpc.Forbidden("pages of this origin may not talk to the server; see the setting allowed-origins"))
	}
}

// refuseHost rejects requests whose Host is not a name of this server.
func (a *app) refuseHost(w http.ResponseWriter, r *http.Request) {
	a.logRefusal("a request was refused for its Host", "host", r.Host, "allowed-hosts")
	a.registry.Refuse(w, rpc.Forbidden("the Host of the request is none of this server's names; see the settings public-url and allowed-hosts"))
}

// longestLogged is the logged length of a header of a rejected request, in bytes.
const longestLogged = 200

// logRefusal logs a rejected request, at a limited rate; setting names the setting that would permit it.
func (a *app) logRefusal(message, header, value, setting string) {
	if a.refusals.Admit(setting) == nil {
		a.log.Warn(message, header, value[:min(len(value), longestLogged)], "setting", setting)
	}
}

// withSecurityHeaders sets the headers that restrict what a browser does with a response.
func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// probeServices probes the server's dependencies.
func (a *app) probeServices(ctx context.Context) map[string]methods.ServiceHealth {
	states := map[string]int{}
	for state, n := range a.sessionStates() {
		if n > 0 {
			states[state] = n
		}
	}
	services := map[string]methods.ServiceHealth{
		"database": a.probeDatabase(ctx),
		"sessions": {Status: methods.Healthy, Figures: states},
		"journal":  a.probeJournal(ctx),
		"disk":     a.probeDisk(),
		"sockets":  {Status: methods.Healthy, Figures: map[string]int{"connections": a.endpoint.Connections()}},
	}
	if a.storage.Global().Enabled {
		services[mediaStorage] = a.storageHealth()
	}
	return services
}
