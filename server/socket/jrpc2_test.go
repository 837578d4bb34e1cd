package socket

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/jhttp"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// The client of another library, which shares no code with this server, is interoperable with it.

// wsChannel is a channel of that library over a WebSocket.
type wsChannel struct{ ws *websocket.Conn }

func (c wsChannel) Send(b []byte) error {
	return c.ws.Write(context.Background(), websocket.MessageText, b)
}

func (c wsChannel) Recv() ([]byte, error) {
	_, b, err := c.ws.Read(context.Background())
	if err != nil {
		return nil, io.EOF
	}
	return b, nil
}

func (c wsChannel) Close() error { return c.ws.Close(websocket.StatusNormalClosure, "") }

var fast = Config{Rate: 10000, Burst: 10000}

// overWebSocket sends conn.hello and receives events.
func overWebSocket(t *testing.T, w *world, opts *jrpc2.ClientOptions) *jrpc2.Client {
	t.Helper()
	c := jrpc2.NewClient(wsChannel{w.dial("admin").ws}, opts)
	t.Cleanup(func() { _ = c.Close() })
	var r helloResult
	err := c.CallResult(t.Context(), "conn.hello", object{"protocol": 1, "client": object{"name": "jrpc2", "version": "1"}}, &r)
	if err != nil || len(r.Sessions) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	return c
}

func overHTTP(t *testing.T, w *world) *jrpc2.Client {
	t.Helper()
	srv := httptest.NewServer(rpc.HTTPHandler(w.reg, func(*http.Request) (rpc.Principal, error) {
		return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, nil
	}, rpc.PeerOptions{Rate: fast.Rate, Burst: fast.Burst}))
	var ch channel.Channel = jhttp.NewChannel(srv.URL, nil)
	c := jrpc2.NewClient(ch, nil)
	t.Cleanup(func() {
		_ = c.Close()
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
	})
	return c
}

func onBoth(t *testing.T, test func(t *testing.T, c *jrpc2.Client)) {
	t.Run("WebSocket", func(t *testing.T) {
		test(t, overWebSocket(t, newWorld(t, fast, journal.Config{}), nil))
	})
	t.Run("HTTP", func(t *testing.T) { test(t, overHTTP(t, newWorld(t, fast, journal.Config{}))) })
}

func TestOtherClientCalls(t *testing.T) {
	onBoth(t, func(t *testing.T, c *jrpc2.Client) {
		var n int
		if err := c.CallResult(t.Context(), "test.subtract", object{"minuend": 42, "subtrahend": 23}, &n); err != nil || n != 19 {
			t.Fatal(n, err)
		}
		var session string
		if err := c.CallResult(t.Context(), "test.session", object{"session": "s1"}, &session); err != nil || session != "s1" {
			t.Fatal(session, err)
		}
		// Without params, and with a result of null.
		if r, err := c.Call(t.Context(), "test.echo", nil); err != nil || r.ResultString() != "null" {
			t.Fatal(r, err)
		}
		var doc struct{ OpenRPC string }
		if err := c.CallResult(t.Context(), "rpc.discover", nil, &doc); err != nil || doc.OpenRPC == "" {
			t.Fatal(doc, err)
		}
	})
}

func TestOtherClientReadsErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, c *jrpc2.Client) {
		for _, tc := range []struct {
			method string
			params any
			code   jrpc2.Code
			reason string
		}{
			{"test.conflict", nil, rpc.CodeConflict, "conflict"},
			{"test.none", nil, jrpc2.MethodNotFound, "method_not_found"},
			{"test.subtract", object{"minuend": "x"}, jrpc2.InvalidParams, "invalid_params"},
			{"test.subtract", []int{42, 23}, jrpc2.InvalidParams, "invalid_params"},
			{"test.panic", nil, jrpc2.InternalError, "internal"},
		} {
			_, err := c.Call(t.Context(), tc.method, tc.params)
			var e *jrpc2.Error
			if !errors.As(err, &e) || e.Code != tc.code || e.Message == "" {
				t.Errorf("%s: %v", tc.method, err)
				continue
			}
			var data struct {
				Reason    string
				RequestID string `json:"request_id"`
				Details   json.RawMessage
			}
			if err := json.Unmarshal(e.Data, &data); err != nil || data.Reason != tc.reason || data.RequestID == "" {
				t.Errorf("%s: data %s", tc.method, e.Data)
			}
			if tc.method == "test.conflict" && string(data.Details) != `{"name":"x"}` {
				t.Errorf("details %s", data.Details)
			}
		}
	})
}

