package comparison

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/centrifugal/centrifuge"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/server/socket/sockettest"
	"github.com/waystation/waystation/transports/journal"
)

// session is the name of the only session, or channel.
const session = "s1"

// payload makes events of 200 bytes; the envelope differs a little between servers.
var payload = []byte(`"` + strings.Repeat("x", 60) + `"`)

// contestant is a server with its clients.
type contestant struct {
	swarm   *sockettest.Swarm
	publish func(burst int) // sends events to all clients
}

func serve(t *testing.T, h http.Handler, o sockettest.Options) *sockettest.Swarm {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o.Addr = srv.Listener.Addr().String()
	return sockettest.Start(t, o)
}

type everybody struct{}

func (everybody) Authenticate(context.Context, string) (rpc.Principal, error) {
	return rpc.Principal{Kind: rpc.ScopeSession, ID: "token", Session: session}, nil
}

func (everybody) Visible(context.Context, rpc.Principal) ([]string, error) {
	return []string{session}, nil
}

func waystation(t *testing.T, sockets int) *contestant {
	j, err := journal.Open(context.Background(), nil, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg := rpc.NewRegistry(rpc.Options{})
	rpctest.Register(reg)
	e, err := socket.New(reg, j, everybody{}, everybody{}, socket.Config{MaxPerSession: sockets, Rate: 1e12, Burst: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Shutdown(context.Background())
		_ = j.Close()
	})
	swarm := serve(t, e, sockettest.Options{
		Token: "any", Sockets: sockets,
		Greeting: `{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1}}`,
		Call:     `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`,
	})
	return &contestant{swarm, func(burst int) {
		records := make([]journal.Record, burst)
		for i := range records {
			records[i] = journal.Record{Type: "Message", Origin: journal.OriginServer, Data: payload}
		}
		if _, err := j.Append(context.Background(), session, records...); err != nil {
			t.Fatal(err)
		}
	}}
}

func centrifugeServer(t *testing.T, sockets int) *contestant {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{UserID: "u"},
			Subscriptions: map[string]centrifuge.SubscribeOptions{session: {}},
		}, nil
	})
	if err := node.Run(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Shutdown(context.Background()) })
	h := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		PingPongConfig: centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1}, // its pings would be counted
	})
	swarm := serve(t, h, sockettest.Options{
		Path: "/connection/websocket", Sockets: sockets, Greeting: `{"id":1,"connect":{}}`, Lines: true,
	})
	data, _ := json.Marshal(strings.Repeat("x", 160)) // 200 bytes with its envelope
	return &contestant{swarm, func(burst int) {
		for range burst {
			if _, err := node.Publish(session, data); err != nil {
				t.Fatal(err)
			}
		}
	}}
}

// echoServer returns each frame, without any protocol on top.
func echoServer(t *testing.T) *contestant {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		for {
			kind, b, err := ws.Read(context.Background())
			if err != nil || ws.Write(context.Background(), kind, b) != nil {
				return
			}
		}
	})
	return &contestant{swarm: serve(t, h, sockettest.Options{
		Sockets: 1, Call: `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`,
	})}
}

// objectStream is the plain way to run jsonrpc2 over a WebSocket.
type objectStream struct{ *websocket.Conn }

func (s objectStream) ReadObject(v any) error { return wsjson.Read(context.Background(), s.Conn, v) }

func (s objectStream) WriteObject(v any) error { return wsjson.Write(context.Background(), s.Conn, v) }
func (s objectStream) Close() error            { return s.CloseNow() }

var _ io.Closer = objectStream{}

func jsonrpc2Server(t *testing.T) *contestant {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		handler := jsonrpc2.HandlerWithError(func(_ context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) (any, error) {
			return req.Params, nil
		})
		<-jsonrpc2.NewConn(context.Background(), objectStream{ws}, jsonrpc2.AsyncHandler(handler)).DisconnectNotify()
	})
	return &contestant{swarm: serve(t, h, sockettest.Options{
		Sockets: 1, Call: `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":1}}`,
	})}
}
