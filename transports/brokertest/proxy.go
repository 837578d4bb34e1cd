package brokertest

import (
	"net"
	"sync"
	"testing"
)

// Proxy is a TCP proxy on loopback with switchable faults. Its methods may be called at any time.
type Proxy struct {
	Addr   string // where clients connect
	target string

	mu       sync.Mutex
	listener net.Listener
	stalled  chan struct{} // closed when data flows; nil = it flows
	conns    map[net.Conn]bool
	closed   bool
	workers  sync.WaitGroup
}

// NewProxy starts a proxy for the length of the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, conns: map[net.Conn]bool{}}
	if err := p.listenLoop("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func (p *Proxy) listenLoop(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.Addr = l, l.Addr().String()
	p.workers.Go(func() { p.acceptLoop(l) })
	return nil
}

func (p *Proxy) acceptLoop(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.workers.Go(func() { p.serveConn(client) })
	}
}

func (p *Proxy) serveConn(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.addConn(client, server) {
		return
	}
	defer p.removeConn(client, server)
	var both sync.WaitGroup
	both.Go(func() { p.copyData(server, client) })
	both.Go(func() { p.copyData(client, server) })
	both.Wait()
}

// copyData carries data one way until a side closes.
func (p *Proxy) copyData(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.waitFlow()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) waitFlow() {
	p.mu.Lock()
	stalled := p.stalled
	p.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
}

func (p *Proxy) addConn(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.closed
}

func (p *Proxy) removeConn(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// Stall holds all data back while connections stay open.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// Flow ends a stall: buffered data is passed on.
func (p *Proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}

// Cut closes all connections; new ones are taken.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Refuse closes all connections and takes no new ones until Accept.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	_ = p.listener.Close()
	p.mu.Unlock()
	p.Cut()
}

// Accept takes connections again after Refuse.
func (p *Proxy) Accept(t testing.TB) {
	t.Helper()
	if err := p.listenLoop(p.Addr); err != nil {
		t.Fatal(err)
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Refuse()
	p.Flow()
	p.Cut()
	p.workers.Wait()
}
