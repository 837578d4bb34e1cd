// Package address finds the network address of a caller, also behind trusted reverse proxies, and the key for limits
// of callers without a credential.
package address

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies is the reverse proxies whose X-Forwarded-For header is trusted. It is immutable and safe for concurrent
// use; a nil Proxies trusts none.
type Proxies struct{ trusted []netip.Prefix }

// NewProxies parses addresses (192.0.2.1) and networks (10.0.0.0/8).
func NewProxies(list []string) (*Proxies, error) {
	p := &Proxies{}
	for _, entry := range list {
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, err := netip.ParseAddr(entry)
			if err != nil {
				return nil, fmt.Errorf("address: %q is neither an address nor a network such as 10.0.0.0/8", entry)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		p.trusted = append(p.trusted, prefix.Masked())
	}
	return p, nil
}

// Trusts reports whether addr is a trusted proxy.
func (p *Proxies) Trusts(addr netip.Addr) bool {
	return p != nil && slices.ContainsFunc(p.trusted, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// Of returns the address of the caller: of the peer, or behind trusted proxies the last address in X-Forwarded-For that is
// not a trusted proxy. It is invalid when the peer has no address, as in memory.
func (p *Proxies) Of(r *http.Request) netip.Addr {
	addr := Peer(r.RemoteAddr)
	if !p.Trusts(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		next := Peer(strings.TrimSpace(hop))
		if !next.IsValid() {
			return addr
		}
		if addr = next; !p.Trusts(addr) {
			return addr
		}
	}
	return addr
}

// Peer parses the address in host:port, or an address alone.
func Peer(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// networkBits is the length of the IPv6 prefix that identifies the network of one customer.
const networkBits = 64

// Key returns the key for limits of an address: the address, or the /64 network of an IPv6 address.
func Key(addr netip.Addr) string {
	if addr.Is6() {
		if network, err := addr.Prefix(networkBits); err == nil {
			return "address:" + network.String()
		}
	}
	if !addr.IsValid() {
		return "address:unknown"
	}
	return "address:" + addr.String()
}

// KeyOf returns the Key of the caller of r.
func (p *Proxies) KeyOf(r *http.Request) string { return Key(p.Of(r)) }

type contextKey struct{}

// With returns a context that carries the Key of a caller.
func With(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, contextKey{}, key)
}

// From returns the Key that With stored, or "".
func From(ctx context.Context) string {
	key, _ := ctx.Value(contextKey{}).(string)
	return key
}

// Handler stores the Key of the caller in the context of each request.
func (p *Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(With(r.Context(), p.KeyOf(r))))
	})
}
