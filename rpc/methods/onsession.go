package methods

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
)

// none is the params of methods that take nothing but the session.
type none struct{}

// onSession registers a method that acts on the session of the call.
func onSession[P, R any](reg *rpc.Registry, d Deps, m rpc.Method, fn func(ctx context.Context, s *bridge.Session, p *P) (R, error)) {
	onSessionCall(reg, d, m, func(ctx context.Context, _ *rpc.Call, s *bridge.Session, p *P) (R, error) { return fn(ctx, s, p) })
}

// onSessionCall is onSession for methods that need to know more of the call.
func onSessionCall[P, R any](reg *rpc.Registry, d Deps, m rpc.Method, fn func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *P) (R, error)) {
	rpc.Register(reg, m, func(ctx context.Context, call *rpc.Call, p *P) (R, error) {
		var zero R
		session, err := d.Bridge.Session(call.Session)
		if err != nil {
			return zero, err
		}
		leave, err := session.Enter()
		if err != nil {
			return zero, err
		}
		defer leave()
		result := zero
		err = session.Call(func() (err error) {
			if result, err = fn(ctx, call, session, p); err == nil {
				session.NameResult(ctx, &result)
			}
			return err
		})
		return result, err
	})
}

// messageID is the id of a message that a call with an idempotency key sends, in the form whatsmeow gives ids; empty
// when the call has no key. A call that sends several messages numbers them.
func messageID(call *rpc.Call, n int) string {
	once, ok := call.OnceID()
	if !ok {
		return ""
	}
	if n > 0 {
		once = sha256.Sum256(binary.BigEndian.AppendUint32(once[:], uint32(n)))
	}
	const random = 9 // bytes of an id that whatsmeow makes up
	return whatsmeow.WebMessageIDPrefix + strings.ToUpper(hex.EncodeToString(once[:random]))
}

// value turns what an operation returns into a result that is never null.
func value[T any](result *T, err error) (T, error) {
	if err != nil || result == nil {
		var zero T
		return zero, err
	}
	return *result, nil
}
