package eventsocket

import (
	"context"
	"net/http"
	"sync"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/rpc"
)

// Endpoint is the set of open connections. Its methods may be called concurrently.
type Endpoint struct {
	cfg     Config
	running sync.WaitGroup // connections

	mu         sync.Mutex
	conns      map[*conn]struct{}
	perSession map[string]int
	closing    bool
}

// New returns an endpoint without connections.
func New(cfg Config) *Endpoint {
	return &Endpoint{cfg: cfg.withDefaults(), conns: map[*conn]struct{}{}, perSession: map[string]int{}}
}

// Connections returns the number of open connections.
func (e *Endpoint) Connections() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}

// Open reserves a connection to a session's events for a principal that may use the session. serve must be called: it
// upgrades the request and returns when the connection has ended.
func (e *Endpoint) Open(who rpc.Principal, session, format string) (serve func(w http.ResponseWriter, r *http.Request), problem *rpc.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closing:
		return nil, &rpc.Error{Code: rpc.CodeShuttingDown, Message: "the server is shutting down", Reason: "unavailable", Retryable: true, RetryAfter: retryAfter}
	case len(e.conns) >= e.cfg.MaxConnections:
		return nil, rpc.RateLimited("too many event sockets; see the setting max-event-sockets", retryAfter)
	case e.perSession[session] >= e.cfg.MaxPerSession:
		return nil, rpc.RateLimited("too many event sockets of this session; see the setting max-session-connections", retryAfter)
	}
	c := &conn{e: e, who: who, session: session, format: format, woken: make(chan struct{}, 1)}
	c.ctx, c.end = context.WithCancelCause(context.Background())
	e.conns[c] = struct{}{}
	e.perSession[session]++
	e.running.Add(1)
	return c.serveRequest, nil
}

func (e *Endpoint) removeConn(c *conn) {
	e.mu.Lock()
	delete(e.conns, c)
	if e.perSession[c.session]--; e.perSession[c.session] == 0 {
		delete(e.perSession, c.session)
	}
	e.mu.Unlock()
	e.running.Done()
}

// Expire closes the connections of a principal whose credential has expired or was revoked.
func (e *Endpoint) Expire(principal string) {
	e.endMatching(&closing{websocket.StatusPolicyViolation, "the credential was revoked"}, func(c *conn) bool { return c.who.ID == principal })
}

// RecheckAccess closes the connections of account credentials that are no longer valid or may not use their session any more.
func (e *Endpoint) RecheckAccess() {
	e.endMatching(&closing{websocket.StatusPolicyViolation, "the credential was revoked"}, func(c *conn) bool { return c.who.Access != nil && !c.who.MayUse(c.session) })
}

// SessionDeleted closes the connections of a session that was deleted.
func (e *Endpoint) SessionDeleted(session string) {
	e.endMatching(&closing{websocket.StatusNormalClosure, "the session was deleted"}, func(c *conn) bool { return c.session == session })
}

func (e *Endpoint) endMatching(why *closing, matches func(c *conn) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns {
		if matches(c) {
			c.end(why)
		}
	}
}

// Shutdown closes all connections, accepts no others, and waits for their end or for that of ctx. Clients that do not answer
// the close frame are disconnected 5 s later.
func (e *Endpoint) Shutdown(ctx context.Context) {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	e.endMatching(&closing{websocket.StatusServiceRestart, "the server is shutting down"}, func(*conn) bool { return true })
	ended := make(chan struct{})
	go func() { e.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
