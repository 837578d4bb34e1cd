package methods_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// hasFile checks that the other side's phone downloads a sent file with these bytes.
func (m *member) hasFile(r sandbox.Received, want []byte) {
	m.w.t.Helper()
	got, err := m.phone.Download(r)
	if err != nil {
		m.w.t.Fatalf("%s cannot download: %v", m.session, err)
	}
	if !bytes.Equal(got, want) {
		m.w.t.Fatalf("%s has %d bytes, sent were %d", m.session, len(got), len(want))
	}
}

func TestEveryKindGoesOut(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	picture, film, sound, mark, paper := photo(t), clip(), voice(), sticker(t), report()
	uploaded := alice.call("media.upload", params{"media": params{"base64": dataURL("application/pdf", paper)}})

	for _, test := range []struct {
		kind    string
		content params
		check   func(t *testing.T, r sandbox.Received, sent result)
	}{
		{"Text", params{"text": "plain ünïcode 😀\nsecond line"}, func(t *testing.T, r sandbox.Received, _ result) {
			if r.Message.GetConversation() != "plain ünïcode 😀\nsecond line" {
				t.Errorf("got %v", r.Message)
			}
		}},
		{"Text", params{"text": "to @all", "mentions": []string{bob.lid()}, "forwarded": true, "disappearing_seconds": 86400}, func(t *testing.T, r sandbox.Received, _ result) {
			about := r.Message.GetExtendedTextMessage().GetContextInfo()
			if !slices.Equal(about.GetMentionedJID(), []string{bob.lid()}) || !about.GetIsForwarded() || about.GetExpiration() != 86400 {
				t.Errorf("got %v", r.Message)
			}
		}},
		{
			"Text",
			params{"text": "see https://a.example/x", "preview": params{"url": "https://a.example/x", "title": "A", "description": "B"}},
			func(t *testing.T, r sandbox.Received, _ result) {
				text := r.Message.GetExtendedTextMessage()
				if text.GetMatchedText() != "https://a.example/x" || text.GetTitle() != "A" || text.GetDescription() != "B" {
					t.Errorf("got %v", text)
				}
			},
		},
		{"Image", params{"media": params{"base64": dataURL("image/jpeg", picture)}, "caption": "the sea"}, func(t *testing.T, r sandbox.Received, sent result) {
			bob.hasFile(r, picture)
			image := r.Message.GetImageMessage()
			if image.GetCaption() != "the sea" || image.GetWidth() != 320 || image.GetHeight() != 200 || len(image.GetJPEGThumbnail()) == 0 {
				t.Errorf("got %v", image)
			}
			if media := sent.object("message").object("media"); media["mime_type"] != "image/jpeg" || media["size"] != float64(len(picture)) {
				t.Errorf("media: %v", media)
			}
		}},
		{"Image", params{"media": params{"base64": dataURL("image/jpeg", picture)}, "view_once": true}, func(t *testing.T, r sandbox.Received, sent result) {
			if !r.Message.GetViewOnceMessage().GetMessage().GetImageMessage().GetViewOnce() || sent.object("message")["view_once"] != true {
				t.Errorf("got %v", r.Message)
			}
		}},
		{"Video", params{"media": params{"base64": dataURL("video/mp4", film)}, "gif_playback": true}, func(t *testing.T, r sandbox.Received, _ result) {
			bob.hasFile(r, film)
			video := r.Message.GetVideoMessage()
			if video.GetSeconds() != 3 || video.GetWidth() != 640 || video.GetHeight() != 360 || !video.GetGifPlayback() {
				t.Errorf("got %v", video)
			}
		}},
		{"Video", params{"media": params{"base64": dataURL("video/mp4", film)}, "video_note": true}, func(t *testing.T, r sandbox.Received, _ result) {
			if r.Message.GetPtvMessage() == nil {
				t.Errorf("got %v", r.Message)
			}
		}},
		{"Audio", params{"media": params{"base64": dataURL("audio/ogg", sound)}, "voice_note": true}, func(t *testing.T, r sandbox.Received, _ result) {
			bob.hasFile(r, sound)
			audio := r.Message.GetAudioMessage()
			wave := audio.GetWaveform()
			if !audio.GetPTT() || audio.GetSeconds() != 2 || audio.GetMimetype() != "audio/ogg; codecs=opus" || len(wave) != 64 || wave[0] >= wave[63] || wave[63] != 100 {
				t.Errorf("got %v", audio)
			}
		}},
		{"Document", params{"media": params{"media_id": uploaded["media_id"], "filename": "figures.pdf"}, "caption": "Q3"}, func(t *testing.T, r sandbox.Received, sent result) {
			document := r.Message.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage()
			if document.GetFileName() != "figures.pdf" || document.GetMimetype() != "application/pdf" || document.GetCaption() != "Q3" {
				t.Errorf("got %v", r.Message)
			}
			r.Message = r.Message.GetDocumentWithCaptionMessage().GetMessage()
			bob.hasFile(r, paper)
			if sent.object("message").object("media")["media_id"] != uploaded["media_id"] {
				t.Errorf("message: %v", sent["message"])
			}
		}},
		{"Sticker", params{"media": params{"base64": dataURL("image/webp", mark)}}, func(t *testing.T, r sandbox.Received, _ result) {
			bob.hasFile(r, mark)
		}},
		{"Sticker", params{"media": params{"base64": dataURL("image/webp", mark)}, "pack_name": "Seals", "pack_author": "A"}, func(t *testing.T, r sandbox.Received, _ result) {
			file, err := bob.phone.Download(r)
			if err != nil || !bytes.Contains(file, []byte(`"sticker-pack-name":"Seals"`)) {
				t.Errorf("pack: %v", err)
			}
		}},
		{"Location", params{"latitude": 0, "longitude": -9.5, "name": "Harbour", "address": "Quay 1"}, func(t *testing.T, r sandbox.Received, _ result) {
			place := r.Message.GetLocationMessage()
			if place.GetDegreesLatitude() != 0 || place.DegreesLatitude == nil || place.GetDegreesLongitude() != -9.5 || place.GetName() != "Harbour" || place.GetAddress() != "Quay 1" {
				t.Errorf("got %v", place)
			}
		}},
		{"Contact", params{"contacts": []params{{"contact": bob.pn(), "name": "Bob; the, first"}}}, func(t *testing.T, r sandbox.Received, _ result) {
			card := r.Message.GetContactMessage()
			if !strings.Contains(card.GetVcard(), "waid=4915100000002:+4915100000002") || !strings.Contains(card.GetVcard(), `FN:Bob\; the\, first`) {
				t.Errorf("got %v", card)
			}
		}},
		{"Contact", params{"contacts": []params{{"name": "A", "vcard": "BEGIN:VCARD\nEND:VCARD"}, {"name": "B", "vcard": "BEGIN:VCARD\nEND:VCARD"}}}, func(t *testing.T, r sandbox.Received, _ result) {
			if len(r.Message.GetContactsArrayMessage().GetContacts()) != 2 {
				t.Errorf("got %v", r.Message)
			}
		}},
		{"Poll", params{"question": "Where to?", "options": []string{"north", "south"}, "selectable_count": 0}, func(t *testing.T, r sandbox.Received, _ result) {
			poll := r.Message.GetPollCreationMessage()
			if poll.GetName() != "Where to?" || len(poll.GetOptions()) != 2 || poll.GetSelectableOptionsCount() != 0 {
				t.Errorf("got %v", r.Message)
			}
		}},
		{"Event", params{"name": "Launch", "start_at": "2027-01-02T10:00:00+01:00", "location": params{"name": "Pier", "latitude": 1, "longitude": 2}}, func(t *testing.T, r sandbox.Received, _ result) {
			event := r.Message.GetEventMessage()
			if event.GetName() != "Launch" || event.GetStartTime() != 1798880400 || event.GetLocation().GetName() != "Pier" {
				t.Errorf("got %v", event)
			}
		}},
	} {
		t.Run(test.kind, func(t *testing.T) {
			call := params{"to": bob.pn()}
			for key, value := range test.content {
				call[key] = value
			}
			sent := alice.call("message.send"+test.kind, call)
			r := bob.awaitMessage(sent["message_id"].(string))
			test.check(t, r, sent)
			stored := bob.eventually("it", "message.get", params{"message_id": r.ID, "chat": alice.pn(), "include_raw": true}, func(r result) bool { return true })
			if m := stored.object("message"); m["type"] != strings.ToLower(test.kind) || m["raw"] == nil {
				t.Errorf("stored at bob: %v", m)
			}
		})
	}
	// The same through the one content object.
	sent := alice.call("message.send", params{"to": bob.pn(), "content": params{"type": "text", "text": "by content"}})
	if got := bob.awaitMessage(sent["message_id"].(string)); got.Text() != "by content" {
		t.Errorf("got %q", got.Text())
	}
}

