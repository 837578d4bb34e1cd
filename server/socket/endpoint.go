package socket

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/journal"
)

// Authenticator authenticates tokens.
type Authenticator interface {
	// Authenticate returns the principal of a token. An error wrapping ErrTokenExpired closes with 4503, an
	// *rpc.Error with another code than unauthenticated means that the token could not be checked, and any other
	// error closes with 4502; its text does not reach the client.
	Authenticate(ctx context.Context, token string) (rpc.Principal, error)
}

// ErrTokenExpired is returned for a token that was valid and has expired.
var ErrTokenExpired = errors.New("token expired")

// Tickets redeems the tickets with which browsers connect.
type Tickets interface {
	// Redeem returns the principal of a ticket and invalidates the ticket. It fails like Authenticate; all errors
	// with the code unauthenticated must be identical.
	Redeem(ctx context.Context, ticket string) (rpc.Principal, error)
}

// Sessions returns the sessions that a principal may see.
type Sessions interface {
	// Visible returns the ids of the sessions.
	Visible(ctx context.Context, who rpc.Principal) ([]string, error)
}

// Journal is the source of events. Read returns events after an offset in order, at least one if one exists, and
// journal.ErrPositionLost when the log does not continue after the offset. Watch calls the watcher after a commit;
// the watcher must not block.
type Journal interface {
	Log(ctx context.Context, session string) (journal.Log, error)
	Read(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*journal.Event, error)
	// Find returns the position before the first retained event at or after t, or an earlier one.
	Find(ctx context.Context, session string, t time.Time) (log journal.Log, after uint64, err error)
	Watch(session string, w journal.Watcher) (stop func())
}

// Endpoint serves WebSocket connections. It is an http.Handler; mount it at /v1/ws and /ws. ServeEvents serves the
// same events as server-sent events.
type Endpoint struct {
	cfg      Config
	reg      *rpc.Registry
	journal  Journal
	auth     Authenticator
	sessions Sessions
	log      *slog.Logger

	writers   *writerPool
	ctx       context.Context // ends when the endpoint is closed
	cancel    context.CancelFunc
	stopWatch func()
	draining  atomic.Bool
	written   written
	refusals  *rpc.Rates     // limits log lines about rejected pages
	wg        sync.WaitGroup // connections, topics and the sweeper

	runMu   sync.Mutex
	stopped bool // no topic may start a goroutine any more

	mu        sync.Mutex
	closed    bool
	upgrading int // connections that are being upgraded
	conns     map[*conn]struct{}
	bound     map[string]int // connections by the session their credential is bound to
	waiting   waiting
	closes    closes
	adopters  map[*conn]struct{} // connections that adopt new sessions
	topics    map[string]*topic
	consumers map[consumer.ID]*conn // the newest connection of each consumer
}

// New returns an endpoint and registers its methods, conn.hello and events.*, in reg. Close it with Shutdown.
func New(reg *rpc.Registry, j Journal, auth Authenticator, sessions Sessions, cfg Config) (*Endpoint, error) {
	cfg = cfg.withDefaults()
	e := &Endpoint{
		cfg: cfg, reg: reg, journal: j, auth: auth, sessions: sessions, log: cfg.Log,
		conns: make(map[*conn]struct{}), bound: make(map[string]int),
		adopters: make(map[*conn]struct{}), topics: make(map[string]*topic),
		consumers: make(map[consumer.ID]*conn), refusals: rpc.NewRates(0.2, 10),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.writers = newWriterPool(e)
	registerMethods(reg, e)
	e.stopWatch = j.Watch("", e)
	e.wg.Add(1)
	go e.sweep()
	return e, nil
}

// written counts the output since New.
type written struct{ events, signals, gaps, bytes atomic.Uint64 }

// Sent counts the output to connections since New.
type Sent struct {
	Events, Signals uint64
	Gaps            uint64 // gaps after the beginning of a connection
	Bytes           uint64
}

// Sent returns the counts so far.
func (e *Endpoint) Sent() Sent {
	return Sent{Events: e.written.events.Load(), Signals: e.written.signals.Load(), Gaps: e.written.gaps.Load(), Bytes: e.written.bytes.Load()}
}

// Connections returns the number of open connections.
func (e *Endpoint) Connections() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}

// forEachConn calls f for every connection, outside the lock.
func (e *Endpoint) forEachConn(f func(*conn)) {
	e.mu.Lock()
	list := make([]*conn, 0, len(e.conns))
	for c := range e.conns {
		list = append(list, c)
	}
	e.mu.Unlock()
	for _, c := range list {
		f(c)
	}
}

// Expire closes the connections of a principal whose credential has expired or was revoked.
func (e *Endpoint) Expire(principalID string) {
	e.forEachConn(func(c *conn) {
		if c.belongsTo(func(who rpc.Principal) bool { return who.ID == principalID }) {
			_ = c.Close(CloseTokenExpired, "the token is no longer good")
		}
	})
}

// SessionDeleted removes a deleted session from all connections; those bound to it are closed. Call it before the
// session's log is purged and its stored cursors are deleted: after the call no connection moves them.
func (e *Endpoint) SessionDeleted(session string) {
	e.forEachConn(func(c *conn) {
		frame := c.dropSession(session, gapPurged)
		if c.belongsTo(func(who rpc.Principal) bool { return who.Session == session }) {
			_ = c.Close(CloseTokenExpired, "the session was deleted")
		} else if frame != nil {
			_ = c.WriteFrame(frame) // fails only when the connection has ended
		}
	})
}

// RecheckAccess closes the connections of account credentials that are no longer valid, and removes sessions from connections whose credentials may not use
// them any more.
func (e *Endpoint) RecheckAccess() {
	e.forEachConn(func(c *conn) {
		var caller *rpc.Principal
		c.belongsTo(func(who rpc.Principal) bool { caller = &who; return true })
		if caller != nil {
			c.recheckAccess(*caller)
		}
	})
}

