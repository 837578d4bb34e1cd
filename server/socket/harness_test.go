package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/journal"
	"go.mau.fi/util/dbutil"
)

// waitLimit is how long a test waits for a required condition.
const waitLimit = 30 * time.Second

// tokens is an Authenticator that accepts "admin", "expired", "public" and "session:<id>".
type tokens struct{}

func (tokens) Authenticate(_ context.Context, token string) (rpc.Principal, error) {
	switch {
	case token == "admin":
		return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, nil
	case token == "expired":
		return rpc.Principal{}, fmt.Errorf("old: %w", ErrTokenExpired)
	case token == "public":
		return rpc.Principal{Kind: rpc.ScopePublic, ID: "nobody"}, nil
	case strings.HasPrefix(token, "session:"):
		id := strings.TrimPrefix(token, "session:")
		return rpc.Principal{Kind: rpc.ScopeSession, ID: "token-" + id, Session: id}, nil
	}
	return rpc.Principal{}, errors.New("secret of the inside")
}

// directory is a Sessions with a list that can grow.
type directory struct {
	mu  sync.Mutex
	ids []string
}

func (d *directory) Visible(_ context.Context, who rpc.Principal) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for _, id := range d.ids {
		if who.MayUse(id) {
			list = append(list, id)
		}
	}
	return list, nil
}

func (d *directory) add(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = append(d.ids, id)
}

func (d *directory) remove(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = slices.DeleteFunc(d.ids, func(other string) bool { return other == id })
}

// world is a server with an endpoint and a journal in memory.
type world struct {
	t         testing.TB
	endpoint  *Endpoint
	journal   *journal.Journal
	reg       *rpc.Registry
	methods   *rpctest.Methods
	directory *directory
	url       string
	client    *http.Client
	jumps     bool // a test controls the clock
	end       func()

	mu     sync.Mutex
	dialed net.Conn
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// remember records the connection that a dial made, for tests that go below the WebSocket.
func (w *world) remember(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		w.mu.Lock()
		w.dialed = c
		w.mu.Unlock()
		return c, err
	}
}

func (w *world) lastDialed() net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dialed
}

func newWorld(t testing.TB, cfg Config, jcfg journal.Config) *world {
	t.Helper()
	return newWorldOver(t, nil, cfg, jcfg)
}

// newWorldOver is a world whose journal is in a database; nil = in memory.
func newWorldOver(t testing.TB, db *dbutil.Database, cfg Config, jcfg journal.Config) *world {
	t.Helper()
	w := newWorldOn(t, db, cfg, jcfg)
	srv := httptest.NewServer(w.handler())
	w.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	w.client = &http.Client{Transport: &http.Transport{DialContext: w.remember((&net.Dialer{}).DialContext)}}
	w.end = sync.OnceFunc(func() {
		w.endpoint.Shutdown(context.Background())
		w.client.CloseIdleConnections()
		srv.Close()
		_ = w.journal.Close()
	})
	t.Cleanup(w.end)
	return w
}

func newWorldWithoutServer(t testing.TB, cfg Config, jcfg journal.Config) *world {
	t.Helper()
	return newWorldOn(t, nil, cfg, jcfg)
}

