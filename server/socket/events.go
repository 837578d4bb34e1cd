package socket

import (
	"context"
	"fmt"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/journal"
)

// registerMethods registers the methods of a connection.
func registerMethods(reg *rpc.Registry, e *Endpoint) {
	inline := func(name, summary string) rpc.Method {
		return rpc.Method{
			Name: name, Summary: summary, Scope: rpc.ScopeSession, Effect: rpc.EffectRead, NoSession: true,
			NoBatch: true, NeedsConn: true, Inline: true,
		}
	}
	hello := inline(methodHello, "Begin a connection: authenticate, choose events, resume; must be the first call.")
	hello.Scope, hello.Timeout, hello.MaxReply = rpc.ScopePublic, e.cfg.HelloTimeout, maxHelloReply
	rpc.Register(reg, hello, e.hello)
	subscribe := inline("events.subscribe", "Replace the filters of the connection.")
	subscribe.MaxReply = maxHelloReply
	rpc.Register(reg, subscribe, e.subscribe)
	rpc.Register(reg, inline("events.unsubscribe", "Stop the events of the connection."), e.unsubscribe)
	ack := inline("events.ack", "Acknowledge the events of a session up to an offset.")
	ack.Description = "Of a named consumer it moves the stored cursor, never back. It is written shortly after: a crash of the server " +
		"loses the last fraction of a second at most, after which those events come again."
	ack.Light = ackShare
	rpc.Register(reg, ack, e.ack)
	seek := inline("events.seek", "Move the connection's place in the log of a session.")
	seek.Description = "Of a named consumer it moves the stored cursor, too, also back; that is written before the reply."
	rpc.Register(reg, seek, e.seek)
	registerConsumerMethods(reg, e)
	rpc.Register(reg, rpc.Method{
		Name: "conn.list", Scope: rpc.ScopeAdmin, Summary: "List the open connections of this node with their places, and how the last ones ended.",
	}, e.listConnections)
}

// ackShare is the number of acknowledgements that count as one call: with the default rate a client may acknowledge
// 1,000 events per second one by one.
const ackShare = 20

type subscribeParams struct {
	Filters []Filter `json:"filters" rpc:"required" doc:"events to send; they replace the filters so far"`
}

type subscribeResult struct {
	Sessions []subscribedReply `json:"sessions"`
}

type subscribedReply struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	Offset  uint64 `json:"offset" doc:"first offset to which the filters apply"`
	Head    uint64 `json:"head"`
}

func (e *Endpoint) subscribe(ctx context.Context, call *rpc.Call, p *subscribeParams) (*subscribeResult, error) {
	c := call.Conn.(*conn)
	if problem := checkFilters(p.Filters, e.cfg.MaxFilters); problem != nil {
		return nil, problem
	}
	filters := compileFilters(p.Filters)
	sessions, err := c.selectSessions(ctx, call.Principal, filters)
	if err != nil {
		return nil, err
	}
	c.holdEvents()
	call.AfterReply(c.releaseEvents)
	c.setFilters(call.Principal, filters)
	result := &subscribeResult{Sessions: make([]subscribedReply, 0, len(sessions))}
	for _, id := range sessions {
		cur, log, err := c.follow(ctx, id)
		if err != nil {
			c.closeAfter(call, CloseInternal, "the journal cannot be read")
			return nil, err
		}
		c.mu.Lock()
		c.clampStored(id, log)
		result.Sessions = append(result.Sessions, subscribedReply{id, cur.epoch, cur.pos + 1, log.Head})
		c.mu.Unlock()
	}
	c.mu.Lock()
	c.storeMissing()
	c.mu.Unlock()
	c.recheckAccess(call.Principal)
	return result, c.writeCursors(ctx)
}

type unsubscribeResult struct {
	Sessions []placeReply `json:"sessions" doc:"where the events ended"`
}

type placeReply struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	Offset  uint64 `json:"offset"`
}

func (e *Endpoint) unsubscribe(_ context.Context, call *rpc.Call, _ *struct{}) (*unsubscribeResult, error) {
	c := call.Conn.(*conn)
	c.holdEvents()
	call.AfterReply(c.releaseEvents)
	result := &unsubscribeResult{Sessions: []placeReply{}}
	c.mu.Lock()
	for id, cur := range c.cursors {
		result.Sessions = append(result.Sessions, placeReply{id, cur.epoch, cur.pos})
	}
	c.signals = nil
	c.mu.Unlock()
	c.setFilters(call.Principal, compileFilters(nil))
	return result, nil
}

