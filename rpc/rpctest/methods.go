package rpctest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/waystation/waystation/rpc"
)

// Methods are the test methods the scripts call.
type Methods struct {
	mu    sync.Mutex
	holds map[string]chan struct{}
	count int
}

type subtractParams struct {
	Minuend    int `json:"minuend" rpc:"required"`
	Subtrahend int `json:"subtrahend" rpc:"required"`
}

type echoParams struct {
	Value json.RawMessage `json:"value,omitempty" doc:"anything"`
}

type holdParams struct {
	Name string `json:"name" rpc:"required,min=1"`
}

type sizeParams struct {
	Bytes int `json:"bytes" rpc:"required,min=0,max=3000000"`
}

type strictParams struct {
	To      string   `json:"to" rpc:"required,format=jid"`
	Text    string   `json:"text" rpc:"required,min=1,max=5"`
	Kind    string   `json:"kind" rpc:"enum=a|b"`
	Count   *int     `json:"count" rpc:"min=1,max=3"`
	Friends []string `json:"friends" rpc:"max=2,format=jid"`
}

type countParams struct {
	By *int `json:"by" doc:"default 1"`
}

type orderedParams struct {
	Chat string `json:"chat" rpc:"required"`
	N    int    `json:"n"`
	Hold string `json:"hold"`
}

// OrderKey keeps calls to one chat in order.
func (p *orderedParams) OrderKey() string { return p.Chat }

// Register adds the methods to a registry.
func Register(reg *rpc.Registry) *Methods {
	m := &Methods{holds: make(map[string]chan struct{})}
	public := func(name string) rpc.Method { return rpc.Method{Name: name, Scope: rpc.ScopePublic} }
	rpc.Register(reg, public("test.subtract"), func(_ context.Context, _ *rpc.Call, p *subtractParams) (int, error) {
		return p.Minuend - p.Subtrahend, nil
	})
	rpc.Register(reg, public("test.echo"), func(_ context.Context, _ *rpc.Call, p *echoParams) (json.RawMessage, error) {
		return p.Value, nil
	})
	rpc.Register(reg, public("test.hold"), func(ctx context.Context, _ *rpc.Call, p *holdParams) (string, error) {
		return p.Name, m.awaitRelease(ctx, p.Name)
	})
	rpc.Register(reg, public("test.release"), func(_ context.Context, _ *rpc.Call, p *holdParams) (struct{}, error) {
		m.Release(p.Name)
		return struct{}{}, nil
	})
	rpc.Register(reg, public("test.size"), func(_ context.Context, _ *rpc.Call, p *sizeParams) (string, error) {
		return strings.Repeat("x", p.Bytes), nil
	})
	rpc.Register(reg, public("test.count"), func(_ context.Context, _ *rpc.Call, p *countParams) (int, error) {
		return m.countCall(p.By), nil
	})
	alone := public("test.alone")
	alone.NoBatch = true
	rpc.Register(reg, alone, func(context.Context, *rpc.Call, *struct{}) (bool, error) { return true, nil })
	rpc.Register(reg, public("test.strict"), func(context.Context, *rpc.Call, *strictParams) (struct{}, error) {
		return struct{}{}, nil
	})
	rpc.Register(reg, public("test.panic"), func(context.Context, *rpc.Call, *struct{}) (struct{}, error) {
		panic("secret of the inside")
	})
	rpc.Register(reg, public("test.fail"), func(context.Context, *rpc.Call, *struct{}) (struct{}, error) {
		return struct{}{}, errors.New("secret of the inside")
	})
	rpc.Register(reg, public("test.conflict"), func(context.Context, *rpc.Call, *struct{}) (struct{}, error) {
		return struct{}{}, rpc.Conflict("already there").With(map[string]any{"name": "x"})
	})
	rpc.Register(reg, public("test.ordered"), func(ctx context.Context, _ *rpc.Call, p *orderedParams) (int, error) {
		if p.Hold != "" {
			return p.N, m.awaitRelease(ctx, p.Hold)
		}
		return p.N, nil
	})
	rpc.Register(reg, public("test.progress"), func(_ context.Context, call *rpc.Call, _ *struct{}) (bool, error) {
		call.Progress(1, 2, "half")
		call.Progress(2, 2, "done")
		return true, nil
	})
	rpc.Register(reg, rpc.Method{Name: "test.session"}, func(_ context.Context, call *rpc.Call, _ *struct{}) (string, error) {
		return call.Session, nil
	})
	rpc.Register(reg, rpc.Method{Name: "test.admin", Scope: rpc.ScopeAdmin}, func(context.Context, *rpc.Call, *struct{}) (bool, error) {
		return true, nil
	})
	return m
}

// countCall counts calls of test.count.
func (m *Methods) countCall(by *int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if by == nil {
		m.count++
	} else {
		m.count += *by
	}
	return m.count
}

func (m *Methods) heldChannel(name string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.holds[name]
	if c == nil {
		c = make(chan struct{})
		m.holds[name] = c
	}
	return c
}

func (m *Methods) awaitRelease(ctx context.Context, name string) error {
	select {
	case <-m.heldChannel(name):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Release ends the calls of test.hold with that name, those that come later too.
func (m *Methods) Release(name string) {
	c := m.heldChannel(name)
	select {
	case <-c:
	default:
		close(c)
	}
}
