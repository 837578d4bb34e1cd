package socket

import (
	"context"
	"fmt"
	"sort"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// position is a place in a session's log: the last offset that was seen.
type position struct {
	Epoch  string `json:"epoch" rpc:"required,min=1,max=128" doc:"epoch of the log the offset belongs to"`
	Offset uint64 `json:"offset" doc:"last offset that was seen; 0 = none"`
}

// hold keeps events back until release. Methods that change what a connection gets hold it, and release it once their
// reply is in the lane.
func (c *conn) hold() {
	c.mu.Lock()
	c.held++
	c.mu.Unlock()
}

func (c *conn) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held--
	if c.held > 0 {
		return
	}
	if c.unsettled {
		c.settle()
	}
	if c.hasWork() {
		c.wake()
	}
}

// selectSessions lists the sessions that filters want among those the principal may see. Naming one that is not
// among them is an error, whether or not it exists.
func (c *conn) selectSessions(ctx context.Context, who rpc.Principal, filters *filterSet) ([]string, error) {
	if takesAll(who, filters) && !c.e.cfg.Shared.Enabled() {
		return nil, errNotShared()
	}
	visible, err := c.e.sessions.Visible(ctx, who)
	if err != nil {
		return nil, fmt.Errorf("socket: list sessions: %w", err)
	}
	may := make(map[string]struct{}, len(visible))
	var wanted []string
	for _, id := range visible {
		may[id] = struct{}{}
		if filters.wants(id) {
			wanted = append(wanted, id)
		}
	}
	for _, id := range filters.named() {
		if _, ok := may[id]; !ok {
			return nil, rpc.Forbidden("the credential does not reach a session the filters name").With(map[string]any{"session": id})
		}
	}
	sort.Strings(wanted)
	return wanted, nil
}

// setFilters replaces the filters; the connection must be held. Sessions that are no longer wanted lose their cursor.
func (c *conn) setFilters(who rpc.Principal, filters *filterSet) {
	all := takesAll(who, filters)
	c.mu.Lock()
	c.filters, c.shared = filters, all
	var left []*cursor
	for id, cur := range c.cursors {
		cur.gen++
		if !filters.wants(id) {
			cur.gone = true
			left = append(left, cur)
			delete(c.cursors, id)
		}
	}
	c.mu.Unlock()
	for _, cur := range left {
		cur.topic.leave(c, cur)
	}
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	if all {
		c.e.everyone[c] = struct{}{}
	} else {
		delete(c.e.everyone, c)
	}
}

// follow gives the connection a cursor on a session unless it has one, and reads the log after that, so that no
// append is missed in between. A new cursor is at the consumer's, else at the head of the log.
func (c *conn) follow(ctx context.Context, session string) (*cursor, journal.Log, error) {
	c.mu.Lock()
	cur := c.cursors[session]
	c.mu.Unlock()
	for cur == nil {
		cur = c.e.join(c, session)
		c.mu.Lock()
		gone := cur.gone
		if !gone {
			c.setCursor(session, cur)
		}
		c.mu.Unlock()
		if gone { // whoever ended it is about to leave
			cur.topic.leave(c, cur)
			cur = nil
		}
	}
	log, err := c.e.journal.Log(ctx, session)
	if err != nil {
		return nil, log, fmt.Errorf("socket: read log: %w", err)
	}
	cur.topic.update(log)
	c.mu.Lock()
	defer c.mu.Unlock()
	if cur.epoch == "" {
		pos, g, _ := c.startAt(session, log, log.Head)
		c.move(cur, log.Epoch, pos, g, log.Head)
		c.unsettled = true
	}
	return cur, log, nil
}

// setCursor notes the cursor of a topic the connection has joined; the caller holds c.mu.
func (c *conn) setCursor(session string, cur *cursor) {
	if c.cursors == nil {
		c.cursors = make(map[string]*cursor, 1)
	}
	c.cursors[session] = cur
}

// move puts a cursor somewhere; the caller holds c.mu.
func (c *conn) move(cur *cursor, epoch string, pos uint64, g *gap, head uint64) {
	cur.gen++
	cur.epoch, cur.pos, cur.told, cur.gap = epoch, pos, pos, g
	cur.live = pos >= head
	cur.sent, cur.pending, cur.skipped = nil, 0, 0
	cur.acked = pos
	if g != nil || pos < head {
		c.queue(cur)
	}
}

