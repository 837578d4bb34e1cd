package socket

import (
	"context"
	"fmt"
	"sort"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// position is a position in a session's log: the last offset that was seen.
type position struct {
	Epoch  string `json:"epoch" rpc:"required,min=1,max=128" doc:"epoch of the log the offset belongs to"`
	Offset uint64 `json:"offset" doc:"last offset that was seen; 0 = none"`
}

// holdEvents keeps events back until releaseEvents. Methods that change the events of a connection hold them, and
// release them once their reply is in the lane.
func (c *conn) holdEvents() {
	c.mu.Lock()
	c.eventHolds++
	c.mu.Unlock()
}

func (c *conn) releaseEvents() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.eventHolds--
	if c.eventHolds > 0 {
		return
	}
	if c.unsettled {
		c.storeMissing()
	}
	if c.hasWork() {
		c.wake()
	}
}

// selectSessions returns the sessions that match the filters among those the principal may see. Naming any other
// session is an error, whether or not it exists.
func (c *conn) selectSessions(ctx context.Context, who rpc.Principal, filters *filterSet) ([]string, error) {
	if followsAll(who, filters) && !c.e.cfg.Shared.Enabled() {
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
		if filters.matchesSession(id) {
			wanted = append(wanted, id)
		}
	}
	for _, id := range filters.namedSessions() {
		if _, ok := may[id]; !ok {
			return nil, rpc.Forbidden("the credential does not reach a session the filters name").With(map[string]any{"session": id})
		}
	}
	sort.Strings(wanted)
	return wanted, nil
}

// setFilters replaces the filters; the connection must be held. Sessions that no longer match lose their cursor.
func (c *conn) setFilters(who rpc.Principal, filters *filterSet) {
	all := followsAll(who, filters)
	adopts := all || who.Access != nil && who.Session == "" && filters.matchesUnnamed()
	c.mu.Lock()
	c.filters, c.shared, c.access = filters, all, who.Access
	var left []*cursor
	for id, cur := range c.cursors {
		cur.gen++
		if !filters.matchesSession(id) {
			cur.gone = true
			left = append(left, cur)
			delete(c.cursors, id)
		}
	}
	c.mu.Unlock()
	for _, cur := range left {
		cur.topic.removeCursor(c, cur)
	}
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	if adopts {
		c.e.adopters[c] = struct{}{}
	} else {
		delete(c.e.adopters, c)
	}
}

// follow adds a cursor on a session unless the connection has one, and reads the log after that, so that no append is
// missed in between. A new cursor is at the consumer's position, else at the head of the log.
func (c *conn) follow(ctx context.Context, session string) (*cursor, journal.Log, error) {
	c.mu.Lock()
	cur := c.cursors[session]
	c.mu.Unlock()
	for cur == nil {
		cur = c.e.joinTopic(c, session)
		c.mu.Lock()
		gone := cur.gone
		if !gone {
			c.setCursor(session, cur)
		}
		c.mu.Unlock()
		if gone { // the goroutine that ended it is about to call leaveAll
			cur.topic.removeCursor(c, cur)
			cur = nil
		}
	}
	log, err := c.e.journal.Log(ctx, session)
	if err != nil {
		return nil, log, fmt.Errorf("socket: read log: %w", err)
	}
	cur.topic.updateLog(log)
	c.mu.Lock()
	defer c.mu.Unlock()
	if cur.epoch == "" {
		pos, g, _ := c.startAt(session, log, log.Head)
		c.moveCursor(cur, log.Epoch, pos, g, log.Head)
		c.unsettled = true
	}
	return cur, log, nil
}

// setCursor records the cursor of a topic that the connection has joined; the caller holds c.mu.
func (c *conn) setCursor(session string, cur *cursor) {
	if c.cursors == nil {
		c.cursors = make(map[string]*cursor, 1)
	}
	c.cursors[session] = cur
}

// moveCursor moves a cursor; the caller holds c.mu.
func (c *conn) moveCursor(cur *cursor, epoch string, pos uint64, g *gap, head uint64) {
	cur.gen++
	cur.epoch, cur.pos, cur.knownOffset, cur.gap = epoch, pos, pos, g
	cur.live = pos >= head
	cur.sent, cur.pending, cur.skipped = nil, 0, 0
	cur.acked = pos
	if g != nil || pos < head {
		c.queueCursor(cur)
	}
}

