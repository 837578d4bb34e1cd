package rpc

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// callTokens is the number of tokens that one call takes. A light call takes a whole part of them, see Method.Light.
const callTokens = 60

// limiter is a token bucket with room for a number of calls.
type limiter struct{ bucket *rate.Limiter }

// lazyLimiter is a limiter that takes no memory before its first use.
type lazyLimiter struct{ limiter }

// takeCall takes the tokens of one call; the first take makes the limiter.
func (l *lazyLimiter) takeCall(now time.Time, perSecond float64, burst int) (ok bool) {
	if l.bucket == nil {
		l.limiter = newLimiter(perSecond, burst)
	}
	_, ok = l.limiter.takeTokens(now, callTokens)
	return ok
}

// newLimiter returns a full limiter that allows perSecond calls on average and burst calls at once.
func newLimiter(perSecond float64, burst int) limiter {
	return limiter{rate.NewLimiter(rate.Limit(perSecond*callTokens), min(burst, math.MaxInt/callTokens)*callTokens)}
}

// takeTokens takes tokens. When there are too few it takes none and returns the time until there are enough.
func (l limiter) takeTokens(now time.Time, tokens int) (wait time.Duration, ok bool) {
	if l.bucket.AllowN(now, tokens) {
		return 0, true
	}
	wait, _ = l.peek(now, tokens)
	return wait, false
}

// peek is take that takes nothing.
func (l limiter) peek(now time.Time, tokens int) (wait time.Duration, ok bool) {
	missing := float64(tokens) - l.bucket.TokensAt(now)
	if missing <= 0 {
		return 0, true
	}
	return time.Duration(missing / float64(l.bucket.Limit()) * float64(time.Second)), false
}

// isFull reports whether the limiter allows as much as a new one.
func (l limiter) isFull(now time.Time) bool {
	return l.bucket.TokensAt(now) >= float64(l.bucket.Burst())
}
