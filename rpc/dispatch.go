package rpc

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// lateGrace is how long a method may take to return after its context has ended. Then the caller gets a general answer
// instead of the method's own, which could say more (the id of a message that may have been sent).
const lateGrace = time.Second

// job is a call that is running or waiting for its turn.
type job struct {
	item      *item
	call      Call
	method    *method
	conn      *jsonrpc2.Conn
	began     time.Time // when it was read
	stop      context.CancelFunc
	cancelled atomic.Bool // by conn.cancel
	answered  atomic.Bool
}

// dispatchItem takes one request on its way. It runs on the reading goroutine and does not wait, except for methods that
// are declared Inline.
func (p *Peer) dispatchItem(ctx context.Context, conn *jsonrpc2.Conn, it *item) {
	j := &job{item: it, conn: conn}
	j.call = Call{
		Principal: p.Principal(), RequestID: p.reg.requestID(), Conn: p.opts.Conn, peer: p, job: j,
	}
	if it.id != nil {
		j.call.meter = p.stream.meter
	}
	if problem := p.checkAdmission(j); problem != nil {
		p.sendReply(j, nil, problem)
		p.stream.itemEnded(it)
		return
	}
	ctx, j.stop = context.WithCancel(ctx)
	if j.method.Inline {
		p.executeCall(ctx, j, nil, false)
		j.stop()
		p.reg.releaseSlot(&j.call)
		p.stream.itemEnded(it)
		return
	}
	if !p.acquireSlot(j) {
		j.stop()
		p.sendReply(j, nil, RateLimited("too many calls in flight on this connection", inFlightRetry))
		p.stream.itemEnded(it)
		return
	}
	if !j.method.ordered {
		go func() {
			defer p.releaseSlot(j)
			p.executeCall(ctx, j, nil, false)
		}()
		return
	}
	p.dispatchOrdered(ctx, j)
}

// checkAdmission decides whether a request may run at all.
func (p *Peer) checkAdmission(j *job) *Error {
	now := time.Now()
	j.began = now
	j.method = p.reg.methods[j.item.method]
	if wait, ok := p.rate.takeTokens(now, j.method.tokens()); !ok {
		if !p.refusals.takeCall(now, p.opts.Rate, p.opts.Refusals) {
			j.call.AfterReply(func() { _ = p.codec.Close(CloseRate, "too many calls") })
		}
		return RateLimited("too many calls on this connection", wait)
	}
	if after := p.draining.Load(); after > 0 {
		return ShuttingDown(time.Duration(after))
	}
	if p.opts.Gate != nil {
		if problem := p.opts.Gate(&j.call, j.item.method); problem != nil {
			return problem
		}
	}
	if j.method == nil {
		return p.reg.methodNotFound(j.item.method)
	}
	if j.method.NoBatch && j.item.batch != nil {
		return InvalidRequest(j.method.Name + " cannot be part of a batch")
	}
	return nil
}

// tokens returns the number of tokens that a call takes from the connection's limiter.
func (m *method) tokens() int {
	if m == nil || m.Light <= 1 {
		return callTokens
	}
	return callTokens / m.Light
}

// acquireSlot takes a place among the running calls.
func (p *Peer) acquireSlot(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.running) >= p.opts.InFlight {
		return false
	}
	if p.running == nil {
		p.running = make(map[*job]struct{})
	}
	p.running[j] = struct{}{}
	p.jobs.Add(1)
	return true
}

func (p *Peer) releaseSlot(j *job) {
	j.stop()
	j.call.endFirst()
	j.call.unreserve()
	p.stream.itemEnded(j.item)
	p.reg.releaseSlot(&j.call)
	p.mu.Lock()
	delete(p.running, j)
	p.mu.Unlock()
	p.jobs.Done()
}

// prepare checks a call and takes its place among those of its session, which leave gives back.
func (p *Peer) prepare(j *job) (any, *Error) {
	value, problem := p.reg.prepare(j.method, &j.call, j.item.params)
	if problem == nil {
		problem = p.reg.acquireSlot(&j.call)
	}
	return value, problem
}

