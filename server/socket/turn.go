package socket

import (
	"errors"
	"time"

	"github.com/waystation/waystation/rpc"
)

// turnCursors is how many session logs are read for one write at most; the others have the next turn.
const turnCursors = 16

// drainTurns is how many writes a connection has in a row while others may wait.
const drainTurns = 8

// outcome of one turn.
type outcome int

const (
	nothing outcome = iota // drain has marked itself as ended
	more
	last // a close frame is due
)

// drain writes until there is nothing left, or for some turns when others wait. One drain runs for a connection at a
// time.
func (c *conn) drain(h *hand) (done bool) {
	c.hand = h
	for range drainTurns {
		out, large, state := c.turn(h.buf[:0])
		h.buf = out
		if state == nothing {
			return true
		}
		if err := c.write(h, out, large); err != nil {
			h.leave()
			return true
		}
		if state == last {
			h.leave()
			c.finish()
			return true
		}
	}
	return false
}

// write sends what turn has gathered. After an error it has ended the connection.
func (c *conn) write(h *hand, out []byte, large rpc.Reply) error {
	parts := [...][]byte{out, large.Body, large.Tail}
	for i, part := range parts {
		c.e.written.bytes.Add(uint64(len(part)))
		if rest, err := c.wire.flush(part, h); err != nil {
			h.leave()
			parts[i] = rest
			c.broken(err, parts[i:]...)
			return err
		}
	}
	return nil
}

// turn gathers the frames of one write: control frames, replies, signals, events, in that order. The body and the tail of
// a large reply are to be written behind out.
func (c *conn) turn(out []byte) (_ []byte, large rpc.Reply, _ outcome) {
	c.mu.Lock()
	if c.lane.writing > 0 {
		c.lane.wrote()
		c.settleReplies()
		c.room.Broadcast()
	}
	if c.mute || !c.hasWork() {
		c.busy, c.hand = false, nil
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
	replies := c.lane.take()
	state := more
	var picked []*cursor
	var signals []signal
	switch {
	case len(c.lane.frames) > 0: // replies go first
	case c.ending != nil:
		state, c.mute = last, true
	case c.held == 0 && (len(replies) == 0 || replies[len(replies)-1].Body == nil):
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

// hasWork is asked with c.mu held.
func (c *conn) hasWork() bool {
	return c.ending != nil || c.ping || c.pong != nil || len(c.lane.frames) > 0 ||
		c.held == 0 && (len(c.signals) > 0 || len(c.dirty) > 0)
}

// finish sends the close frame and gives the peer a moment to answer it.
func (c *conn) finish() {
	c.wire.end(closeGrace, c.appendEnd(nil, c.ending.code, c.ending.reason))
	if c.stream != nil {
		c.abort()
		return
	}
	_ = c.wire.SetReadDeadline(time.Now().Add(closeGrace)) // the reader ends with the peer's answer, or then
}

// broken ends a connection that cannot be written to. A stalled peer may take the rest and learn why.
func (c *conn) broken(err error, rest ...[]byte) {
	c.mu.Lock()
	c.mute = true
	c.mu.Unlock()
	c.room.Broadcast()
	if errors.Is(err, errStalled) {
		c.noteClose(CloseStalled, "a write was blocked too long", false)
		c.e.log.Info("closing connection", "conn", c.id, "code", CloseStalled, "reason", "stalled")
		c.wire.end(closeGrace/2, append(rest, c.appendEnd(nil, CloseStalled, "a write was blocked too long"))...)
	}
	c.abort()
}
