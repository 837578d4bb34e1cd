package bridge_test

import (
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
)

// What a session does about events by itself, when its settings say so.

func TestCallsAreRejectedWithANotice(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	yes, notice := true, "Please write instead."
	if _, err := s.UpdateSettings(w.ctx(), bridge.SettingsPatch{RejectCalls: &yes, CallRejectMessage: &notice}, false); err != nil {
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
}

func TestReadReceiptsBySetting(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	yes := true
	if _, err := s.UpdateSettings(w.ctx(), bridge.SettingsPatch{SendReadReceipts: &yes}, false); err != nil {
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

func TestFiltersKeepMessagesOut(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	yes := true
	if _, err := s.UpdateSettings(w.ctx(), bridge.SettingsPatch{SkipOwnMessages: &yes}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Send(w.ctx(), bob.JID(), sandbox.Text("mine, from the phone")); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Await(w.ctx(), func(r sandbox.Received) bool { return strings.Contains(r.Message.String(), "mine") }); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("theirs")); err != nil {
		t.Fatal(err)
	}
	w.reader("ada").text("theirs")
	if n := w.count("ada", "mine, from the phone"); n != 0 {
		t.Errorf("an own message is in the journal %d times", n)
	}
}
