package methods_test

import (
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// sandbox.changeIdentity reinstalls a phone: its contacts get IdentityChange and can still write, its own sessions are
// logged out and can be paired again.
func TestSandboxChangesIdentity(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	write := func(text string) {
		t.Helper()
		alice.call("message.sendText", params{"to": bob.pn(), "text": text})
		if _, err := bob.phone.Await(w.ctx(), func(m sandbox.Received) bool { return m.Text() == text }); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	write("before")
	account := w.script("sandbox.changeIdentity", params{"account": "+1 555 010-0002"})
	if account["account"] != bob.pn() || account["lid"] != bob.lid() || len(account.texts("devices")) > 0 {
		t.Errorf("account %v", account)
	}
	s, err := w.bridge.Session(bob.session)
	if err != nil {
		t.Fatal(err)
	}
	w.until(s, bridge.StateLoggedOut)
	write("after")
	var changes int
	for _, e := range w.events(alice.session, "IdentityChange") {
		if e["pn"] == bob.pn() && e["lid"] == bob.lid() {
			changes++
		}
	}
	if changes == 0 {
		t.Error("no IdentityChange of the contact")
	}
	for name, p := range map[string]params{"an unknown number": {"account": "15550100009"}, "no number": {}} {
		if _, failed := w.tryScript("sandbox.changeIdentity", p); failed == nil || failed.Code != rpc.CodeNotFound && failed.Code != rpc.CodeInvalidParams {
			t.Errorf("%s: %v", name, failed)
		}
	}
}
