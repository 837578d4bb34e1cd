package rpc_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
)

// Calls are observed under their namespace, over a connection and inside the process, whatever their outcome.
func TestCallsAreObserved(t *testing.T) {
	var mu sync.Mutex
	var observed []string
	reg, _, _ := held(rpc.Options{ObserveCalls: func(namespace string) func(time.Duration) {
		return func(took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if observed = append(observed, namespace); took <= 0 {
				t.Errorf("%s took %v", namespace, took)
			}
		}
	}})
	c := connect(t, reg, rpc.PeerOptions{})
	for _, frame := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"test.echo"}`, `{"jsonrpc":"2.0","id":2,"method":"test.echo","params":{"x":1}}`,
		`{"jsonrpc":"2.0","id":3,"method":"test.unknown"}`, `{"jsonrpc":"2.0","id":4,"method":"rpc.discover"}`,
	} {
		_ = c.Send([]byte(frame))
		_, _, _ = c.Receive()
	}
	if _, problem := reg.Call(context.Background(), &rpc.Call{Principal: admin}, "test.echo", nil); problem != nil {
		t.Fatal(problem)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"test", "test", "rpc", "test"}; !slices.Equal(observed, want) {
		t.Errorf("observed %v, want %v", observed, want)
	}
}
