package methods_test

import (
	"reflect"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// contextFields are the fields of a message beside its text.
var contextFields = []string{"mentions", "forwarded", "forwarding_score", "disappearing_seconds", "quoted", "type", "media"}

// TestEditsKeepTheRestOfTheMessage: an edit changes the text or caption and nothing
// else, in the stores of both sides, for edits of the session and of the phone.
func TestEditsKeepTheRestOfTheMessage(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	group := alice.call("group.create", params{"name": "g", "participants": []string{bob.pn()}}).object("group")["group"].(string)
	first := alice.call("message.sendText", params{"to": bob.pn(), "text": "first"})["message_id"].(string)
	inGroup := alice.call("message.sendText", params{"to": group, "text": "first"})["message_id"].(string)
	text := func(p params) (string, params) { p["text"] = "old"; return "message.sendText", p }
	image := func(p params) (string, params) {
		p["caption"], p["media"] = "old", params{"base64": dataURL("image/jpeg", jpegFile(t))}
		return "message.sendImage", p
	}
	document := func(p params) (string, params) {
		p["caption"], p["media"] = "old", params{"base64": dataURL("text/plain", []byte("hello")), "filename": "a.txt"}
		return "message.sendDocument", p
	}
	get := func(m *member, chat, id, text string) result {
		return m.eventually("the text", "message.get", params{"chat": chat, "message_id": id}, func(r result) bool {
			return r.object("message")["text"] == text
		}).object("message")
	}
	same := func(what string, before, after result) {
		t.Helper()
		for _, field := range contextFields {
			if !reflect.DeepEqual(before[field], after[field]) {
				t.Errorf("%s: %s was %v and is %v", what, field, before[field], after[field])
			}
		}
	}
	for name, options := range map[string]params{
		"nothing": {}, "mentions": {"mentions": []string{bob.pn()}}, "forwarded": {"forwarded": true}, "timer": {"disappearing_seconds": 604800},
		"quote": {"reply_to": params{"message_id": "?"}},
		"all":   {"mentions": []string{bob.pn()}, "forwarded": true, "disappearing_seconds": 86400, "reply_to": params{"message_id": "?"}},
	} {
		for kind, build := range map[string]func(params) (string, params){"text": text, "image": image, "document": document} {
			for _, chat := range []string{bob.pn(), group} {
				what := kind + " with " + name + " in " + chat
				p := params{"to": chat}
				for key, value := range options {
					p[key] = value
				}
				if p["reply_to"] != nil {
					p["reply_to"] = params{"message_id": map[string]string{bob.pn(): first, group: inGroup}[chat]}
				}
				if chat == group {
					p["mention_all"] = true
				}
				method, p := build(p)
				id := alice.call(method, p)["message_id"].(string)
				there := chat
				if chat != group {
					there = alice.pn()
				}
				mine, theirs := get(alice, chat, id, "old"), get(bob, there, id, "old")
				alice.call("message.edit", params{"chat": chat, "message_id": id, "text": "new"})
				same("own store, "+what, mine, get(alice, chat, id, "new"))
				same("other's store, "+what, theirs, get(bob, there, id, "new"))
				sent, err := bob.phone.Await(w.ctx(), func(r sandbox.Received) bool {
					return r.Message.GetEditedMessage().GetMessage().GetProtocolMessage().GetKey().GetID() == id
				})
				if err != nil {
					t.Fatal(err)
				}
				if all := sent.Message.GetEditedMessage().GetMessage().GetProtocolMessage().GetEditedMessage().GetExtendedTextMessage().GetContextInfo().GetNonJIDMentions(); kind == "text" && (all == 1) != (chat == group) {
					t.Errorf("%s: the edit mentions all: %d", what, all)
				}
				// The phone sends only the text, as some clients do.
				if _, err := alice.phone.Edit(w.ctx(), w.jid(chat), id, sandbox.Text("newer")); err != nil {
					t.Fatal(err)
				}
				same("edited by the phone, "+what, mine, get(alice, chat, id, "newer"))
				same("edited by the phone, the other's store, "+what, theirs, get(bob, there, id, "newer"))
			}
		}
	}
	// New mentions replace the old ones.
	id := alice.call("message.sendText", params{"to": group, "text": "hi", "mentions": []string{bob.pn()}, "forwarded": true})["message_id"].(string)
	alice.call("message.edit", params{"chat": group, "message_id": id, "text": "hi you", "mentions": []string{alice.pn()}})
	for _, m := range []*member{alice, bob} {
		got := get(m, group, id, "hi you")
		if mentions := got.texts("mentions"); len(mentions) != 1 || mentions[0] != alice.pn() || got["forwarded"] != true {
			t.Errorf("%s: %v, %v", m.session, mentions, got["forwarded"])
		}
	}
	alice.call("message.edit", params{"chat": group, "message_id": id, "text": "hi none", "mentions": []string{}})
	for _, m := range []*member{alice, bob} {
		if got := get(m, group, id, "hi none"); len(got.texts("mentions")) != 0 || got["forwarded"] != true {
			t.Errorf("%s: %v, %v", m.session, got["mentions"], got["forwarded"])
		}
	}
	for _, blank := range []string{" ", "   ", "\n\t", "\u00a0", "\u2003 \r\n"} {
		alice.refused(rpc.CodeInvalidParams, "message.sendText", params{"to": group, "text": blank})
		alice.refused(rpc.CodeInvalidParams, "message.edit", params{"chat": group, "message_id": id, "text": blank})
	}
}