// dispatchOrdered runs a call after the earlier ones with the same key.
func (p *Peer) dispatchOrdered(ctx context.Context, j *job) {
	value, problem := p.prepare(j)
	if problem != nil {
		p.sendReply(j, nil, problem)
		p.releaseSlot(j)
		return
	}
	key := value.(Ordered).OrderKey()
	if key == "" {
		go func() {
			defer p.releaseSlot(j)
			p.executeCall(ctx, j, value, true)
		}()
		return
	}
	key = j.call.Session + "\x00" + key
	done := make(chan struct{})
	p.mu.Lock()
	if p.tails == nil {
		p.tails = make(map[string]chan struct{})
	}
	before := p.tails[key]
	p.tails[key] = done
	p.mu.Unlock()
	go func() {
		defer p.releaseSlot(j)
		defer p.releaseCall(key, done)
		if before != nil {
			p.waitTurn(ctx, j, before)
		}
		if !j.answered.Load() {
			p.executeCall(ctx, j, value, true)
		}
	}()
}

// waitTurn waits for the call before. A call whose time is up meanwhile is answered, but keeps its place, so that the
// one behind it does not overtake the one before it.
func (p *Peer) waitTurn(ctx context.Context, j *job, before <-chan struct{}) {
	timer := time.NewTimer(p.reg.timeout(j.method, &j.call))
	defer timer.Stop()
	select {
	case <-before:
		return
	case <-timer.C:
		p.sendReply(j, nil, Timeout("earlier calls for the same chat are still running; this one was not started"))
	case <-ctx.Done():
		p.sendReply(j, nil, Cancelled())
	}
	<-before
}

func (p *Peer) releaseCall(key string, done chan struct{}) {
	p.mu.Lock()
	if p.tails[key] == done {
		delete(p.tails, key)
	}
	p.mu.Unlock()
	close(done)
}

// executeCall prepares the call if that was not done, runs it and answers.
func (p *Peer) executeCall(ctx context.Context, j *job, value any, prepared bool) {
	if !prepared {
		var problem *Error
		if value, problem = p.prepare(j); problem != nil {
			p.sendReply(j, nil, problem)
			return
		}
	}
	if p.opts.outlive && j.call.Meta.IdempotencyKey != "" {
		var letGo context.CancelFunc
		ctx, letGo = j.detachedContext(ctx)
		defer letGo()
	}
	timeout := p.reg.timeout(j.method, &j.call)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	late := time.AfterFunc(timeout+lateGrace, func() {
		problem := OutcomeUnknown("the call took too long and is still running", "")
		if j.cancelled.Load() {
			problem = Cancelled().With(problem.Details)
		}
		p.sendReply(j, nil, problem)
	})
	defer late.Stop()
	if !j.method.Inline {
		j.call.beginFirst(ctx, j.method)
		if err := j.call.reserve(ctx, j.method); err != nil {
			problem := errNoRoom()
			if j.cancelled.Load() {
				problem = Cancelled()
			}
			p.sendReply(j, nil, problem)
			return
		}
		stopWatch := context.AfterFunc(ctx, func() {
			if j.cancelled.Load() {
				late.Reset(lateGrace)
			}
		})
		defer stopWatch()
	}
	result, problem := p.reg.runOnce(ctx, j.method, &j.call, value)
	if problem != nil && j.cancelled.Load() { // the details report a possible effect
		problem = Cancelled().With(problem.Details)
	}
	p.sendReply(j, result, problem)
}

// detachedContext returns a context that conn.cancel ends and the loss of the caller does not: a call with an idempotency key
// goes on, so that the repeat of a caller who hung up gets its reply.
func (j *job) detachedContext(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, func() {
		if j.cancelled.Load() {
			cancel()
		}
	})
	return own, func() { unlink(); cancel() }
}

// sendReply replies once; a notification gets no reply.
func (p *Peer) sendReply(j *job, result json.RawMessage, problem *Error) {
	if !j.answered.CompareAndSwap(false, true) {
		return
	}
	if j.method != nil {
		j.method.ended(problem, j.began)
		p.reg.reportChange(context.Background(), j.method, &j.call, problem, j.began)
	}
	if j.item.id != nil {
		j.item.shared = j.method != nil && j.method.SharedResult
		resp := &jsonrpc2.Response{ID: jsonrpc2.ID{Num: j.item.num}}
		if problem != nil {
			raw := json.RawMessage(problem.AppendJSON(nil, j.call.RequestID))
			resp.Error = &jsonrpc2.Error{Code: int64(problem.Code), Message: problem.Message, Data: &raw}
		} else {
			resp.Result = &result
		}
		_ = j.conn.SendResponse(context.Background(), resp) // fails only when the connection has gone
	}
	j.call.runAfterReply()
}
