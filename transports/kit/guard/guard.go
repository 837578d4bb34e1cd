package guard

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// Config sets up a Guard. A zero field takes its default.
type Config struct {
	// Allow names hosts, addresses and CIDRs that may be reached although they are not public, each alone or with a port: "host:8080", "host:*" for
	// all ports, "[fd00::1]:8080", "10.0.0.0/8:8080". Default none. A host entry allows every address to which the name resolves.
	Allow []string
	// BarePorts are the ports that an entry of Allow without a port allows.
	// Default all.
	BarePorts []uint16
	// ConnectTimeout bounds the name lookup and the dial of one connection, TLS
	// handshake excluded. Default 10 s. net/http lets a dial go on after the
	// request has given up, so this is its only bound.
	ConnectTimeout time.Duration
	// MaxIdleConns bounds kept connections to all targets. Default 100.
	MaxIdleConns int
	// MaxIdleConnsPerHost bounds kept connections to one target. Default 4.
	MaxIdleConnsPerHost int
	// Resolver finds the addresses of a host name. Default net.DefaultResolver.
	Resolver Resolver
	// Dial opens a connection to a checked address. Default a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Resolver is the part of net.Resolver the guard needs.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const (
	defaultConnectTimeout      = 10 * time.Second
	defaultMaxIdleConns        = 100
	defaultMaxIdleConnsPerHost = 4
	defaultTimeout             = 30 * time.Second
	defaultMaxRedirects        = 5
	defaultMaxBytes            = 16 << 20
	maxHeaderBytes             = 64 << 10 // of one response
	idleConnTimeout            = 90 * time.Second
	tlsHandshakeTimeout        = 10 * time.Second
)

// Guard decides which addresses may be reached and owns the connections to
// them. It is safe for concurrent use.
type Guard struct {
	allow     allowList
	resolver  Resolver
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	timeout   time.Duration // of resolve and dial
	transport *http.Transport
}

// New makes a guard; it fails on an unreadable allow list.
func New(config Config) (*Guard, error) {
	allow, err := parseAllowList(config.Allow, config.BarePorts)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = defaultConnectTimeout
	}
	if config.MaxIdleConns == 0 {
		config.MaxIdleConns = defaultMaxIdleConns
	}
	if config.MaxIdleConnsPerHost == 0 {
		config.MaxIdleConnsPerHost = defaultMaxIdleConnsPerHost
	}
	g := &Guard{allow: allow, resolver: config.Resolver, dial: config.Dial, timeout: config.ConnectTimeout}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	if g.dial == nil {
		g.dial = (&net.Dialer{}).DialContext
	}
	g.transport = &http.Transport{
		Proxy:                  nil, // a proxy would resolve and reach rejected addresses
		DialContext:            g.dialAddresses,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           config.MaxIdleConns,
		MaxIdleConnsPerHost:    config.MaxIdleConnsPerHost,
		IdleConnTimeout:        idleConnTimeout,
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return g, nil
}

// Close drops the kept connections.
func (g *Guard) Close() { g.transport.CloseIdleConnections() }

// Check reports whether rawURL may be requested now: for rejecting an address when it is stored. It does not replace the check of each connection.
func (g *Guard) Check(ctx context.Context, rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return &Error{Reason: ReasonBadURL}
	}
	if err := checkURL(u); err != nil {
		return err
	}
	_, err = g.resolve(ctx, u.Hostname(), portNumber(u))
	return err
}

// portNumber returns the port of a checked URL.
func portNumber(u *url.URL) uint16 {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(port)
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

// CheckHost is Check for a host's name or address, where other protocols than HTTP are spoken. Any port may be allowed.
func (g *Guard) CheckHost(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	_, err := g.resolve(ctx, host, 0)
	return err
}

// CheckAddress is Check for a host:port, where other protocols than HTTP are spoken.
func (g *Guard) CheckAddress(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return &Error{Reason: ReasonBadURL, Err: err}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return &Error{Reason: ReasonBadURL, Host: canonicalHost(host), Err: errors.New("the port must be a number from 1 to 65535")}
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	_, err = g.resolve(ctx, host, uint16(number))
	return err
}

// checkURL rejects URLs that are invalid without resolving them.
func checkURL(u *url.URL) error {
	host := canonicalHost(u.Hostname())
	if u.Scheme != "http" && u.Scheme != "https" {
		return &Error{Reason: ReasonBadURL, Host: host, Err: errors.New("the scheme must be http or https")}
	}
	if host == "" {
		return &Error{Reason: ReasonBadURL, Err: errors.New("there is no host")}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return &Error{Reason: ReasonBadURL, Host: host, Err: errors.New("the port must be a number from 1 to 65535")}
		}
	}
	if !isASCII(host) {
		return &Error{Reason: ReasonBadURL, Host: host, Err: errors.New("the host is not a host name")}
	}
	if _, err := netip.ParseAddr(host); err != nil && numericHost(host) {
		return &Error{Reason: ReasonBadURL, Host: host, Err: errors.New("the host is an unusual form of an address")}
	}
	return nil
}

// resolve returns the addresses of a host, all of them checked for a connection to a port; 0 = any port.
func (g *Guard) resolve(ctx context.Context, host string, port uint16) ([]netip.Addr, error) {
	host = canonicalHost(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, g.checkAddr(host, addr, port)
	}
	if host == "" || numericHost(host) || !isASCII(host) {
		return nil, &Error{Reason: ReasonBadURL, Host: host}
	}
	addrs, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if ctx.Err() != nil {
		return nil, &Error{Reason: ReasonTimeout, Host: host, Err: ctx.Err()}
	}
	if err != nil || len(addrs) == 0 {
		return nil, &Error{Reason: ReasonUnresolved, Host: host, Err: err}
	}
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
		if g.allow.host(host, port) {
			continue
		}
		// One bad address is enough: a name that mixes public and private ones is probing.
		if err := g.checkAddr(host, addr, port); err != nil {
			return nil, err
		}
	}
	return addrs, nil
}

func (g *Guard) checkAddr(host string, addr netip.Addr, port uint16) error {
	if isPublic(addr) || g.allow.addr(addr, port) {
		return nil
	}
	return &Error{Reason: ReasonForbidden, Host: host}
}

// Dial opens a connection to host:port, for clients of other protocols than HTTP: only to addresses that may be reached.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return g.dialAddresses(ctx, network, address)
}

// dialAddresses resolves, checks and dials one of exactly the checked addresses.
func (g *Guard) dialAddresses(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Error{Reason: ReasonBadURL, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return nil, &Error{Reason: ReasonBadURL, Host: canonicalHost(host), Err: errors.New("the port must be a number from 1 to 65535")}
	}
	addrs, err := g.resolve(ctx, host, uint16(number))
	if err != nil {
		return nil, err
	}
	var last error
	for _, addr := range addrs {
		conn, err := g.dial(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	reason := ReasonUnreachable
	if ReasonOf(last) == ReasonTimeout {
		reason = ReasonTimeout
	}
	return nil, &Error{Reason: reason, Host: canonicalHost(host), Err: last}
}
