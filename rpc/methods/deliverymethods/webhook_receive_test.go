package deliverymethods_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/deliverymethods"
	"github.com/waystation/waystation/transports/webhook"
)

// Callers see the tests that they posted, admins all of them; the rate and the switch of the operator hold.
func TestReceiveTest(t *testing.T) {
	registry := func(perSecond int) *rpc.Registry {
		calls := rpc.NewRegistry(rpc.Options{})
		deliverymethods.Register(calls, deliverymethods.Deps{TestReceiver: webhook.NewTestReceiver(perSecond)})
		return calls
	}
	calls := registry(2)
	call := func(who rpc.Principal, method, body string) (result, *rpc.Error) {
		raw, failed := calls.Call(t.Context(), &rpc.Call{Principal: who}, method, json.RawMessage(body))
		var r result
		if failed == nil {
			if err := json.Unmarshal(raw, &r); err != nil {
				t.Fatal(err)
			}
		}
		return r, failed
	}
	ada, bob := rpc.Principal{Kind: rpc.ScopeSession, ID: "session:a", Session: "a"}, rpc.Principal{Kind: rpc.ScopeSession, ID: "session:b", Session: "b"}
	admin := rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}
	large := `{"data":"` + strings.Repeat("x", 20_000) + `"}`
	if r, failed := call(ada, "webhook.receiveTest", `{"event":"message","session_id":"s","data":{"a":[1]}}`); failed != nil || r["received"] != true {
		t.Fatalf("%v, %v", r, failed)
	}
	if _, failed := call(bob, "webhook.receiveTest", large); failed != nil {
		t.Fatal(failed)
	}
	if _, failed := call(ada, "webhook.receiveTest", `{}`); failed == nil || failed.Code != rpc.CodeRateLimited || failed.RetryAfter == 0 {
		t.Errorf("third in a second: %v", failed)
	}
	list := func(who rpc.Principal) []result {
		r, failed := call(who, "webhook.listReceivedTests", `{}`)
		if failed != nil {
			t.Fatal(failed)
		}
		return r.list("tests")
	}
	own := list(ada)
	if len(own) != 1 || own[0]["event"] != "message" || own[0]["session_id"] != "s" || own[0].object("data")["a"] == nil || own[0]["received_at"] == nil {
		t.Errorf("tests of ada: %v", own)
	}
	if all := list(admin); len(all) != 2 || all[0]["data"] != nil || all[0]["size_bytes"] != 20_002.0 {
		t.Errorf("all tests: %v", all)
	}
	calls = registry(0)
	if _, failed := call(admin, "webhook.receiveTest", `{}`); failed == nil || failed.Code != rpc.CodeNotSupported {
		t.Errorf("switched off: %v", failed)
	}
	calls = rpc.NewRegistry(rpc.Options{})
	deliverymethods.Register(calls, deliverymethods.Deps{})
	if tests := list(admin); len(tests) != 0 {
		t.Errorf("without a receiver: %v", tests)
	}
}
