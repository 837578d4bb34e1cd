package wire

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// upgraded returns the guarded end of a stream after an upgrade, and the server's end.
func upgraded(t *testing.T, g *socketGuard) (guarded io.ReadWriteCloser, server net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	transport := g.wrapTransport(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: near}, nil
	}))
	resp, err := transport.RoundTrip(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Body.(io.ReadWriteCloser), far
}

func TestSocketDelaysDataAfterTheHandshake(t *testing.T) {
	g := &socketGuard{}
	conn, server := upgraded(t, g)
	g.holdReads()
	g.holdReads() // a second call changes nothing
	read := make(chan string)
	go func() {
		buf := make([]byte, 8)
		n, _ := conn.Read(buf)
		read <- string(buf[:n])
	}()
	if _, err := server.Write([]byte("frame")); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-read:
		t.Fatalf("%q was read while reading is paused", got)
	case <-time.After(20 * time.Millisecond):
	}
	g.releaseReads()
	if got := <-read; got != "frame" {
		t.Errorf("read %q", got)
	}
	g.releaseReads() // a second call changes nothing
}

func TestSocketAbortsHandshakes(t *testing.T) {
	g := &socketGuard{}
	if g.cutHandshake() {
		t.Error("there is no handshake before the first connection")
	}
	conn, _ := upgraded(t, g)
	if !g.cutHandshake() {
		t.Fatal("a handshake in progress is not aborted")
	}
	buf := make([]byte, 64)
	if n, err := conn.Read(buf); err != nil || !bytes.Equal(buf[:n], spoiledAnswer) {
		t.Errorf("read %v, %v", buf[:n], err)
	}
	if n, err := conn.Read(buf); err == nil {
		t.Errorf("afterwards the stream has %v", buf[:n])
	}

	conn, _ = upgraded(t, g)
	g.holdReads()
	if g.cutHandshake() {
		t.Error("the server's part is there, nothing must be aborted")
	}
	g.releaseReads()
	_ = conn.Close()
	if _, err := conn.Read(buf); err == nil {
		t.Error("the end of a stream after the handshake is hidden")
	}
}

func TestSocketGuardsWebSocketsOnly(t *testing.T) {
	g := &socketGuard{}
	body, far := net.Pipe()
	t.Cleanup(func() { _, _ = body.Close(), far.Close() })
	transport := g.wrapTransport(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	}))
	if resp, err := transport.RoundTrip(nil); err != nil || resp.Body != body || g.cutHandshake() {
		t.Errorf("got %v, %v", resp, err)
	}
}
