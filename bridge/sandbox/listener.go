package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// DialFunc opens a connection; addr is WhatsApp's real address.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// headerTimeout ends connections that never send a request.
const headerTimeout = 30 * time.Second

// Listener accepts connections to a network, over loopback TCP or in memory.
type Listener struct {
	net    net.Listener
	server *http.Server
	dial   DialFunc
	done   chan struct{}
}

// Listen serves the network on a TCP address, usually "127.0.0.1:0". All requests are plain HTTP; the Host header selects the simulated host.
func (n *Network) Listen(addr string) (*Listener, error) {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return n.serve(tcp, Dialer(tcp.Addr().String()))
}

// Dialer returns a DialFunc that connects to a sandbox at a TCP address and ignores the requested address.
func Dialer(address string) DialFunc {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// Pipe serves the network in memory. Nothing of it touches the operating system, so it works inside a testing/synctest bubble.
func (n *Network) Pipe() (*Listener, error) {
	pipe := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return n.serve(pipe, pipe.dial)
}

func (n *Network) serve(l net.Listener, dial DialFunc) (*Listener, error) {
	listener := &Listener{
		net:    l,
		server: &http.Server{Handler: n, ReadHeaderTimeout: headerTimeout},
		dial:   dial,
		done:   make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		_ = l.Close()
		return nil, fmt.Errorf("sandbox: %w", ErrClosed)
	}
	n.listens = append(n.listens, listener)
	go func() {
		defer close(listener.done)
		if err := listener.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("listener ended", "error", err)
		}
	}()
	return listener, nil
}

// Addr returns the listener's address; "pipe" for one in memory.
func (l *Listener) Addr() net.Addr { return l.net.Addr() }

// Dial connects to the listener; it is a DialFunc.
func (l *Listener) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return l.dial(ctx, network, addr)
}

// Close stops accepting and ends plain HTTP connections. Sockets of logged-in devices stay until they or the network are cut.
func (l *Listener) Close() error {
	err := l.server.Close()
	<-l.done
	return err
}

// pipeListener hands one end of a net.Pipe to the server for each dial.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
