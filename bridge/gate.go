package bridge

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// spawn runs fn in a goroutine that Close waits for. Once Close has begun, it returns false and does not run fn. A
// panic of fn is logged and ends only the goroutine.
func (b *Bridge) spawn(fn func()) bool {
	if !b.gate.enter() {
		return false
	}
	go func() {
		defer b.gate.leave()
		defer func() {
			if cause := recover(); cause != nil {
				b.log.Error("a goroutine of the bridge panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			}
		}()
		fn()
	}()
	return true
}

// gate counts running work and admits no more once it is closed.
type gate struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Add(1)
	return true
}

func (g *gate) leave() { g.wg.Done() }
func (g *gate) wait()  { g.wg.Wait() }

func (g *gate) close() { g.set(true) }
func (g *gate) open()  { g.set(false) }

func (g *gate) set(closed bool) {
	g.mu.Lock()
	g.closed = closed
	g.mu.Unlock()
}
