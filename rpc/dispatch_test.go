package rpc_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
)

// inBubble runs a peer over a pipe under a clock of its own.
func inBubble(t *testing.T, f func(t *testing.T, c pipe, reg *rpc.Registry)) {
	synctest.Test(t, func(t *testing.T) {
		reg := rpc.NewRegistry(rpc.Options{})
		c := newPipe()
		peer := rpc.NewPeer(reg, c, rpc.PeerOptions{Principal: admin, Conn: "pipe"})
		ctx, cancel := context.WithCancel(context.Background())
		rpc.Register(reg, rpc.Method{Name: "test.deaf", Scope: rpc.ScopePublic}, func(context.Context, *rpc.Call, *struct{}) (bool, error) {
			time.Sleep(time.Minute) // does not look at its context
			return true, nil
		})
		rpc.Register(reg, rpc.Method{Name: "test.careful", Scope: rpc.ScopePublic}, func(ctx context.Context, _ *rpc.Call, _ *struct{}) (bool, error) {
			<-ctx.Done()
			return false, rpc.OutcomeUnknown("the message may have been sent", "3EB0")
		})
		rpc.Register(reg, rpc.Method{Name: "test.chat", Scope: rpc.ScopePublic, Timeout: 5 * time.Second}, func(ctx context.Context, _ *rpc.Call, p *chatParams) (int, error) {
			time.Sleep(time.Duration(p.Seconds) * time.Second)
			return p.N, nil
		})
		peer.Start(ctx)
		f(t, c, reg)
		_ = c.Close(0, "")
		cancel()
		peer.Wait()
	})
}

type chatParams struct {
	N       int `json:"n"`
	Seconds int `json:"seconds"`
}

func (p *chatParams) OrderKey() string { return "one chat" }

func expectReply(t *testing.T, c pipe, wants ...string) {
	t.Helper()
	b, code, err := c.Receive()
	if err != nil || code != 0 {
		t.Fatal(code, err)
	}
	for _, want := range wants {
		if !bytes.Contains(b, []byte(want)) {
			t.Fatalf("want %s, got %s", want, b)
		}
	}
}

// A method that does not notice its timeout is answered for, and its own result is then dropped.
func TestDeafMethod(t *testing.T) {
	inBubble(t, func(t *testing.T, c pipe, _ *rpc.Registry) {
		start := time.Now()
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.deaf"}`))
		time.Sleep(31 * time.Second)
		synctest.Wait()
		expectReply(t, c, `"id":1`, "-32006", `"outcome":"unknown"`)
		if d := time.Since(start); d != 31*time.Second {
			t.Fatal(d)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(c.Out) != 0 {
			t.Fatalf("answered twice: %s", <-c.Out)
		}
	})
}

// A cancelled method may say more than that it was cancelled.
func TestCarefulMethod(t *testing.T) {
	inBubble(t, func(t *testing.T, c pipe, _ *rpc.Registry) {
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.careful","params":{"_meta":{"timeout_ms":50}}}`))
		expectReply(t, c, `"id":1`, "-32006", `"outcome":"unknown"`, `"message_id":"3EB0"`)
	})
}

// A call that waits for its turn times out without having been started, and the one behind it still keeps the order.
func TestOrderOutlivesTimeouts(t *testing.T) {
	inBubble(t, func(t *testing.T, c pipe, _ *rpc.Registry) {
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.chat","params":{"n":1,"seconds":4}}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":2,"method":"test.chat","params":{"n":2,"_meta":{"timeout_ms":1000}}}`))
		_ = c.Send([]byte(`{"jsonrpc":"2.0","id":3,"method":"test.chat","params":{"n":3}}`))
		expectReply(t, c, `"id":2`, "-32006", "not started")
		expectReply(t, c, `"id":1`, `"result":1`)
		expectReply(t, c, `"id":3`, `"result":3`)
	})
}
