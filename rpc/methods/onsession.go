package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
)

// none is the params of methods that take nothing but the session.
type none struct{}

// onSession registers a method that acts on the session of the call.
func onSession[P, R any](reg *rpc.Registry, d Deps, m rpc.Method, fn func(ctx context.Context, s *bridge.Session, p *P) (R, error)) {
	rpc.Register(reg, m, func(ctx context.Context, call *rpc.Call, p *P) (R, error) {
		session, err := d.Bridge.Session(call.Session)
		if err != nil {
			var zero R
			return zero, err
		}
		return fn(ctx, session, p)
	})
}

// value turns what an operation returns into a result that is never null.
func value[T any](result *T, err error) (T, error) {
	if err != nil || result == nil {
		var zero T
		return zero, err
	}
	return *result, nil
}
