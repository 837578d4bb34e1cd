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

// conn is one connection. It is the rpc.Codec that its Peer reads from and writes to.
//
// An idle connection has only the goroutines of its reader. Code that queues something for it calls wake, which
// starts drain unless it is running; drain ends when nothing is left to write.
type conn struct {
	e      *Endpoint
	id     string
	opened time.Time
	ws     *websocket.Conn
	wire   *wire
	peer   *rpc.Peer
	stream *stream // set for server-sent events instead of a WebSocket: ws and peer are nil

	waitingEntry  *list.Element // entry in the list of connections before conn.hello; guarded by the endpoint's mu
	refused       bool          // only receives the reason why it is closed
	address       string        // key of the peer's address
	authenticated bool          // authenticated by the upgrade
	principal     rpc.Principal // valid when authenticated
	boundTo       string        // owned by the reading goroutine: session for which the connection counts; also read after the reader has ended

	greeted  atomic.Bool  // conn.hello succeeded
	lastRead atomic.Int64 // unix nanoseconds of the last frame of any kind
	// Start of the frame that is being read (unix nanoseconds, 0 = no frame) and the number of bytes received.
	frameSince, frameGot atomic.Int64

	writers sync.WaitGroup
	worker  *worker // worker of the running drain

	mu          sync.Mutex
	room        sync.Cond // signalled when the lane has become shorter, or the connection has ended
	busy        bool      // drain is running
	writesEnded bool      // nothing is written from now on
	readerEnded bool      // the reader has ended
	ending      *ending   // a close frame is to be sent

	client   string     // name and version from conn.hello
	closed   closeReply // how it ended; Code 0 = not known yet
	inbound  inbound
	lane     lane // replies and notifications, which are written before events
	ping     bool
	pong     []byte // payload of the last unanswered ping; nil = no ping
	pingSent time.Time

	filters          *filterSet
	shared           bool       // follows all sessions (see Shared)
	access           rpc.Access // of an account's credential; nil = another one
	manual           bool       // manual ack
	window           window
	heartbeatMessage bool // an idle connection receives conn.position at each heartbeat
	batched          bool // events of one turn are sent in one frame
	eventHolds       int  // number of replies that must be in the lane before events are sent
	cursors          map[string]*cursor
	dirty            []*cursor // cursors that may have something to read

	consumer   consumer.ID                  // set with stored
	stored     map[string]consumer.Position // by session, the positions that the store has or will have; nil = no named consumer
	superseded bool                         // another connection has taken over the consumer
	unsettled  bool                         // stored may lack some sessions
	unwritten  bool                         // the store has received changes since writeCursors

	signals  []signal
	lastPush time.Time // time of the last event or position
}

// ending is the close code and reason of a connection that is being closed.
type ending struct {
	code   int
	reason string
}

var _ rpc.Codec = (*conn)(nil)

// start begins to serve on a reserved slot, which the connection occupies until its last goroutine has ended.
func (c *conn) start() {
	cfg := &c.e.cfg
	c.lastRead.Store(time.Now().UnixNano())
	c.lastPush = c.opened
	c.peer = rpc.NewPeer(c.e.reg, c, rpc.PeerOptions{
		Principal: rpc.Principal{Kind: rpc.ScopePublic}, Conn: c, Gate: c.requireHello, Name: c.id, Log: c.e.log,
		InFlight: cfg.InFlight, MaxFrame: cfg.MaxFrame, Rate: cfg.Rate, Burst: cfg.Burst,
		Refusals: cfg.Refusals, ProtocolErrors: cfg.ProtocolErrors,
	})
	victim, admitted := c.e.admitConn(c)
	if !admitted {
		_ = c.ws.CloseNow()
		c.e.cancelReservation()
		return
	}
	if victim != nil {
		_ = victim.Close(CloseRate, "too many connections wait with conn.hello, and this was the oldest")
	}
	c.wire.flood = func() { _ = c.Close(CloseRate, "too many control frames or small fragments") }
	c.wire.heads.rate = cfg.ControlRate
	if !c.wire.heads.allows(c.wire.in) {
		c.wire.flood()
	}
	c.peer.Start(c.e.ctx)
}

// requireHello rejects all calls before conn.hello.
func (c *conn) requireHello(call *rpc.Call, method string) *rpc.Error {
	if c.greeted.Load() || method == methodHello && !c.refused {
		return nil
	}
	if !c.refused { // else the close with the reason is under way
		call.AfterReply(func() { _ = c.Close(CloseHelloMissing, "conn.hello must come first") })
	}
	return rpc.Unauthenticated("conn.hello must come first")
}

// ReadFrame reads the next text frame. It blocks while too many replies are unwritten.
func (c *conn) ReadFrame() ([]byte, error) {
	for {
		if !c.awaitRoom() {
			return nil, io.EOF
		}
		if err := c.wire.awaitFrame(c.onControl); err != nil {
			return nil, err
		}
		// Not the request's context: the end of that context would close the connection.
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

// unreadable ends a connection whose bytes are not WebSocket frames; the library reports this to the peer in some
// cases only. Other errors, which mean that the peer has closed the connection or has gone, are returned unchanged.
func (c *conn) unreadable(err error) error {
	c.noteReadError(err)
	var network net.Error
	if websocket.CloseStatus(err) >= 0 || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return err
	}
	_ = c.Close(CloseProtocol, "this is not WebSocket")
	_, _ = io.Copy(io.Discard, c.wire.Conn) // until the peer has read the close frame, or briefly after
	return err
}

func (c *conn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending != nil
}

// Close sends the frames in the lane and a close frame; the first code counts. Code 0 comes from jsonrpc2 when the
// reader has ended, and tears the connection down.
func (c *conn) Close(code int, reason string) error {
	if code == 0 {
		c.tearDown()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil && !c.readerEnded {
		c.ending = &ending{code, reason}
		if c.closed.Code == 0 {
			c.closed = closeReply{Code: code, Reason: reason}
		}
		c.e.log.Debug("closing connection", "conn", c.id, "code", code, "reason", reason)
		c.wake()
	}
	return nil
}

// abort cuts the connection, which ends the reader.
func (c *conn) abort() { _ = c.wire.Close() }

// dropAll drops all unwritten data for good; the caller holds c.mu.
func (c *conn) dropAll() {
	c.readerEnded, c.writesEnded = true, true
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
	go func() { // the endpoint waits for it in removeConn
		c.peer.Wait()
		c.writers.Wait()
		c.e.removeConn(c)
	}()
}

// wake schedules drain for the connection; the caller holds c.mu.
func (c *conn) wake() {
	if !c.busy && !c.writesEnded {
		c.busy = true
		c.writers.Add(1)
		c.e.writers.enqueue(c)
	}
}

// onControl handles pings and pongs that arrive between messages.
func (c *conn) onControl(opcode byte, payload []byte) {
	if opcode == opPing {
		c.onPing(context.Background(), payload)
	} else {
		c.onPong(context.Background(), payload)
	}
}

// onPing queues the answer in the lane: an answer by the library itself would cut the connection when the peer reads
// slowly.
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
