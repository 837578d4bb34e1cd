package rpc_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
)

// observedResult counts how many of its kind are encoded at the same time.
type observedResult struct{ running, most *atomic.Int64 }

func (r observedResult) MarshalJSON() ([]byte, error) {
	n := r.running.Add(1)
	defer r.running.Add(-1)
	for most := r.most.Load(); n > most && !r.most.CompareAndSwap(most, n); most = r.most.Load() {
	}
	time.Sleep(2 * time.Millisecond)
	return []byte(`"` + strings.Repeat("x", 100_000) + `"`), nil
}

// Calls of a method whose results were small until now are finished at the same moment with large ones: at most one result
// per processor is encoded before the estimate of their length has risen.
func TestFewResultsExceedTheirEstimate(t *testing.T) {
	const calls = 40
	var running, most atomic.Int64
	reg := rpc.NewRegistry(rpc.Options{})
	var started sync.WaitGroup
	started.Add(calls)
	rpc.Register(reg, rpc.Method{Name: "test.observed", Scope: rpc.ScopePublic},
		func(context.Context, *rpc.Call, *struct{}) (observedResult, error) {
			started.Done()
			started.Wait()
			return observedResult{&running, &most}, nil
		})
	srv := httptest.NewServer(rpc.HTTPHandler(reg, func(*http.Request) (rpc.Principal, error) { return admin, nil }, rpc.PeerOptions{}))
	t.Cleanup(srv.Close)
	var sending sync.WaitGroup
	for range calls {
		sending.Go(func() {
			resp, err := http.Post(srv.URL, "application/json", bytes.NewBufferString(`{"jsonrpc":"2.0","id":1,"method":"test.observed"}`))
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	sending.Wait()
	if got, places := most.Load(), int64(runtime.GOMAXPROCS(0)); got > places || got == 0 {
		t.Errorf("%d results were encoded at the same time, places: %d", got, places)
	}
}

// While no length of a method's results is known, few of its calls run at the same time. When one has ended, all others go on.
func TestFirstCallsOfAMethodAreFew(t *testing.T) {
	const calls, few = 40, 16
	var running, most atomic.Int64
	release := make(chan struct{})
	reg := rpc.NewRegistry(rpc.Options{})
	rpc.Register(reg, rpc.Method{Name: "test.first", Scope: rpc.ScopePublic},
		func(context.Context, *rpc.Call, *struct{}) (string, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
			return "x", nil
		})
	srv := httptest.NewServer(rpc.HTTPHandler(reg, func(*http.Request) (rpc.Principal, error) { return admin, nil }, rpc.PeerOptions{}))
	t.Cleanup(srv.Close)
	var sending sync.WaitGroup
	for range calls {
		sending.Go(func() {
			resp, err := http.Post(srv.URL, "application/json", bytes.NewBufferString(`{"jsonrpc":"2.0","id":1,"method":"test.first"}`))
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	for deadline := time.Now().Add(time.Minute); running.Load() < few && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)          // the others would run by now
	if n := most.Load(); n > few && n < calls { // a machine that stood still for a second lets all of them run
		t.Errorf("%d calls ran before the first had ended", n)
	}
	close(release)
	sending.Wait()
}
