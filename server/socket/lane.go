package socket

import (
	"context"
	"io"
	"slices"

	"github.com/waystation/waystation/rpc"
)

// laneEntry is the memory of one frame in the lane besides its bytes.
const laneEntry = 128

// laneTurn is the number of bytes of replies taken from the lane for one turn; at least one reply is taken.
const laneTurn = 256 << 10

// freeReplies is the number of bytes of unread replies per connection that do not count in Config.Replies, so that
// small calls continue while another connection of the same credential has used up its share.
const freeReplies = 16 << 10

// lane contains the replies and notifications of a connection, which are written before events, and their memory. All
// fields are guarded by the connection's mu.
type lane struct {
	owner     string      // the principal that is charged in Config.Replies and Config.Frames
	frames    []rpc.Reply // not yet taken for writing
	bytes     int         // of frames, and of those that are being written
	writing   int         // part of bytes that is being written
	counted   int         // reserved for replies in preparation, and kept for unfinished batches
	acquiring int         // part of counted that waits for room in Config.Replies
	charged   int64       // counted in Config.Replies
}

var (
	_ rpc.Meter       = (*conn)(nil)
	_ rpc.ReplyWriter = (*conn)(nil)
)

// WriteFrame implements rpc.Codec.
func (c *conn) WriteFrame(frame []byte) error { return c.WriteReply(rpc.Reply{Head: frame}) }

// WriteReply implements rpc.ReplyWriter.
func (c *conn) WriteReply(r rpc.Reply) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readerEnded || c.writesEnded {
		return io.ErrClosedPipe
	}
	c.lane.frames = append(c.lane.frames, r)
	c.lane.bytes += r.Own() + laneEntry
	c.settleReplies()
	c.wake()
	return nil
}

// Reserve implements rpc.Meter. A connection with many unread replies waits for its own peer, others wait for the
// share of their principal and for the total limit.
func (c *conn) Reserve(ctx context.Context, n int) error {
	c.mu.Lock()
	if c.lane.bytes > c.e.cfg.MaxPending {
		stop := context.AfterFunc(ctx, c.wakeWaiting)
		for c.lane.bytes > c.e.cfg.MaxPending && !c.readerEnded && !c.writesEnded && ctx.Err() == nil {
			c.room.Wait()
		}
		stop()
	}
	err := ctx.Err()
	if c.readerEnded || c.writesEnded {
		err = io.ErrClosedPipe
	}
	if err != nil || c.lane.bytes+c.lane.counted+n <= freeReplies {
		if err == nil {
			c.lane.counted += n
		}
		c.mu.Unlock()
		return err
	}
	c.lane.counted += n
	c.lane.acquiring += n
	owner := c.lane.owner
	c.mu.Unlock()
	err = c.e.cfg.Replies.Acquire(ctx, owner, int64(n))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lane.acquiring -= n
	if err == nil {
		c.lane.charged += int64(n)
	} else {
		c.lane.counted -= n
	}
	c.settleReplies()
	return err
}

// TryReserve implements rpc.Meter.
func (c *conn) TryReserve(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readerEnded || c.writesEnded {
		return false
	}
	if c.lane.bytes+c.lane.counted+n > freeReplies {
		if c.lane.bytes > c.e.cfg.MaxPending || !c.e.cfg.Replies.TryAcquire(c.lane.owner, int64(n)) {
			return false
		}
		c.lane.charged += int64(n)
	}
	c.lane.counted += n
	c.settleReplies()
	return true
}

// Count implements rpc.Meter.
func (c *conn) Count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lane.counted += n
	c.settleReplies()
}

// settleReplies charges the bytes beyond freeReplies to Config.Replies; the caller holds c.mu.
func (c *conn) settleReplies() {
	l := &c.lane
	due := int64(max(0, l.bytes+l.counted-l.acquiring-freeReplies))
	if c.readerEnded {
		due = 0
	}
	switch {
	case due > l.charged:
		c.e.cfg.Replies.Charge(l.owner, due-l.charged)
	case due < l.charged:
		c.e.cfg.Replies.Release(l.owner, l.charged-due)
	}
	l.charged = due
}

// setOwner charges unread replies and frames to a principal.
func (c *conn) setOwner(principal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.e.cfg.Replies.Release(c.lane.owner, c.lane.charged)
	c.e.cfg.Frames.Release(c.lane.owner, c.inbound.charged)
	c.lane.owner, c.lane.charged, c.inbound.charged = principal, 0, 0
	c.settleReplies()
	c.settleFrames()
}

// wakeWaiting wakes all goroutines that wait for room in the lane.
func (c *conn) wakeWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.Broadcast()
}

// awaitRoom waits while the peer has many unread replies, or some while its principal has used up its share; false =
// the reader has ended. It depends only on the reading of this peer, so that it ends with the stall timeout at the
// latest.
func (c *conn) awaitRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.lane.bytes > freeReplies && !c.readerEnded && !c.writesEnded &&
		(c.lane.bytes > c.e.cfg.MaxPending || c.e.cfg.Replies.IsExhausted(c.lane.owner)) {
		c.room.Wait()
	}
	return !c.readerEnded
}

// paceShare is the part of Config.MaxPending that streams of calls may fill; the rest is for replies, so that calls
// are still read.
const paceShare = 8

// Pace implements rpc.Pacer.
func (c *conn) Pace(ctx context.Context) error {
	stop := context.AfterFunc(ctx, c.wakeWaiting)
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.lane.bytes > c.e.cfg.MaxPending/paceShare && !c.readerEnded && !c.writesEnded && ctx.Err() == nil {
		c.room.Wait()
	}
	if c.readerEnded || c.writesEnded {
		return io.ErrClosedPipe
	}
	return ctx.Err()
}

// finishWrite subtracts the frames written in the last turn from the count; the caller holds c.mu.
func (l *lane) finishWrite() {
	l.bytes -= l.writing
	l.writing = 0
}

// takeFrames takes frames for one turn. A reply with a body of its own is the last of them.
func (l *lane) takeFrames() (frames []rpc.Reply) {
	n := 0
	for n < len(l.frames) && l.writing < laneTurn {
		f := &l.frames[n]
		l.writing += f.Own() + laneEntry
		n++
		if f.Body != nil {
			break
		}
	}
	if n == len(l.frames) {
		frames, l.frames = l.frames, nil
		return frames
	}
	frames = slices.Clone(l.frames[:n])
	clear(l.frames[:n]) // otherwise they would be retained until the lane is empty
	l.frames = l.frames[n:]
	return frames
}
