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
	perSecond float64
	burst     int

	mu       sync.Mutex
	byCaller map[string]limiter
}

// NewRates allows each principal perSecond calls on average and burst at once.
func NewRates(perSecond float64, burst int) *Rates {
	return &Rates{perSecond: perSecond, burst: burst, byCaller: make(map[string]limiter)}
}

// Admit counts a call; its error says when to come again.
func (r *Rates) Admit(principal string) *Error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	l, known := r.byCaller[principal]
	if !known {
		if len(r.byCaller) >= maxRateCallers {
			r.dropIdle(now)
		}
		l = newLimiter(r.perSecond, r.burst)
		r.byCaller[principal] = l
	}
	if wait, ok := l.takeTokens(now, callTokens); !ok {
		return RateLimited("too many calls", wait)
	}
	return nil
}

// Peek is Admit that does not count the call.
func (r *Rates) Peek(principal string) *Error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	l, known := r.byCaller[principal]
	if !known {
		return nil
	}
	if wait, ok := l.peek(now, callTokens); !ok {
		return RateLimited("too many calls", wait)
	}
	return nil
}

// dropIdle drops the rates of idle callers; if all are active it drops one, which gains a burst.
func (r *Rates) dropIdle(now time.Time) {
	var last string
	for id, l := range r.byCaller {
		last = id
		if l.isFull(now) {
			delete(r.byCaller, id)
		}
	}
	if len(r.byCaller) >= maxRateCallers {
		delete(r.byCaller, last)
	}
}