// newWorldOn has the journal in a database; nil = in memory.
func newWorldOn(t testing.TB, db *dbutil.Database, cfg Config, jcfg journal.Config) *world {
	t.Helper()
	j, err := journal.Open(context.Background(), db, jcfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, journal: j, reg: rpc.NewRegistry(rpc.Options{Replies: &rpctest.Replies{}}), directory: &directory{ids: []string{"s1", "s2"}}}
	w.methods = rpctest.Register(w.reg)
	if w.endpoint, err = New(w.reg, j, tokens{}, w.directory, cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/events", w.endpoint.ServeEvents)
	mux.Handle("/", w.endpoint)
	return mux
}

// append logs n events of a type and returns the last one.
func (w *world) append(session, kind string, n int, chats ...string) *journal.Event {
	w.t.Helper()
	var last *journal.Event
	for i := range n {
		data, _ := json.Marshal(map[string]any{"n": i})
		res, err := w.journal.Append(context.Background(), session, journal.Record{
			Type: kind, Origin: journal.OriginServer, Chats: chats, Data: data,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		last = res[0].Event
	}
	return last
}

// client is a test's end of a connection.
type client struct {
	t    testing.TB
	ws   *websocket.Conn
	net  net.Conn // below ws
	next int
	w    *world
}

func (w *world) dial(token string) *client {
	w.t.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	c, _, err := w.tryDial(header, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) tryDial(header http.Header, query string) (*client, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, w.url+query, &websocket.DialOptions{
		HTTPClient: w.client, HTTPHeader: header, Subprotocols: []string{Subprotocol},
	})
	if err != nil {
		return nil, resp, err
	}
	ws.SetReadLimit(-1)
	w.t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t: w.t, w: w, ws: ws, net: w.lastDialed()}, resp, nil
}

// Send implements rpctest.Conn.
func (c *client) Send(b []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, b)
}

// Receive implements rpctest.Conn.
func (c *client) Receive() ([]byte, int, error) {
	limit := waitLimit
	if c.w.jumps {
		limit = time.Hour
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	if code := websocket.CloseStatus(err); code > 0 {
		return nil, int(code), nil
	}
	return b, 0, err
}

// Quiet implements rpctest.Conn.
func (c *client) Quiet() error { return quiet(c) }

// quiet makes a call and expects its reply to be the next frame.
func quiet(c rpctest.Conn) error {
	if err := c.Send([]byte(`{"jsonrpc":"2.0","id":"quiet?","method":"test.echo"}`)); err != nil {
		return err
	}
	b, code, err := c.Receive()
	if err == nil && !strings.Contains(string(b), `"quiet?"`) {
		err = fmt.Errorf("got %s (closed with %d)", b, code)
	}
	return err
}

// message is any message of the server.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

type eventBody struct {
	Session string          `json:"session"`
	Offset  uint64          `json:"offset"`
	Type    string          `json:"type"`
	Data    json.RawMessage `json:"data"`
}

func (c *client) read() message {
	c.t.Helper()
	b, code, err := c.Receive()
	if err != nil || code != 0 {
		c.t.Fatalf("closed with %d: %v", code, err)
	}
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		c.t.Fatalf("%v in %s", err, b)
	}
	return m
}

// send sends a call and returns its id.
func (c *client) send(method string, params any) string {
	c.t.Helper()
	c.next++
	id := fmt.Sprint(c.next)
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	if err == nil {
		err = c.Send(b)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// call sends a call and expects its reply to be the next frame.
func (c *client) call(method string, params, result any) {
	c.t.Helper()
	id := c.send(method, params)
	m := c.read()
	if m.Error != nil || string(m.ID) != id {
		c.t.Fatalf("%s: got %+v %+v", method, m, m.Error)
	}
	if result != nil {
		if err := json.Unmarshal(m.Result, result); err != nil {
			c.t.Fatal(err)
		}
	}
}

// fails expects an error with the code.
func (c *client) fails(code int, method string, params any) message {
	c.t.Helper()
	id := c.send(method, params)
	m := c.read()
	if m.Error == nil || m.Error.Code != code || string(m.ID) != id {
		c.t.Fatalf("%s: want error %d, got %+v", method, code, m)
	}
	return m
}

type object = map[string]any

func (c *client) hello(params object) helloResult {
	c.t.Helper()
	params["protocol"] = 1
	var r helloResult
	c.call("conn.hello", params, &r)
	return r
}

// event expects the next frame to be an event.
func (c *client) event() eventBody {
	c.t.Helper()
	m := c.read()
	if m.Method != "event" {
		c.t.Fatalf("want an event, got %+v", m)
	}
	var ev eventBody
	if err := json.Unmarshal(m.Params, &ev); err != nil {
		c.t.Fatal(err)
	}
	return ev
}

// events expects events from one offset to another.
func (c *client) events(session string, from, to uint64) {
	c.t.Helper()
	for want := from; want <= to; want++ {
		if ev := c.event(); ev.Session != session || ev.Offset != want {
			c.t.Fatalf("want %s %d, got %+v", session, want, ev)
		}
	}
}

// newSession expects the events of a session that has just appeared, up to an offset, and one conn.position with the
// client's position behind the events it covers.
func (c *client) newSession(session string, to uint64) {
	c.t.Helper()
	var last uint64
	var p positionParams
	for last < to || p.Epoch == "" {
		m := c.read()
		switch m.Method {
		case "event":
			var ev eventBody
			if err := json.Unmarshal(m.Params, &ev); err != nil || ev.Session != session || ev.Offset != last+1 {
				c.t.Fatalf("after %d: %+v, %v", last, ev, err)
			}
			last = ev.Offset
		case "conn.position":
			if err := json.Unmarshal(m.Params, &p); err != nil || p.Session != session || p.Offset != last || p.Epoch == "" || last == 0 {
				c.t.Fatalf("after %d: %+v, %v", last, p, err)
			}
		default:
			c.t.Fatalf("got %+v", m)
		}
	}
}

// notification expects the next frame to be a notification.
func (c *client) notification(method string, params any) {
	c.t.Helper()
	m := c.read()
	if m.Method != method {
		c.t.Fatalf("want %s, got %+v", method, m)
	}
	if err := json.Unmarshal(m.Params, params); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) closed(code int) {
	c.t.Helper()
	b, got, err := c.Receive()
	if err != nil || got != code {
		c.t.Fatalf("want close %d, got %d, %s, %v", code, got, b, err)
	}
}

// skipPositions is fails for calls during which conn.position may arrive.
func (c *client) skipPositions(code int, method string, params any) message {
	c.t.Helper()
	c.send(method, params)
	for {
		m := c.read()
		if m.Method == "conn.position" {
			continue
		}
		if m.Error == nil || m.Error.Code != code {
			c.t.Fatalf("want error %d, got %+v", code, m)
		}
		return m
	}
}
