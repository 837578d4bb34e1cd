package methods_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"slices"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

func memberOf(group result, m *member) result {
	for _, participant := range group.list("participants") {
		if participant["contact"] == m.pn() {
			return participant
		}
	}
	return nil
}

func TestGroupIsCreatedSeenAndChanged(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")

	// One member by number, one by LID.
	created := alice.call("group.create", params{
		"name": "Expedition", "participants": []string{"+4915100000002", carol.lid()}, "description": "north", "disappearing_seconds": 86400,
	}).object("group")
	group := created["group"].(string)
	if created["name"] != "Expedition" || created["description"] != "north" || created["disappearing_seconds"] != 86400.0 {
		t.Errorf("created: %v", created)
	}
	for _, m := range []*member{bob, carol} {
		m.awaitGroupChange(group, "create", nil)
		participant := memberOf(created, m)
		if participant["lid"] != m.lid() || participant["phone_number"] != m.phone.JID().User || participant["is_admin"] != false {
			t.Errorf("%s in the new group: %v", m.session, participant)
		}
	}
	if owner := memberOf(created, alice); owner["is_super_admin"] != true || created["owner"] != alice.pn() {
		t.Errorf("owner: %v, %v", owner, created["owner"])
	}

	alice.call("group.setName", params{"group": group, "name": "Ascent"})
	bob.awaitGroupChange(group, "subject", func(n *waBinary.Node) bool { return n.AttrGetter().String("subject") == "Ascent" })
	seen := bob.call("group.get", params{"group": group}).object("group")
	if seen["name"] != "Ascent" || seen["name_set_by"] != alice.pn() || seen["description"] != "north" {
		t.Errorf("bob sees %v", seen)
	}
	if _, asked := seen["picture_url"]; asked {
		t.Error("picture_url was not asked for")
	}

	if got := alice.call("group.setDescription", params{"group": group, "description": ""}); got["description"] != nil {
		t.Errorf("removed description: %v", got)
	}
	if seen := bob.call("group.get", params{"group": group}).object("group"); seen["description"] != nil {
		t.Errorf("bob still sees %v", seen["description"])
	}

	changed := alice.call("group.updateSettings", params{
		"group": group, "locked": true, "announce": true, "disappearing_seconds": 0, "join_approval_required": true, "member_add_mode": "admin_add",
	})
	if len(changed) != 5 || changed["locked"] != true || changed["member_add_mode"] != "admin_add" {
		t.Errorf("settings answered %v", changed)
	}
	seen = bob.call("group.get", params{"group": group}).object("group")
	for field, want := range map[string]any{
		"locked": true, "announce": true, "disappearing_seconds": 0.0, "join_approval_required": true, "member_add_mode": "admin_add",
	} {
		if seen[field] != want {
			t.Errorf("bob sees %s = %v, want %v", field, seen[field], want)
		}
	}
	if only := alice.call("group.updateSettings", params{"group": group, "announce": false}); len(only) != 1 || only["announce"] != false {
		t.Errorf("one setting answered %v", only)
	}
	refused := bob.refused(rpc.CodeForbidden, "group.setName", params{"group": group, "name": "Mutiny"})
	if details, _ := refused.Details.(map[string]any); details["wa_code"] != 403 {
		t.Errorf("details of the refusal: %v", refused.Details)
	}
}

// The stored groups follow the changes of others without requests to WhatsApp, except for the approval mode.
func TestStoredGroupsFollowTheirEvents(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	group := alice.call("group.create", params{"name": "Crew", "participants": []string{bob.pn()}}).object("group")["group"].(string)
	stored := func(what string, right func(group result) bool) {
		t.Helper()
		bob.eventually(what, "group.list", params{"refresh": false}, func(r result) bool {
			list := r.list("groups")
			return len(list) == 1 && list[0]["group"] == group && right(list[0])
		})
	}
	stored("the group", func(g result) bool {
		return g["name"] == "Crew" && g["participant_count"] == 2.0 && memberOf(g, alice)["is_admin"] == true
	})
	alice.call("group.setName", params{"group": group, "name": "Watch"})
	stored("its new name", func(g result) bool { return g["name"] == "Watch" })
	alice.call("group.setDescription", params{"group": group, "description": "from four to eight"})
	stored("its description", func(g result) bool { return g["description"] == "from four to eight" })
	alice.call("group.updateSettings", params{"group": group, "locked": true, "disappearing_seconds": 86400, "join_approval_required": true})
	stored("its settings", func(g result) bool {
		return g["locked"] == true && g["disappearing_seconds"] == 86400.0 && g["join_approval_required"] == true && g["announce"] == false
	})
	alice.call("group.updateSettings", params{"group": group, "join_approval_required": false})
	stored("that nobody approves of members", func(g result) bool { return g["join_approval_required"] == false })
	change := func(action string, who *member) {
		t.Helper()
		alice.call("group.updateParticipants", params{"group": group, "action": action, "participants": []string{who.pn()}})
	}
	change("add", carol)
	stored("a third member", func(g result) bool { return g["participant_count"] == 3.0 && memberOf(g, carol)["lid"] == carol.lid() })
	change("promote", carol)
	stored("another admin", func(g result) bool { return memberOf(g, carol)["is_admin"] == true })
	change("demote", carol)
	stored("no other admin", func(g result) bool { return memberOf(g, carol)["is_admin"] == false })
	change("remove", carol)
	stored("two members", func(g result) bool { return g["participant_count"] == 2.0 && memberOf(g, carol) == nil })
	change("remove", bob)
	bob.eventually("the end of it", "group.list", params{"refresh": false}, func(r result) bool { return len(r.list("groups")) == 0 })
}

