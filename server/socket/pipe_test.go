package socket

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/waystation/waystation/transports/journal"
)

// pipeListener is a listener in memory, so that a server runs inside a synctest bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, io.EOF
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	l.conns <- far
	return near, nil
}

// newPipeWorld is a world whose connections are pipes; the caller ends it with its close function.
func newPipeWorld(t testing.TB, cfg Config, jcfg journal.Config) (*world, func()) {
	w := newWorldWithoutServer(t, cfg, jcfg)
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: w.handler()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	w.url, w.jumps = "ws://pipe", true
	transport := &http.Transport{DialContext: w.remember(l.dial)}
	w.client = &http.Client{Transport: transport}
	return w, func() {
		w.endpoint.Shutdown(context.Background())
		transport.CloseIdleConnections()
		_ = srv.Close()
		<-served
		_ = w.journal.Close()
	}
}

// rawClient reads frames below the WebSocket of a client, so that no frame is answered automatically.
type rawClient struct{ conn net.Conn }

func (w *world) rawClient(c *client) *rawClient { return &rawClient{c.net} }

func (r *rawClient) frame(t *testing.T) (opcode byte, payload []byte) {
	t.Helper()
	head := make([]byte, 2)
	r.fill(t, head)
	size := uint64(head[1])
	switch size {
	case 126:
		b := make([]byte, 2)
		r.fill(t, b)
		size = uint64(binary.BigEndian.Uint16(b))
	case 127:
		b := make([]byte, 8)
		r.fill(t, b)
		size = binary.BigEndian.Uint64(b)
	}
	payload = make([]byte, size)
	r.fill(t, payload)
	return head[0] & 0x0f, payload
}

func (r *rawClient) fill(t *testing.T, b []byte) {
	t.Helper()
	if _, err := io.ReadFull(r.conn, b); err != nil {
		t.Fatal(err)
	}
}

func (r *rawClient) expectFrame(t *testing.T, opcode byte) {
	t.Helper()
	if got, payload := r.frame(t); got != opcode {
		t.Fatalf("frame %x: %s", got, payload)
	}
}

func (r *rawClient) expectClose(t *testing.T) int {
	t.Helper()
	opcode, payload := r.frame(t)
	if opcode != opClose || len(payload) < 2 {
		t.Fatalf("frame %x: %s", opcode, payload)
	}
	return int(binary.BigEndian.Uint16(payload))
}
