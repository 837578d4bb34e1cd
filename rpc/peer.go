package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// PeerOptions say how one connection is served. Zero numbers mean the defaults of this package.
type PeerOptions struct {
	// Principal is the peer; SetPrincipal changes it.
	Principal Principal
	// Conn is handed to methods as Call.Conn.
	Conn any
	// Gate is asked before each call, on the reading goroutine; an error is the reply. nil = all may pass.
	Gate func(call *Call, method string) *Error
	// Name stands for the connection in logs.
	Name string
	// Log receives failures; nil = the registry's.
	Log *slog.Logger

	InFlight       int     // calls running at a time
	MaxDepth       int     // nesting of a frame
	MaxFrame       int     // bytes; enforced by the codec, reported to the peer
	MaxBatch       int     // requests in a frame
	MaxBatchReply  int     // bytes of a frame of replies
	Rate           float64 // calls a second
	Burst          int     // calls at once
	Rates          *Rates  // of HTTPHandler only: shared with others who take calls without a connection; nil = its own
	Refusals       int     // calls over the rate before the connection is closed
	ProtocolErrors int     // broken frames before the connection is closed

	// HTTP contains the further options of HTTPHandler.
	HTTP HTTPOptions

	outlive bool // the context given to Start is the caller's: calls with an idempotency key go on without it
}

func (o PeerOptions) withDefaults(reg *Registry) PeerOptions {
	set := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	set(&o.InFlight, DefaultInFlight)
	set(&o.MaxDepth, DefaultMaxDepth)
	set(&o.MaxFrame, DefaultMaxFrame)
	set(&o.MaxBatch, DefaultMaxBatch)
	set(&o.MaxBatchReply, DefaultMaxBatchReply)
	set(&o.Burst, DefaultBurst)
	set(&o.Refusals, DefaultRefusals)
	set(&o.ProtocolErrors, DefaultProtocolErrors)
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.Log == nil {
		o.Log = reg.log
	}
	return o
}

// Peer is one JSON-RPC connection: it reads requests from a codec, runs methods and writes replies.
type Peer struct {
	reg       *Registry
	codec     Codec
	opts      PeerOptions
	stream    *stream
	principal atomic.Pointer[Principal]
	draining  atomic.Int64 // retry_after in nanoseconds; 0 = open

	// Used by the reading goroutine only.
	rate     limiter
	refusals lazyLimiter

	jobs sync.WaitGroup

	mu      sync.Mutex
	running map[*job]struct{}
	tails   map[string]chan struct{} // last call of each order key; closed when it has ended
}

// NewPeer prepares a connection; Start begins to read.
func NewPeer(reg *Registry, codec Codec, opts PeerOptions) *Peer {
	opts = opts.withDefaults(reg)
	p := &Peer{
		reg: reg, codec: codec, opts: opts,
		rate: newLimiter(opts.Rate, opts.Burst),
	}
	p.stream = newStream(reg, codec, &p.opts)
	p.SetPrincipal(opts.Principal)
	return p
}

// Start begins to read. The connection ends when the codec's ReadFrame fails or ctx is done; ctx is the parent of the
// context of each call.
func (p *Peer) Start(ctx context.Context) {
	jsonrpc2.NewConn(ctx, p.stream, handler{p}, jsonrpc2.OnSend(p.stream.onSend), jsonrpc2.SetLogger(connLog{p}))
}

// SetPrincipal changes the principal of the peer, for later calls.
func (p *Peer) SetPrincipal(who Principal) { p.principal.Store(&who) }

// Principal returns the principal of the peer.
func (p *Peer) Principal() Principal { return *p.principal.Load() }

// Drain rejects calls from now on, with retryAfter as the retry hint.
func (p *Peer) Drain(retryAfter time.Duration) {
	p.draining.Store(int64(max(retryAfter, time.Millisecond)))
}

// Wait returns when the connection has ended and no call is running any more.
func (p *Peer) Wait() {
	<-p.stream.ended
	p.jobs.Wait()
}

// InFlight is the number of calls that are running.
func (p *Peer) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.running)
}

// Notify sends a notification.
func (p *Peer) Notify(method string, params any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("rpc: notify %s: %w", method, err)
	}
	return p.codec.WriteFrame(AppendNotification(nil, method, raw))
}

// AppendNotification appends a notification with encoded params to b.
func AppendNotification(b []byte, method string, params []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","method":`...)
	b = appendString(b, method)
	b = append(b, `,"params":`...)
	return append(append(b, params...), '}')
}

// cancel ends the running calls with that id and reports whether there were any.
func (p *Peer) cancel(id []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := false
	for j := range p.running {
		if bytes.Equal(j.item.id, id) {
			j.cancelled.Store(true)
			j.stop()
			found = true
		}
	}
	return found
}

// handler gives requests from jsonrpc2 to the peer.
type handler struct{ p *Peer }

func (h handler) Handle(ctx context.Context, conn *jsonrpc2.Conn, _ *jsonrpc2.Request) {
	it := h.p.stream.current
	h.p.stream.current = nil
	h.p.dispatchItem(ctx, conn, it)
}

// connLog receives the log output of jsonrpc2: that a connection ended with an error.
type connLog struct{ p *Peer }

func (l connLog) Printf(format string, v ...any) {
	l.p.opts.Log.Debug("connection ended", "conn", l.p.opts.Name, "cause", fmt.Sprintf(format, v...))
}
