package bridge_test

import (
	"testing"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
)

// TestOneConversationHasOneName checks that all results and events identify the chat of one message, in either
// direction, by number and under one key.
func TestOneConversationHasOneName(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	key := ""
	check := func(what string, data map[string]any) {
		t.Helper()
		if data["chat"] != bob.JID().String() || data["chat_pn"] != bob.JID().String() || data["chat_lid"] != bob.LID().String() {
			t.Errorf("%s: chat %v, %v, %v", what, data["chat"], data["chat_pn"], data["chat_lid"])
		}
		found, _ := data["chat_key"].(string)
		if key == "" {
			key = found
		}
		if found == "" || found != key {
			t.Errorf("%s: key %v instead of %v", what, data["chat_key"], key)
		}
	}
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("hello")); err != nil {
		t.Fatal(err)
	}
	check("incoming", r.text("hello").data)
	for _, to := range []string{bob.JID().String(), bob.LID().String(), bob.JID().User} {
		sent, err := s.Messages().Send(w.ctx(), to, &message.Content{Type: "text", Text: "to " + to}, &outbound.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.NameResult(w.ctx(), sent)
		if sent.Chat != bob.JID().String() || sent.ChatKey != key || sent.Message.Chat != sent.Chat || sent.Message.ChatKey != key ||
			sent.Sender != ada.JID().String() || sent.ContactKey == nil {
			t.Errorf("reply to %s: %+v", to, sent)
		}
		own := r.text("to " + to)
		check("own message to "+to, own.data)
		if own.data["sender"] != sent.Sender || own.data["contact_key"] != *sent.ContactKey {
			t.Errorf("own message is by %v, %v", own.data["sender"], own.data["contact_key"])
		}
		status := w.reader("ada").until("its status", func(e event) bool { return e.Type == "MessageStatus" && e.data["message_id"] == sent.MessageID }).data
		check("status of "+to, status)
		receipt := w.reader("ada").until("its receipt", func(e event) bool {
			ids, _ := e.data["message_ids"].([]any)
			return e.Type == "Receipt" && len(ids) == 1 && ids[0] == sent.MessageID
		}).data
		check("receipt of "+to, receipt)
		if receipt["sender"] != bob.JID().String() || receipt["contact_key"] != key {
			t.Errorf("receipt by %v, %v", receipt["sender"], receipt["contact_key"])
		}
	}
}
