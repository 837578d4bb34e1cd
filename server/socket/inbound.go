package socket

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/waystation/waystation/rpc"
)

// freeFrames is the number of bytes of frames per connection that do not count in Config.Frames.
const freeFrames = 8 << 10

// leastSkip is the minimum part of an oversized frame that is skipped before it counts as an attack, in bytes.
const leastSkip = 4 << 20

// skipFactor times the frame limit is the skipped part if that is more than leastSkip.
const skipFactor = 4

// inbound is the memory that frames of a connection occupy, from their first bytes until their calls are answered.
// The conn's mu guards it.
type inbound struct {
	held    int   // bytes
	charged int64 // counted in Config.Frames
}

var errEnding = errors.New("socket: connection is ending")

// frameLimit returns the current maximum length of a frame: small before the caller is authenticated.
func (c *conn) frameLimit() int {
	if c.authenticated || c.greeted.Load() {
		return c.e.cfg.MaxFrame
	}
	return c.e.cfg.MaxHelloFrame
}

// readAll reads a frame. A frame of rpc.LargeFrame or more is counted in Config.Frames as it arrives, until FrameDone.
func (c *conn) readAll(r io.Reader) ([]byte, error) {
	limit := c.frameLimit()
	c.frameGot.Store(0)
	c.frameSince.Store(time.Now().UnixNano())
	defer c.frameSince.Store(0)
	b := make([]byte, 0, 512)
	counted := 0
	fail := func(err error) ([]byte, error) {
		c.countFrame(-counted)
		return nil, err
	}
	for {
		if len(b) == cap(b) {
			size := min(2*cap(b), limit+1)
			if !c.acquireFrame(size - counted) {
				_ = c.Close(CloseRate, "no room for the frame: earlier calls of this credential take all of it")
				_, _ = io.Copy(io.Discard, r)
				return fail(errEnding)
			}
			counted = size
			b = append(make([]byte, 0, size), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		c.frameGot.Store(int64(len(b)))
		if len(b) > limit {
			return fail(c.skip(r, limit))
		}
		if err == io.EOF {
			keep := 0
			if len(b) >= rpc.LargeFrame {
				keep = len(b)
			}
			c.countFrame(keep - counted)
			return b, nil
		}
		if err != nil {
			return fail(err)
		}
	}
}

// skip reads to the end of an oversized frame.
func (c *conn) skip(r io.Reader, limit int) error {
	most := max(int64(limit)*skipFactor, leastSkip)
	n, err := io.Copy(io.Discard, io.LimitReader(r, most))
	if err != nil {
		return err
	}
	if n == most {
		_ = c.Close(CloseBadFrame, "the frame is far too large")
		_, err = io.Copy(io.Discard, r)
		if err != nil {
			return err
		}
		return errEnding
	}
	return rpc.ErrFrameTooLarge
}

// acquireFrame counts n more bytes of the frame that is being read and waits up to Config.FrameGrace for room.
func (c *conn) acquireFrame(n int) bool {
	c.mu.Lock()
	fits := c.inbound.held+n <= freeFrames
	if fits {
		c.inbound.held += n
	}
	owner := c.lane.owner
	c.mu.Unlock()
	if fits {
		return true
	}
	if !c.e.cfg.Frames.TryAcquire(owner, int64(n)) {
		ctx, cancel := context.WithTimeout(c.e.ctx, c.e.cfg.FrameGrace)
		defer cancel()
		asked := time.Now()
		if err := c.e.cfg.Frames.Acquire(ctx, owner, int64(n)); err != nil {
			return false
		}
		c.frameSince.Add(int64(time.Since(asked))) // the wait is not the peer's fault
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbound.held += n
	c.inbound.charged += int64(n)
	c.settleFrames()
	return true
}

// FrameDone implements rpc.FrameMeter.
func (c *conn) FrameDone(n int) { c.countFrame(-n) }

func (c *conn) countFrame(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbound.held += n
	c.settleFrames()
}

// settleFrames charges the bytes beyond freeFrames to Config.Frames; the caller holds c.mu.
func (c *conn) settleFrames() {
	due := int64(max(0, c.inbound.held-freeFrames))
	if c.readerEnded {
		due = 0
	}
	switch n := due - c.inbound.charged; {
	case n > 0:
		c.e.cfg.Frames.Charge(c.lane.owner, n)
	case n < 0:
		c.e.cfg.Frames.Release(c.lane.owner, -n)
	}
	c.inbound.charged = due
}

// sweepFrame ends a connection whose frame arrives too slowly.
func (c *conn) sweepFrame(now time.Time) {
	since := c.frameSince.Load()
	if since == 0 {
		return
	}
	cfg := &c.e.cfg
	allowed := cfg.FrameGrace + time.Duration(float64(c.frameGot.Load())/float64(cfg.MinRate)*float64(time.Second))
	if now.Sub(time.Unix(0, since)) > allowed {
		_ = c.Close(CloseStalled, "a frame arrived too slowly")
	}
}
