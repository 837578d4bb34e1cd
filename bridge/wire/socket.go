package wire

import (
	"io"
	"net/http"
	"sync"
)

// socketGuard sits between a client and its WebSocket, below whatsmeow's frames and above TLS. It has two functions
// that whatsmeow does not offer:
//
//   - It aborts a handshake immediately. whatsmeow waits up to 20 s for the server's answer even if its context ends,
//     and meanwhile holds a lock that Disconnect and IsConnected need.
//   - It delays the data after the handshake until the handler of frames has been wrapped, so that no frame is handled
//     without the wrapper.
type socketGuard struct {
	mu      sync.Mutex
	conn    *guardedConn  // the latest connection
	held    chan struct{} // closed when reading may continue; nil = reading is not paused
	waiting bool          // whatsmeow waits for the server's part of the handshake
}

// wrapTransport returns transports whose WebSockets are guarded.
func (g *socketGuard) wrapTransport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			return resp, err
		}
		if stream, ok := resp.Body.(io.ReadWriteCloser); ok {
			conn := &guardedConn{ReadWriteCloser: stream, guard: g}
			g.mu.Lock()
			g.conn, g.waiting = conn, true
			g.mu.Unlock()
			resp.Body = conn
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (fn roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return fn(req) }

// holdReads pauses reading until releaseReads. whatsmeow calls it, through GetClientPayload, after it has received the server's
// part of the handshake and before it sends the last part of its own.
func (g *socketGuard) holdReads() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = false
	if g.held == nil {
		g.held = make(chan struct{})
	}
}

// releaseReads resumes reading.
func (g *socketGuard) releaseReads() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = false
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// cutHandshake aborts a handshake in progress and returns true. It returns false if there is none.
func (g *socketGuard) cutHandshake() bool {
	g.mu.Lock()
	conn, waiting := g.conn, g.waiting
	g.mu.Unlock()
	if conn == nil || !waiting {
		return false
	}
	_ = conn.ReadWriteCloser.Close()
	return true
}

// waitForRelease waits while reading is paused.
func (g *socketGuard) waitForRelease() {
	g.mu.Lock()
	held := g.held
	g.mu.Unlock()
	if held != nil {
		<-held
	}
}

// takeSpoil reports whether the handshake is still waiting; the next call returns false.
func (g *socketGuard) takeSpoil(conn *guardedConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := g.waiting && g.conn == conn
	if waiting {
		g.waiting = false
	}
	return waiting
}

// guardedConn is the stream of one WebSocket.
type guardedConn struct {
	io.ReadWriteCloser
	guard *socketGuard
}

// spoiledAnswer is an unmasked WebSocket message with a frame of one byte. It is not a valid part of a handshake, so
// that whatsmeow aborts the handshake.
var spoiledAnswer = []byte{0x82, 4, 0, 0, 1, 0xff}

// Read returns data from the server. If the stream ends before the server's part of the handshake, it returns
// spoiledAnswer first: whatsmeow does not detect the end of the stream itself.
func (c *guardedConn) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	if n == 0 && err != nil && len(p) >= len(spoiledAnswer) && c.guard.takeSpoil(c) {
		return copy(p, spoiledAnswer), nil
	}
	c.guard.waitForRelease()
	return n, err
}
