package bridge_test

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/sandbox"
)

// A companion gets no content of a view-once message. It is a message like any other all the same: in the journal, in the
// chat and in the store, also when the account's own phone sent it.
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
			// A message of another kind that follows is not affected.
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
