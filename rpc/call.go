package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Call is one request on its way through a method.
type Call struct {
	// Principal is the caller.
	Principal Principal
	// Session is the session the call acts on. The registry fills it for session-scope methods, after checking that
	// the principal may use it.
	Session string
	// RequestID names the call in logs and errors; the registry makes one when it is empty.
	RequestID string
	// Method is the name under which the call came; filled by the registry.
	Method string
	// Meta is the params member _meta; filled by the registry.
	Meta Meta
	// Conn is the owner of the connection the call came over; nil for calls by HTTP and inside the process.
	Conn any
	// Push receives the notifications of Stream for in-process calls. Without it and without a connection there is no Stream.
	Push func(ctx context.Context, method string, params json.RawMessage) error

	peer        *Peer
	meter       Meter         // nil = replies are not counted
	reserved    int           // bytes that are counted in meter for the reply
	first       chan struct{} // place among the first calls of the method; nil = none
	job         *job
	after       []func()
	concerns    string // see Concerns
	progress    progressState
	occupies    bool              // a place among the calls of the session
	fingerprint [sha256.Size]byte // of the params; set when there is an idempotency key
	owner       string            // see CallKey; set when there is an idempotency key
	begun       time.Time         // when the first call with the key was
}

// Meta is the params member _meta, which every method takes.
type Meta struct {
	// TimeoutMS replaces the method's timeout, in milliseconds; the server's maximum applies.
	TimeoutMS int64 `json:"timeout_ms,omitempty" rpc:"min=1" doc:"time the call may take, in milliseconds"`
	// IdempotencyKey makes repeats of the call answer with the first reply. Errors that may pass are not kept.
	IdempotencyKey string `json:"idempotency_key,omitempty" rpc:"min=1,max=200" doc:"repeats with the same key get the first reply"`
	// ProgressToken asks for conn.progress notifications that carry it; a string or a number.
	ProgressToken json.RawMessage `json:"progress_token,omitempty" doc:"string or number that conn.progress repeats"`
	// TraceParent is the W3C trace context of the caller.
	TraceParent string `json:"traceparent,omitempty" rpc:"max=128" doc:"W3C trace context"`
}

// Concerns names the session that a call without the shared param session acts on, for Options.ObserveChanges.
func (c *Call) Concerns(session string) { c.concerns = session }

// AfterReply has f run once the reply, a result or an error, is in the connection's lane, so that what f sets off cannot
// overtake the reply. Without a connection f runs when the method has returned. f must not block.
func (c *Call) AfterReply(f func()) { c.after = append(c.after, f) }

func (c *Call) runAfterReply() {
	for _, f := range c.after {
		f()
	}
	c.after = nil
}

// progressInterval is the least time between two conn.progress of one call; the last one (done == total) always goes.
const progressInterval = 100 * time.Millisecond

type progressState struct {
	mu   sync.Mutex
	seq  int
	last time.Time
}

// Progress reports the progress of a call to a caller that requested it. total 0 means not known. Reports that come faster than ten a second are
// dropped, except the final one; without a progress token or a connection it does nothing.
func (c *Call) Progress(done, total int64, message string) {
	if c.peer == nil || c.Conn == nil || len(c.Meta.ProgressToken) == 0 {
		return
	}
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	now := time.Now()
	if final := total > 0 && done >= total; !final && now.Sub(c.progress.last) < progressInterval {
		return
	}
	c.progress.last = now
	c.progress.seq++
	_ = c.peer.Notify("conn.progress", progressParams{
		Token: c.Meta.ProgressToken, Seq: c.progress.seq, Done: done, Total: total, Message: message,
	})
}

// Stream sends the caller a notification of a call that goes on. It waits while the connection has much to send, until ctx
// ends, so that a slow reader holds up the call alone. The error is an *Error when the call came without a way back.
func (c *Call) Stream(ctx context.Context, method string, params any) error {
	raw, err := encodeResult(params)
	if err != nil {
		return fmt.Errorf("rpc: stream %s: %w", method, err)
	}
	if c.Push != nil {
		return c.Push(ctx, method, raw)
	}
	if c.peer == nil || c.Conn == nil {
		return NotSupported(c.Method + " needs a connection")
	}
	if codec, ok := c.peer.codec.(Pacer); ok {
		if err := codec.Pace(ctx); err != nil {
			return goneError(ctx, err)
		}
	}
	return goneError(ctx, c.peer.codec.WriteFrame(AppendNotification(nil, method, raw)))
}

// goneError makes the error of a connection that has ended count as a call that its caller has ended.
func goneError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("rpc: the connection has ended: %w: %w", err, Cancelled())
}

type progressParams struct {
	Token   json.RawMessage `json:"token"`
	Seq     int             `json:"seq"`
	Done    int64           `json:"done"`
	Total   int64           `json:"total,omitempty"`
	Message string          `json:"message,omitempty"`
}
