package socket

import (
	"time"

	"github.com/waystation/waystation/rpc"
)

// sweepInterval is the interval at which timers of connections are checked. One goroutine checks all of them, so that
// an idle connection needs no timer of its own.
const sweepInterval = 500 * time.Millisecond

// sweepPositions limits the positions sent to one connection at a time.
const sweepPositions = 64

func (e *Endpoint) sweep() {
	defer e.wg.Done()
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			e.forEachConn(func(c *conn) { c.sweep(now) })
		case <-e.ctx.Done():
			return
		}
	}
}

// sweep runs the connection's expired timers.
func (c *conn) sweep(now time.Time) {
	if c.stream != nil {
		c.sweepStream(now)
		return
	}
	cfg := &c.e.cfg
	if !c.greeted.Load() && now.Sub(c.opened) >= cfg.HelloTimeout {
		_ = c.Close(CloseHelloMissing, "conn.hello did not come in time")
		return
	}
	c.sweepFrame(now)
	lastRead := time.Unix(0, c.lastRead.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writesEnded || c.ending != nil {
		return
	}
	if !lastRead.Before(c.pingSent) {
		c.pingSent = time.Time{}
	}
	switch {
	case c.pingSent.IsZero():
		if now.Sub(lastRead) >= cfg.Heartbeat {
			c.ping, c.pingSent = true, now
		}
	case now.Sub(c.pingSent) >= cfg.PongTimeout:
		c.ending = &ending{CloseNoPong, "no answer to a ping"}
	}
	c.sweepCursors(now)
	if c.hasWork() {
		c.wake()
	}
}

// sendHeartbeat sends a conn.position without news to a client that has requested visible heartbeats: of one of its
// sessions, or without a session when it follows none. The caller holds c.mu.
func (c *conn) sendHeartbeat() {
	for _, cur := range c.cursors {
		cur.positionDue = true
		c.queueCursor(cur)
		c.lastPush = time.Now() // a failing read must not repeat it at each sweep
		return
	}
	frame := encodeNote("conn.position", positionParams{})
	c.lane.frames = append(c.lane.frames, rpc.Reply{Head: frame})
	c.lane.bytes += len(frame) + laneEntry
	c.settleReplies()
	c.lastPush = time.Now()
}

// sweepCursors retries failed reads and sends positions to an idle client; the caller holds c.mu.
func (c *conn) sweepCursors(now time.Time) {
	idle := now.Sub(c.lastPush) >= c.e.cfg.Heartbeat
	told := 0
	defer func() {
		if idle && told == 0 && c.heartbeatMessage {
			c.sendHeartbeat()
		}
	}()
	for _, cur := range c.cursors {
		if cur.failed {
			c.queueCursor(cur)
		}
		if idle && told < sweepPositions && (cur.knownOffset != cur.pos || cur.reportedDrops != cur.dropped) {
			cur.positionDue = true
			c.queueCursor(cur)
			told++
		}
	}
}
