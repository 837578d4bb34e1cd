package socket

import (
	"context"
	"sort"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
)

// Limits of conn.list.
const (
	connListDefault  = 100
	connListMost     = 500
	connListSessions = 20 // sessions listed per connection
)

// closeLost is the code of a connection that ended without a close frame (RFC 6455, 7.1.5).
const closeLost = 1006

type connListParams struct {
	Session  string `json:"session" rpc:"max=256" doc:"only connections that follow this session or are bound to it"`
	Consumer string `json:"consumer" rpc:"max=128" doc:"only connections of this consumer"`
	After    string `json:"after" rpc:"max=64" doc:"only connections whose name comes after this one; the last of the page before"`
	Limit    int    `json:"limit" rpc:"min=1,max=500" doc:"connections on a page; default 100"`
}

type connListResult struct {
	Connections []connReply  `json:"connections" doc:"open connections by name"`
	Total       int          `json:"total" doc:"open connections of the server"`
	More        bool         `json:"more" doc:"there are more after the last one"`
	LastCloses  []closeReply `json:"last_closes" doc:"connections that ended last, the newest first"`
}

type connReply struct {
	Conn        string            `json:"conn"`
	Transport   string            `json:"transport" doc:"websocket or events (server-sent)"`
	Principal   *principalReply   `json:"principal,omitempty" doc:"absent before conn.hello"`
	Client      string            `json:"client,omitempty" doc:"name and version that the client gave"`
	Consumer    string            `json:"consumer,omitempty" doc:"named consumer"`
	Opened      string            `json:"opened" doc:"RFC 3339"`
	InFlight    int               `json:"in_flight" doc:"calls that are running"`
	UnreadBytes int               `json:"unread_bytes" doc:"replies that have not been written"`
	Following   int               `json:"following" doc:"sessions whose events it gets"`
	Sessions    []connCursorReply `json:"sessions" doc:"those that lag most, at most 20"`
}

type connCursorReply struct {
	Session string `json:"session"`
	Epoch   string `json:"epoch"`
	Offset  uint64 `json:"offset" doc:"last event that was sent or filtered out"`
	Acked   uint64 `json:"acked" doc:"last event that was acknowledged; 0 = none"`
	Head    uint64 `json:"head" doc:"newest event"`
	Lag     uint64 `json:"lag" doc:"events that have not been sent"`
}

type closeReply struct {
	Conn      string `json:"conn"`
	Principal string `json:"principal,omitempty" doc:"id; absent before conn.hello"`
	Consumer  string `json:"consumer,omitempty"`
	Code      int    `json:"code" doc:"close code; 1006 = the connection was lost"`
	Reason    string `json:"reason,omitempty"`
	ByClient  bool   `json:"by_client" doc:"the client closed it"`
	Opened    string `json:"opened" doc:"RFC 3339"`
	Closed    string `json:"closed" doc:"RFC 3339"`
}

// closes keeps how the last connections ended. The endpoint's mu guards it.
type closes struct {
	ring []closeReply
	next int
}

func (l *closes) add(r closeReply, most int) {
	if len(l.ring) < most {
		l.ring = append(l.ring, r)
		return
	}
	l.ring[l.next] = r
	l.next = (l.next + 1) % len(l.ring)
}

