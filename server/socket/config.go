package socket

import (
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/server/origin"
)

// Subprotocol is the WebSocket subprotocol. Clients that offer no subprotocol are served by the same rules.
const Subprotocol = "waystation.v1"

// protocolVersion is the version that conn.hello requires.
const protocolVersion = 1

// Close codes of the protocol. Below 4500: the client reconnects and resumes. From 4500: reconnecting with the same
// request is useless.
const (
	CloseProtocol        = 1002 // a violation of RFC 6455
	CloseInvalidText     = 1007 // a text frame is not UTF-8
	CloseRestart         = 1012 // the server is shutting down
	CloseInternal        = 4000
	CloseStalled         = 4001 // a write was blocked too long
	CloseNoPong          = 4002
	CloseRate            = 4003
	CloseSuperseded      = 4004
	ClosePositionLost    = 4005
	CloseOwnerLost       = 4006
	CloseBadFrame        = 4500 // a binary frame, or one far beyond the size limit
	CloseHelloMissing    = 4501
	CloseAuth            = 4502
	CloseTokenExpired    = 4503
	CloseProtocolVersion = 4504
	CloseConnectionLimit = 4505
	CloseForbidden       = 4506
	CloseProtocolErrors  = 4507
)

// Config of an Endpoint. Zero values mean the defaults given with each field.
type Config struct {
	// Node is the name of this process in conn.hello; default "node".
	Node string
	// Version is the server's version in conn.hello; default "0".
	Version string
	// Origins are the origins of web pages that may connect; nil = the server's own host.
	Origins *origin.List
	// Tickets redeems the tickets of browsers; nil = tickets are rejected.
	Tickets Tickets
	// Shared reports the sessions that are left out of connections that follow all; nil = no session.
	Shared Shared
	// HelloTimeout is how long a new connection may wait before conn.hello; default 10 s.
	HelloTimeout time.Duration
	// Heartbeat is the silence of a peer after which it is pinged, and of an idle stream before conn.position; 25 s.
	Heartbeat time.Duration
	// StreamHeartbeat is the silence of a stream of server-sent events after which a comment is sent; 15 s.
	StreamHeartbeat time.Duration
	// PongTimeout is how long a peer may take to answer a ping; 10 s.
	PongTimeout time.Duration
	// StallTimeout is how long a write may make no progress; 15 s.
	StallTimeout time.Duration
	// DrainTimeout is how long Shutdown waits for running calls; 10 s.
	DrainTimeout time.Duration
	// DrainRetry is the reconnect delay that clients receive when the server drains; 2 s.
	DrainRetry time.Duration
	// MaxConnections is the limit of the whole endpoint; 20000. One connection costs about 15 KB.
	MaxConnections int
	// MaxWaiting limits the connections before conn.hello, and MaxWaitingPerAddress those of one address or of one
	// credential in the upgrade; the oldest is closed in favour of a new one. 2000 and 200.
	MaxWaiting, MaxWaitingPerAddress int
	// ControlRate is the number of control frames and small fragments that a peer may send per second, with a burst
	// of 120 times as many; 50.
	ControlRate float64
	// MaxPerSession is the number of connections that may be bound to one session; 100.
	MaxPerSession int
	// MaxStreamSessions is the number of sessions one stream may follow: the id of a message lists them all, and the
	// client returns it in a header; 100.
	MaxStreamSessions int
	// StreamKey signs the ids of messages; default: random, so that clients start without a position after a restart.
	StreamKey []byte
	// MaxFilters is the number of filters of one connection; 32.
	MaxFilters int
	// MaxSignals is the number of volatile events queued for one connection; older ones are dropped; 64.
	MaxSignals int
	// TurnEvents and TurnBytes limit the events read from the journal for one turn (one write of a connection); 64
	// and 64 KiB.
	TurnEvents, TurnBytes int
	// WindowEvents and WindowBytes limit the unacknowledged events with manual ack; 1000 and 4 MiB.
	WindowEvents, WindowBytes int
	// MaxPending limits the bytes of replies queued for writing; beyond it no further calls are read; 4 MiB.
	MaxPending int
	// Replies limits the bytes of unread replies over all connections, with a share for each principal; 256 MiB. Each
	// connection has 16 KiB in addition.
	Replies *budget.Budget
	// MaxCloses is the number of ended connections that conn.list shows; 100.
	MaxCloses int
	// Frames limits the bytes of frames that clients have sent, from their first bytes until their calls are
	// answered, with a share for each principal, or for each address before conn.hello; 128 MiB. Each connection has
	// 8 KiB in addition.
	Frames *budget.Budget
	// MinRate is the lowest rate at which a frame must arrive, in bytes per second, after FrameGrace; 4 KiB.
	MinRate int
	// FrameGrace is how long a frame may be slower than MinRate, and how long it waits for room; 60 s.
	FrameGrace time.Duration
	// MaxHelloFrame is the largest frame before conn.hello has succeeded; 64 KiB, at most MaxFrame.
	MaxHelloFrame int
	// Proxies are trusted to report the address of a caller; nil = no proxy is trusted.
	Proxies *address.Proxies
	// ScanEvents is the number of events that a filter may skip before the position is sent to the client; 1000.
	ScanEvents int
	// Consumers stores the cursors of named consumers; nil = conn.hello rejects them.
	Consumers Consumers
	// Log receives the endpoint's own messages; default: no logging.
	Log *slog.Logger

	// Limits of calls; zero values mean the defaults of package rpc.
	InFlight, MaxFrame, Burst, Refusals, ProtocolErrors int
	Rate                                                float64
}

func (c Config) withDefaults() Config {
	setDuration := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	if c.Node == "" {
		c.Node = "node"
	}
	if c.Version == "" {
		c.Version = "0"
	}
	if c.Shared == nil {
		c.Shared = anySession{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	setDuration(&c.HelloTimeout, 10*time.Second)
	setDuration(&c.Heartbeat, 25*time.Second)
	setDuration(&c.StreamHeartbeat, 15*time.Second)
	setDuration(&c.PongTimeout, 10*time.Second)
	setDuration(&c.StallTimeout, 15*time.Second)
	setDuration(&c.DrainTimeout, 10*time.Second)
	setDuration(&c.DrainRetry, 2*time.Second)
	set(&c.MaxConnections, 20000)
	set(&c.MaxCloses, 100)
	set(&c.MaxWaiting, 2000)
	set(&c.MaxWaitingPerAddress, 200)
	if c.ControlRate <= 0 {
		c.ControlRate = 50
	}
	set(&c.MaxPerSession, 100)
	set(&c.MaxStreamSessions, 100)
	if len(c.StreamKey) == 0 {
		c.StreamKey = make([]byte, 32)
		_, _ = rand.Read(c.StreamKey) // never fails
	}
	set(&c.MaxFilters, 32)
	set(&c.MaxSignals, 64)
	set(&c.TurnEvents, 64)
	set(&c.TurnBytes, 64<<10)
	set(&c.WindowEvents, 1000)
	set(&c.WindowBytes, 4<<20)
	set(&c.MaxPending, 4<<20)
	if c.Replies == nil {
		c.Replies = budget.New(256<<20, 0)
	}
	if c.Frames == nil {
		c.Frames = budget.New(128<<20, 0)
	}
	set(&c.MinRate, budget.DefaultMinRate)
	setDuration(&c.FrameGrace, time.Minute)
	set(&c.MaxHelloFrame, 64<<10)
	set(&c.ScanEvents, 1000)
	c.setCallLimits(set)
	c.MaxHelloFrame = min(c.MaxHelloFrame, c.MaxFrame)
	return c
}
