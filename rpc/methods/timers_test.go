package methods_test

import (
	"fmt"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
)

// TestMessagesHaveTheTimerOfTheirChat: a message without a lifetime of its own
// has the chat's, in groups and one-to-one chats, set by either side and however the
// session learned it; a lifetime of one message changes nothing for the others.
func TestMessagesHaveTheTimerOfTheirChat(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	n := 0
	lifetime := func(to *member, chat string, p params) uint32 {
		t.Helper()
		n++
		text := fmt.Sprintf("text %d", n)
		p["to"], p["text"] = chat, text
		alice.call("message.sendText", p)
		got, err := to.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.Text() == text })
		if err != nil {
			t.Fatal(err)
		}
		return got.Message.GetExtendedTextMessage().GetContextInfo().GetExpiration()
	}
	expect := func(what, chat string, want uint32) {
		t.Helper()
		if got := lifetime(bob, chat, params{}); got != want {
			t.Errorf("%s: the message lives %d seconds, not %d", what, got, want)
		}
		if got := alice.call("chat.get", params{"chat": chat}).object("chat")["disappearing_seconds"]; got != float64(want) {
			t.Errorf("%s: chat.get says %v, not %d", what, got, want)
		}
	}
	own := func(what, chat string, seconds int, want uint32) {
		t.Helper()
		if got := lifetime(bob, chat, params{"disappearing_seconds": seconds}); got != uint32(seconds) {
			t.Errorf("%s: a message of %d seconds lives %d", what, seconds, got)
		}
		expect(what+", after a message of its own", chat, want)
	}
	group := func(p params) string {
		t.Helper()
		return alice.call("group.create", p).object("group")["group"].(string)
	}
	for _, seconds := range []uint32{0, 86400, 604800, 7776000} {
		created := group(params{"name": "created", "participants": []string{bob.pn()}, "disappearing_seconds": seconds})
		expect("group.create", created, seconds)
		own("group.create", created, 86400, seconds)
		own("group.create", created, 0, seconds)
	}
	changed := group(params{"name": "changed", "participants": []string{bob.pn()}})
	expect("no timer", changed, 0)
	for _, seconds := range []uint32{604800, 86400, 0, 7776000} {
		alice.call("group.updateSettings", params{"group": changed, "disappearing_seconds": seconds})
		expect("group.updateSettings", changed, seconds)
	}
	alice.call("group.updateParticipants", params{"group": changed, "action": "promote", "participants": []string{bob.pn()}})
	groupJID := w.jid(changed)
	for _, seconds := range []uint32{86400, 0, 604800} {
		if err := bob.phone.SetGroupTimer(groupJID, seconds); err != nil {
			t.Fatal(err)
		}
		alice.eventually("the change", "chat.get", params{"chat": changed}, func(r result) bool {
			return r.object("chat")["disappearing_seconds"] == float64(seconds)
		})
		expect("an admin's phone", changed, seconds)
	}
	joined, err := bob.phone.CreateGroup(sandbox.GroupOptions{Subject: "joined", Members: nil, Timer: 604800})
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.phone.AddMembers(joined, alice.phone.JID()); err != nil {
		t.Fatal(err)
	}
	alice.eventually("the group", "chat.get", params{"chat": joined.String()}, func(r result) bool { return r != nil })
	expect("a group joined later", joined.String(), 604800)
	// A forwarded message has the timer of its new chat.
	n++
	sent := alice.call("message.sendText", params{"to": changed, "text": "forward me", "disappearing_seconds": 86400})
	forwarded := alice.call("message.forward", params{"chat": changed, "message_id": sent["message_id"], "recipients": []string{joined.String()}}).list("messages")[0]
	got, err := bob.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.ID == forwarded["message_id"] })
	if err != nil {
		t.Fatal(err)
	}
	if got := got.Message.GetExtendedTextMessage().GetContextInfo().GetExpiration(); got != 604800 {
		t.Errorf("a forwarded message lives %d seconds", got)
	}

	// One-to-one chats.
	expect("nothing set", bob.pn(), 0)
	own("nothing set", bob.pn(), 604800, 0)
	for i, who := range []*member{alice, bob, alice, bob} {
		other, seconds := bob, []uint32{86400, 604800, 7776000, 0}[i]
		if who == bob {
			other = alice
		}
		if _, err := who.phone.SetChatTimer(w.ctx(), other.phone.JID(), seconds); err != nil {
			t.Fatal(err)
		}
		alice.eventually("the change", "chat.get", params{"chat": bob.lid()}, func(r result) bool {
			return r.object("chat")["disappearing_seconds"] == float64(seconds)
		})
		expect("changed by "+who.session, bob.lid(), seconds)
		own("changed by "+who.session, bob.pn(), 86400, seconds)
	}
	// A message of the other side keeps its own lifetime and does not change the chat's.
	content := sandbox.Reply(sandbox.Received{ID: "X", Chat: alice.phone.LID(), Sender: bob.phone.LID(), Message: sandbox.Text("x")}, "short-lived")
	seconds := uint32(86400)
	content.ExtendedTextMessage.ContextInfo.Expiration = &seconds
	for _, chat := range []string{alice.pn(), changed} {
		if _, err := bob.phone.Send(w.ctx(), w.jid(chat), content); err != nil {
			t.Fatal(err)
		}
	}
	alice.eventually("both", "message.search", params{"query": "short-lived"}, func(r result) bool { return r["total"] == 2.0 })
	expect("after a message of the other", bob.pn(), 0)
	expect("after a message of a member", changed, 604800)

	// The account's default applies to new chats.
	alice.call("privacy.setDefaultDisappearingTimer", params{"disappearing_seconds": 604800})
	expect("a chat begun before the default", bob.pn(), 0)
	carol := w.join("carol", "15550100003")
	for range 2 {
		if got := lifetime(carol, carol.pn(), params{}); got != 604800 {
			t.Errorf("a message in a new chat lives %d seconds", got)
		}
	}
	alice.call("privacy.setDefaultDisappearingTimer", params{"disappearing_seconds": 0})
	if got := lifetime(carol, carol.pn(), params{}); got != 604800 {
		t.Errorf("a chat begun under the default lost its timer: %d", got)
	}
}
