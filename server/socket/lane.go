package socket

import (
	"context"
	"io"
	"slices"

	"github.com/waystation/waystation/rpc"
)

// laneEntry is what one frame in the lane takes besides its bytes.
const laneEntry = 128

// laneTurn is how many bytes of replies are taken from the lane for one write; one reply is always taken.
const laneTurn = 256 << 10

// freeReplies is how many bytes of unread replies each connection may have that do not count in Config.Replies, so that
// small calls go on while another connection of the same credential has used up its share.
const freeReplies = 16 << 10

// lane is the replies and notifications of a connection, which are written before events, and what they occupy. All is
// guarded by the connection's mu.
type lane struct {
	owner     string      // the principal that Config.Replies and Config.Frames count for
	frames    []rpc.Reply // not taken for writing yet
	bytes     int         // of frames, and of those that are being written
	writing   int         // part of bytes that is being written
	counted   int         // reserved for replies that are being made, and kept for unfinished batches
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
	if c.torn || c.mute {
		return io.ErrClosedPipe
	}
	c.lane.frames = append(c.lane.frames, r)
	c.lane.bytes += r.Own() + laneEntry
	c.settleReplies()
	c.wake()
	return nil
}

// Reserve implements rpc.Meter. A connection that has much to read waits for itself, others for the share of their
// principal and for the room of all.
func (c *conn) Reserve(ctx context.Context, n int) error {
	c.mu.Lock()
	if c.lane.bytes > c.e.cfg.MaxPending {
		stop := context.AfterFunc(ctx, c.wakeWaiting)
		for c.lane.bytes > c.e.cfg.MaxPending && !c.torn && !c.mute && ctx.Err() == nil {
			c.room.Wait()
		}
		stop()
	}
	err := ctx.Err()
	if c.torn || c.mute {
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
	if c.torn || c.mute {
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

// settleReplies makes Config.Replies count what exceeds freeReplies; the caller holds c.mu.
func (c *conn) settleReplies() {
	l := &c.lane
	due := int64(max(0, l.bytes+l.counted-l.acquiring-freeReplies))
	if c.torn {
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

// setOwner makes unread replies and frames count for a principal.
func (c *conn) setOwner(principal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.e.cfg.Replies.Release(c.lane.owner, c.lane.charged)
	c.e.cfg.Frames.Release(c.lane.owner, c.inbound.charged)
	c.lane.owner, c.lane.charged, c.inbound.charged = principal, 0, 0
	c.settleReplies()
	c.settleFrames()
}

// wakeWaiting lets all that wait for room in the lane look again.
func (c *conn) wakeWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.Broadcast()
}

// awaitRoom waits while the peer has much to read, or some while its principal has used up its share; false = the reader
// has ended. It depends on what this peer reads alone, so that it ends with the stall rule at the latest.
func (c *conn) awaitRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.lane.bytes > freeReplies && !c.torn && !c.mute &&
		(c.lane.bytes > c.e.cfg.MaxPending || c.e.cfg.Replies.Exhausted(c.lane.owner)) {
		c.room.Wait()
	}
	return !c.torn
}

// paceShare is the part of Config.MaxPending that streams of calls leave to wait; the rest is for replies, so that calls
// are still read.
const paceShare = 8

// Pace implements rpc.Pacer.
func (c *conn) Pace(ctx context.Context) error {
	stop := context.AfterFunc(ctx, c.wakeWaiting)
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.lane.bytes > c.e.cfg.MaxPending/paceShare && !c.torn && !c.mute && ctx.Err() == nil {
		c.room.Wait()
	}
	if c.torn || c.mute {
		return io.ErrClosedPipe
	}
	return ctx.Err()
}

// wrote drops what the last turn has written from the count; the caller holds c.mu.
func (l *lane) wrote() {
	l.bytes -= l.writing
	l.writing = 0
}

// take takes frames for one write. A reply with a body of its own is the last of them.
func (l *lane) take() (frames []rpc.Reply) {
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
	clear(l.frames[:n]) // they must not be kept until the lane is empty
	l.frames = l.frames[n:]
	return frames
}