// list returns them, the newest first.
func (l *closes) list() []closeReply {
	list := make([]closeReply, 0, len(l.ring))
	for i := range l.ring {
		list = append(list, l.ring[(l.next+len(l.ring)-1-i)%len(l.ring)])
	}
	return list
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// listConnections implements conn.list.
func (e *Endpoint) listConnections(_ context.Context, _ *rpc.Call, p *connListParams) (*connListResult, error) {
	limit := p.Limit
	if limit == 0 {
		limit = connListDefault
	}
	e.mu.Lock()
	result := &connListResult{Connections: []connReply{}, Total: len(e.conns), LastCloses: e.closes.list()}
	var list []*conn
	for c := range e.conns {
		if c.id > p.After {
			list = append(list, c)
		}
	}
	e.mu.Unlock()
	sort.Slice(list, func(i, k int) bool { return list[i].id < list[k].id })
	for _, c := range list {
		if !c.isListed(p) {
			continue
		}
		if result.More = len(result.Connections) == limit; result.More {
			break
		}
		result.Connections = append(result.Connections, c.describe())
	}
	return result, nil
}

// isListed reports whether the connection matches the params of conn.list.
func (c *conn) isListed(p *connListParams) bool {
	isBound := c.belongsTo(func(who rpc.Principal) bool { return who.Session == p.Session })
	c.mu.Lock()
	defer c.mu.Unlock()
	return (p.Consumer == "" || c.consumer.Name == p.Consumer) && (p.Session == "" || isBound || c.cursors[p.Session] != nil)
}

// describe returns the entry of the connection in conn.list.
func (c *conn) describe() connReply {
	r := connReply{Conn: c.id, Transport: "websocket", Opened: timeText(c.opened), Sessions: []connCursorReply{}}
	if c.stream != nil {
		r.Transport = "events"
	}
	if c.peer != nil {
		r.InFlight = c.peer.InFlight()
	}
	c.belongsTo(func(who rpc.Principal) bool {
		r.Principal = &principalReply{who.Kind, who.ID, who.Session, who.Account}
		return true
	})
	c.mu.Lock()
	r.Client, r.Consumer, r.UnreadBytes, r.Following = c.client, c.consumer.Name, c.lane.bytes, len(c.cursors)
	topics := make([]*topic, 0, len(c.cursors))
	for id, cur := range c.cursors {
		r.Sessions = append(r.Sessions, connCursorReply{Session: id, Epoch: cur.epoch, Offset: cur.pos, Acked: cur.acked})
		topics = append(topics, cur.topic)
	}
	c.mu.Unlock()
	for i, t := range topics { // a topic is locked before its connections, so not under c.mu
		s := &r.Sessions[i]
		epoch, head := t.state()
		if s.Head = s.Offset; epoch == s.Epoch {
			s.Head = max(head, s.Offset)
		}
		s.Lag = s.Head - s.Offset
	}
	sort.Slice(r.Sessions, func(i, k int) bool {
		a, b := &r.Sessions[i], &r.Sessions[k]
		return a.Lag > b.Lag || a.Lag == b.Lag && a.Session < b.Session
	})
	r.Sessions = r.Sessions[:min(len(r.Sessions), connListSessions)]
	return r
}

// noteClose records how the connection ended; the first reason counts.
func (c *conn) noteClose(code int, reason string, byClient bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Code == 0 {
		c.closed = closeReply{Code: code, Reason: reason, ByClient: byClient}
	}
}

// noteReadError records the error that ended the reader.
func (c *conn) noteReadError(err error) {
	if code := websocket.CloseStatus(err); code > 0 {
		c.noteClose(int(code), "", true)
	}
}

// recordClose adds the connection to the last closes and logs its end; e.mu is not held.
func (e *Endpoint) recordClose(c *conn) {
	c.mu.Lock()
	r := c.closed
	if c.ending != nil && r.Code == 0 {
		r.Code, r.Reason = c.ending.code, c.ending.reason
	}
	r.Consumer = c.consumer.Name
	c.mu.Unlock()
	if r.Code == 0 {
		r.Code = closeLost
	}
	r.Conn, r.Opened, r.Closed = c.id, timeText(c.opened), timeText(time.Now())
	c.belongsTo(func(who rpc.Principal) bool { r.Principal = who.ID; return true })
	level := e.log.Debug
	if c.greeted.Load() || r.Code >= CloseInternal {
		level = e.log.Info
	}
	level("connection closed", "conn", r.Conn, "principal", r.Principal, "code", r.Code, "reason", r.Reason, "by_client", r.ByClient)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closes.add(r, e.cfg.MaxCloses)
}
