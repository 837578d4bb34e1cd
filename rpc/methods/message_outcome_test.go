package methods_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

func TestRefusedMessageFailsWithItsCode(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	if _, err := w.network.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: "4915100000001", Code: 463}); err != nil {
		t.Fatal(err)
	}
	failed := alice.refused(rpc.CodeWhatsApp, "message.sendText", params{"to": bob.pn(), "text": "x", "message_id": "MINE1"})
	if details := failed.Details.(map[string]any); details["wa_code"] != 463 || details["message_id"] != "MINE1" {
		t.Errorf("details: %v", details)
	}
	if m := alice.call("message.get", params{"message_id": "MINE1"}).object("message"); m["status"] != "failed" {
		t.Errorf("stored: %v", m)
	}
	// The same id again: now it is sent, and a third call does not send it twice.
	alice.call("message.sendText", params{"to": bob.pn(), "text": "x", "message_id": "MINE1"})
	bob.awaitMessage("MINE1")
	repeated := alice.call("message.sendText", params{"to": bob.pn(), "text": "x", "message_id": "MINE1"})
	if status := repeated.object("message")["status"]; status == "pending" || status == "failed" {
		t.Errorf("status %v", status)
	}
	fence := alice.call("message.sendText", params{"to": bob.pn(), "text": "fence"})["message_id"].(string)
	bob.awaitMessage(fence)
	count := 0
	for _, r := range bob.phone.Received() {
		if r.ID == "MINE1" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("bob got it %d times", count)
	}
}

func TestUnansweredSendSaysSo(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	alice.call("message.sendText", params{"to": bob.pn(), "text": "warm up"})
	if _, err := w.network.Inject(sandbox.Fault{Kind: sandbox.FaultStall, Session: "4915100000001", Tag: "message"}); err != nil {
		t.Fatal(err)
	}
	failed := alice.refused(rpc.CodeTimeout, "message.sendText", params{
		"to": bob.pn(), "text": "x", "message_id": "LOST1", "_meta": params{"timeout_ms": 300},
	})
	if details := failed.Details.(map[string]any); details["outcome"] != "unknown" || details["message_id"] != "LOST1" {
		t.Errorf("details: %v", details)
	}
	if m := alice.call("message.get", params{"message_id": "LOST1"}).object("message"); m["status"] != "pending" {
		t.Errorf("stored: %v", m)
	}
	w.restart("alice")
	alice.call("message.sendText", params{"to": bob.pn(), "text": "x", "message_id": "LOST1"})
	bob.awaitMessage("LOST1")
}