func TestEveryKindIsStored(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "4915100000001")
	phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: "4915100000009", PushName: "Carol"})
	if err != nil {
		t.Fatal(err)
	}
	carol := phone.JID().String()
	send := func(c sandbox.Content) string {
		t.Helper()
		id, err := phone.Send(w.ctx(), alice.phone.JID(), c)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	stored := func(id string) result {
		t.Helper()
		return alice.eventually("message "+id, "message.get", params{"chat": carol, "message_id": id}, func(result) bool { return true }).object("message")
	}
	if m := stored(send(sandbox.Text("hi"))); m["text"] != "hi" || m["sender"] != carol || m["sender_name"] != "Carol" || m["chat"] != carol {
		t.Errorf("text: %v", m)
	}
	if m := stored(send(sandbox.Location(1.5, 2.5, "here", "there"))); m.object("location")["latitude"] != 1.5 || m["type"] != "location" {
		t.Errorf("location: %v", m)
	}
	if m := stored(send(sandbox.Contact("D", "BEGIN:VCARD\nEND:VCARD"))); m.list("contacts")[0]["name"] != "D" {
		t.Errorf("contact: %v", m)
	}
	for kind, data := range map[sandbox.MediaKind][]byte{
		sandbox.Image: photo(t), sandbox.Video: clip(), sandbox.Voice: voice(), sandbox.Document: report(), sandbox.Sticker: sticker(t),
	} {
		content, err := phone.Upload(sandbox.Media{Kind: kind, Data: data, Caption: "look", FileName: "paper.pdf"})
		if err != nil {
			t.Fatal(err)
		}
		id := send(content)
		m := stored(id)
		if m.object("media")["size"] != float64(len(data)) || m.object("media").object("keys")["media_key"] == nil {
			t.Errorf("%s: %v", kind, m)
		}
		file := alice.call("message.downloadMedia", params{"message_id": id}).object("media")
		_, encoded, _ := strings.Cut(file["base64"].(string), ",")
		got, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes of %d, %v", kind, len(got), len(data), err)
		}
		again := alice.call("media.get", params{"media_id": file["media_id"]}).object("media")
		if again["base64"] != file["base64"] || stored(id).object("media")["media_id"] != file["media_id"] {
			t.Errorf("%s is not kept: %v", kind, again["media_id"])
		}
		keys := m.object("media").object("keys")
		byKeys := alice.call("media.download", params{
			"kind": m["type"], "media_key": keys["media_key"], "file_sha256": keys["file_sha256"], "file_enc_sha256": keys["file_enc_sha256"],
			"direct_path": keys["direct_path"], "file_length": len(data), "mime_type": file["mime_type"],
		}).object("media")
		if byKeys["base64"] != file["base64"] {
			t.Errorf("%s by its keys differs", kind)
		}
		downloadsWithoutEncryptedHash(t, alice, m, file["base64"].(string), len(data))
	}
	chats := alice.call("chat.list", params{})
	if chats["total"] != 1.0 || chats.list("chats")[0]["unread_count"] != 8.0 || chats.list("chats")[0]["name"] != "Carol" {
		t.Errorf("chats: %v", chats)
	}
	found := alice.call("message.search", params{"query": "LOO", "type": "image"})
	if found["total"] != 1.0 || found.list("messages")[0]["text"] != "look" {
		t.Errorf("search: %v", found)
	}
	page := alice.call("message.list", params{"chat": carol, "limit": 3})
	if len(page.list("messages")) != 3 || page["has_more"] != true {
		t.Errorf("page: %v", page)
	}
}

