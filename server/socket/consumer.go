package socket

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/journal"
)

// Consumers stores the cursors of named consumers. Begin, Advance and Move only note a change and must not block;
// Acquire and Release write the noted changes, and Acquire returns the cursors. A crash may lose an acknowledged
// offset, but an offset that was not acknowledged must never be stored.
type Consumers interface {
	Acquire(ctx context.Context, id consumer.ID) (map[string]consumer.Position, error)
	Begin(id consumer.ID, session string, at consumer.Position)
	Advance(id consumer.ID, session string, to consumer.Position)
	Move(id consumer.ID, session string, to consumer.Position)
	Flush(ctx context.Context) error
	Release(ctx context.Context, id consumer.ID) error
	ConsumerList
}

// ConsumerList lists and deletes the consumers of a principal. List with an empty name returns the consumers of all
// names, ordered by name and session. Delete skips consumers that are acquired.
type ConsumerList interface {
	List(ctx context.Context, principal, name string) ([]consumer.Cursor, error)
	Delete(ctx context.Context, id consumer.ID) error
}

// releaseTimeout is how long an ended connection waits until its last acknowledgements are written. After that the
// store keeps retrying.
const releaseTimeout = 5 * time.Second

// checkConsumer returns the errors in the consumer fields of conn.hello.
func (p *helloParams) checkConsumer() (fields rpc.Fields) {
	if p.Consumer == "" {
		return nil
	}
	for _, r := range p.Consumer {
		if !unicode.IsPrint(r) {
			fields = append(fields, rpc.Field{Pointer: "/consumer", Problem: "must be printable characters"})
			break
		}
	}
	if p.Ack == "none" {
		fields = append(fields, rpc.Field{Pointer: "/ack", Problem: "must be manual (or absent) with a consumer, whose cursor moves by events.ack alone"})
	}
	return fields
}

// Validate checks the rules for consumers.
func (p *helloParams) Validate() error {
	if fields := p.checkConsumer(); fields != nil {
		return fields
	}
	return nil
}

// becomeConsumer makes the connection the one of a named consumer and reads its cursors. The previous connection of
// the consumer is closed first, and its acknowledgements are written.
func (c *conn) becomeConsumer(ctx context.Context, call *rpc.Call, who rpc.Principal, name string) error {
	if c.e.cfg.Consumers == nil {
		return rpc.NotSupported("named consumers are not kept by this server").With(map[string]any{"field": "/consumer"})
	}
	id := consumer.ID{Principal: who.ID, Name: name}
	c.e.claimConsumer(c, id)
	stored, err := c.e.cfg.Consumers.Acquire(ctx, id)
	switch {
	case errors.Is(err, consumer.ErrTooMany):
		c.e.unclaimConsumer(c, id)
		return rpc.Conflict("too many named consumers: use or delete one of those there are").With(map[string]any{"field": "/consumer"})
	case err != nil:
		c.e.unclaimConsumer(c, id)
		c.closeAfter(call, CloseInternal, "the consumer's cursors cannot be read")
		return fmt.Errorf("socket: read cursors: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consumer, c.stored = id, stored
	return nil
}

// claimConsumer makes c the connection of a consumer. Of two concurrent claims the later one wins.
func (e *Endpoint) claimConsumer(c *conn, id consumer.ID) {
	e.mu.Lock()
	older := e.consumers[id]
	e.consumers[id] = c
	e.mu.Unlock()
	if older != nil {
		older.supersede()
	}
}

func (e *Endpoint) unclaimConsumer(c *conn, id consumer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.consumers[id] == c {
		delete(e.consumers, id)
	}
}

// supersede ends a connection whose consumer has reconnected elsewhere. From then on it moves no stored cursor.
func (c *conn) supersede() {
	c.mu.Lock()
	c.superseded = true
	c.mu.Unlock()
	_ = c.Close(CloseSuperseded, "the consumer has connected anew")
}

// releaseConsumer releases the consumer of a connection that has ended, and writes its acknowledgements.
func (c *conn) releaseConsumer() {
	if c.stored == nil {
		return
	}
	c.e.unclaimConsumer(c, c.consumer)
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if err := c.e.cfg.Consumers.Release(ctx, c.consumer); err != nil {
		c.e.log.Warn("acknowledgements are not written yet", "conn", c.id, "error", err)
	}
}

// movesStored reports whether the connection moves stored cursors. The caller of this and of the following methods
// holds c.mu.
func (c *conn) movesStored() bool { return c.stored != nil && !c.superseded }

// startAt returns the start of a new cursor: the consumer's stored position, else the offset otherwise.
func (c *conn) startAt(session string, log journal.Log, otherwise uint64) (pos uint64, g *gap, found bool) {
	at, found := c.stored[session]
	if !found {
		return otherwise, nil, false
	}
	pos, g = resumeAt(log, at.Epoch, at.Offset)
	return pos, g, true
}

// clampStored moves a stored cursor that is beyond the end of its log to that end: acknowledgements would not move
// it.
func (c *conn) clampStored(session string, log journal.Log) {
	if at := c.stored[session]; at.Epoch == log.Epoch && at.Offset > log.Head {
		c.store(session, consumer.Position{Epoch: log.Epoch, Offset: log.Head}, Consumers.Move)
	}
}

// storeMissing stores a cursor for sessions without one, where the connection began, so that no event is missed when
// the client disconnects before its first acknowledgement.
func (c *conn) storeMissing() {
	c.unsettled = false
	if c.stored == nil {
		return
	}
	for session, cur := range c.cursors {
		if _, has := c.stored[session]; !has && cur.epoch != "" {
			c.store(session, consumer.Position{Epoch: cur.epoch, Offset: cur.acked}, Consumers.Begin)
		}
	}
}

// noteAcked notes the acknowledged offset of a session.
func (c *conn) noteAcked(session string, cur *cursor) {
	if was := c.stored[session]; was.Epoch != cur.epoch || was.Offset < cur.acked {
		c.store(session, consumer.Position{Epoch: cur.epoch, Offset: cur.acked}, Consumers.Advance)
	}
}

func (c *conn) store(session string, at consumer.Position, change func(Consumers, consumer.ID, string, consumer.Position)) {
	if c.movesStored() {
		c.stored[session], c.unwritten = at, true
		change(c.e.cfg.Consumers, c.consumer, session, at)
	}
}

// writeCursors makes the noted cursors durable.
func (c *conn) writeCursors(ctx context.Context) error {
	c.mu.Lock()
	unwritten := c.unwritten
	c.unwritten = false
	c.mu.Unlock()
	if !unwritten {
		return nil
	}
	if err := c.e.cfg.Consumers.Flush(ctx); err != nil {
		return fmt.Errorf("socket: write cursors: %w", err)
	}
	return nil
}