func TestNothingIsStoredWithoutConnection(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	s, err := w.bridge.Session("alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Disconnect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.until(s, bridge.StateDisconnected)
	for _, call := range []struct {
		method string
		p      params
	}{
		{"message.sendText", params{"to": bob.pn(), "text": "x", "message_id": "NOT1"}},
		{"message.react", params{"chat": bob.pn(), "message_id": "A", "emoji": "x", "from_me": true}},
		{"chat.setPinned", params{"chat": bob.pn(), "pinned": true}},
		{"presence.setAvailability", params{"available": true}},
	} {
		alice.refused(rpc.CodeSessionNotConnected, call.method, call.p)
	}
	alice.refused(rpc.CodeNotFound, "message.get", params{"message_id": "NOT1"})
	if list := alice.call("chat.list", params{}); list["total"] != 0.0 {
		t.Errorf("chats: %v", list)
	}
}

func TestBadContentNamesItsField(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "4915100000001")
	const bob = "4915100000002@s.whatsapp.net"
	inner := httptest.NewServer(http.NotFoundHandler())
	defer inner.Close()
	for _, test := range []struct {
		method  string
		p       params
		pointer string
	}{
		{"message.sendText", params{"to": "bob", "text": "x"}, "/to"},
		{"message.sendText", params{"to": bob, "text": " "}, "/text"},
		{"message.sendText", params{"to": bob, "text": strings.Repeat("x", 65537)}, "/text"},
		{"message.sendText", params{"to": bob, "text": "x", "disappearing_seconds": 5}, "/disappearing_seconds"},
		{"message.sendText", params{"to": bob, "text": "x", "mentions": []string{"status@broadcast"}}, "/mentions/0"},
		{"message.sendText", params{"to": bob, "text": "x", "mention_all": true}, "/mention_all"},
		{"message.sendText", params{"to": bob, "text": "x", "preview": params{"url": "https://b.example"}}, "/preview/url"},
		{"message.sendText", params{"to": bob, "text": "x", "colour": "red"}, "/colour"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": dataURL("image/png", []byte("<html>"))}}, "/media/base64"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": dataURL("image/jpeg", sticker(t))}}, "/media/base64"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": "aGVsbG8="}}, "/media"}, // base64 of a text
		{"message.sendImage", params{"to": bob, "media": params{"base64": "no base64!"}}, "/media/base64"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": "data:image/png;base64,!!!!"}}, "/media/base64"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": dataURL("", report())}}, "/media"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": dataURL("", photo(t)[:200])}}, "/media"},
		{"message.sendImage", params{"to": bob, "media": params{"base64": dataURL("", photo(t)), "mime_type": "video/mp4"}}, "/media/mime_type"},
		{"message.sendImage", params{"to": bob, "media": params{}}, "/media"},
		{"message.sendImage", params{"to": bob, "media": params{"url": inner.URL}}, "/media/url"},
		{"message.sendImage", params{"to": bob, "media": params{"url": "http://2130706433/x.png"}}, "/media/url"},
		{"message.sendDocument", params{"to": bob, "media": params{"base64": dataURL("", report()), "filename": "../../etc/passwd"}}, "/media/filename"},
		{"message.sendVideo", params{"to": bob, "media": params{"base64": dataURL("", clip()[:40])}}, "/media"},
		{"message.sendVideo", params{"to": bob, "media": params{"base64": dataURL("", clip())}, "video_note": true, "caption": "x"}, "/caption"},
		{"message.sendSticker", params{"to": bob, "media": params{"base64": dataURL("", report())}}, "/media"},
		{"message.sendLocation", params{"to": bob, "latitude": 91, "longitude": 0}, "/latitude"},
		{"message.sendContact", params{"to": bob, "contacts": []params{{"name": "x", "vcard": "hello"}}}, "/contacts/0/vcard"},
		{"message.sendPoll", params{"to": bob, "question": "q", "options": []string{"a", "a"}}, "/options/1"},
		{"message.sendPoll", params{"to": bob, "question": "q", "options": []string{"a", "b"}, "selectable_count": 3}, "/selectable_count"},
		{"message.sendEvent", params{"to": bob, "name": "n", "start_at": "2027-01-02T10:00:00Z", "end_at": "2027-01-01T10:00:00Z"}, "/end_at"},
		{"message.send", params{"to": bob, "content": params{"type": "poll", "question": "q", "options": []string{"a"}}}, "/content/options"},
		{"message.send", params{"to": bob, "content": params{"type": "location", "latitude": 1}}, "/content/longitude"},
		{"message.send", params{"to": bob, "content": params{"type": "riddle"}}, "/content/type"},
		{"chat.setMuted", params{"chat": bob, "muted": true, "until": "2020-01-01T00:00:00Z"}, "/until"},
	} {
		failed := alice.refused(rpc.CodeInvalidParams, test.method, test.p)
		if pointers := badFields(t, failed); !strings.Contains(pointers, test.pointer+" ") {
			t.Errorf("%s: names %q (%v), want %s", test.method, pointers, failed.Message, test.pointer)
		}
	}
	alice.refused(rpc.CodeNotFound, "message.sendImage", params{"to": bob, "media": params{"media_id": "alice-01.png"}})
	alice.refused(rpc.CodeNotFound, "media.get", params{"media_id": "bob-01.png"})
	alice.refused(rpc.CodeNotFound, "media.get", params{"media_id": "alice-../../../etc/passwd"})
	// A voice note in another format needs a converter, which may be missing.
	_, failed := alice.try("message.sendAudio", params{"to": bob, "media": params{"base64": dataURL("audio/mpeg", []byte("ID3\x03\x00not really a song"))}, "voice_note": true})
	if failed == nil || failed.Code != rpc.CodeNotSupported && failed.Code != rpc.CodeInvalidParams {
		t.Errorf("voice note from mp3: %v", failed)
	}
	if list := alice.call("chat.list", params{}); list["total"] != 0.0 {
		t.Errorf("something was stored: %v", list)
	}
}

func TestChatSettings(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	id := alice.call("message.sendText", params{"to": bob.pn(), "text": "x"})["message_id"].(string)
	is := func(what string, right func(chat result) bool) {
		t.Helper()
		alice.eventually(what, "chat.get", params{"chat": bob.lid()}, func(r result) bool { return right(r.object("chat")) })
	}
	alice.call("chat.setPinned", params{"chat": bob.pn(), "pinned": true})
	is("pinned", func(c result) bool { return c["pinned"] == true })
	alice.call("chat.setArchived", params{"chat": bob.pn(), "archived": true})
	is("archived", func(c result) bool { return c["archived"] == true && c["pinned"] == false })
	muted := alice.call("chat.setMuted", params{"chat": bob.pn(), "muted": true, "duration_seconds": 3600})
	is("muted", func(c result) bool {
		return c["muted"] == true && c["muted_until"] != nil && c["muted_until"] == muted["muted_until"]
	})
	alice.call("chat.setMuted", params{"chat": bob.pn(), "muted": false})
	is("not muted", func(c result) bool { return c["muted"] == false })
	alice.call("chat.markUnread", params{"chat": bob.pn()})
	is("marked unread", func(c result) bool { return c["unread_count"] == -1.0 })
	alice.call("chat.markRead", params{"chat": bob.pn()})
	is("read", func(c result) bool { return c["unread_count"] == 0.0 })
	alice.call("message.setStarred", params{"chat": bob.pn(), "message_id": id, "starred": true})
	if m := alice.call("message.get", params{"message_id": id}).object("message"); m["starred"] != true {
		t.Errorf("starred: %v", m)
	}
	// Changes made on the phone arrive, too.
	if err := alice.phone.ArchiveChat(w.ctx(), bob.phone.JID(), false); err != nil {
		t.Fatal(err)
	}
	is("unarchived by the phone", func(c result) bool { return c["archived"] == false })
	alice.call("message.delete", params{"chat": bob.pn(), "message_id": id, "for_everyone": false})
	alice.refused(rpc.CodeNotFound, "message.get", params{"message_id": id})
	alice.call("message.sendText", params{"to": bob.pn(), "text": "y"})
	alice.call("chat.clearMessages", params{"chat": bob.pn()})
	is("cleared", func(c result) bool { return c["last_message"] == nil })
	alice.call("message.sendText", params{"to": bob.pn(), "text": "z"})
	alice.call("chat.delete", params{"chat": bob.pn()})
	if list := alice.call("chat.list", params{}); list["total"] != 0.0 {
		t.Errorf("chats: %v", list)
	}
	if err := alice.phone.SaveContact(w.ctx(), bob.phone.JID(), "Bob", "Bob B."); err != nil {
		t.Fatal(err)
	}
	alice.eventually("a chat without messages", "chat.list", params{"include_contacts": true}, func(r result) bool {
		return r["total"] == 1.0 && r.list("chats")[0]["name"] == "Bob B."
	})
}

