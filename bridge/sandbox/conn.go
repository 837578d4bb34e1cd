package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
)

const (
	// handshakeTimeout bounds the Noise handshake.
	handshakeTimeout = 20 * time.Second
	// closeDelay is the time between a stream's last stanza and its end: a client that sees the end first may drop stanzas it has not handled yet.
	closeDelay = 250 * time.Millisecond
	// closeTimeout is how long a client that was asked to reconnect may take to close the connection itself.
	closeTimeout = 10 * time.Second
	// maxConns bounds the sockets of a network; each costs two goroutines and its queues.
	maxConns = 20_000
	// messageOverhead is the overhead of a frame in bytes: protocol header, length, authentication tag.
	messageOverhead = 64
)

// conn is one client socket. Fields without a comment are set before it is shared.
type conn struct {
	net    *Network
	ws     *websocket.Conn
	noise  *noiseSession
	ctx    context.Context
	cancel context.CancelFunc

	frames  []byte // received bytes of an incomplete frame; reader only
	greeted bool   // protocol header seen; reader only

	device  *device       // after login; under Network.mu
	pairing *pairing      // while pairing; under Network.mu
	delay   time.Duration // before each write, from fault rules; under Network.mu
	stalled bool          // by a fault rule: received stanzas are ignored; under Network.mu

	mu     sync.Mutex
	out    []outgoing
	ended  bool
	notify chan struct{} // one pending wake-up for the writer
}

// outgoing is a stanza on its way to the socket.
type outgoing struct {
	node  waBinary.Node
	frame []byte        // sent instead of node when set
	delay time.Duration // wait before writing, from fault rules
	last  time.Duration // when set, close the connection this long after it
}

// serveSocket accepts a WebSocket and serves it until it ends.
func (n *Network) serveSocket(w http.ResponseWriter, r *http.Request) {
	// Compression would cost each client more than half a megabyte of memory.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled, InsecureSkipVerify: true})
	if err != nil {
		n.log.Debug("no socket", "error", err)
		return
	}
	ws.SetReadLimit(socket.FrameMaxSize + messageOverhead)
	ctx, cancel := context.WithCancel(context.Background())
	c := &conn{net: n, ws: ws, ctx: ctx, cancel: cancel, notify: make(chan struct{}, 1)}
	if !n.registerConn(c) {
		cancel()
		_ = ws.CloseNow()
		return
	}
	defer n.wait.Done()
	if err = c.run(); err != nil {
		n.log.Debug("connection ended", "error", err)
	}
}

// registerConn registers a connection and reports false when the network is closed or full.
func (n *Network) registerConn(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.conns) >= maxConns {
		return false
	}
	n.conns[c] = struct{}{}
	n.wait.Add(1)
	return true
}

func (c *conn) run() error {
	defer func() {
		c.close()
		c.net.removeConn(c)
		_ = c.ws.CloseNow()
	}()
	handshake, cancel := context.WithTimeout(c.ctx, handshakeTimeout)
	defer cancel()
	session, err := answerHandshake(c.net.pki, socket.WAConnHeader,
		func() ([]byte, error) { return c.readFrame(handshake) },
		func(frame []byte) error { return c.writeFrame(handshake, frame) })
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.noise = session
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.writeLoop()
	}()
	defer func() {
		c.close()
		<-written
	}()
	c.net.login(c)
	for {
		frame, err := c.readFrame(c.ctx)
		if err != nil {
			return err
		}
		if err = c.receive(frame); err != nil {
			return err
		}
	}
}

// receive decrypts, decodes and handles one stanza. A panic ends this connection only.
func (c *conn) receive(frame []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.net.log.Error("stanza broke its handler", "error", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("stanza broke its handler: %v", p)
		}
	}()
	plain, err := c.noise.open(frame)
	if err != nil {
		return fmt.Errorf("sealed frame: %w", err)
	}
	if len(plain) == 0 {
		return errors.New("empty frame")
	}
	raw, err := waBinary.Unpack(plain)
	if err != nil {
		return fmt.Errorf("packed frame: %w", err)
	}
	node, err := waBinary.Unmarshal(raw)
	if err != nil {
		return fmt.Errorf("stanza: %w", err)
	}
	c.net.receive(c, node)
	return nil
}

// readFrame returns the next frame without its length. The first one of a connection must follow the protocol header.
func (c *conn) readFrame(ctx context.Context) ([]byte, error) {
	for {
		if !c.greeted && len(c.frames) >= len(socket.WAConnHeader) {
			if !bytes.HasPrefix(c.frames, socket.WAConnHeader) {
				return nil, errors.New("not a WhatsApp client")
			}
			c.frames, c.greeted = c.frames[len(socket.WAConnHeader):], true
		}
		if c.greeted && len(c.frames) >= socket.FrameLengthSize {
			end := socket.FrameLengthSize + int(c.frames[0])<<16 + int(c.frames[1])<<8 + int(c.frames[2])
			if len(c.frames) >= end {
				frame := c.frames[socket.FrameLengthSize:end]
				c.frames = c.frames[end:]
				return frame, nil
			}
		}
		kind, data, err := c.ws.Read(ctx)
		if err != nil {
			return nil, err
		}
		if kind != websocket.MessageBinary {
			return nil, errors.New("text message on the socket")
		}
		if len(c.frames) == 0 {
			c.frames = data
		} else {
			c.frames = append(c.frames, data...)
		}
	}
}

// writeFrame sends one frame as one WebSocket message: whatsmeow mixes up frames that are split over several.
func (c *conn) writeFrame(ctx context.Context, frame []byte) error {
	message := make([]byte, 0, socket.FrameLengthSize+len(frame))
	message = append(message, byte(len(frame)>>16), byte(len(frame)>>8), byte(len(frame)))
	return c.ws.Write(ctx, websocket.MessageBinary, append(message, frame...))
}

// push queues a stanza for the socket; false when the queue is full. A closed connection discards it. Never blocks.
func (c *conn) push(item outgoing) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return true
	}
	if len(c.out) >= c.net.options.Outbound {
		return false
	}
	c.out = append(c.out, item)
	if item.last > 0 {
		c.ended = true
	}
	select {
	case c.notify <- struct{}{}:
	default:
	}
	return true
}

// discardOutput discards all stanzas sent from now on.
func (c *conn) discardOutput() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.out = true, nil
}

// close ends the connection at once; queued stanzas are not sent.
func (c *conn) close() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.cancel()
}

// writeLoop is the only writer after the handshake.
func (c *conn) writeLoop() {
	for {
		select {
		case <-c.notify:
		case <-c.ctx.Done():
			return
		}
		c.mu.Lock()
		batch := c.out
		c.out = nil
		c.mu.Unlock()
		for _, item := range batch {
			if err := c.write(item); err != nil {
				c.cancel()
				return
			}
			if item.last > 0 {
				_ = c.pause(item.last)
				// The closing handshake lets the client read the data sent before; a bare close could reset the stream.
				_ = c.ws.Close(websocket.StatusNormalClosure, "")
				c.cancel()
				return
			}
		}
	}
}

func (c *conn) write(item outgoing) error {
	if item.delay > 0 {
		if err := c.pause(item.delay); err != nil {
			return err
		}
	}
	plain := item.frame
	if plain == nil {
		var err error
		if plain, err = encode(item.node); err != nil {
			return err
		}
	}
	return c.writeFrame(c.ctx, c.noise.seal(nil, plain))
}

// pause waits for d or until the connection ends.
func (c *conn) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}