// resume finds where a reader goes on that saw everything up to offset, and what it has missed for good.
func resume(log journal.Log, epoch string, offset uint64) (pos uint64, g *gap) {
	oldest := before(log)
	switch {
	case epoch != log.Epoch:
		return oldest, &gap{From: 1, To: oldest, Reason: gapEpoch}
	case offset > log.Head: // the log was set back, for example by a restored copy
		return log.Head, &gap{From: log.Head + 1, To: offset, Reason: gapEpoch}
	case offset < oldest:
		return oldest, &gap{From: offset + 1, To: oldest, Reason: gapRetention}
	}
	return offset, nil
}

// before is the offset ahead of the oldest event that is kept.
func before(log journal.Log) uint64 {
	if log.Oldest == 0 {
		return 0
	}
	return log.Oldest - 1
}

// adopt gives the connection a session that has just appeared.
func (c *conn) adopt(session string, log journal.Log) {
	c.mu.Lock()
	wanted := c.mayAdopt(session)
	c.mu.Unlock()
	if !wanted {
		return
	}
	if c.stream != nil && c.following() >= c.e.cfg.MaxStreamSessions {
		_ = c.Close(CloseConnectionLimit, "there are more sessions now than one stream follows")
		return
	}
	cur := c.e.join(c, session)
	c.mu.Lock()
	if cur.gone || !c.mayAdopt(session) { // the connection has ended or changed its filters, or follow was faster
		stray := c.cursors[session] != cur
		cur.gone = cur.gone || stray
		c.mu.Unlock()
		if stray {
			cur.topic.leave(c, cur)
		}
		return
	}
	defer c.mu.Unlock()
	c.setCursor(session, cur)
	if cur.epoch == "" {
		cur.tell = true
		pos, g, _ := c.startAt(session, log, before(log))
		c.move(cur, log.Epoch, pos, g, log.Head)
		c.unsettled = true
	}
	c.queue(cur)
	if c.held == 0 {
		c.settle()
		c.wake()
	}
}

// mayAdopt tells whether a session that appears is wanted and not there yet; the caller holds c.mu.
func (c *conn) mayAdopt(session string) bool {
	return !c.torn && c.filters != nil && c.filters.wants(session) && c.cursors[session] == nil
}

// dropDeleted ends the cursor on a session that was deleted and returns what the client is to be told; nil = nothing.
func (c *conn) dropDeleted(session string) []byte {
	c.mu.Lock()
	delete(c.stored, session)
	cur := c.cursors[session]
	if cur == nil {
		c.mu.Unlock()
		return nil
	}
	cur.gone = true
	delete(c.cursors, session)
	g := gap{From: cur.pos + 1, To: cur.pos, Reason: gapPurged}
	frame := gapNote(session, cur.epoch, cur.pos, g)
	c.mu.Unlock()
	cur.topic.leave(c, cur)
	return frame
}

// leaveAll takes an ended connection from its topics.
func (c *conn) leaveAll() {
	c.mu.Lock()
	list := make([]*cursor, 0, len(c.cursors))
	for _, cur := range c.cursors {
		cur.gone = true
		list = append(list, cur)
	}
	c.cursors = nil
	c.mu.Unlock()
	for _, cur := range list {
		cur.topic.leave(c, cur)
	}
}

// errNotFollowed answers methods that name a session the connection gets no events of.
func errNotFollowed() *rpc.Error {
	return rpc.NotFound("the connection gets no events of this session")
}

// ack notes that everything up to offset was dealt with, and returns the highest offset for which that is so. The
// connection must be held.
func (c *conn) ack(session string, offset uint64) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cur := c.cursors[session]
	if cur == nil {
		return 0, errNotFollowed()
	}
	switch {
	case c.superseded:
		return 0, rpc.Conflict("the consumer has connected anew")
	case offset > cur.pos:
		return 0, rpc.InvalidParams("/offset", "is beyond what was sent")
	case offset < cur.acked:
		return cur.acked, nil
	}
	cur.acked = offset
	c.keep(session, cur)
	n := 0
	for n < len(cur.sent) && cur.sent[n].offset <= offset {
		cur.pending -= cur.sent[n].size
		n++
	}
	cur.sent = append(cur.sent[:0], cur.sent[n:]...)
	if n > 0 {
		c.queue(cur)
	}
	return offset, nil
}
