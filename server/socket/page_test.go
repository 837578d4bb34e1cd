package socket

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/transports/journal"
)

// usedTickets knows the ticket good.
type usedTickets struct{}

func (usedTickets) Redeem(_ context.Context, ticket string) (rpc.Principal, error) {
	switch ticket {
	case "good":
		return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, nil
	case "down":
		return rpc.Principal{}, rpc.Internal()
	}
	return rpc.Principal{}, rpc.Unauthenticated("the ticket is not good, or not any more")
}

// A page receives the reason of its rejection as a close code; other clients get an HTTP status.
func TestRefusedPagesGetCloseCodes(t *testing.T) {
	origins, err := origin.New([]string{"https://good.example"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var log logged
	w := newWorld(t, Config{Origins: origins, Tickets: usedTickets{}, Log: slog.New(slog.NewTextHandler(&log, nil))}, journal.Config{})
	const good = "https://good.example"
	for _, c := range []struct {
		name, page, query, token string
		code, status             int
	}{
		{"foreign origin", "https://evil.example", "", "", CloseForbidden, 403},
		{"foreign origin and good token", "https://evil.example", "", "admin", CloseForbidden, 403},
		{"foreign origin and good ticket", "https://evil.example", "?ticket=good", "", CloseForbidden, 403},
		{"origin null", "null", "", "", CloseForbidden, 403},
		{"other scheme", "http://good.example", "", "", CloseForbidden, 403},
		{"wrong ticket", good, "?ticket=bad", "", CloseAuth, 401},
		{"empty ticket", good, "?ticket=", "", CloseAuth, 401},
		{"two tickets", good, "?ticket=good&ticket=good", "", CloseAuth, 401},
		{"wrong token", good, "", "wrong", CloseAuth, 401},
		{"expired token", good, "", "expired", CloseTokenExpired, 401},
		{"token in the URL", good, "?token=admin", "", CloseAuth, 400},
		{"trouble", good, "?ticket=down", "", CloseInternal, 500},
	} {
		header := http.Header{"Origin": {c.page}}
		if c.token != "" {
			header.Set("Authorization", "Bearer "+c.token)
		}
		conn, resp, err := w.tryDial(header, c.query)
		if err != nil {
			t.Errorf("%s: %v %v", c.name, resp, err)
			continue
		}
		_ = conn.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1,"token":"admin"}}`)) // too late
		b, code, err := conn.Receive()
		for code == 0 && err == nil && strings.Contains(string(b), "-32001") { // the rejection of the call
			b, code, err = conn.Receive()
		}
		if code != c.code {
			t.Errorf("%s: closed with %d, %v, %s", c.name, code, err, b)
		}
		if !strings.HasPrefix(c.name, "foreign") && !strings.HasPrefix(c.name, "or") && c.page == good { // the same without a page
			header.Del("Origin")
			if _, resp, err := w.tryDial(header, c.query); err == nil || resp.StatusCode != c.status {
				t.Errorf("%s without a page: %v %v", c.name, resp, err)
			}
		}
	}
	for _, want := range []string{"level=WARN", "origin=https://evil.example", "setting=allowed-origins"} {
		if !log.contains(want) {
			t.Errorf("the log has no %s", want)
		}
	}
	conn, _, err := w.tryDial(http.Header{"Origin": {good}}, "?ticket=good")
	if err != nil {
		t.Fatal(err)
	}
	conn.hello(object{})
}

// newestWaiting returns the connection before conn.hello that came last; nil = none.
func (e *Endpoint) newestWaiting() *conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting.all.Len() == 0 {
		return nil
	}
	return e.waiting.all.Back().Value.(*conn)
}

// Connections before conn.hello have a limit of their own, and each address has one: the oldest is closed.
func TestConnectionsBeforeHello(t *testing.T) {
	w := newWorld(t, Config{MaxConnections: 40, MaxWaiting: 6, MaxWaitingPerAddress: 4}, journal.Config{})
	working := w.dial("admin")
	working.hello(object{"filters": []any{}})
	var silent []*client
	for range 30 {
		newest := w.endpoint.newestWaiting()
		silent = append(silent, w.dial(""))
		if err := pollUntil(waitLimit, "the connection is counted", func() bool { return w.endpoint.newestWaiting() != newest }); err != nil {
			t.Fatal(err) // it is counted after the upgrade was answered
		}
	}
	for i, c := range silent[:26] {
		if b, code, err := c.Receive(); code != CloseRate {
			t.Fatalf("connection %d: closed with %d, %v, %s", i, code, err, b)
		}
	}
	late := w.dial("")
	late.hello(object{"token": "session:s1", "filters": []any{}})
	for i, c := range silent[27:] { // the newest may still begin
		c.call("conn.hello", object{"protocol": 1, "token": fmt.Sprint("session:s", i%2+1), "filters": []any{}}, nil)
	}
	if err := working.Quiet(); err != nil {
		t.Fatal(err)
	}
	w.endpoint.mu.Lock()
	defer w.endpoint.mu.Unlock()
	if n := w.endpoint.waiting.all.Len(); n != 0 || len(w.endpoint.waiting.byKey) != 0 {
		t.Errorf("%d connections wait, of %d addresses", n, len(w.endpoint.waiting.byKey))
	}
}

// A credential in the upgrade counts instead of the address; the operator's has no limit.
func TestWaitingConnectionsOfCredentials(t *testing.T) {
	var list waiting
	add := func(key string, known bool) (*conn, *conn) {
		c := &conn{address: key, authenticated: known, principal: rpc.Principal{ID: key}}
		return c, list.add(c, 2, 5)
	}
	a1, _ := add("a", false)
	b1, _ := add("b", true)
	_, none := add("a", false)
	if none != nil {
		t.Fatal("too early")
	}
	if _, victim := add("a", false); victim != a1 {
		t.Error("not the oldest of its address")
	}
	_, _ = add("c", false)
	_, _ = add("d", false)
	if _, victim := add("e", false); victim != b1 {
		t.Error("not the oldest of all")
	}
	list.remove(b1) // again
	if n := list.all.Len(); n != 5 {
		t.Errorf("%d are waiting", n)
	}
}
