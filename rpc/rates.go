package rpc

import (
	"sync"
	"time"
)

// maxRateCallers bounds how many principals Rates keeps a rate for.
const maxRateCallers = 4096

// Rates limits how often principals may call, over all requests that do not belong to a connection. It may be used from many
// goroutines.
type Rates struct {
	perSecond, burst float64

	mu       sync.Mutex
	byCaller map[string]*bucket
}

// NewRates allows each principal perSecond calls on average and burst at once.
func NewRates(perSecond float64, burst int) *Rates {
	return &Rates{perSecond: perSecond, burst: float64(burst), byCaller: make(map[string]*bucket)}
}

// Admit counts a call; its error says when to come again.
func (r *Rates) Admit(principal string) *Error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.byCaller[principal]
	if b == nil {
		if len(r.byCaller) >= maxRateCallers {
			r.forget(now)
		}
		fresh := newBucket(r.perSecond, r.burst)
		b = &fresh
		r.byCaller[principal] = b
	}
	if wait, ok := b.take(now); !ok {
		return RateLimited("too many calls", wait)
	}
	return nil
}

// Peek is Admit that does not count the call.
func (r *Rates) Peek(principal string) *Error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.byCaller[principal]
	if b == nil {
		return nil
	}
	if wait, ok := b.takePart(now, 0); !ok || b.tokens < 1 {
		wait = max(wait, time.Duration((1-b.tokens)/b.rate*float64(time.Second)))
		return RateLimited("too many calls", wait)
	}
	return nil
}

// forget drops the rates of callers who have been quiet; when all are busy it drops one, who gains a burst by it.
func (r *Rates) forget(now time.Time) {
	var last string
	for id, b := range r.byCaller {
		last = id
		if b.full(now) {
			delete(r.byCaller, id)
		}
	}
	if len(r.byCaller) >= maxRateCallers {
		delete(r.byCaller, last)
	}
}
