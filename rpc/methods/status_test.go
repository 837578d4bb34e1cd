package methods_test

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// awaits waits for a message on the phone of a member.
func (m *member) awaits(id string) sandbox.Received {
	m.w.t.Helper()
	received, err := m.phone.Await(m.w.ctx(), func(r sandbox.Received) bool { return r.ID == id })
	if err != nil {
		m.w.t.Fatalf("%s: %v", m.session, err)
	}
	return received
}

func TestStatusPosts(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol, dora := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003"), w.join("dora", "4915100000004")
	alice.ready()
	for _, contact := range []string{bob.pn(), carol.lid()} {
		alice.call("contact.save", params{"contact": contact, "full_name": "Known"})
	}
	audience := func(kind types.StatusPrivacyType, people ...types.JID) {
		t.Helper()
		if err := alice.phone.SetStatusPrivacy(kind, people); err != nil {
			t.Fatal(err)
		}
		if got := alice.call("status.getPrivacy", nil); got["type"] != string(kind) || len(got.texts("contacts")) != len(people) {
			t.Errorf("status privacy: %v", got)
		}
	}
	text := params{"type": "text", "text": "at sea", "background_color": "#FF112233", "font": 7}
	// post sends a status and checks who gets it.
	post := func(more params, readers ...*member) string {
		t.Helper()
		all := params{"content": text}
		for name, value := range more {
			all[name] = value
		}
		sent := alice.call("status.send", all)
		id, _ := sent["message_id"].(string)
		if sent["audience_size"] != float64(len(readers)) || sent["type"] != "text" {
			t.Errorf("posted: %v", sent)
		}
		for _, m := range readers {
			if chat := m.awaits(id).Chat; chat != types.StatusBroadcastJID {
				t.Errorf("%s got it in %s", m.session, chat)
			}
		}
		// What comes later shows that the others did not get it.
		for _, m := range []*member{bob, carol, dora} {
			marker, _ := alice.call("message.sendText", params{"to": m.pn(), "text": "marker"})["message_id"].(string)
			m.awaits(marker)
			got := slices.ContainsFunc(m.phone.Received(), func(r sandbox.Received) bool { return r.ID == id })
			if want := slices.Contains(readers, m); got != want {
				t.Errorf("%s has the post: %v, want %v", m.session, got, want)
			}
		}
		return id
	}

	id := post(nil, bob, carol)
	received := bob.awaits(id)
	if body := received.Message.GetExtendedTextMessage(); body.GetBackgroundArgb() != 0xFF112233 || body.GetTextArgb() != 0xFFFFFFFF || body.GetFont().Number() != 7 {
		t.Errorf("style: %v", body)
	}
	if err := bob.phone.Read(received); err != nil {
		t.Fatal(err)
	}
	alice.eventually("a viewer", "message.getReceipts", params{"chat": "status@broadcast", "message_id": id}, func(r result) bool {
		read := r.list("read")
		return len(read) == 1 && read[0]["contact"] == bob.pn()
	})
	post(params{"audience": []string{carol.pn()}}, carol)
	alice.refused(rpc.CodeInvalidParams, "status.send", params{"content": text, "audience": []string{dora.pn()}})

	audience(types.StatusPrivacyTypeBlacklist, bob.phone.LID()) // alice has bob's number among her contacts
	post(nil, carol)
	audience(types.StatusPrivacyTypeWhitelist, dora.phone.LID(), bob.phone.LID())
	post(nil, dora, bob)
	post(params{"audience": []string{bob.lid(), dora.pn(), bob.pn()}}, dora, bob)
	alice.refused(rpc.CodeNotSupported, "status.send", params{"content": text, "audience": []string{bob.pn()}})
	audience(types.StatusPrivacyTypeContacts)
	for field, content := range map[string]params{
		"/content/type": {"type": "location", "latitude": 1, "longitude": 1}, "/content/font": {"type": "text", "text": "x", "font": 3},
		"/content/text": {"type": "text", "text": " "}, "/content/background_color": {"type": "text", "text": "x", "background_color": "red"},
	} {
		failed := alice.refused(rpc.CodeInvalidParams, "status.send", params{"content": content})
		if fields, _ := failed.Details.(map[string]any)["fields"].(rpc.Fields); len(fields) != 1 || fields[0].Pointer != field {
			t.Errorf("%s: %v", field, failed.Details)
		}
	}
}
