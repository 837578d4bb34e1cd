package bridge_test

import (
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
)

// A contact that reinstalls WhatsApp is reported, and messages go on in both directions: the one that may still be
// encrypted for the old installation, and those after it.
func TestIdentityChangeIsReported(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550001", "Ada"), w.account("15550002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	write := func(body string) {
		t.Helper()
		if _, err := send(w, s, bob.JID().User, body, bridge.SendOptions{}); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if _, err := bob.Await(w.ctx(), func(m sandbox.Received) bool { return m.Text() == body }); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	answer := func(body string) {
		t.Helper()
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(body)); err != nil {
			t.Fatal(err)
		}
		r.text(body)
	}
	write("before")
	answer("answer")
	for range 2 {
		if err := bob.ChangeIdentity(); err != nil {
			t.Fatal(err)
		}
		write("at once")
		e := r.until("notified change", func(e event) bool { return e.Type == "IdentityChange" && e.data["implicit"] == false })
		if e.data["contact"] != bob.JID().String() || e.data["pn"] != bob.JID().String() || e.data["lid"] != bob.LID().String() || e.data["timestamp"] == nil {
			t.Errorf("event %s", e.Data)
		}
		write("later")
		answer("from the new phone")
	}
}
