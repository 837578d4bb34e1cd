package methods_test

import (
	"context"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/appstate"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

func contactOf(list []result, jid string) result {
	for _, contact := range list {
		if contact["contact"] == jid {
			return contact
		}
	}
	return nil
}

func TestContactIsSavedOnAllDevicesAndRemoved(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	desk := w.link("alice-desk", alice.phone)
	alice.ready()
	desk.ready()

	// Learn the pair of number and LID first: a LID without a known number would get an entry of its own.
	alice.call("contact.resolveLid", params{"contact": bob.pn()})
	saved := alice.call("contact.save", params{"contact": bob.lid(), "full_name": " Bob  Builder "}).object("contact")
	if saved["contact"] != bob.pn() || saved["full_name"] != "Bob  Builder" || saved["first_name"] != "Bob" || saved["is_saved"] != true || saved["name"] != "Bob  Builder" {
		t.Errorf("saved: %v", saved)
	}
	change, err := alice.phone.AwaitState(w.ctx(), func(c sandbox.StateChange) bool { return c.Index[0] == appstate.IndexContact })
	if err != nil || change.Index[1] != bob.pn() || change.Value.GetContactAction().GetFullName() != "Bob  Builder" {
		t.Fatalf("the phone has %+v, %v", change, err)
	}
	desk.eventually("the saved contact", "contact.list", params{"saved_only": true}, func(r result) bool {
		contact := contactOf(r.list("contacts"), bob.pn())
		return contact != nil && contact["full_name"] == "Bob  Builder"
	})
	if renamed := desk.call("contact.save", params{"contact": bob.pn(), "full_name": "Robert", "first_name": "Rob"}).object("contact"); renamed["first_name"] != "Rob" {
		t.Errorf("renamed: %v", renamed)
	}
	alice.eventually("the new name", "contact.get", params{"contact": bob.pn()}, func(r result) bool {
		return r.object("contact")["full_name"] == "Robert"
	})

	if got := alice.call("contact.remove", params{"contact": bob.pn()}); got["removed"] != true {
		t.Errorf("removed: %v", got)
	}
	if _, err := alice.phone.AwaitState(w.ctx(), func(c sandbox.StateChange) bool {
		return c.Removed && c.Index[0] == appstate.IndexContact && c.Index[1] == bob.pn()
	}); err != nil {
		t.Errorf("the phone still has the contact: %v", err)
	}
	if left := contactOf(alice.call("contact.list", params{"saved_only": true}).list("contacts"), bob.pn()); left != nil {
		t.Errorf("still saved: %v", left)
	}
	if again := alice.call("contact.remove", params{"contact": bob.pn()}); again["removed"] != false {
		t.Errorf("removed twice: %v", again)
	}
	// The collection must still be usable after a removal that this device encoded itself.
	alice.call("contact.save", params{"contact": bob.pn(), "full_name": "Back"})
	desk.eventually("the contact that came back", "contact.get", params{"contact": bob.pn()}, func(r result) bool {
		return r.object("contact")["full_name"] == "Back"
	})
}

// Without one queue per session these changes cause conflicts and wrong hashes.
func TestAppStateWritesOfTwoDevicesAtOnce(t *testing.T) {
	w := newWorld(t)
	alice, _ := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	desk := w.link("alice-desk", alice.phone)
	alice.ready()
	desk.ready()
	const people = 12
	failures := make(chan *rpc.Error, 2*people)
	for i := range people {
		for _, device := range []*member{alice, desk} {
			go func() {
				_, failed := device.try("contact.save", params{"contact": numbered(i), "full_name": device.session})
				failures <- failed
			}()
		}
	}
	for range 2 * people {
		if failed := <-failures; failed != nil {
			t.Errorf("a save failed: %v", failed)
		}
	}
	for i := range people {
		if _, found := alice.phone.State(appstate.WAPatchCriticalUnblockLow, appstate.IndexContact, numbered(i)+"@s.whatsapp.net"); !found {
			t.Errorf("contact %d never reached the phone", i)
		}
	}
}

func TestContactBlocking(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	got := alice.call("contact.setBlocked", params{"contacts": []string{bob.pn(), carol.lid()}, "blocked": true})
	if got["blocked"] != true || !slices.Contains(got.texts("contacts"), bob.pn()) {
		t.Errorf("blocked: %v", got)
	}
	blocked := alice.call("contact.listBlocked", nil).list("contacts")
	if len(blocked) != 2 {
		t.Fatalf("blocked: %v", blocked)
	}
	if b := contactOf(blocked, bob.pn()); b == nil || b["is_blocked"] != true || b["lid"] != bob.lid() {
		t.Errorf("bob in the list: %v", b)
	}
	alice.call("contact.setBlocked", params{"contacts": []string{bob.lid()}, "blocked": false})
	if left := alice.call("contact.listBlocked", nil).list("contacts"); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	refused := alice.refused(rpc.CodeNotFound, "contact.setBlocked", params{"contacts": []string{bob.pn(), "4915199999999"}, "blocked": true})
	if details, _ := refused.Details.(map[string]any); details["field"] != "contacts/1" {
		t.Errorf("an unknown number: %v", refused.Details)
	}
}

func TestContactLookup(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	if err := bob.phone.SetAbout("at sea"); err != nil {
		t.Fatal(err)
	}
	id, err := bob.phone.SetPicture(jpegFile(t))
	if err != nil {
		t.Fatal(err)
	}
	checked := alice.call("contact.checkRegistered", params{"numbers": []string{"+4915100000002", "4915199999999", "12ab"}}).list("results")
	if len(checked) != 3 {
		t.Fatalf("checked: %v", checked)
	}
	if c := checked[0]; c["number"] != "+4915100000002" || c["registered"] != true || c["contact"] != bob.pn() || c["lid"] != bob.lid() || c["error"] != nil {
		t.Errorf("bob: %v", c)
	}
	if c := checked[1]; c["registered"] != false || c["contact"] != nil || c["error"] != nil {
		t.Errorf("nobody: %v", c)
	}
	if c := checked[2]; c["registered"] != false || c["error"] == nil {
		t.Errorf("no number: %v", c)
	}
	for _, address := range []string{bob.pn(), bob.lid(), bob.phone.JID().User} {
		users := alice.call("contact.getUserInfo", params{"contacts": []string{address}}).list("users")
		if len(users) != 1 || users[0]["contact"] != bob.pn() || users[0]["lid"] != bob.lid() || users[0]["about"] != "at sea" ||
			users[0]["picture_id"] != id || len(users[0].texts("devices")) != 2 || users[0]["is_business"] != false {
			t.Errorf("asked for %s: %v", address, users)
		}
	}
	picture := alice.call("contact.getProfilePicture", params{"contact": bob.lid()})
	if picture["picture_id"] != id || picture["url"] == nil {
		t.Errorf("picture: %v", picture)
	}
	details := alice.call("contact.get", params{
		"contact": bob.pn(), "include": []string{"registration", "user_info", "picture", "business_profile", "devices"},
	})
	if details["registered"] != true || details["input_type"] != "jid" || details.object("user_info")["about"] != "at sea" ||
		details.object("picture")["picture_id"] != id || len(details.texts("devices")) != 2 || details.object("contact")["is_registered"] != true {
		t.Errorf("details: %v", details)
	}
	if profile, asked := details["business_profile"]; !asked || profile != nil {
		t.Errorf("business profile of a person: %v %v", profile, asked)
	}
	if plain := alice.call("contact.get", params{"contact": bob.lid()}); len(plain) != 2 || plain["input_type"] != "lid" {
		t.Errorf("without parts: %v", plain)
	}
	alice.refused(rpc.CodeInvalidParams, "contact.get", params{"contact": bob.pn(), "include": []string{"age"}})
}

func TestContactOfBusiness(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "4915100000001")
	shop, err := w.network.AddAccount(sandbox.AccountOptions{Number: "4915100000009", PushName: "shop", BusinessName: "Engines Ltd"})
	if err != nil {
		t.Fatal(err)
	}
	user := alice.call("contact.getUserInfo", params{"contacts": []string{shop.JID().String()}}).list("users")[0]
	if user["is_business"] != true || user["verified_name"] != "Engines Ltd" || user.object("verified_name_details")["verified_name"] != "Engines Ltd" {
		t.Errorf("shop: %v", user)
	}
	if details := user.object("verified_name_details"); details["issuer"] != "smb:wa" || details["details"] == nil || details["signature"] == nil {
		t.Errorf("certificate: %v", details)
	}
	if contact := alice.call("contact.get", params{"contact": shop.JID().String()}).object("contact"); contact["name"] != "Engines Ltd" || contact["is_business"] != true {
		t.Errorf("contact: %v", contact)
	}
}

