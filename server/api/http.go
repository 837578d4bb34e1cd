package api

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
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
)

// HTTPServer returns the server of the public listener.
func (a *API) HTTPServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/ws", a.Sockets)
	mux.Handle("GET /ws", a.Sockets)
	mux.Handle("/v1/rpc", rpc.HTTPHandler(a.Registry, a.Sockets.Principal, rpc.PeerOptions{
		InFlight: a.Settings.CallsInFlight, MaxFrame: a.Settings.MaxBody, Rates: a.Rates, Log: a.Log.With("part", "rpc"),
		HTTP: rpc.HTTPOptions{
			Bodies: a.Bodies, MinRate: int64(a.Settings.MinBodyRate), PublicBody: a.Settings.MaxPublicBody, Replies: a.Replies,
		},
	}))
	files := newFileHandler(a)
	mux.HandleFunc("POST "+mediaPath, files.upload)
	mux.HandleFunc("GET "+mediaPath+"/{id}", files.download)
	mux.HandleFunc("HEAD "+uploadPath+"/{id}", files.onUpload(files.headUpload))
	mux.HandleFunc("PATCH "+uploadPath+"/{id}", files.onUpload(files.patchUpload))
	mux.HandleFunc("DELETE "+uploadPath+"/{id}", files.onUpload(files.deleteUpload))
	mux.HandleFunc("GET /v1/events", a.Sockets.ServeEvents)
	mux.HandleFunc("GET "+deliveriesPath, a.serveDeliveries)
	mux.HandleFunc("POST /v1/tickets", a.serveTickets)
	mux.HandleFunc("GET "+metricsPath, a.serveMetricsToAdmin)
	mux.HandleFunc("GET "+healthPath, a.serveHealth)
	mux.HandleFunc("GET /{$}", a.serveLanding)
	return &http.Server{
		Handler:           a.Proxies.Handler(withSecurityHeaders(a.Origins.Guard(a.routePath(mux), http.HandlerFunc(a.refusePage)))),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      replyTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.Log.With("part", "http").Handler(), slog.LevelDebug),
		ConnState:         newPlainConns(a.Settings.MaxHTTPConnections, a.Settings.MaxHTTPPerAddress, a.Proxies).Changed,
	}
}

// routePath routes Waystation's own paths to mux and all others to the dialects.
func (a *API) routePath(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; strings.HasPrefix(path, "/v1/") || path == "/ws" || path == metricsPath || path == "/" {
			mux.ServeHTTP(w, r)
			return
		}
		a.Dialects.ServeHTTP(w, r)
	})
}

// refusePage rejects requests to hosts that are not this server's, and web pages of origins that are not permitted. A
// page that opens a socket receives the reason as a close code; it cannot see an HTTP status.
func (a *API) refusePage(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Origin") != "" && (r.URL.Path == "/v1/ws" || r.URL.Path == "/ws"):
		a.Sockets.ServeHTTP(w, r) // rejects by the same rules
	case !a.Origins.AllowsHost(r):
		a.refuseHost(w, r)
	default:
		a.logRefusal("a page was refused", "origin", r.Header.Get("Origin"), "allowed-origins")
		a.Registry.Refuse(w, rpc.Forbidden("pages of this origin may not talk to the server; see the setting allowed-origins"))
	}
}

// refuseHost rejects requests whose Host is not a name of this server.
func (a *API) refuseHost(w http.ResponseWriter, r *http.Request) {
	a.logRefusal("a request was refused for its Host", "host", r.Host, "allowed-hosts")
	a.Registry.Refuse(w, rpc.Forbidden("the Host of the request is none of this server's names; see the settings public-url and allowed-hosts"))
}

// longestLogged is the logged length of a header of a rejected request, in bytes.
const longestLogged = 200

// logRefusal logs a rejected request, at a limited rate; setting names the setting that would permit it.
func (a *API) logRefusal(message, header, value, setting string) {
	if a.refusals.Admit(setting) == nil {
		a.Log.Warn(message, header, value[:min(len(value), longestLogged)], "setting", setting)
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
