package socket

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/waystation/waystation/rpc"
)

// stream is the state of a connection that sends server-sent events (HTML Standard, 9.2). It shares cursors, topics
// and the writing of turns with the sockets; it accepts no calls, so it has no peer, and its reader only waits for
// the client to disconnect.
type stream struct {
	lastBeat time.Time // time of the last write; guarded by the connection's mu
}

// maxStreamInput is the number of ignored bytes that a client may send after its request.
const maxStreamInput = 4 << 10

// ServeEvents answers a GET with a stream of events and returns at once; mount it at /v1/events. The query is a
// filter (see streamParams) and the start position.
func (e *Endpoint) ServeEvents(w http.ResponseWriter, r *http.Request) {
	if !e.cfg.Origins.Allows(r) {
		e.reg.Refuse(w, errForeignPage())
		return
	}
	if r.Method != http.MethodGet { // HEAD is rejected: a stream has no end to wait for
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	p, problem := e.parseStream(r)
	if problem != nil {
		e.reg.Refuse(w, problem)
		return
	}
	who, known, problem := e.credential(r)
	switch {
	case problem == nil && !known:
		problem = rpc.Unauthenticated("a token or a ticket is needed")
	case problem == nil && (who.Kind == rpc.ScopePublic || who.Kind == ""):
		problem = rpc.Forbidden("the credential does not reach the events")
	case problem == nil && !e.reserveConn():
		problem = e.errFull()
	}
	if problem != nil {
		e.reg.Refuse(w, problem)
		return
	}
	c := &conn{e: e, id: newConnID(), opened: time.Now(), authenticated: true, principal: who, stream: &stream{lastBeat: time.Now()}}
	c.room.L = &c.mu
	c.holdEvents()
	replies, problem := c.beginStream(r.Context(), p)
	if problem != nil {
		e.discardConn(c)
		e.reg.Refuse(w, problem)
		return
	}
	h := &hijacker{ResponseWriter: w, timeout: e.cfg.StallTimeout}
	if _, _, err := h.Hijack(); err != nil {
		e.discardConn(c)
		e.log.Error("a stream cannot take over its connection", "error", err)
		e.reg.Refuse(w, rpc.Internal())
		return
	}
	c.wire = h.wire
	c.startStream(streamHead(w.Header(), e.cfg.DrainRetry), replies)
}

// beginStream puts cursors on the sessions; the connection is held.
func (c *conn) beginStream(ctx context.Context, p *streamStart) ([]sessionReply, *rpc.Error) {
	e := c.e
	filters := compileFilters([]Filter{p.filter})
	sessions, err := c.selectSessions(ctx, c.principal, filters)
	if err != nil {
		return nil, e.errorReply(err)
	}
	if len(sessions) > e.cfg.MaxStreamSessions {
		return nil, errTooManySessions(e.cfg.MaxStreamSessions)
	}
	if key := countedAs(c.principal); key != "" {
		if !e.bindSession(key) {
			return nil, rpc.RateLimited("too many connections on this session", e.cfg.DrainRetry)
		}
		c.boundTo = key
	}
	replies, err := c.beginCursors(ctx, c.principal, filters, sessions, &helloParams{Resume: p.resume, From: p.from})
	if err != nil {
		return nil, e.errorReply(err)
	}
	return replies, nil
}

func errTooManySessions(most int) *rpc.Error {
	return rpc.InvalidParams("/sessions", "a stream follows "+strconv.Itoa(most)+" sessions at most: name those it should, or use the socket")
}

// errorReply returns the error for the caller; internal errors are only logged.
func (e *Endpoint) errorReply(err error) *rpc.Error {
	var problem *rpc.Error
	if errors.As(err, &problem) {
		return problem
	}
	e.log.Error("a stream cannot begin", "error", err)
	return rpc.Internal()
}

// discardConn releases a connection that was reserved and not admitted.
func (e *Endpoint) discardConn(c *conn) {
	e.mu.Lock()
	e.upgrading--
	e.mu.Unlock()
	e.removeConn(c)
}

// startStream sends the response head and the first messages, and releases the events.
func (c *conn) startStream(head []byte, replies []sessionReply) {
	if _, err := c.wire.flush(head, &worker{left: true}); err != nil || !c.e.admitStream(c) {
		c.abort()
		c.e.discardConn(c)
		return
	}
	c.greeted.Store(true)
	c.recheckAccess(c.principal)
	c.mu.Lock()
	c.lastPush = c.opened
	c.mu.Unlock()
	_ = c.WriteFrame(encodeNote("hello", streamHello{
		Conn: c.id, Sessions: replies, HeartbeatMS: c.e.cfg.StreamHeartbeat.Milliseconds(), Version: c.e.cfg.Version,
	}))
	for _, s := range replies {
		if s.Epoch == "" { // resumed, and deleted meanwhile
			_ = c.WriteFrame(gapNote(s.Session, "", 0, *s.Gap))
		}
	}
	go c.readStream()
	c.releaseEvents()
}

type streamHello struct {
	Conn        string         `json:"conn"`
	Sessions    []sessionReply `json:"sessions"`
	HeartbeatMS int64          `json:"heartbeat_ms"`
	Version     string         `json:"version"`
}

// readStream waits until the client disconnects or the server ends the connection.
func (c *conn) readStream() {
	_, _ = io.CopyN(io.Discard, c.wire, maxStreamInput)
	c.mu.Lock()
	c.dropAll()
	c.mu.Unlock()
	c.abort()
	c.writers.Wait()
	c.e.removeConn(c)
}

// followedCount returns the number of sessions that the connection follows.
func (c *conn) followedCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.cursors)
}

// sweepStream runs the expired timers of a stream.
func (c *conn) sweepStream(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writesEnded || c.ending != nil {
		return
	}
	if now.Sub(c.stream.lastBeat) >= c.e.cfg.StreamHeartbeat {
		c.ping = true
	}
	c.sweepCursors(now)
	if c.hasWork() {
		c.wake()
	}
}