func TestReplyReactEditRevoke(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	first := alice.call("message.sendText", params{"to": bob.pn(), "text": "first"})["message_id"].(string)
	got := bob.awaitMessage(first)

	// Bob answers from his phone, quoting.
	reply, err := bob.phone.Send(w.ctx(), alice.phone.JID(), sandbox.Reply(got, "answer"))
	if err != nil {
		t.Fatal(err)
	}
	m := alice.eventually("the reply", "message.get", params{"message_id": reply}, func(r result) bool { return true }).object("message")
	if m.object("quoted")["message_id"] != first || m.object("quoted")["text"] != "first" {
		t.Errorf("reply: %v", m)
	}
	if quoted := alice.call("message.getQuoted", params{"message_id": reply}).object("message"); quoted["message_id"] != first || quoted["from_me"] != true {
		t.Errorf("quoted: %v", quoted)
	}
	// Alice quotes the reply.
	back := bob.awaitMessage(alice.call("message.sendText", params{"to": bob.pn(), "text": "again", "reply_to": params{"message_id": reply}})["message_id"].(string))
	about := back.Message.GetExtendedTextMessage().GetContextInfo()
	if about.GetStanzaID() != reply || about.GetQuotedMessage().GetExtendedTextMessage().GetText() != "answer" || about.GetParticipant() != bob.lid() {
		t.Errorf("quote: %v", about)
	}

	// Reactions, both ways.
	alice.call("message.react", params{"chat": bob.pn(), "message_id": reply, "emoji": "👍"})
	reaction, err := bob.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.Message.GetReactionMessage().GetKey().GetID() == reply })
	if err != nil || reaction.Message.GetReactionMessage().GetText() != "👍" {
		t.Fatalf("reaction: %v %v", reaction, err)
	}
	bob.eventually("alice's reaction", "message.get", params{"message_id": reply, "chat": alice.pn()}, func(r result) bool {
		list := r.object("message").list("reactions")
		return len(list) == 1 && list[0]["emoji"] == "👍" && list[0]["sender"] == alice.pn()
	})
	if _, err = bob.phone.React(w.ctx(), got, "🎉"); err != nil {
		t.Fatal(err)
	}
	reacted := func(want int) {
		t.Helper()
		alice.eventually("bob's reaction", "message.get", params{"message_id": first}, func(r result) bool {
			return len(r.object("message").list("reactions")) == want
		})
	}
	reacted(1)
	if _, err = bob.phone.React(w.ctx(), got, ""); err != nil {
		t.Fatal(err)
	}
	reacted(0)

	// Edits, both ways.
	alice.call("message.edit", params{"chat": bob.pn(), "message_id": first, "text": "first, corrected"})
	for _, who := range []struct {
		m    *member
		chat string
	}{{alice, bob.pn()}, {bob, alice.pn()}} {
		who.m.eventually("the edit", "message.get", params{"message_id": first, "chat": who.chat}, func(r result) bool {
			return r.object("message")["text"] == "first, corrected" && r.object("message")["edited_at"] != nil
		})
	}
	if _, err = bob.phone.Edit(w.ctx(), alice.phone.JID(), reply, sandbox.Text("better answer")); err != nil {
		t.Fatal(err)
	}
	alice.eventually("bob's edit", "message.get", params{"message_id": reply}, func(r result) bool { return r.object("message")["text"] == "better answer" })
	alice.refused(rpc.CodeForbidden, "message.edit", params{"chat": bob.pn(), "message_id": reply, "text": "not mine"})

	// Revocations, both ways.
	alice.call("message.delete", params{"chat": bob.pn(), "message_id": first, "for_everyone": true})
	bob.eventually("the revocation", "message.get", params{"message_id": first, "chat": alice.pn()}, func(r result) bool {
		return r.object("message")["deleted_at"] != nil && r.object("message")["text"] == nil
	})
	alice.refused(rpc.CodeConflict, "message.edit", params{"chat": bob.pn(), "message_id": first, "text": "too late"})
	alice.refused(rpc.CodeForbidden, "message.delete", params{"chat": bob.pn(), "message_id": reply, "for_everyone": true})
	if _, err = bob.phone.Revoke(w.ctx(), alice.phone.JID(), bob.phone.LID(), reply); err != nil {
		t.Fatal(err)
	}
	alice.eventually("bob's revocation", "message.get", params{"message_id": reply}, func(r result) bool { return r.object("message")["deleted_at"] != nil })
}

