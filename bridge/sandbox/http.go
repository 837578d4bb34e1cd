package sandbox

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"go.mau.fi/whatsmeow/store"
)

// httpRoute routes requests for a host whose path starts with prefix to a handler. Host "*" matches hosts without a route of their own.
type httpRoute struct {
	host, prefix string
	handler      http.HandlerFunc
}

// handleHTTP registers a route. Routes of one host are tried in the order of registration, so register longer prefixes first.
func (n *Network) handleHTTP(host, prefix string, handler http.HandlerFunc) {
	n.httpRoutes = append(n.httpRoutes, httpRoute{host, prefix, handler})
}

// ServeHTTP answers for all hosts of the simulated network; the Host header decides.
func (n *Network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	var fallback http.HandlerFunc
	for _, route := range n.httpRoutes {
		if !strings.HasPrefix(r.URL.Path, route.prefix) {
			continue
		}
		if route.host == host {
			route.handler(w, r)
			return
		}
		if route.host == "*" && fallback == nil {
			fallback = route.handler
		}
	}
	if fallback != nil {
		fallback(w, r)
		return
	}
	n.log.Warn("no such page", "method", r.Method)
	http.NotFound(w, r)
}

// serveVersion serves the page from which clients read the current version of WhatsApp Web.
func (n *Network) serveVersion(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<!DOCTYPE html><title>sandbox</title><script>{"client_revision":%d,"server":"sandbox"}</script>`, store.GetWAVersion()[2])
}