func TestOtherClientCallsConcurrently(t *testing.T) {
	onBoth(t, func(t *testing.T, c *jrpc2.Client) {
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 50 {
					var n int
					if err := c.CallResult(t.Context(), "test.subtract", object{"minuend": 1000 * worker, "subtrahend": i}, &n); err != nil || n != 1000*worker-i {
						t.Errorf("%d - %d = %d, %v", 1000*worker, i, n, err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestOtherClientSendsBatches(t *testing.T) {
	onBoth(t, func(t *testing.T, c *jrpc2.Client) {
		replies, err := c.Batch(t.Context(), []jrpc2.Spec{
			{Method: "test.hold", Params: object{"name": "b"}}, // waits for the third, so they run side by side
			{Method: "test.echo", Params: object{"value": 1}, Notify: true},
			{Method: "test.release", Params: object{"name": "b"}},
			{Method: "test.conflict"},
			{Method: "test.echo", Params: object{"value": []int{7}}},
		})
		if err != nil || len(replies) != 4 {
			t.Fatal(replies, err)
		}
		for i, want := range []string{`"b"`, `{}`, "", `[7]`} {
			r := replies[i]
			if want == "" && (r.Error() == nil || r.Error().Code != rpc.CodeConflict) || want != "" && (r.Error() != nil || r.ResultString() != want) {
				t.Errorf("reply %d: %s, %v", i, r.ResultString(), r.Error())
			}
		}
		// Notifications only: there is no reply, and the next call is answered as ever.
		if _, err := c.Batch(t.Context(), []jrpc2.Spec{{Method: "test.echo", Notify: true}, {Method: "test.none", Notify: true}}); err != nil {
			t.Fatal(err)
		}
		if err := c.Notify(t.Context(), "test.release", object{"name": "n"}); err != nil {
			t.Fatal(err)
		}
		var name string
		if err := c.CallResult(t.Context(), "test.hold", object{"name": "n"}, &name); err != nil || name != "n" {
			t.Fatal(name, err)
		}
	})
}

func TestOtherClientIsPushedTo(t *testing.T) {
	w := newWorld(t, fast, journal.Config{})
	pushed := make(chan *jrpc2.Request, 100)
	c := overWebSocket(t, w, &jrpc2.ClientOptions{OnNotify: func(r *jrpc2.Request) { pushed <- r }})
	if _, err := c.Call(t.Context(), "test.progress", object{"_meta": object{"progress_token": "p"}}); err != nil {
		t.Fatal(err)
	}
	// That library passes each frame to a goroutine of its own, so only the set of reports is checked and not their
	// order.
	reports := map[int]bool{}
	for range 2 {
		var p struct {
			Token string
			Seq   int
		}
		if r := <-pushed; r.Method() != "conn.progress" || r.UnmarshalParams(&p) != nil || p.Token != "p" {
			t.Fatalf("%s %s", r.Method(), r.ParamString())
		}
		reports[p.Seq] = true
	}
	w.append("s1", "Message", 50)
	offsets := map[uint64]bool{}
	for range 50 {
		var ev eventBody
		if r := <-pushed; r.Method() != "event" || r.UnmarshalParams(&ev) != nil || ev.Session != "s1" {
			t.Fatalf("%s %s", r.Method(), r.ParamString())
		}
		offsets[ev.Offset] = true
	}
	if !reports[1] || !reports[2] || len(offsets) != 50 || !offsets[1] || !offsets[50] {
		t.Fatalf("reports %v, events %v", reports, offsets)
	}
}

func TestOtherClientCancels(t *testing.T) {
	w := newWorld(t, fast, journal.Config{})
	cancelled := make(chan bool, 1)
	c := overWebSocket(t, w, &jrpc2.ClientOptions{OnCancel: func(c *jrpc2.Client, r *jrpc2.Response) {
		var result struct{ Cancelled bool }
		err := c.CallResult(context.Background(), "conn.cancel", object{"id": json.RawMessage(r.ID())}, &result)
		cancelled <- err == nil && result.Cancelled
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Call(ctx, "test.hold", object{"name": "never"})
		done <- err
	}()
	if _, err := c.Call(t.Context(), "test.echo", nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Fatal("not cancelled")
	}
	if !<-cancelled {
		t.Fatal("the server did not cancel the call")
	}
}