func TestPollInAGroup(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	group := alice.call("group.create", params{"name": "Crew", "participants": []string{bob.pn(), carol.pn()}}).object("group")["group"].(string)
	bob.awaitGroupChange(group, "create", nil)
	carol.awaitGroupChange(group, "create", nil)
	poll := alice.call("message.sendPoll", params{"to": group, "question": "When?", "options": []string{"now", "later"}})["message_id"].(string)
	if _, err := bob.phone.Vote(w.ctx(), bob.awaitMessage(poll), "later"); err != nil {
		t.Fatal(err)
	}
	if _, err := carol.phone.Vote(w.ctx(), carol.awaitMessage(poll), "later"); err != nil {
		t.Fatal(err)
	}
	alice.eventually("two votes", "message.get", params{"message_id": poll}, func(r result) bool {
		options := r.object("message").object("poll").list("options")
		return len(options) == 2 && options[0]["vote_count"] == 0.0 && options[1]["vote_count"] == 2.0
	})
	alice.status(group, poll, "delivered")
	if err := bob.phone.Read(bob.awaitMessage(poll)); err != nil {
		t.Fatal(err)
	}
	alice.eventually("one reader", "message.getReceipts", params{"message_id": poll}, func(r result) bool {
		read := r.list("read")
		return len(read) == 1 && read[0]["contact"] == bob.pn() && r["read_remaining"] == 1.0
	})
	if status := alice.call("message.get", params{"message_id": poll}).object("message")["status"]; status != "delivered" {
		t.Errorf("one of two has read: %v", status)
	}
	if err := carol.phone.Read(carol.awaitMessage(poll)); err != nil {
		t.Fatal(err)
	}
	alice.status(group, poll, "read")

	mention := alice.call("message.sendText", params{"to": group, "text": "all", "mention_all": true, "mentions": []string{bob.lid()}})["message_id"].(string)
	if got := carol.awaitMessage(mention).Message.GetExtendedTextMessage().GetContextInfo(); got.GetNonJIDMentions() != 1 {
		t.Errorf("mention: %v", got)
	}
	contacts := alice.call("message.listMentions", params{"message_id": mention}).list("contacts")
	if len(contacts) != 1 || contacts[0]["contact"] != bob.pn() {
		t.Errorf("mentions: %v", contacts)
	}
	if _, err := bob.phone.Send(w.ctx(), bob.awaitMessage(poll).Chat, sandbox.Text("from bob")); err != nil {
		t.Fatal(err)
	}
	chat := alice.eventually("bob's message", "chat.get", params{"chat": group}, func(r result) bool { return r.object("chat")["unread_count"] == 1.0 }).object("chat")
	if chat["name"] != "Crew" || chat["kind"] != "group" || chat.object("group")["name"] != "Crew" || chat.object("last_message")["sender"] != bob.pn() {
		t.Errorf("chat: %v", chat)
	}
	if ids := alice.call("chat.markRead", params{"chat": group}).texts("message_ids"); len(ids) != 1 {
		t.Errorf("read: %v", ids)
	}
	if chat := alice.call("chat.get", params{"chat": group}).object("chat"); chat["unread_count"] != 0.0 {
		t.Errorf("after reading: %v", chat)
	}
}

