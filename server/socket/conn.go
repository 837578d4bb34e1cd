package socket

import (
	"container/list"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
)

// closeGrace is how long a peer has to answer a close frame before the connection is cut.
const closeGrace = 2 * time.Second

// conn is one connection. It is the rpc.Codec its Peer reads from and writes to.
//
// At rest it has the goroutines of its reader only. Whoever has something for it calls wake, which starts drain unless
// it is running; drain ends when there is nothing left.
type conn struct {
	e      *Endpoint
	id     string
	opened time.Time
	ws     *websocket.Conn
	wire   *wire
	peer   *rpc.Peer
	stream *stream // server-sent events instead of a WebSocket: ws and peer are nil

	place   *list.Element // among those before conn.hello; the endpoint's mu guards it
	refused bool          // is only told why it is closed
	address string        // key of the peer's address
	known   bool          // authenticated by the upgrade
	who     rpc.Principal // valid when known
	boundTo string        // of the reading goroutine: session for which the connection counts; also read after the reader has ended

	greeted  atomic.Bool  // conn.hello succeeded
	lastRead atomic.Int64 // unix nanoseconds of the last frame of any kind
	// Of the frame that is being read: since when (unix nanoseconds, 0 = none is) and how many bytes have arrived.
	frameSince, frameGot atomic.Int64

	writers sync.WaitGroup
	hand    *hand // of the drain that runs

	mu     sync.Mutex
	room   sync.Cond // the lane has become shorter, or the connection has ended
	busy   bool      // drain is running
	mute   bool      // nothing is written any more
	torn   bool      // the reader has ended
	ending *ending   // a close frame is to be sent

	client   string     // name and version that the client gave
	closed   closeReply // how it ended; Code 0 = not known yet
	inbound  inbound
	lane     lane // replies and notifications, which go before events
	ping     bool
	pong     []byte // payload of the last ping to answer; nil = none
	pingSent time.Time

	filters          *filterSet
	shared           bool // follows all sessions (see Shared)
	manual           bool // manual ack
	window           window
	heartbeatMessage bool // an idle connection gets conn.position at each heartbeat
	batched          bool // events of one turn come in one frame
	held             int  // events wait until as many replies are in the lane
	cursors          map[string]*cursor
	dirty            []*cursor // cursors that may have something to read

	consumer   consumer.ID                  // set with stored
	stored     map[string]consumer.Position // by session, as the store has or will have it; nil = no named consumer
	superseded bool                         // another connection is the consumer now
	unsettled  bool                         // there may be sessions that are not in stored
	unwritten  bool                         // the store was told something since writeCursors

	signals  []signal
	lastPush time.Time // last event or position
}

// ending is how a connection is to be closed.
type ending struct {
	code   int
	reason string
}

var _ rpc.Codec = (*conn)(nil)

// start begins to serve on a reserved place, which the connection has until its last goroutine has ended.
func (c *conn) start() {
	cfg := &c.e.cfg
	c.lastRead.Store(time.Now().UnixNano())
	c.lastPush = c.opened
	c.peer = rpc.NewPeer(c.e.reg, c, rpc.PeerOptions{
		Principal: rpc.Principal{Kind: rpc.ScopePublic}, Conn: c, Gate: c.gate, Name: c.id, Log: c.e.log,
		InFlight: cfg.InFlight, MaxFrame: cfg.MaxFrame, Rate: cfg.Rate, Burst: cfg.Burst,
		Refusals: cfg.Refusals, ProtocolErrors: cfg.ProtocolErrors,
	})
	victim, admitted := c.e.admit(c)
	if !admitted {
		_ = c.ws.CloseNow()
		c.e.giveBack()
		return
	}
	if victim != nil {
		_ = victim.Close(CloseRate, "too many connections wait with conn.hello, and this was the oldest")
	}
	c.wire.flood = func() { _ = c.Close(CloseRate, "too many control frames or small fragments") }
	c.wire.heads.rate = cfg.ControlRate
	if !c.wire.heads.pass(c.wire.in) {
		c.wire.flood()
	}
	c.peer.Start(c.e.ctx)
}

