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

// Consumers keeps the cursors of named consumers. Begin, Advance and Move only note a change, which must not block;
// Acquire and Release write what was noted, and Acquire returns it. An acknowledged offset may be lost in a crash, but
// never one that was not acknowledged be stored.
type Consumers interface {
	Acquire(ctx context.Context, id consumer.ID) (map[string]consumer.Position, error)
	Begin(id consumer.ID, session string, at consumer.Position)
	Advance(id consumer.ID, session string, to consumer.Position)
	Move(id consumer.ID, session string, to consumer.Position)
	Flush(ctx context.Context) error
	Release(ctx context.Context, id consumer.ID) error
	ConsumerList
}

// ConsumerList shows and deletes the consumers of a principal: List those of all names if name is empty, ordered by
// name and session; Delete none that is acquired.
type ConsumerList interface {
	List(ctx context.Context, principal, name string) ([]consumer.Cursor, error)
	Delete(ctx context.Context, id consumer.ID) error
}

// releaseTimeout bounds how long an ended connection waits until its last acknowledgements are written. After that the
// store goes on trying by itself.
const releaseTimeout = 5 * time.Second

// checkConsumer says what is wrong with how conn.hello names a consumer.
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

// Validate has the rules for consumers.
func (p *helloParams) Validate() error {
	if fields := p.checkConsumer(); fields != nil {
		return fields
	}
	return nil
}

// become makes the connection the one of a named consumer and reads its cursors. A connection that was it until now is
// closed first, and what it acknowledged is written.
func (c *conn) become(ctx context.Context, call *rpc.Call, who rpc.Principal, name string) error {
	if c.e.cfg.Consumers == nil {
		return rpc.NotSupported("named consumers are not kept by this server").With(map[string]any{"field": "/consumer"})
	}
	id := consumer.ID{Principal: who.ID, Name: name}
	c.e.claim(c, id)
	stored, err := c.e.cfg.Consumers.Acquire(ctx, id)
	switch {
	case errors.Is(err, consumer.ErrTooMany):
		c.e.unclaim(c, id)
		return rpc.Conflict("too many named consumers: use or delete one of those there are").With(map[string]any{"field": "/consumer"})
	case err != nil:
		c.e.unclaim(c, id)
		c.closeAfter(call, CloseInternal, "the consumer's cursors cannot be read")
		return fmt.Errorf("socket: read cursors: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consumer, c.stored = id, stored
	return nil
}

// claim makes c the connection of a consumer. Of two that come at the same time the later one stays.
func (e *Endpoint) claim(c *conn, id consumer.ID) {
	e.mu.Lock()
	older := e.consumers[id]
	e.consumers[id] = c
	e.mu.Unlock()
	if older != nil {
		older.supersede()
	}
}

func (e *Endpoint) unclaim(c *conn, id consumer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.consumers[id] == c {
		delete(e.consumers, id)
	}
}

// supersede ends a connection whose consumer has come back on another one. From here on it moves no stored cursor.
func (c *conn) supersede() {
	c.mu.Lock()
	c.superseded = true
	c.mu.Unlock()
	_ = c.Close(CloseSuperseded, "the consumer has connected anew")
}

// quit gives up the consumer of a connection that has ended, and writes what it acknowledged.
func (c *conn) quit() {
	if c.stored == nil {
		return
	}
	c.e.unclaim(c, c.consumer)
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if err := c.e.cfg.Consumers.Release(ctx, c.consumer); err != nil {
		c.e.log.Warn("acknowledgements are not written yet", "conn", c.id, "error", err)
	}
}

// keeps tells whether the connection moves stored cursors; the caller holds c.mu, as for the following.
func (c *conn) keeps() bool { return c.stored != nil && !c.superseded }

// startAt is where a new cursor begins: at the consumer's stored one, else at another offset.
func (c *conn) startAt(session string, log journal.Log, otherwise uint64) (pos uint64, g *gap, found bool) {
	at, found := c.stored[session]
	if !found {
		return otherwise, nil, false
	}
	pos, g = resume(log, at.Epoch, at.Offset)
	return pos, g, true
}

// setBack puts a stored cursor that is beyond the end of its log there: acknowledgements would not move it.
func (c *conn) setBack(session string, log journal.Log) {
	if at := c.stored[session]; at.Epoch == log.Epoch && at.Offset > log.Head {
		c.store(session, consumer.Position{Epoch: log.Epoch, Offset: log.Head}, Consumers.Move)
	}
}

// settle gives sessions without a stored cursor one where the connection began, so that nothing is missed when the
// client goes before it acknowledges anything.
func (c *conn) settle() {
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

// keep notes how far a session was acknowledged.
func (c *conn) keep(session string, cur *cursor) {
	if was := c.stored[session]; was.Epoch != cur.epoch || was.Offset < cur.acked {
		c.store(session, consumer.Position{Epoch: cur.epoch, Offset: cur.acked}, Consumers.Advance)
	}
}

func (c *conn) store(session string, at consumer.Position, change func(Consumers, consumer.ID, string, consumer.Position)) {
	if c.keeps() {
		c.stored[session], c.unwritten = at, true
		change(c.e.cfg.Consumers, c.consumer, session, at)
	}
}

// writeCursors makes what was noted durable.
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