// downloadsWithoutEncryptedHash downloads the file of a message by its keys without file_enc_sha256, which is optional,
// by url and by direct_path; wrong keys and hashes must still be refused.
func downloadsWithoutEncryptedHash(t *testing.T, c *member, m result, want string, size int) {
	t.Helper()
	keys := m.object("media").object("keys")
	base := func() params {
		return params{"kind": m["type"], "media_key": keys["media_key"], "file_sha256": keys["file_sha256"], "direct_path": keys["direct_path"], "file_length": size}
	}
	_, content, _ := strings.Cut(want, ",")
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, change := range map[string]params{
		"absent": {}, "null": {"file_enc_sha256": nil}, "empty": {"file_enc_sha256": ""},
		"by url": {"direct_path": nil, "url": "https://mmg.whatsapp.net" + keys["direct_path"].(string)},
	} {
		p := base()
		for key, value := range change {
			if p[key] = value; value == nil && key == "direct_path" {
				delete(p, key)
			}
		}
		file := c.call("media.download", p).object("media")
		if _, got, _ := strings.Cut(file["base64"].(string), ","); got != content {
			t.Errorf("%s, file_enc_sha256 %s: another file", m["type"], name)
		}
	}
	for _, wrong := range []string{"media_key", "file_sha256"} {
		p := base()
		p[wrong] = other
		if _, failed := c.try("media.download", p); failed == nil {
			t.Errorf("%s with a wrong %s is accepted", m["type"], wrong)
		}
	}
}