func TestLidMappings(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	if unknown := alice.call("contact.resolveLid", params{"contact": "999@lid"}); unknown["contact"] != nil || unknown["lid"] != "999@lid" || unknown["created_at"] != nil {
		t.Errorf("unknown: %v", unknown)
	}
	for _, address := range []string{bob.pn(), bob.lid()} {
		if pair := alice.call("contact.resolveLid", params{"contact": address}); pair["contact"] != bob.pn() || pair["lid"] != bob.lid() || pair["created_at"] == nil {
			t.Errorf("asked for %s: %v", address, pair)
		}
	}
	page := alice.call("contact.listLidMappings", params{"limit": 1000})
	var entry result
	for _, mapping := range page.list("mappings") {
		if mapping["lid"] == bob.lid() {
			entry = mapping
		}
	}
	if entry == nil || entry["contact"] != bob.pn() || entry["usage_count"].(float64) < 2 || entry["mapping_id"] == nil || entry["last_used_at"] == nil {
		t.Errorf("mapping: %v of %v", entry, page)
	}
	if int(page["total"].(float64)) != len(page.list("mappings")) {
		t.Errorf("total %v of %d", page["total"], len(page.list("mappings")))
	}
	if format := alice.call("contact.formatNumber", params{"contact": bob.lid()}); format["formatted_number"] != "+49 1510 0000002" || format["region"] != "DE" || format["country_code"] != "49" {
		t.Errorf("formatted: %v", format)
	}
	if format := alice.call("contact.formatNumber", params{"contact": "999@lid"}); format["formatted_number"] != nil {
		t.Errorf("formatted an unknown LID: %v", format)
	}
	// The store is sufficient: no request to WhatsApp without a connection.
	session, err := w.bridge.Session("alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Disconnect(context.WithoutCancel(w.ctx())); err != nil {
		t.Fatal(err)
	}
	if pair := alice.call("contact.resolveLid", params{"contact": bob.lid()}); pair["contact"] != bob.pn() {
		t.Errorf("offline: %v", pair)
	}
	alice.refused(rpc.CodeSessionNotConnected, "contact.getUserInfo", params{"contacts": []string{bob.pn()}})
	alice.refused(rpc.CodeInvalidParams, "contact.listLidMappings", params{"limit": 1001})
}
