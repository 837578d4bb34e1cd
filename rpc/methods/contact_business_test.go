package methods_test

import (
	"slices"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// The verified name on a message of a business is in its Message event, and contact.get and contact.list show it
// afterwards. A message of a person has none.
func TestBusinessNameOfMessage(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "15550100001")
	for number, business := range map[string]string{"15550100008": "Engines Ltd", "15550100009": "Müller & Söhne 🚂", "15550100007": ""} {
		t.Run(business, func(t *testing.T) {
			phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: number, PushName: "desk " + number, BusinessName: business})
			if err != nil {
				t.Fatal(err)
			}
			id, err := phone.Send(w.ctx(), w.jid(alice.pn()), sandbox.Text("offer"))
			if err != nil {
				t.Fatal(err)
			}
			name, shown := any(nil), "desk "+number
			if business != "" {
				name, shown = business, business
			}
			right := func(c result) bool {
				return c["business_name"] == name && c["verified_name"] == name && c["name"] == shown && (c["is_business"] == true) == (business != "")
			}
			alice.eventually("the message", "message.get", params{"chat": number, "message_id": id}, func(r result) bool { return r.object("message")["text"] == "offer" })
			alice.eventually("the name", "contact.get", params{"contact": number}, func(r result) bool { return right(r.object("contact")) })
			alice.eventually("the name in the list", "contact.list", nil, func(r result) bool {
				return slices.ContainsFunc(r.list("contacts"), func(c result) bool { return c["contact"] == phone.JID().String() && right(c) })
			})
			var events []result
			testkit.Eventually(t, "the one event of the message", func() bool { // the store shows a message a moment before readers of the journal see its event
				events = slices.DeleteFunc(w.events(alice.session, "Message"), func(e result) bool { return e["message_id"] != id })
				return len(events) == 1
			})
			if got := events[0].object("stanza").object("verified_name").object("Details")["verifiedName"]; got != name {
				t.Errorf("Message event: verified name %v, want %v; stanza %v", got, name, events[0]["stanza"])
			}
			alice.eventually("the BusinessName event", "contact.get", params{"contact": number}, func(result) bool {
				var names []any
				for _, e := range w.events(alice.session, "BusinessName") {
					if e["contact"] == phone.JID().String() || e["lid"] == phone.LID().String() {
						names = append(names, e["business_name"])
					}
				}
				return business == "" && len(names) == 0 || len(names) == 1 && names[0] == business
			})
		})
	}
}
