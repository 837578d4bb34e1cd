package auth

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/address"
)

// checker accepts the tokens good and late, and counts its calls.
type checker struct{ asked int }

func (c *checker) Authenticate(_ context.Context, token string) (rpc.Principal, error) {
	c.asked++
	switch token {
	case "good", "late":
		return rpc.Principal{Kind: rpc.ScopeSession, ID: "p"}, nil
	case "down":
		return rpc.Principal{}, fmt.Errorf("auth: %w", errUnavailable)
	}
	return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
}

func TestWrongTokensAreThrottledByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &checker{}
		throttle := NewThrottle(next, 60)
		from := func(addr string) context.Context { return address.With(t.Context(), addr) }
		code := func(ctx context.Context, token string) int {
			_, err := throttle.Authenticate(ctx, token)
			var problem *rpc.Error
			if errors.As(err, &problem) {
				return problem.Code
			}
			return 0
		}
		if got := code(from("a"), "good"); got != 0 {
			t.Fatal(got)
		}
		for i := range 3000 {
			want := rpc.CodeUnauthenticated
			if i >= 60 {
				want = rpc.CodeRateLimited
			}
			if got := code(from("a"), fmt.Sprint("wrong", i)); got != want {
				t.Fatalf("wrong token %d: %d, want %d", i+1, got, want)
			}
		}
		if next.asked != 61 {
			t.Errorf("%d tokens were checked", next.asked)
		}
		for _, c := range []struct {
			name  string
			ctx   context.Context
			token string
			want  int
		}{
			{"a token that was good before", from("a"), "good", 0},
			{"a token that is new", from("a"), "late", rpc.CodeRateLimited},
			{"no token", from("a"), "", rpc.CodeUnauthenticated},
			{"another address", from("b"), "late", 0},
			{"wrong at another address", from("b"), "wrong", rpc.CodeUnauthenticated},
			{"no address", t.Context(), "wrong", rpc.CodeUnauthenticated},
			{"trouble of the store", from("c"), "down", rpc.CodeInternal},
		} {
			if got := code(c.ctx, c.token); got != c.want {
				t.Errorf("%s: %d, want %d", c.name, got, c.want)
			}
		}
		for range 200 { // a failure of the store is not a wrong token
			code(from("c"), "down")
		}
		if got := code(from("c"), "wrong"); got != rpc.CodeUnauthenticated {
			t.Errorf("after trouble of the store: %d", got)
		}
		time.Sleep(1500 * time.Millisecond)
		if got := code(from("a"), "wrong again"); got != rpc.CodeUnauthenticated {
			t.Errorf("later: %d", got)
		}
	})
}

func TestKnownTokensAreBounded(t *testing.T) {
	throttle := NewThrottle(&checker{}, 60)
	for i := range 2 * knownTokens {
		throttle.rememberToken([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if n := len(throttle.known); n != knownTokens {
		t.Errorf("%d tokens are remembered", n)
	}
}

// switchable accepts every token while good is set.
type switchable struct{ good bool }

func (s *switchable) Authenticate(context.Context, string) (rpc.Principal, error) {
	if s.good {
		return rpc.Principal{ID: "p"}, nil
	}
	return rpc.Principal{}, rpc.Unauthenticated("unknown token")
}

// A token that was revoked is throttled like any wrong one, and the number of remembered tokens is limited.
func TestThrottleForgetsTokens(t *testing.T) {
	next := &switchable{good: true}
	throttle := NewThrottle(next, 2)
	ctx := address.With(t.Context(), "address:192.0.2.1")
	for i := range knownTokens + 10 {
		if _, err := throttle.Authenticate(ctx, fmt.Sprint("token ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(throttle.known); n != knownTokens {
		t.Errorf("%d tokens are remembered, want %d", n, knownTokens)
	}
	if _, err := throttle.Authenticate(ctx, "revoked"); err != nil {
		t.Fatal(err)
	}
	next.good = false
	for range 3 {
		_, _ = throttle.Authenticate(ctx, "revoked")
	}
	var problem *rpc.Error
	if _, err := throttle.Authenticate(ctx, "revoked"); !errors.As(err, &problem) || problem.Code != rpc.CodeRateLimited {
		t.Errorf("a revoked token gets %v, want rate_limited", err)
	}
}
