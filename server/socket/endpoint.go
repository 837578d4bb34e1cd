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

// Authenticator tells who a token belongs to.
type Authenticator interface {
	// Authenticate returns the principal of a token. An error wrapping ErrTokenExpired closes with 4503, an *rpc.Error
	// with another code than unauthenticated means that the token could not be checked, and any other closes with 4502;
	// its text does not reach the client.
	Authenticate(ctx context.Context, token string) (rpc.Principal, error)
}

// ErrTokenExpired is for tokens that were good once.
var ErrTokenExpired = errors.New("token expired")

// Tickets redeems what browsers connect with.
type Tickets interface {
	// Redeem returns the principal of a ticket and uses the ticket up. Its errors are as those of Authenticate; all
	// that say unauthenticated must be alike.
	Redeem(ctx context.Context, ticket string) (rpc.Principal, error)
}

// Sessions knows which sessions a principal may see.
type Sessions interface {
	// Visible lists their ids.
	Visible(ctx context.Context, who rpc.Principal) ([]string, error)
}

// Journal is what the endpoint reads events from. Read returns events after an offset in order, at least one when
// there is any, and journal.ErrPositionLost when the log does not continue after the offset. Watch calls the watcher after a commit
// and must be given one that does not block.
type Journal interface {
	Log(ctx context.Context, session string) (journal.Log, error)
	Read(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*journal.Event, error)
	// Find returns the place before the first retained event at or after t, or an earlier one.
	Find(ctx context.Context, session string, t time.Time) (log journal.Log, after uint64, err error)
	Watch(session string, w journal.Watcher) (stop func())
}

// Endpoint serves WebSocket connections. It is an http.Handler; mount it at /v1/ws and /ws. ServeEvents gives the same
// events as server-sent events.
type Endpoint struct {
	cfg      Config
	reg      *rpc.Registry
	journal  Journal
	auth     Authenticator
	sessions Sessions
	log      *slog.Logger

	crew      *crew
	ctx       context.Context // ends when the endpoint is closed
	cancel    context.CancelFunc
	stopWatch func()
	draining  atomic.Bool
	written   written
	refusals  *rpc.Rates     // of log lines about refused pages
	wg        sync.WaitGroup // connections, topics and the sweeper

	runMu   sync.Mutex
	stopped bool // no topic may start to run any more

	mu        sync.Mutex
	closed    bool
	opening   int // connections that are being upgraded
	conns     map[*conn]struct{}
	bound     map[string]int // connections by the session their credential is bound to
	waiting   waiting
	closes    closes
	everyone  map[*conn]struct{} // connections that take sessions as they appear
	topics    map[string]*topic
	consumers map[consumer.ID]*conn // the newest connection of each
}

// New makes an endpoint and registers its methods, conn.hello and events.*, in reg. Close it with Shutdown.
func New(reg *rpc.Registry, j Journal, auth Authenticator, sessions Sessions, cfg Config) (*Endpoint, error) {
	cfg = cfg.withDefaults()
	e := &Endpoint{
		cfg: cfg, reg: reg, journal: j, auth: auth, sessions: sessions, log: cfg.Log,
		conns: make(map[*conn]struct{}), bound: make(map[string]int),
		everyone: make(map[*conn]struct{}), topics: make(map[string]*topic),
		consumers: make(map[consumer.ID]*conn), refusals: rpc.NewRates(0.2, 10),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.crew = newCrew(e)
	registerMethods(reg, e)
	e.stopWatch = j.Watch("", e)
	e.wg.Add(1)
	go e.sweep()
	return e, nil
}

// written counts since New.
type written struct{ events, signals, gaps, bytes atomic.Uint64 }

// Sent is what was written to connections since New.
type Sent struct {
	Events, Signals uint64
	Gaps            uint64 // told after a connection began
	Bytes           uint64
}

// Sent returns the counts so far.
func (e *Endpoint) Sent() Sent {
	return Sent{Events: e.written.events.Load(), Signals: e.written.signals.Load(), Gaps: e.written.gaps.Load(), Bytes: e.written.bytes.Load()}
}

// Connections is the number of open connections.
func (e *Endpoint) Connections() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}