func TestForward(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	picture := photo(t)
	id := bob.call("message.sendImage", params{"to": alice.pn(), "media": params{"base64": dataURL("image/jpeg", picture)}, "caption": "look"})["message_id"].(string)
	alice.eventually("the picture", "message.get", params{"message_id": id, "chat": bob.pn()}, func(result) bool { return true })
	forwarded := alice.call("message.forward", params{"chat": bob.pn(), "message_id": id, "recipients": []string{carol.pn(), "120363999999999999@g.us"}}).list("messages")
	if forwarded[0]["error"] != nil || forwarded[1]["error"] == nil {
		t.Fatalf("forwarded: %v", forwarded)
	}
	got := carol.awaitMessage(forwarded[0]["message_id"].(string))
	carol.hasFile(got, picture)
	if about := got.Message.GetImageMessage().GetContextInfo(); !about.GetIsForwarded() || about.GetForwardingScore() != 1 || got.Text() != "look" {
		t.Errorf("got %v", got.Message)
	}
}

func TestMediaIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "4915100000001")
	phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: "4915100000009"})
	if err != nil {
		t.Fatal(err)
	}
	content, err := phone.Upload(sandbox.Media{Kind: sandbox.Image, Data: photo(t)})
	if err != nil {
		t.Fatal(err)
	}
	id, err := phone.Send(w.ctx(), alice.phone.JID(), content)
	if err != nil {
		t.Fatal(err)
	}
	alice.eventually("the picture", "message.get", params{"message_id": id}, func(result) bool { return true })
	if err := w.network.FailMedia(sandbox.MediaDownload, 404, 1); err != nil {
		t.Fatal(err)
	}
	file := alice.call("message.downloadMedia", params{"message_id": id}).object("media")
	if file["size"] != float64(len(photo(t))) {
		t.Errorf("got %v bytes", file["size"])
	}
}

func TestTypingAndPresence(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	if got := alice.call("presence.setAvailability", params{"available": true}); got["available"] != true {
		t.Errorf("got %v", got)
	}
	if err := bob.phone.SetAvailable(true); err != nil {
		t.Fatal(err)
	}
	for state, child := range map[string]string{"composing": "composing", "recording": "composing", "paused": "paused"} {
		alice.call("presence.setChatState", params{"chat": bob.lid(), "state": state})
		_, err := bob.phone.AwaitStanza(w.ctx(), func(n waBinary.Node) bool {
			inner, ok := n.GetOptionalChildByTag(child)
			return n.Tag == "chatstate" && ok && (inner.AttrGetter().OptionalString("media") == "audio") == (state == "recording")
		})
		if err != nil {
			t.Errorf("%s: %v", state, err)
		}
	}
	if got := alice.call("presence.subscribe", params{"contacts": []string{bob.pn()}}).texts("subscribed"); len(got) != 1 {
		t.Errorf("subscribed %v", got)
	}
	start := time.Now()
	alice.call("message.sendText", params{"to": bob.pn(), "text": "slow", "typing_seconds": 0.2, "check_recipient": true})
	if time.Since(start) < 200*time.Millisecond {
		t.Error("typing was not shown that long")
	}
	alice.refused(rpc.CodeNotFound, "message.sendText", params{"to": "+4915999999999", "text": "x", "check_recipient": true})
}

// badFields returns the pointers in an error, each followed by a blank.
func badFields(t *testing.T, failed *rpc.Error) string {
	t.Helper()
	fields, ok := failed.Details.(map[string]any)["fields"].(rpc.Fields)
	if !ok {
		t.Fatalf("no fields in %v", failed.Details)
	}
	out := ""
	for _, field := range fields {
		out += field.Pointer + " "
	}
	return out
}
