package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	netproxy "golang.org/x/net/proxy"
)

// dialContext opens a connection, as net.Dialer.DialContext does.
type dialContext func(ctx context.Context, network, address string) (net.Conn, error)

// DialContext implements netproxy.ContextDialer.
func (d dialContext) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// Dial implements netproxy.Dialer.
func (d dialContext) Dial(network, address string) (net.Conn, error) {
	return d(context.Background(), network, address)
}

const (
	proxyHandshakeTimeout = 30 * time.Second // bounds the wait for a proxy's answer
	maxProxyAnswer        = 64 << 10         // bytes of a proxy's answer
)

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

// proxyServer returns the host:port of the proxy itself.
func proxyServer(u *url.URL) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), proxyPorts[u.Scheme]))
}

// newDialer returns a function that opens connections through the proxy. forward opens the connections to the proxy; the
// proxy resolves the names of targets.
func (p Proxy) newDialer(forward dialContext) (dialContext, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, errors.New("bridge: the proxy's address is not usable") // without the address, which may contain a password
	}
	if u.Scheme != "socks5" {
		return (&tunnel{u, forward}).dialTarget, nil
	}
	var auth *netproxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &netproxy.Auth{User: u.User.Username(), Password: password}
	}
	through, err := netproxy.SOCKS5("tcp", proxyServer(u), auth, forward)
	if err != nil {
		return nil, errors.New("bridge: the proxy's address is not usable")
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, proxyHandshakeTimeout)
		defer cancel()
		return through.(netproxy.ContextDialer).DialContext(ctx, network, address)
	}, nil
}

// tunnel opens connections through an HTTP proxy by CONNECT (RFC 9110, 9.3.6).
type tunnel struct {
	proxy   *url.URL
	forward dialContext
}

func (t *tunnel) dialTarget(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyHandshakeTimeout)
	defer cancel()
	conn, err := t.forward(ctx, "tcp", proxyServer(t.proxy))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) }) // aborts pending reads and writes; the error is reported below
	through, err := t.requestTunnel(ctx, conn, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close() // the earlier error is returned
		return nil, fmt.Errorf("proxy: %w", cmp.Or(ctx.Err(), err))
	}
	return through, nil
}

// requestTunnel requests the proxy's connection to an address.
func (t *tunnel) requestTunnel(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	if t.proxy.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: t.proxy.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secure
	}
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if user := t.proxy.User; user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReader(io.LimitReader(conn, maxProxyAnswer))
	response, err := http.ReadResponse(in, request) //nolint:bodyclose // the answer to CONNECT has no body, what follows is the tunnel
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %d to CONNECT", response.StatusCode)
	}
	rest, err := in.Peek(in.Buffered())
	if err != nil {
		return nil, err
	}
	return &bufferedConn{conn, io.MultiReader(bytes.NewReader(bytes.Clone(rest)), conn)}, nil
}

// bufferedConn is a connection whose first bytes are buffered.
type bufferedConn struct {
	net.Conn
	in io.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }
