package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
)

type keyedParams struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// keyed is a registry with a method that counts its calls and returns the configured result.
type keyed struct {
	reg    *rpc.Registry
	calls  atomic.Int64
	answer func(ctx context.Context, call *rpc.Call) (any, error)
}

func newKeyed(replies rpc.Replies, repeatable bool) *keyed {
	k := &keyed{reg: rpc.NewRegistry(rpc.Options{Replies: replies, MaxKeptReply: 1000})}
	for _, name := range []string{"test.do", "test.other"} {
		rpc.Register(k.reg, rpc.Method{Name: name, Repeatable: repeatable}, func(ctx context.Context, call *rpc.Call, _ *keyedParams) (any, error) {
			n := k.calls.Add(1)
			if k.answer != nil {
				return k.answer(ctx, call)
			}
			return n, nil
		})
	}
	return k
}

func (k *keyed) call(who rpc.Principal, method, params string) (string, *rpc.Error) {
	result, problem := k.reg.Call(context.Background(), &rpc.Call{Principal: who}, method, json.RawMessage(params))
	return string(result), problem
}

// do calls test.do as the admin.
func (k *keyed) do(params string) (string, *rpc.Error) { return k.call(admin, "test.do", params) }

func TestRepeatGetsTheFirstReply(t *testing.T) {
	k := newKeyed(&rpctest.Replies{}, false)
	other := rpc.Principal{Kind: rpc.ScopeSession, ID: "other", Session: "s"}
	for _, step := range []struct {
		who            rpc.Principal
		method, params string
		want           string
		code           int
	}{
		{admin, "test.do", `{"session":"s","n":1,"text":"x","_meta":{"idempotency_key":"a"}}`, "1", 0},
		{admin, "test.do", `{"session":"s","n":1,"text":"x","_meta":{"idempotency_key":"a"}}`, "1", 0},
		{admin, "test.do", `{"_meta":{"timeout_ms":5,"idempotency_key":"a"}, "text":"\u0078", "n":1, "session":"s"}`, "1", 0},
		{admin, "test.do", `{"session":"s","n":2,"text":"x","_meta":{"idempotency_key":"a"}}`, "", rpc.CodeIdempotencyMismatch},
		{admin, "test.do", `{"session":"t","n":1,"text":"x","_meta":{"idempotency_key":"a"}}`, "", rpc.CodeIdempotencyMismatch},
		{admin, "test.do", `{"session":"s","n":1,"text":"x","_meta":{"idempotency_key":"b"}}`, "2", 0},
		{admin, "test.other", `{"session":"s","n":2,"_meta":{"idempotency_key":"a"}}`, "3", 0},
		{other, "test.do", `{"n":3,"_meta":{"idempotency_key":"a"}}`, "4", 0},
		{other, "test.do", `{"n":3,"session":"s","_meta":{"idempotency_key":"a"}}`, "4", 0},
		{admin, "test.do", `{"session":"s"}`, "5", 0},
		{admin, "test.do", `{"session":"s"}`, "6", 0},
		{admin, "test.do", `{"session":"s","_meta":{"idempotency_key":""}}`, "", rpc.CodeInvalidParams},
		{admin, "test.do", `{"session":"s","_meta":{"idempotency_key":"` + strings.Repeat("k", 201) + `"}}`, "", rpc.CodeInvalidParams},
		{admin, "test.do", `{"session":"s","_meta":{"idempotency_key":"` + strings.Repeat("k", 200) + `"}}`, "7", 0},
		{admin, "test.do", `{"session":"s","n":"x","_meta":{"idempotency_key":"c"}}`, "", rpc.CodeInvalidParams},
		{admin, "test.do", `{"session":"s","n":9,"_meta":{"idempotency_key":"c"}}`, "8", 0},
		{rpc.Principal{}, "rpc.discover", `{"_meta":{"idempotency_key":"a"}}`, "", rpc.CodeNotSupported},
		{admin, "conn.cancel", `{"id":1,"_meta":{"idempotency_key":"a"}}`, "", rpc.CodeNotSupported},
	} {
		got, problem := k.call(step.who, step.method, step.params)
		if step.code == 0 && (problem != nil || got != step.want) || step.code != 0 && (problem == nil || problem.Code != step.code) {
			t.Errorf("%s %s: got %s, %v, want %s (%d)", step.method, step.params, got, problem, step.want, step.code)
		}
	}
}

func TestWhichRepliesAreKept(t *testing.T) {
	unknown := rpc.OutcomeUnknown("it may have been sent", "3EB0")
	for name, tc := range map[string]struct {
		answer error
		kept   bool
	}{
		"nothing":            {nil, true},
		"conflict":           {rpc.Conflict("there").With(map[string]any{"a": []any{1.0, "x"}}), true},
		"own reason":         {&rpc.Error{Code: rpc.CodeWhatsApp, Message: "m", Reason: "r"}, true},
		"rate":               {rpc.RateLimited("slow", time.Second), false},
		"not connected":      {rpc.SessionNotConnected("off"), false},
		"inner":              {errors.New("inner"), false},
		"cancelled":          {rpc.Cancelled(), false},
		"time":               {rpc.Timeout("late"), false},
		"outcome unknown":    {unknown, false},
		"cannot be encoded":  {rpc.Conflict("x").With(make(chan int)), true},
		"details are bigger": {rpc.Conflict("x").With(strings.Repeat("x", 2000)), true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeyed(&rpctest.Replies{}, false)
			k.answer = func(context.Context, *rpc.Call) (any, error) { return "fine", tc.answer }
			const params = `{"session":"s","_meta":{"idempotency_key":"a"}}`
			first, problem := k.do(params)
			again, repeated := k.do(params)
			if want := map[bool]int64{true: 1, false: 2}[tc.kept]; k.calls.Load() != want {
				t.Fatalf("called %d times, want %d", k.calls.Load(), want)
			}
			if first != again || (problem == nil) != (repeated == nil) {
				t.Fatalf("first %s, %v; then %s, %v", first, problem, again, repeated)
			}
			if problem == nil || strings.Contains(name, "details") {
				return
			}
			if a, b := problem.AppendJSON(nil, "r"), repeated.AppendJSON(nil, "r"); string(a) != string(b) {
				t.Fatalf("first %s\nthen  %s", a, b)
			}
		})
	}
}

// The first caller gets a result that is too large to be kept, the second hears that the call was made.
func TestReplyTooLargeToKeep(t *testing.T) {
	k := newKeyed(&rpctest.Replies{}, false)
	k.answer = func(context.Context, *rpc.Call) (any, error) { return strings.Repeat("x", 999), nil }
	const params = `{"session":"s","_meta":{"idempotency_key":"a"}}`
	if first, problem := k.do(params); problem != nil || len(first) != 1001 {
		t.Fatal(len(first), problem)
	}
	_, problem := k.do(params)
	if problem == nil || problem.Code != rpc.CodeTooLarge || problem.Retryable || k.calls.Load() != 1 ||
		!strings.Contains(problem.Message, "the call was made") || !strings.Contains(string(problem.AppendJSON(nil, "r")), `"limit_bytes":1000`) {
		t.Fatal(problem, k.calls.Load())
	}
}

// Repeats wait for the first call; when that fails for now, one of them is the next first.
func TestRepeatsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed(&rpctest.Replies{}, false)
		k.answer = func(context.Context, *rpc.Call) (any, error) {
			n := k.calls.Load()
			time.Sleep(time.Second)
			if n == 1 {
				return nil, rpc.SessionNotConnected("off")
			}
			return n, nil
		}
		const params = `{"session":"s","_meta":{"idempotency_key":"a"}}`
		type reply struct {
			result  string
			problem *rpc.Error
		}
		replies := make(chan reply)
		for range 5 {
			go func() {
				result, problem := k.do(params)
				replies <- reply{result, problem}
			}()
		}
		synctest.Wait()
		if _, problem := k.do(`{"session":"s","n":1,"_meta":{"idempotency_key":"a"}}`); problem == nil || problem.Code != rpc.CodeIdempotencyMismatch {
			t.Fatal("other params while the first runs:", problem)
		}
		if _, problem := k.do(`{"session":"s","_meta":{"idempotency_key":"a","timeout_ms":10}}`); problem == nil || problem.Code != rpc.CodeTimeout {
			t.Fatal("a repeat out of time:", problem)
		}
		failed := 0
		for range 5 {
			r := <-replies
			switch {
			case r.problem != nil && r.problem.Code == rpc.CodeSessionNotConnected:
				failed++
			case r.problem != nil || r.result != "2":
				t.Fatal(r.result, r.problem)
			}
		}
		if failed != 1 || k.calls.Load() != 2 {
			t.Fatalf("%d failed of %d calls", failed, k.calls.Load())
		}
	})
}

