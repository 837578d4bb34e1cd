package socket

import (
	"net/http"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/transports/journal"
)

func TestHelloCallEventsResume(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", 3)

	c := w.dial("session:s1")
	r := c.hello(object{"from": "oldest"})
	if len(r.Sessions) != 1 || r.Sessions[0].Head != 3 || r.Sessions[0].Replay.From != 1 || r.Sessions[0].Replay.To != 3 {
		t.Fatalf("hello: %+v", r.Sessions)
	}
	if r.Principal.Session != "s1" || r.Limits.InFlight != 64 || r.HeartbeatMS != 25000 {
		t.Fatalf("hello: %+v", r)
	}
	c.events("s1", 1, 3)
	var session string
	c.call("test.session", object{}, &session)
	if session != "s1" {
		t.Fatalf("session %q", session)
	}
	w.append("s2", "Message", 1) // of another session: must not arrive
	w.append("s1", "Message", 2)
	c.events("s1", 4, 5)
	_ = c.ws.CloseNow()

	w.append("s1", "Message", 200)
	again := w.dial("session:s1")
	r = again.hello(object{"resume": object{"s1": object{"epoch": r.Sessions[0].Epoch, "offset": 5}}})
	if s := r.Sessions[0]; !s.Resumed || s.Gap != nil || s.Replay.From != 6 || s.Replay.To != 205 {
		t.Fatalf("resume: %+v", s)
	}
	again.events("s1", 6, 205)
	w.append("s1", "Message", 1)
	again.events("s1", 206, 206)
}

func TestScriptsOverWebSocket(t *testing.T) {
	for _, s := range rpctest.Load(t, "../../rpc/testdata") {
		if s.Runs("ws") {
			t.Run(s.Name, func(t *testing.T) {
				w := newWorld(t, Config{}, journal.Config{})
				c := w.dial("admin")
				c.hello(object{"filters": []any{}})
				s.Run(t, c)
			})
		}
	}
}

func TestHelloRefused(t *testing.T) {
	hello := func(more object) object {
		p := object{"protocol": 1}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	for _, tc := range []struct {
		name, token, method string
		params              object
		error, close        int
	}{
		{"other call first", "admin", "test.echo", object{}, rpc.CodeUnauthenticated, CloseHelloMissing},
		{"no token", "", "conn.hello", hello(nil), rpc.CodeUnauthenticated, CloseAuth},
		{"bad token", "", "conn.hello", hello(object{"token": "x"}), rpc.CodeUnauthenticated, CloseAuth},
		{"expired token", "", "conn.hello", hello(object{"token": "expired"}), rpc.CodeUnauthenticated, CloseTokenExpired},
		{"public token", "", "conn.hello", hello(object{"token": "public"}), rpc.CodeForbidden, CloseForbidden},
		{"other version", "admin", "conn.hello", object{"protocol": 2}, rpc.CodeNotSupported, CloseProtocolVersion},
		{"bad params", "admin", "conn.hello", hello(object{"ack": "maybe", "x": 1}), rpc.CodeInvalidParams, 0},
		{"consumer", "admin", "conn.hello", hello(object{"consumer": "a"}), rpc.CodeNotSupported, 0},
		{"number as chat", "admin", "conn.hello", hello(object{"filters": []any{object{"chats": []string{"4915112345678"}}}}), rpc.CodeInvalidParams, 0},
		{"foreign session", "session:s1", "conn.hello", hello(object{"filters": []any{object{"sessions": []string{"s2"}}}}), rpc.CodeForbidden, 0},
		{"unknown session", "session:s1", "conn.hello", hello(object{"filters": []any{object{"sessions": []string{"none"}}}}), rpc.CodeForbidden, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, Config{}, journal.Config{})
			c := w.dial(tc.token)
			m := c.fails(tc.error, tc.method, tc.params)
			if string(m.Error.Data) == "" {
				t.Fatal("no data")
			}
			if tc.close != 0 {
				c.closed(tc.close)
			} else {
				c.hello(object{}) // the connection may try again
				c.fails(rpc.CodeInvalidRequest, "conn.hello", hello(nil))
			}
		})
	}
}

func TestUpgradeRefused(t *testing.T) {
	origins, err := origin.New([]string{"good.example"}, "")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Config{Origins: origins, MaxConnections: 2}, journal.Config{})
	for _, tc := range []struct {
		name, query string
		header      http.Header
		status      int
	}{
		{"bad token", "", http.Header{"Authorization": {"Bearer x"}}, 401},
		{"bad token header", "", http.Header{"Token": {"x"}}, 401},
		{"token in the URL", "?token=admin", nil, 400},
		{"token in the URL, other name", "?x=1&Access_Token=admin", nil, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, resp, err := w.tryDial(tc.header, tc.query)
			if err == nil || resp == nil || resp.StatusCode != tc.status {
				t.Fatalf("got %v, %v", resp, err)
			}
		})
	}
	for _, header := range []http.Header{{"Origin": {"https://good.example"}}, {"Token": {"admin"}}} {
		c, resp, err := w.tryDial(header, "")
		if err != nil || resp.Header.Get("Sec-WebSocket-Protocol") != Subprotocol {
			t.Fatal(resp, err)
		}
		if header.Get("Token") != "" {
			c.hello(object{})
		}
	}
	if _, resp, err := w.tryDial(nil, ""); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("third connection: %v %v", resp, err)
	}
}