// recheckAccess is RecheckAccess for a connection. conn.hello and events.subscribe call it after they have chosen sessions, as the access may have changed
// meanwhile.
func (c *conn) recheckAccess(who rpc.Principal) {
	if who.Access == nil {
		return
	}
	if !who.Valid() {
		_ = c.Close(CloseTokenExpired, "the credential was revoked or has expired")
		return
	}
	c.mu.Lock()
	var lost []string
	for session := range c.cursors {
		if !who.MayUse(session) {
			lost = append(lost, session)
		}
	}
	c.mu.Unlock()
	for _, session := range lost {
		if frame := c.dropSession(session, gapRevoked); frame != nil {
			_ = c.WriteFrame(frame) // fails only when the connection has ended
		}
	}
}

// belongsTo reports whether the connection belongs to a matching principal, as authenticated by conn.hello or, before
// that, by the upgrade.
func (c *conn) belongsTo(matches func(rpc.Principal) bool) bool {
	if c.peer != nil && c.greeted.Load() {
		return matches(c.peer.Principal())
	}
	return c.authenticated && matches(c.principal)
}

// Shutdown sends conn.drain to all clients, waits for running calls (at most Config.DrainTimeout, and ctx), closes
// the connections with 1012 and waits until all goroutines of the endpoint have ended. New connections are rejected
// from the start.
func (e *Endpoint) Shutdown(ctx context.Context) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		e.wg.Wait()
		return
	}
	e.closed = true
	e.mu.Unlock()
	e.draining.Store(true)
	e.forEachConn(func(c *conn) {
		if c.peer != nil {
			c.peer.Drain(e.cfg.DrainRetry)
		}
		_ = c.WriteFrame(encodeNote("conn.drain", drainParams{RetryAfterMS: e.cfg.DrainRetry.Milliseconds()}))
	})
	e.awaitCalls(ctx)
	e.forEachConn(func(c *conn) { _ = c.Close(CloseRestart, "the server is restarting") })
	e.awaitClosed(closeGrace)
	e.stopWatch()
	e.forEachConn(func(c *conn) { c.abort() })
	e.cancel()
	e.runMu.Lock()
	e.stopped = true
	e.runMu.Unlock()
	e.wg.Wait()
}

type drainParams struct {
	RetryAfterMS int64 `json:"retry_after_ms"`
}

// drainPoll is the interval at which Shutdown checks its conditions.
const drainPoll = 20 * time.Millisecond

func (e *Endpoint) awaitCalls(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DrainTimeout)
	defer cancel()
	e.poll(ctx, func() bool {
		busy := false
		e.forEachConn(func(c *conn) { busy = busy || c.peer != nil && c.peer.InFlight() > 0 })
		return !busy
	})
}

func (e *Endpoint) awaitClosed(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	e.poll(ctx, func() bool { return e.Connections() == 0 })
}

func (e *Endpoint) poll(ctx context.Context, done func() bool) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reserveConn reserves a slot for a connection that is about to be upgraded; false = the limit is reached or the
// endpoint is shutting down. admitConn or cancelReservation must follow.
func (e *Endpoint) reserveConn() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || len(e.conns)+e.upgrading >= e.cfg.MaxConnections {
		return false
	}
	e.upgrading++
	e.wg.Add(1)
	return true
}

func (e *Endpoint) cancelReservation() {
	e.mu.Lock()
	e.upgrading--
	e.mu.Unlock()
	e.wg.Done()
}

// admitConn admits an upgraded connection on its reserved slot, unless the endpoint is shutting down. Until
// conn.hello it counts among the waiting connections; victim is one of them that must be closed in its favour.
func (e *Endpoint) admitConn(c *conn) (victim *conn, admitted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.admitLocked(c) {
		return nil, false
	}
	if c.authenticated && c.principal.Kind == rpc.ScopeAdmin && c.principal.Session == "" {
		return nil, true // the operator's own clients have no limit
	}
	return e.waiting.add(c, e.cfg.MaxWaitingPerAddress, e.cfg.MaxWaiting), true
}

// admitStream is admitConn for a stream of server-sent events, which needs no conn.hello.
func (e *Endpoint) admitStream(c *conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.admitLocked(c)
}

func (e *Endpoint) admitLocked(c *conn) bool {
	if e.closed {
		return false
	}
	e.upgrading--
	e.conns[c] = struct{}{}
	return true
}

// countedAs returns the key under which connections of a credential are counted: its session, or the principal of its account; "" = they are not
// counted.
func countedAs(who rpc.Principal) string {
	if who.Session == "" && who.Access != nil {
		return who.ID
	}
	return who.Session
}

// bindSession counts a connection under a key of countedAs.
func (e *Endpoint) bindSession(session string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bound[session] >= e.cfg.MaxPerSession {
		return false
	}
	e.bound[session]++
	return true
}

// unbindSession reverts bindSession for a connection.
func (e *Endpoint) unbindSession(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.boundTo != "" {
		if e.bound[c.boundTo]--; e.bound[c.boundTo] <= 0 {
			delete(e.bound, c.boundTo)
		}
		c.boundTo = ""
	}
}

// removeConn removes a connection after all its goroutines have ended.
func (e *Endpoint) removeConn(c *conn) {
	c.leaveAll()
	c.releaseConsumer()
	e.recordClose(c)
	e.mu.Lock()
	delete(e.conns, c)
	e.waiting.remove(c)
	delete(e.adopters, c)
	e.mu.Unlock()
	e.unbindSession(c)
	e.wg.Done()
}

func newConnID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return "c" + hex.EncodeToString(b[:])
}