// resumeAt returns the position from which a reader continues that has read everything up to offset, and the gap of
// events it can no longer read.
func resumeAt(log journal.Log, epoch string, offset uint64) (pos uint64, g *gap) {
	oldest := offsetBefore(log)
	switch {
	case epoch != log.Epoch:
		return oldest, &gap{From: 1, To: oldest, Reason: gapEpoch}
	case offset > log.Head: // the log was set back, for example restored from a copy
		return log.Head, &gap{From: log.Head + 1, To: offset, Reason: gapEpoch}
	case offset < oldest:
		return oldest, &gap{From: offset + 1, To: oldest, Reason: gapRetention}
	}
	return offset, nil
}

// offsetBefore returns the offset before the oldest retained event.
func offsetBefore(log journal.Log) uint64 {
	if log.Oldest == 0 {
		return 0
	}
	return log.Oldest - 1
}

// adoptSession adds a new session to the connection.
func (c *conn) adoptSession(session string, log journal.Log) {
	c.mu.Lock()
	wanted := c.mayAdopt(session)
	c.mu.Unlock()
	if !wanted {
		return
	}
	if c.stream != nil && c.followedCount() >= c.e.cfg.MaxStreamSessions {
		_ = c.Close(CloseConnectionLimit, "there are more sessions now than one stream follows")
		return
	}
	cur := c.e.joinTopic(c, session)
	c.mu.Lock()
	if cur.gone || !c.mayAdopt(session) { // the connection has ended or changed its filters, or follow was faster
		stray := c.cursors[session] != cur
		cur.gone = cur.gone || stray
		c.mu.Unlock()
		if stray {
			cur.topic.removeCursor(c, cur)
		}
		return
	}
	defer c.mu.Unlock()
	c.setCursor(session, cur)
	if cur.epoch == "" {
		cur.positionDue = true
		pos, g, _ := c.startAt(session, log, offsetBefore(log))
		c.moveCursor(cur, log.Epoch, pos, g, log.Head)
		c.unsettled = true
	}
	c.queueCursor(cur)
	if c.eventHolds == 0 {
		c.storeMissing()
		c.wake()
	}
}

// mayAdopt reports whether a new session matches the filters, may be used and has no cursor yet; the caller holds c.mu.
func (c *conn) mayAdopt(session string) bool {
	return (c.access == nil || c.access.MayUse(session)) && !c.readerEnded && c.filters != nil && c.filters.matchesSession(session) && c.cursors[session] == nil
}

// dropSession removes the cursor of a session and returns the notification for the client, with a reason; nil = the session
// was not followed.
func (c *conn) dropSession(session, reason string) []byte {
	c.mu.Lock()
	delete(c.stored, session)
	cur := c.cursors[session]
	if cur == nil {
		c.mu.Unlock()
		return nil
	}
	cur.gone = true
	delete(c.cursors, session)
	g := gap{From: cur.pos + 1, To: cur.pos, Reason: reason}
	frame := gapNote(session, cur.epoch, cur.pos, g)
	c.mu.Unlock()
	cur.topic.removeCursor(c, cur)
	return frame
}

// leaveAll removes an ended connection from its topics.
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
		cur.topic.removeCursor(c, cur)
	}
}

// errNotFollowed rejects methods on a session that the connection does not follow.
func errNotFollowed() *rpc.Error {
	return rpc.NotFound("the connection gets no events of this session")
}

// ackEvents records that everything up to offset was processed, and returns the highest processed offset. The
// connection must be held.
func (c *conn) ackEvents(session string, offset uint64) (uint64, error) {
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
	c.noteAcked(session, cur)
	n := 0
	for n < len(cur.sent) && cur.sent[n].offset <= offset {
		cur.pending -= cur.sent[n].size
		n++
	}
	cur.sent = append(cur.sent[:0], cur.sent[n:]...)
	if n > 0 {
		c.queueCursor(cur)
	}
	return offset, nil
}
