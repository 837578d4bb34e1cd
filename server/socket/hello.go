package socket

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/address"
)

const methodHello = "conn.hello"

// maxHelloReply limits the reply of conn.hello, which lists every session, in bytes.
const maxHelloReply = 4 << 20

type helloParams struct {
	Protocol  int                 `json:"protocol" rpc:"required" doc:"version of the protocol; 1"`
	Client    *clientInfo         `json:"client" doc:"who connects, for the server's log"`
	Token     string              `json:"token" rpc:"max=4096" doc:"credential, when the upgrade carried none"`
	Consumer  string              `json:"consumer" rpc:"max=128" doc:"name under which the server keeps a cursor in each session, moved by events.ack; sessions that resume does not name go on from there"`
	Resume    map[string]position `json:"resume" rpc:"max=10000" doc:"session id -> place to go on from"`
	From      string              `json:"from" rpc:"enum=head|oldest" doc:"where to begin in sessions that are not resumed and have no cursor of the consumer; default head"`
	Filters   *[]Filter           `json:"filters" doc:"events to send; absent = all durable ones, empty = none"`
	Ack       string              `json:"ack" rpc:"enum=none|manual" doc:"manual: the server waits for events.ack at the end of the window; default none, with a consumer manual"`
	Window    *windowParams       `json:"window" doc:"how much may be sent without ack"`
	Heartbeat string              `json:"heartbeat" rpc:"enum=ping|message" doc:"message: while nothing else comes, conn.position is sent at each heartbeat, for clients that cannot see pings; default ping alone"`
	// BatchEvents puts the events of one turn into one frame.
	BatchEvents bool `json:"batch_events" doc:"several events may come as one array"`
}

type clientInfo struct {
	Name    string `json:"name" rpc:"max=128"`
	Version string `json:"version" rpc:"max=64"`
}

type windowParams struct {
	Events int `json:"events" rpc:"min=1,max=100000" doc:"events, per session"`
	Bytes  int `json:"bytes" rpc:"min=1024,max=67108864" doc:"bytes, per session"`
}

type helloResult struct {
	Conn        string         `json:"conn" doc:"name of the connection"`
	Principal   principalReply `json:"principal"`
	Node        string         `json:"node"`
	Sessions    []sessionReply `json:"sessions" doc:"sessions whose events follow"`
	HeartbeatMS int64          `json:"heartbeat_ms"`
	Limits      limitsReply    `json:"limits"`
	Version     string         `json:"version" doc:"version of the server"`
}

type principalReply struct {
	Kind    rpc.Scope `json:"kind"`
	ID      string    `json:"id"`
	Session string    `json:"session,omitempty"`
	Account string    `json:"account,omitempty"`
}

type sessionReply struct {
	Session string       `json:"session"`
	Epoch   string       `json:"epoch"`
	Head    uint64       `json:"head" doc:"newest offset; 0 = none"`
	Oldest  uint64       `json:"oldest" doc:"oldest offset that is kept"`
	Resumed bool         `json:"resumed" doc:"nothing was missed since the given offset or the consumer's cursor"`
	Replay  *offsetRange `json:"replay,omitempty" doc:"stored events that follow now"`
	Gap     *gap         `json:"gap,omitempty" doc:"events that cannot be replayed"`
}

type offsetRange struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// hello implements conn.hello. It runs on the reading goroutine, before any other call.
func (e *Endpoint) hello(ctx context.Context, call *rpc.Call, p *helloParams) (*helloResult, error) {
	c := call.Conn.(*conn)
	if c.greeted.Load() {
		return nil, rpc.InvalidRequest("conn.hello was said already")
	}
	if p.Protocol != protocolVersion {
		c.closeAfter(call, CloseProtocolVersion, "unknown protocol version")
		return nil, rpc.NotSupported(fmt.Sprintf("protocol %d is not known", p.Protocol)).With(map[string]any{"supported": []int{protocolVersion}})
	}
	who, err := c.identify(ctx, call, p.Token)
	if err != nil {
		return nil, err
	}
	filters := everything
	if p.Filters != nil {
		if problem := checkFilters(*p.Filters, e.cfg.MaxFilters); problem != nil {
			return nil, problem
		}
		filters = compileFilters(*p.Filters)
	}
	sessions, err := c.selectSessions(ctx, who, filters)
	if err != nil {
		return nil, err
	}
	if key := countedAs(who); key != "" {
		if !e.bindSession(key) {
			c.closeAfter(call, CloseConnectionLimit, "too many connections on this session")
			return nil, rpc.RateLimited("too many connections on this session", e.cfg.DrainRetry)
		}
		c.boundTo = key
	}
	if p.Consumer != "" {
		if err := c.becomeConsumer(ctx, call, who, p.Consumer); err != nil {
			e.unbindSession(c) // the client may repeat conn.hello
			return nil, err
		}
	}
	c.configure(p)
	c.holdEvents()
	call.AfterReply(c.releaseEvents)
	replies, err := c.beginCursors(ctx, who, filters, sessions, p)
	if err != nil {
		c.closeAfter(call, CloseInternal, "the journal or the cursors cannot be read")
		return nil, err
	}
	c.setOwner(who.ID)
	c.peer.SetPrincipal(who)
	c.greeted.Store(true)
	c.recheckAccess(who)
	e.stopWaiting(c)
	if p.Client != nil {
		e.log.Info("client connected", "conn", c.id, "principal", who.ID, "client", p.Client.Name, "client_version", p.Client.Version)
	}
	return &helloResult{
		Conn: c.id, Node: e.cfg.Node, Version: e.cfg.Version, Sessions: replies,
		Principal:   principalReply{who.Kind, who.ID, who.Session, who.Account},
		HeartbeatMS: e.cfg.Heartbeat.Milliseconds(), Limits: e.limits(),
	}, nil
}

