package socket

import (
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/server/origin"
)

// Subprotocol is the WebSocket subprotocol; a client that offers none is served by the same rules.
const Subprotocol = "waystation.v1"

// protocolVersion is the one conn.hello asks for.
const protocolVersion = 1

// Close codes of the protocol. Below 4500: reconnect and resume. From 4500: do not come back unchanged.
const (
	CloseProtocol        = 1002 // not WebSocket as RFC 6455 has it
	CloseInvalidText     = 1007 // a text frame is not UTF-8
	CloseRestart         = 1012 // the server is going down
	CloseInternal        = 4000
	CloseStalled         = 4001 // a write was blocked too long
	CloseNoPong          = 4002
	CloseRate            = 4003
	CloseSuperseded      = 4004
	ClosePositionLost    = 4005
	CloseOwnerLost       = 4006
	CloseBadFrame        = 4500 // a binary frame, or one far beyond the limit
	CloseHelloMissing    = 4501
	CloseAuth            = 4502
	CloseTokenExpired    = 4503
	CloseProtocolVersion = 4504
	CloseConnectionLimit = 4505
	CloseForbidden       = 4506
	CloseProtocolErrors  = 4507
)

// Config of an Endpoint. Zero values stand for the defaults given with each field.
type Config struct {
	// Node names this process in conn.hello; default "node".
	Node string
	// Version is the server's version in conn.hello; default "0".
	Version string
	// Origins are those of web pages that may connect; nil = the server's own host.
	Origins *origin.List
	// Tickets are what browsers connect with; nil = none are taken.
	Tickets Tickets
	// Shared says which sessions stay out of connections that follow all; nil = none.
	Shared Shared
	// HelloTimeout is how long a new connection may wait with conn.hello; default 10 s.
	HelloTimeout time.Duration
	// Heartbeat is how long a peer may be silent before it is pinged, and an idle stream before conn.position; 25 s.
	Heartbeat time.Duration
	// StreamHeartbeat is how long a stream of server-sent events may be silent before a comment is sent; 15 s.
	StreamHeartbeat time.Duration
	// PongTimeout is how long it may take to answer a ping; 10 s.
	PongTimeout time.Duration
	// StallTimeout is how long a write may make no progress; 15 s.
	StallTimeout time.Duration
	// DrainTimeout is how long Shutdown waits for running calls; 10 s.
	DrainTimeout time.Duration
	// DrainRetry is when clients are told to come back after a drain; 2 s.
	DrainRetry time.Duration
	// MaxConnections of the whole endpoint; 20000. One costs about 15 KB.
	MaxConnections int
	// MaxWaiting is how many connections may not have said conn.hello yet, and MaxWaitingPerAddress how many of one
	// address, or of one credential in the upgrade; the oldest is closed in favour of a new one. 2000 and 200.
	MaxWaiting, MaxWaitingPerAddress int
	// ControlRate is how many control frames and small fragments a peer may send a second; 120 times as many at once; 50.
	ControlRate float64
	// MaxPerSession is how many connections may be bound to one session; 100.
	MaxPerSession int
	// MaxStreamSessions is how many sessions one stream may follow: the id of a message names them all, and comes back
	// in a header; 100.
	MaxStreamSessions int
	// StreamKey signs the ids of messages; default: random, so that clients begin anew after a restart.
	StreamKey []byte
	// MaxFilters of one connection; 32.
	MaxFilters int
	// MaxSignals is how many volatile events wait for one connection; older ones are dropped; 64.
	MaxSignals int
	// TurnEvents and TurnBytes bound what is read from the journal for one write; 64 and 64 KiB.
	TurnEvents, TurnBytes int
	// WindowEvents and WindowBytes bound what may be unacknowledged with manual ack; 1000 and 4 MiB.
	WindowEvents, WindowBytes int
	// MaxPending bounds the bytes of replies that wait to be written; beyond it nothing more is read; 4 MiB.
	MaxPending int
	// Replies bounds the bytes of unread replies over all connections, with a share for each principal; 256 MiB. Each
	// connection has 16 KiB besides.
	Replies *budget.Budget
	// MaxCloses is how many ended connections conn.list shows; 100.
	MaxCloses int
	// Frames bounds the bytes of frames that clients have sent, from their first bytes until their calls are answered,
	// with a share for each principal, or for each address before conn.hello; 128 MiB. Each connection has 8 KiB besides.
	Frames *budget.Budget
	// MinRate is the least rate at which a frame must arrive, in bytes a second, after FrameGrace; 4 KiB.
	MinRate int
	// FrameGrace is how long a frame may be slower than MinRate, and how long it waits for room; 60 s.
	FrameGrace time.Duration
	// MaxHelloFrame is the largest frame before conn.hello has succeeded; 64 KiB, at most MaxFrame.
	MaxHelloFrame int
	// Proxies are trusted to name the address of a caller; nil = none.
	Proxies *address.Proxies
	// ScanEvents is how many events a filter may skip before the client is told the position; 1000.
	ScanEvents int
	// Consumers keeps the cursors of named consumers; nil = conn.hello refuses them.
	Consumers Consumers
	// Log gets the endpoint's own messages; default: none.
	Log *slog.Logger

	// Limits of calls; zero values are the defaults of package rpc.
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
