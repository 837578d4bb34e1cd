package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
)

type holdParams struct {
	Chat string `json:"chat"`
}

func (p *holdParams) OrderKey() string { return p.Chat }

// held is a registry whose method test.hold runs until the test lets it end.
func held(opts rpc.Options) (reg *rpc.Registry, begun chan string, end chan struct{}) {
	reg, begun, end = rpc.NewRegistry(opts), make(chan string, 1000), make(chan struct{})
	rpc.Register(reg, rpc.Method{Name: "test.hold"}, func(_ context.Context, call *rpc.Call, p *holdParams) (string, error) {
		begun <- call.Session
		<-end
		return p.Chat, nil
	})
	rpc.Register(reg, rpc.Method{Name: "test.echo", Scope: rpc.ScopePublic}, func(context.Context, *rpc.Call, *struct{}) (bool, error) {
		return true, nil
	})
	return reg, begun, end
}

func connect(t *testing.T, reg *rpc.Registry, opts rpc.PeerOptions) pipe {
	t.Helper()
	opts.Principal, opts.Conn = admin, "pipe"
	c := newPipe()
	peer := rpc.NewPeer(reg, c, opts)
	peer.Start(context.Background())
	t.Cleanup(func() {
		_ = c.Close(0, "")
		peer.Wait()
	})
	return c
}

func hold(id int, session, chat string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"test.hold","params":{"session":%q,"chat":%q}}`, id, session, chat)
}

// A connection may have 64 calls in flight; the next receives a retry hint, and the connection stays open.
func TestInFlightOfAConnection(t *testing.T) {
	reg, begun, end := held(rpc.Options{})
	c := connect(t, reg, rpc.PeerOptions{})
	for id := range rpc.DefaultInFlight {
		_ = c.Send(hold(id, "s", ""))
		<-begun
	}
	_ = c.Send(hold(99, "s", ""))
	expectReply(t, c, `"id":99`, "-32005", `"retryable":true`, `"retry_after_ms":`)
	other := connect(t, reg, rpc.PeerOptions{})
	_ = other.Send(hold(1, "s", ""))
	<-begun
	close(end)
	expectReply(t, other, `"id":1`, `"result"`)
	for range rpc.DefaultInFlight {
		expectReply(t, c, `"result"`)
	}
	_ = c.Send(hold(100, "s", ""))
	expectReply(t, c, `"id":100`, `"result"`)
}

// A session may have 512 calls in flight, over all its connections, HTTP and calls inside the process; those that wait
// for their turn count. Other sessions are not concerned.
func TestInFlightOfASessionOverAllWays(t *testing.T) {
	reg, begun, end := held(rpc.Options{})
	if reg.Options().SessionInFlight != 512 {
		t.Fatal(reg.Options().SessionInFlight)
	}
	var conns []pipe
	for n := range 8 { // of 64 each, all but one waiting for the first
		c := connect(t, reg, rpc.PeerOptions{})
		conns = append(conns, c)
		for id := range 63 {
			_ = c.Send(hold(id, "s", "one chat"))
		}
		<-begun
		if n < 7 {
			_ = c.Send(hold(63, "s", ""))
			<-begun
			continue
		}
		if err := quiet(c); err != nil { // all were taken by now
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(rpc.HTTPHandler(reg, func(*http.Request) (rpc.Principal, error) { return admin, nil }, rpc.PeerOptions{}))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()
	byHTTP := func() string {
		resp, err := http.Post(srv.URL, "application/json", bytes.NewReader(hold(1, "s", "")))
		if err != nil {
			t.Error(err)
			return ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	last := make(chan string)
	go func() { last <- byHTTP() }() // the 512th
	<-begun
	refused := func(what, reply string) {
		t.Helper()
		for _, want := range []string{"-32005", "session", `"retryable":true`, `"retry_after_ms":`} {
			if !strings.Contains(reply, want) {
				t.Fatalf("%s: %s", what, reply)
			}
		}
	}
	refused("HTTP", byHTTP())
	_ = conns[7].Send(hold(500, "s", ""))
	reply, _, _ := conns[7].Receive()
	refused("connection", string(reply))
	_ = conns[7].Send(hold(501, "s", "one chat"))
	reply, _, _ = conns[7].Receive()
	refused("ordered", string(reply))
	_, problem := reg.Call(context.Background(), &rpc.Call{Principal: admin}, "test.hold", json.RawMessage(`{"session":"s"}`))
	if problem == nil || problem.Code != rpc.CodeRateLimited || problem.RetryAfter <= 0 {
		t.Fatal(problem)
	}
	_ = conns[7].Send(hold(502, "other", ""))
	if <-begun != "other" {
		t.Fatal("another session waits")
	}
	close(end)
	for _, c := range conns {
		for range 64 {
			expectReply(t, c, `"result"`)
		}
	}
	if reply := <-last; !strings.Contains(reply, `"result"`) {
		t.Fatal(reply)
	}
	// All places are free again.
	if reply := byHTTP(); !strings.Contains(reply, `"result"`) {
		t.Fatal(reply)
	}
}

// The timeout is 30 s, or the caller's value up to 120 s.
func TestTimeoutsOfCalls(t *testing.T) {
	for asked, want := range map[string]time.Duration{
		``: 20 * time.Second, `{"_meta":{"timeout_ms":1500}}`: 1500 * time.Millisecond, `{"_meta":{"timeout_ms":120000}}`: 120 * time.Second,
		`{"_meta":{"timeout_ms":120001}}`: 120 * time.Second, `{"_meta":{"timeout_ms":9007199254740992}}`: 120 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			reg := rpc.NewRegistry(rpc.Options{Timeout: 20 * time.Second})
			rpc.Register(reg, rpc.Method{Name: "test.wait", Scope: rpc.ScopePublic}, func(ctx context.Context, _ *rpc.Call, _ *struct{}) (bool, error) {
				<-ctx.Done()
				return false, ctx.Err()
			})
			start := time.Now()
			_, problem := reg.Call(t.Context(), &rpc.Call{}, "test.wait", json.RawMessage(asked))
			if took := time.Since(start); problem == nil || problem.Code != rpc.CodeTimeout || took != want {
				t.Errorf("%s: %v after %v, want %v", asked, problem, took, want)
			}
		})
	}
}

// expectBoth takes two replies in either order.
func expectBoth(t *testing.T, c pipe, one, other []string) {
	t.Helper()
	first, _, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(first, []byte(one[0])) {
		one, other = other, one
	}
	for _, want := range one {
		if !bytes.Contains(first, []byte(want)) {
			t.Fatalf("want %s, got %s", want, first)
		}
	}
	expectReply(t, c, other...)
}

// The outcome reported by a cancelled call reaches the caller, under the code of cancelled calls.
func TestCancelledWithUnknownOutcome(t *testing.T) {
	inBubble(t, func(t *testing.T, c pipe, _ *rpc.Registry) {
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":"x","method":"test.careful"}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":2,"method":"conn.cancel","params":{"id":"x"}}`))
		expectBoth(t, c, []string{`"id":2`, `"cancelled":true`},
			[]string{`"id":"x"`, "-32007", `"reason":"cancelled"`, `"outcome":"unknown"`, `"message_id":"3EB0"`})
	})
}

