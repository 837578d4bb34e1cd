package rpc

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A limiter admits the same calls as a token bucket that counts parts of calls as fractions, with the same wait.
func TestLimiter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		perSecond, burst := []float64{0.001, 0.2, 1.0 / 6, 1, 50, 1e6}[random.IntN(6)], 1+random.IntN(20)
		now := time.Unix(1e9, 0)
		l, last, calls := newLimiter(perSecond, burst), now, float64(burst)
		for range 200 {
			now = now.Add(time.Duration(random.ExpFloat64() * float64(time.Second) / perSecond))
			calls, last = min(float64(burst), calls+now.Sub(last).Seconds()*perSecond), now
			part := []int{1, 1, 2, 20}[random.IntN(4)]
			missing := 1/float64(part) - calls
			if missing > -1e-9 && missing < 1e-9 {
				continue // decided by rounding
			}
			if full := l.isFull(now); full != (calls == float64(burst)) {
				t.Fatalf("%v calls of %d: full %v", calls, burst, full)
			}
			wait, ok := l.peek(now, callTokens/part)
			if took, allowed := l.takeTokens(now, callTokens/part); ok != (missing <= 0) || allowed != ok || took != wait {
				t.Fatalf("%v calls, part 1/%d: peek %v %v, take %v %v", calls, part, wait, ok, took, allowed)
			}
			if ok {
				calls -= 1 / float64(part)
				continue
			}
			want := time.Duration(missing / perSecond * float64(time.Second))
			if off := wait - want; max(off, -off) > time.Microsecond+want/1e6 {
				t.Fatalf("%v calls, part 1/%d: wait %v, want %v", calls, part, wait, want)
			}
		}
	}
}
