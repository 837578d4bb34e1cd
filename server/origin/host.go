package origin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Hosts is the set of names under which a listener is reached, in the form of the Host header. A browser sends the
// name of the page's own address there, which reveals a page whose name resolves to this server (DNS rebinding). A
// nil Hosts allows all.
type Hosts struct {
	names map[string]struct{}
	anyIP bool // the listener has no address of its own, so that every IP address may be one of this machine
}

// anyHost in a list of names stands for all.
const anyHost = "*"

// NewHosts returns the names of a listener at listen (host:port): its own, loopback addresses, localhost and the
// names below it, and names. An entry of names is a host, host:port or URL; ports do not count, and an entry without
// a host is skipped. IP addresses are allowed when the listener is open to all addresses, because only names can be
// rebound. The entry * allows all hosts; the result is then nil.
func NewHosts(listen string, names ...string) *Hosts {
	h := &Hosts{names: make(map[string]struct{})}
	host, _, _ := net.SplitHostPort(listen)
	ip, err := netip.ParseAddr(host)
	h.anyIP = host == "" || err == nil && ip.IsUnspecified()
	for _, name := range append([]string{listen}, names...) {
		if name == anyHost {
			return nil
		}
		if u, err := url.Parse(name); err == nil && u.Host != "" {
			name = u.Host
		}
		if name = hostName(name); name != "" {
			h.names[name] = struct{}{}
		}
	}
	return h
}

// hostName returns the host of host[:port] in lower case, without brackets and trailing dot.
func hostName(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && strings.Trim(port, "0123456789") == "" {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}

// Allows reports whether the Host of a request names this server. Requests without a Host (HTTP/1.0) do not come from
// a browser.
func (h *Hosts) Allows(r *http.Request) bool {
	if h == nil || r.Host == "" {
		return true
	}
	name := hostName(r.Host)
	if ip, err := netip.ParseAddr(name); err == nil && (h.anyIP || ip.IsLoopback()) {
		return true
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, known := h.names[name]
	return known
}

// Guard passes requests to next, except those whose Host does not name this server: they are passed to refuse.
func (h *Hosts) Guard(next, refuse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Allows(r) {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
