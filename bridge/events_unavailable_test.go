package bridge_test

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/sandbox"
)

// TestViewOnceMessageIsAnEventAndStored checks a view-once message, whose content a companion does not receive: it is
// in the journal, in the chat and in the store like any other message, also if the account's own phone sent it.
func TestViewOnceMessageIsAnEventAndStored(t *testing.T) {
	for database, open := range bindingDatabases {
		t.Run(database, func(t *testing.T) {
			w := newWorldOn(t, open(t))
			ada, bob := w.account("15550001", "Ada"), w.account("15550002", "Bob")
			s := w.paired("ada", ada)
			r := w.reader("ada")
			once := &waE2E.Message{ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: &waE2E.Message{
				ImageMessage: &waE2E.ImageMessage{ViewOnce: proto.Bool(true)},
			}}}
			for name, way := range map[string]struct{ from, to *sandbox.Phone }{"received": {bob, ada}, "sent by the phone": {ada, bob}} {
				id, err := way.from.Send(w.ctx(), way.to.JID(), once)
				if err != nil {
					t.Fatal(err)
				}
				e := r.until(name, func(e event) bool { return e.data["message_id"] == id })
				if e.Type != "Message" || e.data["type"] != "unavailable" || e.data["unavailable_reason"] != "view_once" ||
					e.data["view_once"] != true || e.data["from_me"] != (way.from == ada) || e.data["chat_pn"] != bob.JID().String() {
					t.Errorf("%s: %s %s", name, e.Type, e.Data)
				}
				m, err := s.Chats().GetMessage(w.ctx(), "15550002", id, false)
				if err != nil || m.Type != "unavailable" || m.UnavailableReason == nil || *m.UnavailableReason != "view_once" || !m.ViewOnce {
					t.Errorf("%s: stored %+v, %v", name, m, err)
				}
			}
			// A following message of another kind is not affected.
			if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("after it")); err != nil {
				t.Fatal(err)
			}
			r.text("after it")
			for _, e := range w.all("ada") {
				if e.Type == "UndecryptableMessage" {
					t.Errorf("%s", e.Data)
				}
			}
		})
	}
}
