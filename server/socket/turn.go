package socket

import (
	"errors"
	"time"

	"github.com/waystation/waystation/rpc"
)

// turnCursors is the number of session logs read for one turn at most; the others wait for the next turn.
const turnCursors = 16

// drainTurns is the number of turns a connection has in a row while others may wait.
const drainTurns = 8

// outcome is the result of one turn.
type outcome int

const (
	nothing outcome = iota // drain has marked itself as ended
	more
	last // a close frame is due
)

// drain runs turns until nothing is left to write, or drainTurns turns. One drain runs for a connection at a time.
func (c *conn) drain(h *worker) (done bool) {
	c.worker = h
	for range drainTurns {
		out, large, state := c.gatherTurn(h.buf[:0])
		h.buf = out
		if state == nothing {
			return true
		}
		if err := c.writeTurn(h, out, large); err != nil {
			h.leavePool()
			return true
		}
		if state == last {
			h.leavePool()
			c.sendClose()
			return true
		}
	}
	return false
}

// writeTurn writes the frames of a turn. On an error it has ended the connection.
func (c *conn) writeTurn(h *worker, out []byte, large rpc.Reply) error {
	parts := [...][]byte{out, large.Body, large.Tail}
	for i, part := range parts {
		c.e.written.bytes.Add(uint64(len(part)))
		if rest, err := c.wire.flush(part, h); err != nil {
			h.leavePool()
			parts[i] = rest
			c.endBroken(err, parts[i:]...)
			return err
		}
	}
	return nil
}

// gatherTurn gathers the frames of one turn: control frames, replies, signals, events, in that order. The body and
// the tail of a large reply must be written after out.
func (c *conn) gatherTurn(out []byte) (_ []byte, large rpc.Reply, _ outcome) {
	c.mu.Lock()
	if c.lane.writing > 0 {
		c.lane.finishWrite()
		c.settleReplies()
		c.room.Broadcast()
	}
	if c.writesEnded || !c.hasWork() {
		c.busy, c.worker = false, nil
		c.mu.Unlock()
		return out, large, nothing
	}
	if c.pong != nil {
		out = appendFrame(out, opPong, c.pong)
		c.pong = nil
	}
	if c.ping {
		out = c.appendPing(out)
		c.ping = false
	}
	if c.stream != nil {
		c.stream.lastBeat = time.Now()
	}
	replies := c.lane.takeFrames()
	state := more
	var picked []*cursor
	var signals []signal
	switch {
	case len(c.lane.frames) > 0: // replies go first
	case c.ending != nil:
		state, c.writesEnded = last, true
	case c.eventHolds == 0 && (len(replies) == 0 || replies[len(replies)-1].Body == nil):
		signals = c.signals
		c.signals = nil
		n := min(len(c.dirty), turnCursors)
		picked = append(picked, c.dirty[:n]...)
		c.dirty = append(c.dirty[:0], c.dirty[n:]...)
		for _, cur := range picked {
			cur.queued = false
		}
	}
	c.mu.Unlock()

	for _, r := range replies {
		if r.Body == nil {
			out = c.appendText(out, r.Head)
			continue
		}
		out = append(appendFrameHead(out, opText, r.Len()), r.Head...)
		large = r
	}
	if len(signals) > 0 {
		c.e.written.signals.Add(uint64(len(signals)))
	}
	for _, s := range signals {
		out = c.appendText(out, s.frame)
	}
	if len(picked) > 0 {
		out = c.readCursors(out, picked)
	}
	return out, large, state
}

// hasWork reports whether there is something to write; the caller holds c.mu.
func (c *conn) hasWork() bool {
	return c.ending != nil || c.ping || c.pong != nil || len(c.lane.frames) > 0 ||
		c.eventHolds == 0 && (len(c.signals) > 0 || len(c.dirty) > 0)
}

// sendClose sends the close frame and gives the peer closeGrace to answer it.
func (c *conn) sendClose() {
	c.wire.writeEnd(closeGrace, c.appendEnd(nil, c.ending.code, c.ending.reason))
	if c.stream != nil {
		c.abort()
		return
	}
	_ = c.wire.SetReadDeadline(time.Now().Add(closeGrace)) // the reader ends with the peer's answer, or at the deadline
}

// endBroken ends a connection whose write failed. A stalled peer may still read the rest and the close reason.
func (c *conn) endBroken(err error, rest ...[]byte) {
	c.mu.Lock()
	c.writesEnded = true
	c.mu.Unlock()
	c.room.Broadcast()
	if errors.Is(err, errStalled) {
		c.noteClose(CloseStalled, "a write was blocked too long", false)
		c.e.log.Info("closing connection", "conn", c.id, "code", CloseStalled, "reason", "stalled")
		c.wire.writeEnd(closeGrace/2, append(rest, c.appendEnd(nil, CloseStalled, "a write was blocked too long"))...)
	}
	c.abort()
}
