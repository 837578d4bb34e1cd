package methods_test

import (
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// awaitMessage waits for a message of that id on the member's phone.
func (m *member) awaitMessage(id string) sandbox.Received {
	m.w.t.Helper()
	r, err := m.phone.Await(m.w.ctx(), func(r sandbox.Received) bool { return r.ID == id })
	if err != nil {
		m.w.t.Fatalf("%s never got %s: %v", m.session, id, err)
	}
	return r
}

func (m *member) status(chat, id, want string) {
	m.w.t.Helper()
	m.eventually("status "+want, "message.get", params{"chat": chat, "message_id": id}, func(r result) bool {
		return r.object("message")["status"] == want
	})
}

func TestTextGoesOutAndIsRead(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	sent := alice.call("message.sendText", params{"to": "+4915100000002", "text": "hello bob"})
	id := sent["message_id"].(string)
	if sent["chat"] != bob.pn() || sent["sender"] != alice.pn() || sent.object("message")["text"] != "hello bob" {
		t.Errorf("sent: %v", sent)
	}
	if got := bob.awaitMessage(id); got.Text() != "hello bob" {
		t.Errorf("bob reads %q", got.Text())
	}
	alice.status(bob.pn(), id, "delivered")
	received := bob.eventually("the message", "message.get", params{"chat": alice.pn(), "message_id": id}, func(r result) bool { return r != nil })
	if m := received.object("message"); m["text"] != "hello bob" || m["sender"] != alice.pn() || m["from_me"] != false || m["status"] != nil {
		t.Errorf("stored at bob: %v", m)
	}
	if ids := bob.call("chat.markRead", params{"chat": alice.pn()}).texts("message_ids"); len(ids) != 1 || ids[0] != id {
		t.Errorf("marked %v", ids)
	}
	alice.status(bob.pn(), id, "read")
	receipts := alice.call("message.getReceipts", params{"message_id": id})
	if read := receipts.list("read"); len(read) != 1 || read[0]["contact"] != bob.pn() || receipts["read_remaining"] != 0.0 {
		t.Errorf("receipts: %v", receipts)
	}
	if failed := alice.refused(rpc.CodeInvalidParams, "message.sendText", params{"to": "nobody", "text": "x"}); failed == nil {
		t.Error("no error")
	}
}