// gate lets nothing pass before conn.hello.
func (c *conn) gate(call *rpc.Call, method string) *rpc.Error {
	if c.greeted.Load() || method == methodHello && !c.refused {
		return nil
	}
	call.AfterReply(func() { _ = c.Close(CloseHelloMissing, "conn.hello must come first") })
	return rpc.Unauthenticated("conn.hello must come first")
}

// ReadFrame reads the next text frame. It waits while too many replies have not been written.
func (c *conn) ReadFrame() ([]byte, error) {
	for {
		if !c.awaitRoom() {
			return nil, io.EOF
		}
		if err := c.wire.await(c.onControl); err != nil {
			return nil, err
		}
		// Not the request's context: a context that ends would tear the connection down.
		kind, r, err := c.ws.Reader(context.Background())
		if err != nil {
			return nil, c.unreadable(err)
		}
		c.lastRead.Store(time.Now().UnixNano())
		if kind != websocket.MessageText {
			_ = c.Close(CloseBadFrame, "binary frames are not taken")
		}
		if c.isEnding() {
			if _, err := io.Copy(io.Discard, r); err != nil {
				return nil, err
			}
			continue
		}
		b, err := c.readAll(r)
		switch {
		case errors.Is(err, errEnding):
			continue
		case err == nil && !utf8.Valid(b):
			_ = c.Close(CloseInvalidText, "a text frame is not UTF-8")
			continue
		case err != nil && !errors.Is(err, rpc.ErrFrameTooLarge):
			err = c.unreadable(err)
		}
		return b, err
	}
}

// unreadable ends a connection whose bytes are no WebSocket frames; the library says so to the peer in some cases only.
// Other errors it returns as they are: the peer has closed the connection or gone.
func (c *conn) unreadable(err error) error {
	c.noteReadError(err)
	var network net.Error
	if websocket.CloseStatus(err) >= 0 || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return err
	}
	_ = c.Close(CloseProtocol, "this is not WebSocket")
	_, _ = io.Copy(io.Discard, c.wire.Conn) // until the peer has taken the close frame, or a moment later
	return err
}

func (c *conn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending != nil
}

// Close sends what is in the lane and a close frame; the first code counts. Code 0 comes from jsonrpc2 when the reader
// has ended, and takes the connection apart.
func (c *conn) Close(code int, reason string) error {
	if code == 0 {
		c.tearDown()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil && !c.torn {
		c.ending = &ending{code, reason}
		if c.closed.Code == 0 {
			c.closed = closeReply{Code: code, Reason: reason}
		}
		c.e.log.Debug("closing connection", "conn", c.id, "code", code, "reason", reason)
		c.wake()
	}
	return nil
}

// abort cuts the connection; the reader then ends.
func (c *conn) abort() { _ = c.wire.Close() }

// dropAll drops what was to be written, for good; the caller holds c.mu.
func (c *conn) dropAll() {
	c.torn, c.mute = true, true
	c.lane.frames, c.dirty, c.signals = nil, nil, nil
	c.settleReplies()
	c.settleFrames()
}

func (c *conn) tearDown() {
	c.mu.Lock()
	c.dropAll()
	c.mu.Unlock()
	c.room.Broadcast()
	_ = c.ws.CloseNow()
	go func() { // counted by the endpoint through forget
		c.peer.Wait()
		c.writers.Wait()
		c.e.forget(c)
	}()
}

// wake has drain look at the connection; the caller holds c.mu.
func (c *conn) wake() {
	if !c.busy && !c.mute {
		c.busy = true
		c.writers.Add(1)
		c.e.crew.add(c)
	}
}

// onControl takes pings and pongs that come between messages.
func (c *conn) onControl(opcode byte, payload []byte) {
	if opcode == opPing {
		c.onPing(context.Background(), payload)
	} else {
		c.onPong(context.Background(), payload)
	}
}

// onPing answers in the lane: an answer by the library itself would cut the connection when the peer reads slowly.
func (c *conn) onPing(_ context.Context, payload []byte) bool {
	c.lastRead.Store(time.Now().UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pong = append(make([]byte, 0, len(payload)), payload...)
	c.wake()
	return false
}

func (c *conn) onPong(context.Context, []byte) {
	c.lastRead.Store(time.Now().UnixNano())
}
