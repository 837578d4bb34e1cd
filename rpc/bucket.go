package rpc

import "time"

// bucket is a token bucket. It is not safe for concurrent use.
type bucket struct {
	rate, burst float64 // tokens a second; most tokens
	tokens      float64
	last        time.Time
}

func newBucket(rate, burst float64) bucket {
	return bucket{rate: rate, burst: burst, tokens: burst}
}

// take takes a token. When there is none it returns how long one takes to come.
func (b *bucket) take(now time.Time) (wait time.Duration, ok bool) { return b.takePart(now, 1) }

// takePart takes a part of a token, at most one.
func (b *bucket) takePart(now time.Time, part float64) (wait time.Duration, ok bool) {
	if !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
	if b.tokens >= part {
		b.tokens -= part
		return 0, true
	}
	return time.Duration((part - b.tokens) / b.rate * float64(time.Second)), false
}

// full tells whether the bucket is as good as new.
func (b *bucket) full(now time.Time) bool {
	return b.tokens+now.Sub(b.last).Seconds()*b.rate >= b.burst
}
