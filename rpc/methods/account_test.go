package methods_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"regexp"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

func jpegFile(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := jpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func numbered(i int) string { return fmt.Sprintf("49152000000%02d", i) }

// ready waits until the phone has shared its app-state keys with the session.
func (m *member) ready() {
	m.w.t.Helper()
	m.eventually("the keys of the app state", "profile.setName", params{"name": m.phone.PushName()}, func(result) bool { return true })
}

func TestProfile(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	desk := w.link("alice-desk", alice.phone)
	alice.ready()
	desk.ready()

	if got := alice.call("profile.setName", params{"name": "Countess"}); got["name"] != "Countess" {
		t.Errorf("name: %v", got)
	}
	desk.eventually("the name on the other device", "profile.get", nil, func(r result) bool { return r["push_name"] == "Countess" })
	if alice.phone.PushName() != "Countess" {
		t.Errorf("the phone is called %q", alice.phone.PushName())
	}
	if got := alice.call("profile.setAbout", params{"about": "weaving"}); got["about"] != "weaving" || alice.phone.About() != "weaving" {
		t.Errorf("about: %v, phone %q", got, alice.phone.About())
	}
	id := alice.call("profile.setPicture", params{"media": params{"base64": pixel(t)}})["picture_id"]
	seen := bob.call("contact.get", params{"contact": alice.lid(), "include": []string{"user_info", "picture"}})
	if seen.object("user_info")["about"] != "weaving" || seen.object("picture")["picture_id"] != id {
		t.Errorf("bob sees %v", seen)
	}
	own := alice.call("profile.get", nil)
	if own["jid"] != alice.pn() || own["lid"] != alice.lid() || own["about"] != "weaving" || own["picture_url"] == nil || own["business_name"] != nil {
		t.Errorf("own profile: %v", own)
	}
	if got := alice.call("profile.removePicture", nil); got["removed"] != true || alice.call("profile.get", nil)["picture_url"] != nil {
		t.Errorf("after removing the picture: %v", got)
	}
	link := alice.call("profile.createContactLink", nil)
	if url, _ := link["url"].(string); !regexp.MustCompile(`^https://wa\.me/qr/[A-Za-z0-9]+$`).MatchString(url) {
		t.Errorf("contact link %q", url)
	}
	if same := alice.call("profile.createContactLink", params{"revoke_previous": false}); same["url"] != link["url"] {
		t.Errorf("the link changed: %v, %v", link, same)
	}
	if fresh := alice.call("profile.createContactLink", params{"revoke_previous": true}); fresh["url"] == link["url"] || fresh["revoked_previous"] != true {
		t.Errorf("the link stayed: %v", fresh)
	}
	alice.refused(rpc.CodeInvalidParams, "profile.setName", params{"name": ""})
	alice.refused(rpc.CodeInvalidParams, "profile.setPicture", params{"media": params{}})
	alice.refused(rpc.CodeInvalidParams, "profile.setPicture", params{"media": params{"base64": "hello"}})
}

func TestPrivacy(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	before := alice.call("privacy.getSettings", params{"refresh": true}).object("settings")
	if len(before) != 10 || before["group_add"] != "all" {
		t.Errorf("before: %v", before)
	}
	after := alice.call("privacy.updateSettings", params{"status": "none", "messages": "contacts", "defense": "on_standard"}).object("settings")
	if after["status"] != "none" || after["messages"] != "contacts" || after["defense"] != "on_standard" || after["group_add"] != "all" {
		t.Errorf("after: %v", after)
	}
	if cached := alice.call("privacy.getSettings", nil).object("settings"); cached["messages"] != "contacts" {
		t.Errorf("cached: %v", cached)
	}
	alice.call("profile.setAbout", params{"about": "secret"})
	if users := bob.call("contact.getUserInfo", params{"contacts": []string{alice.pn()}}).list("users"); users[0]["about"] != nil {
		t.Errorf("bob sees %v", users)
	}
	failed := alice.refused(rpc.CodeInvalidParams, "privacy.updateSettings", params{"online": "none", "last_seen": "some"})
	if fields, _ := failed.Details.(map[string]any)["fields"].(rpc.Fields); len(fields) != 2 {
		t.Errorf("both bad fields must be named: %v", failed.Details)
	}
	alice.refused(rpc.CodeInvalidParams, "privacy.updateSettings", params{})
	if got := alice.call("privacy.setDefaultDisappearingTimer", params{"disappearing_seconds": 604800}); got["disappearing_seconds"] != 604800.0 {
		t.Errorf("timer: %v", got)
	}
	alice.refused(rpc.CodeInvalidParams, "privacy.setDefaultDisappearingTimer", params{"disappearing_seconds": 60})
	if status := alice.call("status.getPrivacy", nil); status["type"] != "contacts" || len(status.list("lists")) != 1 {
		t.Errorf("status privacy: %v", status)
	}
}

func TestPrivacyTokens(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	if got := bob.call("privacy.getToken", params{"contact": alice.pn()}); got["found"] != false {
		t.Errorf("before: %v", got)
	}
	bob.call("contact.resolveLid", params{"contact": alice.pn()})
	alice.call("contact.resolveLid", params{"contact": bob.pn()})
	issued := alice.call("privacy.issueTokens", params{"contacts": []string{bob.pn()}}).list("tokens")
	if len(issued) != 1 || issued[0]["contact"] != bob.pn() || issued[0]["issued_at"] == nil {
		t.Errorf("issued: %v", issued)
	}
	bob.eventually("alice's token", "privacy.getToken", params{"contact": alice.pn()}, func(r result) bool {
		return r["found"] == true && r["received_at"] != nil
	})
	if people := bob.call("privacy.listTokens", nil).texts("contacts"); len(people) != 1 || people[0] != alice.pn() {
		t.Errorf("tokens of %v", people)
	}
	if got := bob.call("privacy.deleteExpiredTokens", nil); got["deleted_count"] != 0.0 {
		t.Errorf("deleted %v", got)
	}
}

func TestExpiredTokensAndReports(t *testing.T) {
	a := newAdmin(t)
	alice, bob := a.join("alice", "15550100001"), a.join("bob", "15550100002")
	alice.call("contact.resolveLid", params{"contact": bob.pn()}) // messages are addressed by LIDs
	a.script("sandbox.issueToken", params{"account": bob.pn(), "to": alice.pn(), "issued_at": "2026-01-01T00:00:00Z"})
	alice.eventually("bob's old token", "privacy.getToken", params{"contact": bob.pn()}, func(r result) bool {
		return r["found"] == true && r["expired"] == true && r["received_at"] == "2026-01-01T00:00:00Z"
	})
	a.script("sandbox.issueToken", params{"account": bob.pn(), "to": alice.pn()})
	alice.eventually("bob's new token", "privacy.getToken", params{"contact": bob.pn()}, func(r result) bool {
		return r["found"] == true && r["expired"] == false
	})
	reported := alice.call("message.reportSpam", params{"message_id": "M1", "chat": bob.pn(), "timestamp": "2026-02-01T00:00:00Z"})
	list := a.script("sandbox.listSpamReports", params{"account": alice.pn()}).list("reports")
	if len(list) != 1 || list[0]["report_id"] != reported["report_id"] || list[0]["about"] != bob.lid() || list[0]["reporter"] != alice.lid() || list[0]["flow"] != "MessageMenu" {
		t.Errorf("reports %v of %v", list, reported)
	}
	if messages := list[0].list("messages"); messages[0]["timestamp"] != "2026-02-01T00:00:00Z" || messages[0]["content"] != nil {
		t.Errorf("messages %v", messages)
	}
	if others := a.script("sandbox.listSpamReports", params{"account": bob.pn()}).list("reports"); len(others) != 0 {
		t.Errorf("bob's reports: %v", others)
	}
	for name, call := range map[string]struct {
		method string
		p      params
	}{
		"token, no account":   {"sandbox.issueToken", params{"account": "15550100098", "to": alice.pn()}},
		"token, no person":    {"sandbox.issueToken", params{"account": bob.pn(), "to": "120363000000000001@g.us"}},
		"token, unknown":      {"sandbox.issueToken", params{"account": bob.pn(), "to": "15550100098"}},
		"reports, no account": {"sandbox.listSpamReports", params{"account": "15550100098"}},
	} {
		if r, failed := a.tryScript(call.method, call.p); failed == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
	for _, p := range []params{{}, {"message_id": "M1"}, {"message_id": "M1", "chat": bob.pn()}, {"message_id": "M1", "chat": bob.pn(), "timestamp": "2026-02-01T00:00:00Z", "flow": "phone"}} {
		alice.refused(rpc.CodeInvalidParams, "message.reportSpam", p)
	}
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	w.link("bob-desk", bob.phone)
	got := alice.call("device.list", params{"contacts": []string{bob.pn()}, "timeout_seconds": 5})
	if got["total_users"] != 1.0 || got["total_devices"] != 3.0 || got["timeout_seconds"] != 5.0 {
		t.Fatalf("devices: %v", got)
	}
	user := got.list("users")[0]
	if user["contact"] != bob.pn() || user["lid"] != bob.lid() {
		t.Errorf("user: %v", user)
	}
	for _, device := range user.list("devices") {
		if phone := device["device_id"] == 0.0; phone != (device["platform"] == "phone") {
			t.Errorf("device: %v", device)
		}
	}
	own := bob.call("device.listLinked", nil).list("devices")
	this := 0
	for _, device := range own {
		if device["is_this"] == true {
			this++
			if device["connected"] != true || device["platform"] == nil {
				t.Errorf("this device: %v", device)
			}
		} else if device["device_id"] != 0.0 && device["connected"] != nil {
			t.Errorf("nothing is known of %v", device)
		}
	}
	if len(own) != 3 || this != 1 {
		t.Errorf("own devices: %v", own)
	}
	if got := bob.call("device.getPlatform", params{"device_id": 0}); got["platform"] != "phone" {
		t.Errorf("platform of the phone: %v", got)
	}
	if got := bob.call("device.getPlatform", params{"device_id": 77}); got["platform"] != "unknown" {
		t.Errorf("platform of a stranger: %v", got)
	}
	bob.refused(rpc.CodeInvalidParams, "device.getPlatform", params{"device_id": 70000})
	bob.refused(rpc.CodeInvalidParams, "device.list", params{"contacts": []string{}})
}

func TestCallIsRejected(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	id, err := bob.phone.Call(alice.phone.JID(), false)
	if err != nil {
		t.Fatal(err)
	}
	// The event of the offer has the caller's number, by which the call is rejected.
	alice.eventually("the caller's number", "contact.resolveLid", params{"contact": bob.lid()}, func(r result) bool { return r["contact"] == bob.pn() })
	got := alice.call("call.reject", params{"call_id": id, "from": bob.lid(), "reason": "busy"})
	if got["call_id"] != id || got["from"] != bob.pn() || got["reason"] != "busy" || got["message_id"] != nil {
		t.Errorf("rejected: %v", got)
	}
	_, err = bob.phone.AwaitStanza(w.ctx(), func(node waBinary.Node) bool {
		reject, ok := node.GetOptionalChildByTag("reject")
		return node.Tag == "call" && ok && reject.AttrGetter().String("call-id") == id
	})
	if err != nil {
		t.Errorf("bob's phone still rings: %v", err)
	}
	told := alice.call("call.reject", params{"call_id": id, "from": bob.pn(), "message": "at lunch"})
	if _, err := bob.phone.Await(w.ctx(), func(r sandbox.Received) bool {
		return r.ID == told["message_id"] && r.Message.GetConversation() == "at lunch"
	}); err != nil || told["reason"] != "declined" {
		t.Errorf("bob was not told: %v, %v", told, err)
	}
	alice.refused(rpc.CodeInvalidParams, "call.reject", params{"call_id": id, "from": "status@broadcast"})
	alice.refused(rpc.CodeInvalidParams, "call.reject", params{"call_id": id, "from": bob.pn(), "reason": "asleep"})
}
