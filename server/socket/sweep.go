package socket

import (
	"time"

	"github.com/waystation/waystation/rpc"
)

// sweepInterval is how often timers of connections are looked at. One goroutine does it for all, so that an idle
// connection needs no timer of its own.
const sweepInterval = 500 * time.Millisecond

// sweepPositions bounds how many positions one connection is told at a time.
const sweepPositions = 64

func (e *Endpoint) sweep() {
	defer e.wg.Done()
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			e.each(func(c *conn) { c.sweep(now) })
		case <-e.ctx.Done():
			return
		}
	}
}

// sweep does what has come due on one connection.
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
	if c.mute || c.ending != nil {
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

// beat sends a conn.position to a client that has asked for heartbeats it can see, although nothing is new: of one of its
// sessions, or of none when it follows none. The caller holds c.mu.
func (c *conn) beat() {
	for _, cur := range c.cursors {
		cur.tell = true
		c.queue(cur)
		c.lastPush = time.Now() // a read that fails must not repeat it at each sweep
		return
	}
	frame := note("conn.position", positionParams{})
	c.lane.frames = append(c.lane.frames, rpc.Reply{Head: frame})
	c.lane.bytes += len(frame) + laneEntry
	c.settleReplies()
	c.lastPush = time.Now()
}

// sweepCursors tries failed reads again and tells an idle client where it stands; the caller holds c.mu.
func (c *conn) sweepCursors(now time.Time) {
	idle := now.Sub(c.lastPush) >= c.e.cfg.Heartbeat
	told := 0
	defer func() {
		if idle && told == 0 && c.heartbeatMessage {
			c.beat()
		}
	}()
	for _, cur := range c.cursors {
		if cur.failed {
			c.queue(cur)
		}
		if idle && told < sweepPositions && (cur.told != cur.pos || cur.owned != cur.dropped) {
			cur.tell = true
			c.queue(cur)
			told++
		}
	}
}