// A session that is linked after a group was created knows the group's number of members.
func TestRecipientsInAGroupNobodyAskedFor(t *testing.T) {
	w := newWorld(t)
	var phones []*sandbox.Phone
	for _, number := range []string{"4915100000001", "4915100000002", "4915100000003"} {
		phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: number})
		if err != nil {
			t.Fatal(err)
		}
		phones = append(phones, phone)
	}
	group, err := phones[1].CreateGroup(sandbox.GroupOptions{Subject: "Crew", Members: []types.JID{phones[0].JID(), phones[2].JID()}})
	if err != nil {
		t.Fatal(err)
	}
	alice := w.link("alice", phones[0])
	id := alice.call("message.sendText", params{"to": group.String(), "text": "all hands"})["message_id"].(string)
	for i, remaining := range []float64{1, 0} {
		phone := phones[i+1]
		got, err := phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.ID == id })
		if err != nil {
			t.Fatal(err)
		}
		if err := phone.Read(got); err != nil {
			t.Fatal(err)
		}
		alice.eventually("a reader", "message.getReceipts", params{"message_id": id}, func(r result) bool {
			return len(r.list("read")) == i+1 && r["read_remaining"] == remaining
		})
	}
}

func TestGroupMembers(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	group := alice.call("group.create", params{"name": "Team", "participants": []string{bob.pn()}}).object("group")["group"].(string)

	change := func(action string, people ...string) result {
		t.Helper()
		list := alice.call("group.updateParticipants", params{"group": group, "action": action, "participants": people}).list("participants")
		if len(list) != len(people) {
			t.Fatalf("%s answered %v", action, list)
		}
		return list[0]
	}
	if got := change("add", carol.pn()); got["contact"] != carol.pn() || got["lid"] != carol.lid() || got["status_code"] != 200.0 || got["error"] != nil {
		t.Errorf("add: %v", got)
	}
	bob.awaitGroupChange(group, "add", nil)
	if got := change("add", carol.lid()); got["status_code"] != 409.0 || got["error"] == nil {
		t.Errorf("adding a member again: %v", got)
	}
	change("promote", bob.lid())
	bob.awaitGroupChange(group, "promote", nil)
	if seen := carol.call("group.get", params{"group": group}).object("group"); memberOf(seen, bob)["is_admin"] != true {
		t.Errorf("bob is no admin: %v", seen)
	}
	change("demote", bob.lid())
	change("remove", carol.lid())
	carol.awaitGroupChange(group, "remove", nil)
	carol.refused(rpc.CodeForbidden, "group.get", params{"group": group})

	if got := bob.call("group.listCommon", params{"contact": alice.lid()}).texts("groups"); !slices.Equal(got, []string{group}) {
		t.Errorf("common with alice: %v", got)
	}
	if got := bob.call("group.listCommon", params{"contact": carol.pn()}).texts("groups"); len(got) != 0 {
		t.Errorf("common with carol: %v", got)
	}
	bob.call("group.leave", params{"group": group})
	alice.awaitGroupChange(group, "remove", nil)
	if got := bob.call("group.list", nil).list("groups"); len(got) != 0 {
		t.Errorf("bob's groups after leaving: %v", got)
	}
}

