package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// Network is the network that proxies are dialled in.
type Network struct {
	Guard      *guard.Guard // decides which proxies may be dialled
	Simulated  bool         // clients are attached to a simulation
	Simulation string       // host:port of the simulation; "" = it cannot be reached through a proxy
}

// NewClient returns the HTTP client of a session that uses the proxy. The proxy is dialled through the guard. On a
// simulated network, the proxy connects to the simulation, never to WhatsApp's hosts.
func (n Network) NewClient(p Proxy) (*http.Client, error) {
	dial, err := p.newDialer(n.Guard.Dial)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.DialContext = nil, dial
	switch {
	case n.Simulation != "":
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, n.Simulation)
		}
		transport.DialTLSContext = transport.DialContext // the simulation has no TLS
		transport.DisableKeepAlives = true
	case n.Simulated:
		return nil, errors.New("bridge: the simulated network cannot be reached through a proxy")
	}
	return &http.Client{Transport: transport}, nil
}

// CheckProxy rejects a proxy that the guard would not dial. A host that cannot be resolved now is accepted: every
// connection is checked again.
func (n Network) CheckProxy(ctx context.Context, p Proxy) error {
	if !p.Enabled {
		return nil
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return wa.BadParam("url", "is not an address like socks5://user:password@host:port")
	}
	switch err := n.Guard.CheckAddress(ctx, proxyServer(u)); guard.ReasonOf(err) {
	case guard.ReasonForbidden:
		return wa.BadParam("url", "leads to an address that is not public; the operator can allow it (allow-hosts host:port)")
	case guard.ReasonBadURL:
		return wa.BadParam("url", "has a host that is not a host name, or an unusual form of an address")
	}
	return ctx.Err()
}
