package origin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// List is the set of origins whose pages may send requests to the server, besides the server's own. A nil List has
// only that. It is immutable and safe for concurrent use.
type List struct {
	allowed map[string]struct{} // scheme://host:port
	public  *originParts
	hosts   *Hosts
}

// SetHosts makes the list reject requests whose Host is not in hosts. Without it every Host counts as the server's
// own. Call it before the list is used.
func (l *List) SetHosts(hosts *Hosts) { l.hosts = hosts }

// originParts is an origin with its port always given.
type originParts struct{ scheme, host string }

func (p originParts) String() string { return p.scheme + "://" + p.host }

var ports = map[string]string{"http": "80", "https": "443"}

// errNotOrigin describes a valid entry.
var errNotOrigin = errors.New("is not an origin such as https://app.example or http://localhost:3000; there are no wildcards")

// New parses a list of origins. Each is matched exactly, after case and default port are normalised; a bare host[:port]
// stands for https. publicURL (may be empty) is the URL under which clients reach the server: on that host only pages of
// the same scheme are its own.
func New(origins []string, publicURL string) (*List, error) {
	l := &List{allowed: make(map[string]struct{}, len(origins))}
	for _, entry := range origins {
		text := entry
		if !strings.Contains(text, "://") {
			text = "https://" + text
		}
		p, ok := parse(text)
		if !ok {
			return nil, fmt.Errorf("origin: %q %w", entry, errNotOrigin)
		}
		l.allowed[p.String()] = struct{}{}
	}
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		if p, ok := parse(u.Scheme + "://" + u.Host); ok {
			l.public = &p
		}
	}
	return l, nil
}

// parse parses an origin in the form that browsers send (RFC 6454, 6.2): scheme, host and port, and nothing else.
func parse(text string) (originParts, bool) {
	u, err := url.Parse(text)
	if err != nil {
		return originParts{}, false
	}
	port, known := ports[strings.ToLower(u.Scheme)]
	if !known || !strings.EqualFold(text, u.Scheme+"://"+u.Host) || strings.ContainsAny(u.Host, "*@") || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return originParts{}, false
	}
	return originParts{strings.ToLower(u.Scheme), withPort(u.Host, port)}, true
}

func withPort(host, port string) string {
	host = strings.ToLower(host)
	if name, given, err := net.SplitHostPort(host); err == nil {
		return net.JoinHostPort(name, given)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// Allows reports whether the request comes from a permitted page, or from no page at all.
func (l *List) Allows(r *http.Request) bool {
	if !l.AllowsHost(r) {
		return false
	}
	given, isPage := r.Header["Origin"]
	if !isPage {
		return true
	}
	if len(given) != 1 {
		return false
	}
	page, ok := parse(given[0]) // "null", of sandboxed frames and files, is not an origin
	if !ok {
		return false
	}
	if l != nil {
		if _, ok := l.allowed[page.String()]; ok {
			return true
		}
	}
	return l.isOwn(page, r)
}

// AllowsHost reports whether the Host of a request names this server according to SetHosts.
func (l *List) AllowsHost(r *http.Request) bool { return l == nil || l.hosts.Allows(r) }

// isOwn reports whether a page was served under the address of the request. Behind a proxy that terminates TLS only
// the public URL reveals the scheme.
func (l *List) isOwn(page originParts, r *http.Request) bool {
	if page.host != withPort(r.Host, ports[page.scheme]) {
		return false
	}
	if l != nil && l.public != nil {
		if asked := withPort(r.Host, ports[l.public.scheme]); asked == l.public.host {
			return page.scheme == l.public.scheme
		}
	}
	return r.TLS == nil || page.scheme == "https"
}