// A key whose call was running when the process ended.
// TestCallerLost: a call with a key goes on when its caller hangs up, and the repeat gets its reply. Without a key it
// ends with the caller.
func TestCallerLost(t *testing.T) {
	k := newKeyed(&rpctest.Replies{}, false)
	begun, hold, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	k.answer = func(ctx context.Context, _ *rpc.Call) (any, error) {
		close(begun)
		select {
		case <-hold:
		case <-ctx.Done():
		}
		ended <- ctx.Err()
		return "made", ctx.Err()
	}
	srv := httptest.NewServer(rpc.HTTPHandler(k.reg, func(*http.Request) (rpc.Principal, error) { return admin, nil }, rpc.PeerOptions{}))
	defer srv.Close()
	body := func(meta string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"test.do","params":{"session":"s"` + meta + `}}`
	}
	hangUp := func(meta string) {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader(body(meta)))
		req.Header.Set("Content-Type", "application/json")
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		<-begun
		cancel()
		<-gone
	}
	key := `,"_meta":{"idempotency_key":"k"}`
	hangUp(key)
	close(hold)
	if err := <-ended; err != nil {
		t.Errorf("the call ended with its caller: %v", err)
	}
	if result, problem := k.do(`{"session":"s"` + key + `}`); result != `"made"` || k.calls.Load() != 1 {
		t.Errorf("the repeat: %s %v after %d calls", result, problem, k.calls.Load())
	}
	begun, hold = make(chan struct{}), make(chan struct{})
	hangUp("")
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a call without a key goes on without its caller: %v", err)
	}
}

func TestKeyOfAnotherProcess(t *testing.T) {
	const params = `{"session":"s","_meta":{"idempotency_key":"a"}}`
	for _, repeatable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			replies := &rpctest.Replies{}
			crashed, hold := newKeyed(replies, repeatable), make(chan struct{})
			crashed.answer = func(context.Context, *rpc.Call) (any, error) { <-hold; return "late", nil }
			go func() { _, _ = crashed.do(params) }()
			defer close(hold)
			synctest.Wait()
			k := newKeyed(replies, repeatable)
			if _, problem := k.do(`{"session":"s","n":5,"_meta":{"idempotency_key":"a"}}`); problem == nil || problem.Code != rpc.CodeIdempotencyMismatch {
				t.Fatal(problem)
			}
			result, problem := k.do(params)
			if repeatable {
				if problem != nil || result != "1" {
					t.Fatal(result, problem)
				}
				return
			}
			if problem == nil || problem.Code != rpc.CodeConflict || !problem.Retryable || problem.RetryAfter <= 0 {
				t.Fatal(result, problem)
			}
			time.Sleep(3 * time.Minute)
			_, problem = k.do(params)
			if problem == nil || problem.Code != rpc.CodeConflict || problem.Retryable || !strings.Contains(string(problem.AppendJSON(nil, "")), `"outcome":"unknown"`) {
				t.Fatal(problem)
			}
			if k.calls.Load() != 0 {
				t.Fatal("called")
			}
		})
	}
}

type brokenReplies struct {
	rpctest.Replies
	claim, keep error
}

func (b *brokenReplies) Claim(ctx context.Context, key rpc.CallKey, params []byte) (rpc.KeptCall, bool, error) {
	if b.claim != nil {
		return rpc.KeptCall{}, false, b.claim
	}
	return b.Replies.Claim(ctx, key, params)
}

func (b *brokenReplies) Keep(ctx context.Context, key rpc.CallKey, reply []byte) error {
	if b.keep != nil {
		return b.keep
	}
	return b.Replies.Keep(ctx, key, reply)
}

func TestRepliesThatCannotBeKept(t *testing.T) {
	const params = `{"session":"s","_meta":{"idempotency_key":"a"}}`
	k := newKeyed(&brokenReplies{claim: errors.New("secret of the inside")}, false)
	if _, problem := k.do(params); problem == nil || problem.Code != rpc.CodeInternal || !problem.Retryable || strings.Contains(problem.Message, "secret") || k.calls.Load() != 0 {
		t.Fatal(problem)
	}
	k = newKeyed(&brokenReplies{claim: rpc.ErrTooManyKeys}, false)
	if _, problem := k.do(params); problem == nil || problem.Code != rpc.CodeRateLimited || problem.RetryAfter <= 0 {
		t.Fatal(problem)
	}
	k = newKeyed(&brokenReplies{keep: errors.New("disk full")}, false)
	if result, problem := k.do(params); problem != nil || result != "1" {
		t.Fatal("the reply itself is lost:", problem)
	}
	if _, problem := k.do(params); problem == nil || problem.Code != rpc.CodeConflict || k.calls.Load() != 1 {
		t.Fatal("made twice:", problem)
	}
}

func TestOnceID(t *testing.T) {
	k := newKeyed(&rpctest.Replies{}, false)
	seen := map[[32]byte]string{}
	k.answer = func(_ context.Context, call *rpc.Call) (any, error) {
		id, ok := call.OnceID()
		if ok != (call.Meta.IdempotencyKey != "") {
			t.Error("ok is", ok)
		}
		if ok {
			if before, taken := seen[id]; taken {
				t.Errorf("%s and %s have one id", before, call.Method+call.Session+call.Meta.IdempotencyKey)
			}
			seen[id] = call.Method + call.Session + call.Meta.IdempotencyKey
		}
		return true, nil
	}
	other := admin
	other.ID = "other"
	for _, who := range []rpc.Principal{admin, other} {
		for _, method := range []string{"test.do", "test.other"} {
			for _, params := range []string{
				`{"session":"s"}`, `{"session":"s","_meta":{"idempotency_key":"a"}}`, `{"session":"sa","_meta":{"idempotency_key":"b"}}`,
				`{"session":"s","_meta":{"idempotency_key":"ab"}}`,
			} {
				if _, problem := k.call(who, method, params); problem != nil {
					t.Fatal(problem)
				}
			}
		}
	}
	if len(seen) != 12 {
		t.Fatal(len(seen))
	}
}

// A repeated effect for the same key has the same id, until the key expires and is reused.
func TestOnceIDOfRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const params = `{"session":"s","_meta":{"idempotency_key":"a"}}`
		var ids [][32]byte
		do := func(replies rpc.Replies) {
			t.Helper()
			time.Sleep(time.Minute)
			k := newKeyed(replies, true)
			k.answer = func(_ context.Context, call *rpc.Call) (any, error) {
				id, _ := call.OnceID()
				ids = append(ids, id)
				return nil, rpc.OutcomeUnknown("it may have been sent", "")
			}
			if _, problem := k.do(params); problem == nil || problem.Code != rpc.CodeTimeout {
				t.Fatal(problem)
			}
			if _, problem := k.do(`{"session":"s","n":2,"_meta":{"idempotency_key":"a"}}`); problem == nil || problem.Code != rpc.CodeIdempotencyMismatch {
				t.Fatal(problem)
			}
		}
		replies := &rpctest.Replies{}
		do(replies)
		do(replies) // also from another process
		do(&rpctest.Replies{})
		if len(ids) != 3 || ids[0] != ids[1] || ids[1] == ids[2] {
			t.Fatalf("%x", ids)
		}
	})
}