func TestGroupInvites(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	group := alice.call("group.create", params{"name": "Open", "participants": []string{}}).object("group")["group"].(string)
	link := alice.call("group.getInviteLink", params{"group": group})
	if link["url"] != "https://chat.whatsapp.com/"+link["code"].(string) {
		t.Errorf("link: %v", link)
	}
	shown := bob.call("group.getInviteInfo", params{"invite": link["url"]}).object("group")
	if shown["group"] != group || shown["name"] != "Open" || shown["invite_code"] != link["code"] {
		t.Errorf("invite shows %v", shown)
	}
	if joined := bob.call("group.join", params{"invite": link["url"]}); joined["group"] != group || joined["pending"] != false {
		t.Errorf("joined: %v", joined)
	}
	alice.awaitGroupChange(group, "add", nil)
	bob.refused(rpc.CodeForbidden, "group.getInviteLink", params{"group": group})

	fresh := alice.call("group.resetInviteLink", params{"group": group})
	if fresh["code"] == link["code"] {
		t.Error("the code stayed")
	}
	carol.refused(rpc.CodeNotFound, "group.join", params{"invite": link["code"]})
	carol.refused(rpc.CodeInvalidParams, "group.getInviteInfo", params{"invite": "AAAAAAAAAAAAAAAAAAAAAA"})

	alice.call("group.updateSettings", params{"group": group, "join_approval_required": true})
	if asked := carol.call("group.join", params{"invite": fresh["code"]}); asked["group"] != group || asked["pending"] != true {
		t.Errorf("asked to join: %v", asked)
	}
	waiting := alice.call("group.listJoinRequests", params{"group": group}).list("requests")
	if len(waiting) != 1 || waiting[0]["contact"] != carol.pn() || waiting[0]["requested_at"] == nil {
		t.Fatalf("waiting: %v", waiting)
	}
	decided := alice.call("group.updateJoinRequests", params{"group": group, "action": "approve", "participants": []string{carol.pn()}})
	if decided["processed_count"] != 1.0 || decided.list("participants")[0]["status_code"] != 200.0 {
		t.Errorf("decided: %v", decided)
	}
	if seen := carol.call("group.get", params{"group": group}).object("group"); memberOf(seen, carol) == nil {
		t.Errorf("carol is not in: %v", seen)
	}
}

func pixel(t *testing.T) string {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 8, 6))); err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes())
}

func TestGroupPicture(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	group := alice.call("group.create", params{"name": "Faces", "participants": []string{bob.pn()}}).object("group")["group"].(string)

	url := func() any {
		t.Helper()
		got, asked := bob.call("group.get", params{"group": group, "include_picture": true}).object("group")["picture_url"]
		if !asked {
			t.Fatal("picture_url was asked for")
		}
		return got
	}
	if url() != nil {
		t.Errorf("a new group has the picture %v", url())
	}
	id := alice.call("group.setPicture", params{"group": group, "media": params{"base64": pixel(t)}})["picture_id"]
	if id == "" || url() == nil {
		t.Errorf("picture %v at %v", id, url())
	}
	if got := bob.call("contact.getProfilePicture", params{"contact": group}); got["picture_id"] != id || got["type"] != "image" {
		t.Errorf("bob sees %v, want %v", got, id)
	}
	if same := bob.call("contact.getProfilePicture", params{"contact": group, "known_picture_id": id}); same["url"] != nil {
		t.Errorf("a known picture: %v", same)
	}
	alice.call("group.removePicture", params{"group": group})
	if url() != nil {
		t.Errorf("the removed picture is at %v", url())
	}
	alice.refused(rpc.CodeInvalidParams, "group.setPicture", params{"group": group, "media": params{"base64": "data:image/png;base64,AAAA"}})
}

func TestGroupListAnswersFromTheStoreWhileDisconnected(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	group := alice.call("group.create", params{"name": "Kept", "participants": []string{bob.pn()}}).object("group")["group"]
	online := alice.call("group.list", params{"include_participants": false}).list("groups")
	if len(online) != 1 || online[0]["participants"] != nil || online[0]["participant_count"] != 2.0 {
		t.Errorf("without participants: %v", online)
	}
	session, err := w.bridge.Session("alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Disconnect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	offline := alice.call("group.list", nil).list("groups")
	if len(offline) != 1 || offline[0]["group"] != group || memberOf(offline[0], bob) == nil {
		t.Errorf("from the store: %v", offline)
	}
	alice.refused(rpc.CodeSessionNotConnected, "group.list", params{"refresh": true})
	alice.refused(rpc.CodeSessionNotConnected, "group.setName", params{"group": group, "name": "x"})
	if got := alice.call("group.listCommon", params{"contact": bob.lid()}).texts("groups"); len(got) != 1 {
		t.Errorf("common groups from the store: %v", got)
	}
}