// closeAfter closes the connection once the reply to the call has been written.
func (c *conn) closeAfter(call *rpc.Call, code int, reason string) {
	call.AfterReply(func() { _ = c.Close(code, reason) })
}

// identify returns the principal of the connection: from the upgrade, else from the token.
func (c *conn) identify(ctx context.Context, call *rpc.Call, token string) (rpc.Principal, error) {
	who := c.principal
	if !c.authenticated {
		if token == "" {
			c.closeAfter(call, CloseAuth, "no credential")
			return who, rpc.Unauthenticated("a token is needed, in the upgrade or in conn.hello")
		}
		var problem *rpc.Error
		if who, problem = c.e.authenticate(address.With(ctx, c.address), token); problem != nil {
			code := CloseAuth
			switch {
			case problem.Code == rpc.CodeRateLimited:
				code = CloseRate
			case problem.Code != rpc.CodeUnauthenticated:
				code = CloseInternal
			case problem.Reason == reasonExpired:
				code = CloseTokenExpired
			}
			c.closeAfter(call, code, problem.Message)
			return who, problem
		}
	}
	if who.Kind == rpc.ScopePublic || who.Kind == "" {
		c.closeAfter(call, CloseForbidden, "the credential does not reach the socket")
		return who, rpc.Forbidden("the credential does not reach the socket")
	}
	return who, nil
}

// configure applies the options of conn.hello.
func (c *conn) configure(p *helloParams) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manual = p.Ack == "manual" || p.Consumer != ""
	c.batched = p.BatchEvents
	c.heartbeatMessage = p.Heartbeat == "message"
	if p.Client != nil {
		c.client = strings.TrimSpace(p.Client.Name + " " + p.Client.Version)
	}
	c.window = window{c.e.cfg.WindowEvents, c.e.cfg.WindowBytes}
	if p.Window != nil {
		if p.Window.Events > 0 {
			c.window.events = min(c.window.events, p.Window.Events)
		}
		if p.Window.Bytes > 0 {
			c.window.bytes = min(c.window.bytes, p.Window.Bytes)
		}
	}
}

// beginCursors puts cursors on the sessions, at the positions to resume or the requested ones.
func (c *conn) beginCursors(ctx context.Context, who rpc.Principal, filters *filterSet, sessions []string, p *helloParams) ([]sessionReply, error) {
	c.setFilters(who, filters)
	replies := make([]sessionReply, 0, len(sessions))
	wanted := make(map[string]struct{}, len(sessions))
	for _, id := range sessions {
		wanted[id] = struct{}{}
		cur, log, err := c.follow(ctx, id)
		if err != nil {
			return nil, err
		}
		reply := sessionReply{Session: id, Epoch: log.Epoch, Head: log.Head, Oldest: log.Oldest}
		pos := log.Head
		if p.From == "oldest" {
			pos = offsetBefore(log)
		}
		c.mu.Lock()
		from, found := p.Resume[id]
		if found {
			pos, reply.Gap = resumeAt(log, from.Epoch, from.Offset)
		} else {
			pos, reply.Gap, found = c.startAt(id, log, pos)
		}
		c.clampStored(id, log)
		reply.Resumed = found && reply.Gap == nil
		if pos < log.Head {
			reply.Replay = &offsetRange{From: pos + 1, To: log.Head}
		}
		c.moveCursor(cur, log.Epoch, pos, reply.Gap, log.Head)
		c.mu.Unlock()
		replies = append(replies, reply)
	}
	c.mu.Lock()
	c.storeMissing()
	c.mu.Unlock()
	if err := c.writeCursors(ctx); err != nil {
		return nil, err
	}
	// Sessions to be resumed that are deleted, or not visible to the principal, are reported to the client.
	var lost []string
	for id := range p.Resume {
		if _, ok := wanted[id]; !ok && filters.matchesSession(id) {
			lost = append(lost, id)
		}
	}
	sort.Strings(lost)
	for _, id := range lost {
		replies = append(replies, sessionReply{Session: id, Gap: &gap{Reason: gapPurged}})
	}
	return replies, nil
}