// A call that waits for its turn is cancelled without having been started, and one that does not listen is answered for.
func TestCancelWaitingAndDeaf(t *testing.T) {
	inBubble(t, func(t *testing.T, c pipe, _ *rpc.Registry) {
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.chat","params":{"n":1,"seconds":4}}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":2,"method":"test.chat","params":{"n":2}}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":3,"method":"test.chat","params":{"n":3}}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":4,"method":"conn.cancel","params":{"id":2}}`))
		expectBoth(t, c, []string{`"id":4`, `"cancelled":true`}, []string{`"id":2`, "-32007"})
		expectReply(t, c, `"id":1`, `"result":1`)
		expectReply(t, c, `"id":3`, `"result":3`)
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":5,"method":"conn.cancel","params":{"id":2}}`))
		expectReply(t, c, `"id":5`, `"cancelled":false`)
		start := time.Now()
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":6,"method":"test.deaf"}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":7,"method":"conn.cancel","params":{"id":6}}`))
		expectReply(t, c, `"id":7`, `"cancelled":true`)
		expectReply(t, c, `"id":6`, "-32007", `"outcome":"unknown"`)
		if took := time.Since(start); took != time.Second {
			t.Errorf("answered after %v", took)
		}
	})
}

// Progress comes at most ten times a second, in order and always with the last report; without a token it does not come.
func TestProgressIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := connect(t, progressing(), rpc.PeerOptions{})
		_ = peer.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.work","params":{"_meta":{"progress_token":7}}}`))
		last := 0
		for seq := 1; ; seq++ {
			b, _, err := peer.Receive()
			if err != nil {
				t.Fatal(err)
			}
			var frame struct {
				ID     *int
				Method string
				Params struct{ Token, Seq, Done, Total int }
			}
			if err := json.Unmarshal(b, &frame); err != nil {
				t.Fatal(err)
			}
			if frame.ID != nil {
				if last != 1000 || seq < 10 || seq > 13 {
					t.Fatalf("reply after %d reports, the last of %d", seq-1, last)
				}
				break
			}
			p := frame.Params
			if frame.Method != "conn.progress" || p.Token != 7 || p.Seq != seq || p.Done <= last || p.Total != 1000 {
				t.Fatalf("%s", b)
			}
			last = p.Done
		}
		_ = peer.Send([]byte(`{"jsonrpc":"2.0","id":2,"method":"test.work"}`))
		expectReply(t, peer, `"id":2`)
	})
}

func progressing() *rpc.Registry {
	reg := rpc.NewRegistry(rpc.Options{})
	rpc.Register(reg, rpc.Method{Name: "test.work", Scope: rpc.ScopePublic}, func(_ context.Context, call *rpc.Call, _ *struct{}) (bool, error) {
		for n := range int64(1000) {
			time.Sleep(time.Millisecond)
			call.Progress(n+1, 1000, "")
		}
		return true, nil
	})
	return reg
}
