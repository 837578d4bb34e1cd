package bridge_test

import (
	"errors"
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

func send(w *world, s *bridge.Session, to, text string, o outbound.SendOptions) (*outbound.Sent, error) {
	w.t.Helper()
	return s.Messages().Send(w.ctx(), to, &message.Content{Type: "text", Text: text}, &o)
}

func TestSendIsTwoEvents(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.paired("alice", w.account("4915100000001", "Alice")), w.account("4915100000002", "Bob")
	events := w.reader("alice")
	sent, err := send(w, alice, "4915100000002", "hello", outbound.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	began := events.text("hello")
	if began.Origin != journal.OriginAPI || began.data["status"] != "pending" || began.data["from_api"] != true || began.data["message_id"] != sent.MessageID {
		t.Errorf("event: %v", began.data)
	}
	if began.data["chat_pn"] != bob.JID().String() {
		t.Errorf("chat: %v", began.data)
	}
	var ended event
	answered, delivered := false, false // the receipt may come first
	events.until("outcome and delivery", func(e event) bool {
		switch {
		case e.Type == "MessageStatus":
			ended, answered = e, true
		case e.Type == "Receipt" && e.data["type"] == "delivered":
			delivered = true
		}
		return answered && delivered
	})
	if ended.data["status"] != "sent" || ended.data["message_id"] != sent.MessageID || ended.data["wa_code"] != nil {
		t.Errorf("outcome: %v", ended.data)
	}
	if n := w.acks.Load(); n != 1 {
		t.Errorf("%d acknowledgements observed, want 1", n)
	}

	quiet := false
	if _, err = send(w, alice, "4915100000002", "unseen", outbound.SendOptions{Echo: &quiet}); err != nil {
		t.Fatal(err)
	}
	if _, err = send(w, alice, "4915100000002", "seen", outbound.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	events.text("seen")
	if w.count("alice", "unseen") != 0 {
		t.Error("a send without echo is an event")
	}
}

func TestRefusedSendIsAnEvent(t *testing.T) {
	w := newWorld(t)
	alice := w.paired("alice", w.account("4915100000001", "Alice"))
	w.account("4915100000002", "Bob")
	events := w.reader("alice")
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: "4915100000001", Code: 420}); err != nil {
		t.Fatal(err)
	}
	_, err := send(w, alice, "4915100000002", "hello", outbound.SendOptions{})
	var refused *wa.Error
	if !errors.As(err, &refused) || refused.Reason != wa.ReasonWhatsApp || refused.WACode != 420 || refused.MessageID == "" || refused.OutcomeUnknown {
		t.Fatalf("got %+v", refused)
	}
	failed := events.of("MessageStatus")
	if failed.data["status"] != "failed" || failed.data["wa_code"] != 420.0 || failed.data["message_id"] != refused.MessageID {
		t.Errorf("event: %v", failed.data)
	}
}

// TestSendWithoutDiskStaysHere fails the first write like a full disk: nothing is sent, and nothing is stored.
func TestSendWithoutDiskStaysHere(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.paired("alice", w.account("4915100000001", "Alice")), w.account("4915100000002", "Bob")
	w.faults.set(func(_ string, records []journal.Record) error {
		for _, record := range records {
			if record.Origin == journal.OriginAPI {
				return errDiskFull
			}
		}
		return nil
	})
	if _, err := send(w, alice, "4915100000002", "lost", outbound.SendOptions{MessageID: "DISK1"}); wa.ReasonOf(err) != wa.ReasonStorage {
		t.Fatalf("got %v", err)
	}
	w.faults.set(nil)
	if _, err := alice.Chats().GetMessage(w.ctx(), "", "DISK1", false); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("it was stored: %v", err)
	}
	if _, err := send(w, alice, "4915100000002", "fence", outbound.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Await(w.ctx(), func(r sandbox.Received) bool { return r.Text() == "fence" }); err != nil {
		t.Fatal(err)
	}
	for _, r := range bob.Received() {
		if r.Text() == "lost" {
			t.Error("it left all the same")
		}
	}
}

func TestStoreSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	phone, bob := w.account("4915100000001", "Alice"), w.account("4915100000002", "Bob")
	alice := w.paired("alice", phone)
	sent, err := send(w, alice, "4915100000002", "before", outbound.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	alice = w.session("alice")
	w.reaches(alice, bridge.StateConnected)
	m, err := alice.Chats().GetMessage(w.ctx(), bob.JID().String(), sent.MessageID, false)
	if err != nil || m.Text == nil || *m.Text != "before" {
		t.Fatalf("got %+v, %v", m, err)
	}
	if err := w.bridge.DeleteWithData(w.ctx(), "alice", true); err != nil {
		t.Fatal(err)
	}
	again := w.create("alice")
	if _, err := again.Chats().GetMessage(w.ctx(), "", sent.MessageID, false); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("a deleted session's messages are there: %v", err)
	}
}