// each calls f for every connection, outside the lock.
func (e *Endpoint) each(f func(*conn)) {
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

// Expire closes the connections of a principal whose credential is no longer good.
func (e *Endpoint) Expire(principalID string) {
	e.each(func(c *conn) {
		if c.isOf(func(who rpc.Principal) bool { return who.ID == principalID }) {
			_ = c.Close(CloseTokenExpired, "the token is no longer good")
		}
	})
}

// SessionDeleted takes a session that no longer exists from all connections; those bound to it are closed. Call it
// before the session's log is purged and its stored cursors are deleted, which nobody moves any more.
func (e *Endpoint) SessionDeleted(session string) {
	e.each(func(c *conn) {
		frame := c.dropDeleted(session)
		if c.isOf(func(who rpc.Principal) bool { return who.Session == session }) {
			_ = c.Close(CloseTokenExpired, "the session was deleted")
		} else if frame != nil {
			_ = c.WriteFrame(frame) // fails only when the connection has gone
		}
	})
}

// isOf tells whether the connection belongs to a principal, as far as it has shown who it is: by conn.hello, or before
// that by the upgrade.
func (c *conn) isOf(matches func(rpc.Principal) bool) bool {
	if c.peer != nil && c.greeted.Load() {
		return matches(c.peer.Principal())
	}
	return c.known && matches(c.who)
}

// Shutdown tells all clients to go, waits for running calls (at most Config.DrainTimeout, and ctx), closes the
// connections with 1012 and waits until nothing of the endpoint runs any more. New connections are refused from the
// start.
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
	e.each(func(c *conn) {
		if c.peer != nil {
			c.peer.Drain(e.cfg.DrainRetry)
		}
		_ = c.WriteFrame(note("conn.drain", drainParams{RetryAfterMS: e.cfg.DrainRetry.Milliseconds()}))
	})
	e.awaitCalls(ctx)
	e.each(func(c *conn) { _ = c.Close(CloseRestart, "the server is restarting") })
	e.awaitClosed(closeGrace)
	e.stopWatch()
	e.each(func(c *conn) { c.abort() })
	e.cancel()
	e.runMu.Lock()
	e.stopped = true
	e.runMu.Unlock()
	e.wg.Wait()
}

type drainParams struct {
	RetryAfterMS int64 `json:"retry_after_ms"`
}

// drainPoll is how often Shutdown looks whether it can go on.
const drainPoll = 20 * time.Millisecond

func (e *Endpoint) awaitCalls(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DrainTimeout)
	defer cancel()
	e.poll(ctx, func() bool {
		busy := false
		e.each(func(c *conn) { busy = busy || c.peer != nil && c.peer.InFlight() > 0 })
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

// reserve takes a place for a connection that is about to be upgraded, unless there are too many or the endpoint is
// going down. admit or giveBack must follow.
func (e *Endpoint) reserve() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || len(e.conns)+e.opening >= e.cfg.MaxConnections {
		return false
	}
	e.opening++
	e.wg.Add(1)
	return true
}

func (e *Endpoint) giveBack() {
	e.mu.Lock()
	e.opening--
	e.mu.Unlock()
	e.wg.Done()
}

// admit lets an upgraded connection in on its reserved place, unless the endpoint has begun to go down.
// Until conn.hello it is among those that wait; victim is one of them that must go in its favour.
func (e *Endpoint) admit(c *conn) (victim *conn, admitted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.admitLocked(c) {
		return nil, false
	}
	if c.known && c.who.Kind == rpc.ScopeAdmin && c.who.Session == "" {
		return nil, true // the operator's own clients are not bounded
	}
	return e.waiting.add(c, e.cfg.MaxWaitingPerAddress, e.cfg.MaxWaiting), true
}

// admitStream is admit for a stream of server-sent events, which needs no conn.hello.
func (e *Endpoint) admitStream(c *conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.admitLocked(c)
}

func (e *Endpoint) admitLocked(c *conn) bool {
	if e.closed {
		return false
	}
	e.opening--
	e.conns[c] = struct{}{}
	return true
}

// bind counts a connection for the session its credential is bound to.
func (e *Endpoint) bind(session string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bound[session] >= e.cfg.MaxPerSession {
		return false
	}
	e.bound[session]++
	return true
}

// unbind takes back what bind counted for a connection.
func (e *Endpoint) unbind(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.boundTo != "" {
		if e.bound[c.boundTo]--; e.bound[c.boundTo] <= 0 {
			delete(e.bound, c.boundTo)
		}
		c.boundTo = ""
	}
}

// forget removes a connection that has ended and whose goroutines have, too.
func (e *Endpoint) forget(c *conn) {
	c.leaveAll()
	c.quit()
	e.recordClose(c)
	e.mu.Lock()
	delete(e.conns, c)
	e.waiting.remove(c)
	delete(e.everyone, c)
	e.mu.Unlock()
	e.unbind(c)
	e.wg.Done()
}

func newConnID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return "c" + hex.EncodeToString(b[:])
}
