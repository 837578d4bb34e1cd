package socket

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// cursor is the position of a connection in the log of one session. The fields are guarded by the connection's mu.
type cursor struct {
	topic         *topic
	epoch         string
	pos           uint64 // last offset that was passed: sent or filtered out
	gen           uint64 // incremented when a method moves the cursor, so that a concurrent read is discarded
	queued        bool   // is in conn.dirty
	live          bool   // has reached the head since it was moved: new events are in memory
	failed        bool   // the last read failed; the sweeper retries
	gone          bool   // removed from the connection
	gap           *gap   // to be reported before the next event
	positionDue   bool   // send conn.position with the next turn
	skipped       int    // events filtered out since the client last received an offset
	knownOffset   uint64 // last offset that the client received
	dropped       int    // signals that were dropped
	reportedDrops int    // dropped signals that were reported to the client
	acked         uint64
	sent          []sent // unacknowledged events; with manual ack only
	pending       int    // bytes of sent
}

type sent struct {
	offset uint64
	size   int
}

// window limits the events and bytes that may be sent without being acknowledged.
type window struct{ events, bytes int }

// gap is a part of a log that cannot be replayed.
type gap struct {
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Reason string `json:"reason"`
}

// Reasons of a gap.
const (
	gapRetention = "retention" // removed by age or size
	gapEpoch     = "epoch"     // the log was started anew since the client last read it
	gapRevoked   = "revoked"   // the credential may not use the session any more
	gapPurged    = "purged"    // the log was removed while the client was reading it
)

type gapParams struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	gap
	Head uint64 `json:"head"`
}

type positionParams struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	Offset  uint64 `json:"offset"`
	Head    uint64 `json:"head"`
	Dropped int    `json:"dropped"`
}

// queueCursor marks a cursor as having events to read; the caller holds c.mu.
func (c *conn) queueCursor(cur *cursor) {
	if !cur.queued && !cur.gone && !c.writesEnded {
		cur.queued = true
		c.dirty = append(c.dirty, cur)
	}
}

// capacityFor returns how many events and bytes may be sent to a cursor; the caller holds c.mu.
func (c *conn) capacityFor(cur *cursor) (events, bytes int) {
	events, bytes = c.e.cfg.TurnEvents, c.e.cfg.TurnBytes
	if c.manual {
		events = min(events, c.window.events-len(cur.sent))
		bytes = min(bytes, c.window.bytes-cur.pending)
	}
	return events, bytes
}

// readCursors appends the events of some cursors, up to the limits of one turn.
func (c *conn) readCursors(out []byte, picked []*cursor) []byte {
	events, bytes := c.e.cfg.TurnEvents, c.e.cfg.TurnBytes
	for i, cur := range picked {
		if events <= 0 || bytes <= 0 {
			c.mu.Lock()
			for _, left := range picked[i:] {
				c.queueCursor(left)
			}
			c.mu.Unlock()
			break
		}
		before := len(out)
		var n int
		out, n = c.readCursor(out, cur, events, bytes)
		events -= n
		bytes -= len(out) - before
	}
	return out
}

// read is the result of reading for a cursor, before it is certain that it may be sent.
type read struct {
	gen     uint64
	epoch   string
	after   uint64
	filters *filterSet
	shared  bool // the connection follows all sessions
	found   int  // events read
	to      uint64
	head    uint64
	matched []*journal.Event
	gap     *gap
	again   bool // there is more to read, although no event was found
	err     error
}

// readCursor reads on from a cursor. The read happens without the lock; its result is dropped if a method has moved
// the cursor meanwhile.
func (c *conn) readCursor(out []byte, cur *cursor, maxEvents, maxBytes int) ([]byte, int) {
	c.mu.Lock()
	roomEvents, roomBytes := c.capacityFor(cur)
	r := read{gen: cur.gen, epoch: cur.epoch, after: cur.pos, to: cur.pos, filters: c.filters, shared: c.shared}
	gone, live := cur.gone, cur.live
	c.mu.Unlock()
	if gone {
		return out, 0
	}
	_, r.head = cur.topic.state()
	if !live || r.head > r.after+uint64(c.e.cfg.TurnEvents) {
		c.worker.leavePool() // the journal may have to query its store
	}
	if roomEvents > 0 && roomBytes > 0 {
		c.fetchEvents(cur, &r, min(maxEvents, roomEvents), min(maxBytes, roomBytes))
	}
	c.mu.Lock()
	notes := c.commitRead(cur, &r)
	c.mu.Unlock()
	if len(notes.events) > 0 {
		c.e.written.events.Add(uint64(len(notes.events)))
	}
	for _, note := range notes.before {
		out = c.appendNoteOf(out, note, cur, notes.events)
	}
	if c.stream != nil {
		out = c.appendStreamEvents(out, cur, notes.events)
	} else {
		out = c.appendEvents(out, notes.events)
	}
	if notes.position != nil {
		out = c.appendText(out, notes.position)
	}
	return out, r.found
}

