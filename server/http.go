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

// Bounds of plain HTTP. Sockets have their own.
const (
	// headerTimeout ends connections that never finish a request's header.
	headerTimeout = 10 * time.Second
	// bodyTimeout ends requests whose body comes too slowly.
	bodyTimeout = time.Minute
	// replyTimeout exceeds the longest call (120 s), so that its reply can still be written.
	replyTimeout = 150 * time.Second
	// keepAlive is how long an idle connection is kept for the next request.
	keepAlive = 2 * time.Minute
	// maxHeader is the largest header, in bytes; tokens and cookies fit in a fraction.
	maxHeader = 16 << 10
	// probeTimeout bounds the probe of one dependency.
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
		Handler:           a.proxies.Handler(secure(a.origins.Guard(a.route(mux), http.HandlerFunc(a.refusePage)))),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      replyTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.With("part", "http").Handler(), slog.LevelDebug),
		ConnState:         newPlainConns(a.cfg.MaxHTTPConnections, a.cfg.MaxHTTPPerAddress, a.proxies).Changed,
	}
}

// route hands Waystation's own paths to mux and all others to the dialects.
func (a *app) route(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; strings.HasPrefix(path, "/v1/") || path == "/ws" || path == metricsPath || path == "/" {
			mux.ServeHTTP(w, r)
			return
		}
		a.shim.ServeHTTP(w, r)
	})
}

// refusePage answers requests to hosts that are not this server's, and web pages of origins that are not allowed. A page
// that opens a socket learns the reason from the close code; of an HTTP status it learns nothing.
func (a *app) refusePage(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Origin") != "" && (r.URL.Path == "/v1/ws" || r.URL.Path == "/ws"):
		a.endpoint.ServeHTTP(w, r) // refuses by the same rules
	case !a.origins.AllowsHost(r):
		a.refuseHost(w, r)
	default:
		a.logRefusal("a page was refused", "origin", r.Header.Get("Origin"), "allowed-origins")
		a.registry.Refuse(w, rpc.Forbidden("pages of this origin may not talk to the server; see the setting allowed-origins"))
	}
}

// refuseHost answers requests whose Host is none of this server's names.
func (a *app) refuseHost(w http.ResponseWriter, r *http.Request) {
	a.logRefusal("a request was refused for its Host", "host", r.Host, "allowed-hosts")
	a.registry.Refuse(w, rpc.Forbidden("the Host of the request is none of this server's names; see the settings public-url and allowed-hosts"))
}

// longestLogged is how much of a header of a refused request is logged, in bytes.
const longestLogged = 200

// logRefusal logs a refused request, unless many are; setting is what allows it.
func (a *app) logRefusal(message, header, value, setting string) {
	if a.refusals.Admit(setting) == nil {
		a.log.Warn(message, header, value[:min(len(value), longestLogged)], "setting", setting)
	}
}

// secure sets the headers that keep a browser from making more of an answer than it is.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// services probes what the server depends on.
func (a *app) services(ctx context.Context) map[string]methods.ServiceHealth {
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