type ackParams struct {
	Session string `json:"session" rpc:"max=256" doc:"needed when the credential is not bound to one session"`
	Offset  uint64 `json:"offset" rpc:"required" doc:"everything up to it was dealt with"`
}

type ackResult struct {
	Session string `json:"session"`
	Offset  uint64 `json:"offset" doc:"highest offset that was acknowledged"`
}

func (e *Endpoint) ack(_ context.Context, call *rpc.Call, p *ackParams) (*ackResult, error) {
	session, err := ownSession(call, p.Session)
	if err != nil {
		return nil, err
	}
	c := call.Conn.(*conn)
	c.holdEvents()
	call.AfterReply(c.releaseEvents)
	offset, err := c.ackEvents(session, p.Offset)
	if err != nil {
		return nil, err
	}
	return &ackResult{session, offset}, nil
}

// ownSession returns the session named in a call, or the one of its credential.
func ownSession(call *rpc.Call, named string) (string, error) {
	switch {
	case named != "":
		return named, nil
	case call.Principal.Session != "":
		return call.Principal.Session, nil
	}
	return "", rpc.InvalidParams("/session", "required: the credential is not bound to one session")
}

type seekParams struct {
	Session string  `json:"session" rpc:"max=256" doc:"needed when the credential is not bound to one session"`
	Offset  *uint64 `json:"offset" doc:"last offset that counts as seen; 0 = go back to the beginning"`
	Time    string  `json:"time" rpc:"format=time" doc:"instead of offset: begin with the first event whose time is this or later; events that came late lie behind it"`
}

// Validate requires exactly one position.
func (p *seekParams) Validate() error {
	if (p.Offset == nil) == (p.Time == "") {
		return rpc.Fields{{Pointer: "/offset", Problem: "give exactly one of offset and time"}}
	}
	return nil
}

type seekResult struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	Offset  uint64 `json:"offset" doc:"first offset that can follow"`
	Head    uint64 `json:"head"`
	Gap     *gap   `json:"gap,omitempty" doc:"events that cannot be replayed"`
}

func (e *Endpoint) seek(ctx context.Context, call *rpc.Call, p *seekParams) (*seekResult, error) {
	c := call.Conn.(*conn)
	session, err := ownSession(call, p.Session)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	cur := c.cursors[session]
	c.mu.Unlock()
	if cur == nil {
		return nil, errNotFollowed()
	}
	find := e.findOffset
	if p.Time != "" {
		find = e.findTime
	}
	log, pos, g, err := find(ctx, session, p)
	if err != nil {
		return nil, err
	}
	c.holdEvents()
	call.AfterReply(c.releaseEvents)
	c.mu.Lock()
	c.moveCursor(cur, log.Epoch, pos, g, log.Head)
	c.store(session, consumer.Position{Epoch: log.Epoch, Offset: pos}, Consumers.Move)
	c.mu.Unlock()
	if err := c.writeCursors(ctx); err != nil {
		return nil, err
	}
	return &seekResult{session, log.Epoch, pos + 1, log.Head, g}, nil
}

// findOffset resolves a seek to an offset.
func (e *Endpoint) findOffset(ctx context.Context, session string, p *seekParams) (log journal.Log, pos uint64, g *gap, err error) {
	log, err = e.journal.Log(ctx, session)
	if err != nil {
		return log, 0, nil, fmt.Errorf("socket: read log: %w", err)
	}
	if *p.Offset > log.Head {
		return log, 0, nil, rpc.PositionLost("the offset is beyond the end of the log").With(map[string]any{"head": log.Head})
	}
	pos, g = resumeAt(log, log.Epoch, *p.Offset)
	if *p.Offset == 0 { // the beginning is the current beginning of the log
		g = nil
	}
	return log, pos, g, nil
}

// findTime resolves a seek to a time. If that is the beginning of the log, removed events may have matched the time,
// so all of them count as a gap.
func (e *Endpoint) findTime(ctx context.Context, session string, p *seekParams) (log journal.Log, pos uint64, g *gap, err error) {
	t, err := time.Parse(time.RFC3339, p.Time)
	if err != nil {
		return log, 0, nil, rpc.InvalidParams("/time", "must be a time in RFC 3339 form with an offset")
	}
	log, pos, err = e.journal.Find(ctx, session, t)
	if err != nil {
		return log, 0, nil, fmt.Errorf("socket: search log: %w", err)
	}
	if oldest := offsetBefore(log); oldest > 0 && pos <= oldest {
		pos, g = oldest, &gap{From: 1, To: oldest, Reason: gapRetention}
	}
	return log, pos, g, nil
}
