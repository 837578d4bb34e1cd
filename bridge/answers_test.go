package bridge_test

import (
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/sessionconfig"
)

// Tests of the automatic reactions of a session to events, which its settings enable.

func TestCallsAreRejectedWithANotice(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	notice, reason := "Please write instead.", "busy"
	if _, err := s.UpdateSettings(w.ctx(), sessionconfig.SettingsPatch{RejectCalls: &yes, CallRejectReason: &reason, CallRejectMessage: &notice}, false); err != nil {
		t.Fatal(err)
	}
	id, err := bob.Call(ada.JID(), true)
	if err != nil {
		t.Fatal(err)
	}
	e := w.reader("ada").of("CallOffer")
	if e.data["call_id"] != id || e.data["media"] != "video" || e.data["pn"] != bob.JID().String() {
		t.Errorf("event %v", e.data)
	}
	if _, err = bob.AwaitStanza(w.ctx(), func(n waBinary.Node) bool {
		_, rejected := n.GetOptionalChildByTag("reject")
		return n.Tag == "call" && rejected
	}); err != nil {
		t.Errorf("no rejection: %v", err)
	}
	if _, err = bob.Await(w.ctx(), func(r sandbox.Received) bool { return strings.Contains(r.Message.String(), notice) }); err != nil {
		t.Errorf("no notice: %v", err)
	}
	if e = w.reader("ada").of("CallReject"); e.data["call_id"] != id || e.data["reason"] != "busy" || e.data["automatic"] != true || e.Origin != "server" {
		t.Errorf("event %v", e.data)
	}
}

func TestReadReceiptsBySetting(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	if _, err := s.UpdateSettings(w.ctx(), sessionconfig.SettingsPatch{SendReadReceipts: &yes}, false); err != nil {
		t.Fatal(err)
	}
	id, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("read me"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = bob.AwaitStanza(w.ctx(), func(n waBinary.Node) bool {
		return n.Tag == "receipt" && n.Attrs["type"] == "read" && n.Attrs["id"] == id
	}); err != nil {
		t.Errorf("no read receipt: %v", err)
	}
}