// fetchEvents reads from the journal. A cursor at a position that the log does not continue from is moved to the
// beginning of the log, with a gap.
func (c *conn) fetchEvents(cur *cursor, r *read, maxEvents, maxBytes int) {
	j, ctx, session := c.e.journal, c.e.ctx, cur.topic.session
	epoch, head := cur.topic.state()
	r.head = head
	var events []*journal.Event
	err := journal.ErrPositionLost
	if epoch == r.epoch {
		events, err = j.Read(ctx, session, r.after, maxEvents, maxBytes)
	}
	if errors.Is(err, journal.ErrPositionLost) { // or the topic has seen another epoch, perhaps an older one: ask the journal
		var log journal.Log
		if log, err = j.Log(ctx, session); err == nil {
			cur.topic.updateLog(log)
			r.relocate(log)
			events, err = j.Read(ctx, session, r.after, maxEvents, maxBytes)
		}
		if errors.Is(err, journal.ErrPositionLost) { // the log moved on again: retry in the next turn
			r.again, err = true, nil
		}
	}
	if err != nil {
		r.err = err
		return
	}
	r.to = r.after
	if r.found = len(events); r.found == 0 {
		return
	}
	r.to = events[len(events)-1].Offset
	r.head = max(r.head, r.to)
	r.matched = r.selectEvents(c.e.cfg.Shared, events)
}

// relocate moves a read to the first position at which the log can be read.
func (r *read) relocate(log journal.Log) {
	r.head = log.Head
	oldest := offsetBefore(log)
	switch {
	case log.Epoch != r.epoch:
		r.gap = &gap{From: 1, To: oldest, Reason: gapPurged}
		r.epoch, r.after = log.Epoch, oldest
	case r.after < oldest:
		r.gap = &gap{From: r.after + 1, To: oldest, Reason: gapRetention}
		r.after = oldest
	case r.after > log.Head:
		r.gap = &gap{From: log.Head + 1, To: r.after, Reason: gapEpoch}
		r.after = log.Head
	}
}

// notes are the notifications that a committed read causes.
type notes struct {
	before   [][]byte
	events   []*journal.Event
	position []byte
}

// commitRead moves the cursor over the read events; the caller holds c.mu.
func (c *conn) commitRead(cur *cursor, r *read) (n notes) {
	switch {
	case cur.gone:
		return notes{}
	case cur.gen != r.gen || c.eventHolds > 0:
		c.queueCursor(cur)
		return notes{}
	case r.err != nil:
		if !cur.failed {
			c.e.log.Warn("journal cannot be read", "conn", c.id, "session", cur.topic.session, "offset", cur.pos, "error", r.err)
		}
		cur.failed = true
		return notes{}
	}
	cur.failed = false
	if cur.gap != nil {
		c.e.written.gaps.Add(1)
		n.before = append(n.before, gapNote(cur.topic.session, r.epoch, r.head, *cur.gap))
		cur.gap = nil
	}
	if r.gap != nil {
		c.e.written.gaps.Add(1)
		n.before = append(n.before, gapNote(cur.topic.session, r.epoch, r.head, *r.gap))
		if r.epoch != cur.epoch {
			cur.sent, cur.pending, cur.acked = nil, 0, 0
		}
	}
	cur.epoch, cur.pos = r.epoch, r.to
	cur.live = r.to >= r.head || cur.live && r.gap == nil
	n.events = r.matched
	c.countRead(cur, r)
	if cur.positionDue || cur.skipped >= c.e.cfg.ScanEvents {
		cur.positionDue = false
		n.position = c.positionNote(cur, r.head)
	}
	if r.again || r.found > 0 && cur.pos < r.head {
		if events, bytes := c.capacityFor(cur); events > 0 && bytes > 0 {
			c.queueCursor(cur)
		}
	}
	return n
}

// countRead updates the counts of sent and filtered events; the caller holds c.mu.
func (c *conn) countRead(cur *cursor, r *read) {
	if len(r.matched) == 0 {
		cur.skipped += r.found
		return
	}
	cur.knownOffset = r.matched[len(r.matched)-1].Offset
	cur.skipped = int(r.to - cur.knownOffset)
	c.lastPush = time.Now()
	if !c.manual {
		return
	}
	for _, ev := range r.matched {
		size := len(ev.Body())
		cur.sent = append(cur.sent, sent{ev.Offset, size})
		cur.pending += size
	}
}

// positionNote returns a conn.position and records that the client has received it; the caller holds c.mu.
func (c *conn) positionNote(cur *cursor, head uint64) []byte {
	cur.knownOffset, cur.skipped, cur.reportedDrops = cur.pos, 0, cur.dropped
	c.lastPush = time.Now()
	return encodeNote("conn.position", positionParams{
		Session: cur.topic.session, Epoch: cur.epoch, Offset: cur.pos, Head: max(head, cur.pos), Dropped: cur.dropped,
	})
}

func gapNote(session, epoch string, head uint64, g gap) []byte {
	return encodeNote("events.gap", gapParams{Session: session, Epoch: epoch, gap: g, Head: head})
}

// encodeNote encodes a notification of plain fields, which cannot fail.
func encodeNote(method string, params any) []byte {
	raw, _ := json.Marshal(params)
	return rpc.AppendNotification(nil, method, raw)
}

const (
	eventHead = `{"jsonrpc":"2.0","method":"event","params":`
	eventTail = `}`
)

// appendEvents appends the frames of events. Their bodies were encoded once, when they were appended to the journal.
func (c *conn) appendEvents(out []byte, events []*journal.Event) []byte {
	if len(events) == 0 {
		return out
	}
	if c.batched && len(events) > 1 {
		size := 1
		for _, ev := range events {
			size += len(eventHead) + len(ev.Body()) + len(eventTail) + 1
		}
		out = appendFrameHead(out, opText, size)
		out = append(out, '[')
		for i, ev := range events {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, eventHead...), ev.Body()...), eventTail...)
		}
		return append(out, ']')
	}
	for _, ev := range events {
		body := ev.Body()
		out = appendFrameHead(out, opText, len(eventHead)+len(body)+len(eventTail))
		out = append(append(append(out, eventHead...), body...), eventTail...)
	}
	return out
}
