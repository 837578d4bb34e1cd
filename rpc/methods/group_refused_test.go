package methods_test

import (
	"testing"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
)

// TestPeopleWhoCouldNotBeAddedAreNoMembers: a person WhatsApp refuses (privacy,
// unknown number) is in the answer with a code, and is neither counted nor awaited as a member.
func TestPeopleWhoCouldNotBeAddedAreNoMembers(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "15550100001"), w.join("bob", "15550100002"), w.join("carol", "15550100003")
	if err := carol.phone.SetPrivacy(types.PrivacySettingTypeGroupAdd, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	const unknown = "15550109999@s.whatsapp.net"
	check := func(what string, group string, members int) {
		t.Helper()
		for _, m := range []*member{alice, bob} {
			m.eventually("the group", "group.list", params{"refresh": false}, func(r result) bool {
				for _, g := range r.list("groups") {
					if g["group"] == group {
						return g["participant_count"] == float64(members) && len(g.list("participants")) == members
					}
				}
				return false
			})
			got := m.call("group.get", params{"group": group}).object("group")
			if got["participant_count"] != float64(members) || len(got.list("participants")) != members {
				t.Errorf("%s: %s counts %v of %v", what, m.session, got["participant_count"], got["participants"])
			}
		}
		common := alice.call("group.listCommon", params{"contact": carol.pn()})
		for _, g := range common.texts("groups") {
			if g == group {
				t.Errorf("%s: the group is shared with a person who is not in it", what)
			}
		}
		id := alice.call("message.sendText", params{"to": group, "text": what})["message_id"]
		if _, err := bob.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.ID == id }); err != nil {
			t.Fatal(err)
		}
		alice.eventually("delivery to all members", "message.get", params{"chat": group, "message_id": id}, func(r result) bool {
			return r.object("message")["status"] == "delivered"
		})
		if r := alice.call("message.getReceipts", params{"chat": group, "message_id": id}); r["delivered_remaining"] != 0.0 {
			t.Errorf("%s: %v", what, r)
		}
	}
	created := alice.call("group.create", params{"name": "created", "participants": []string{bob.pn(), carol.pn(), unknown}}).object("group")
	group := created["group"].(string)
	refused := 0
	for _, p := range created.list("participants") {
		if p["error_code"] != nil {
			refused++
		}
	}
	if created["participant_count"] != 2.0 || refused != 2 {
		t.Errorf("created with %v members, %d refused: %v", created["participant_count"], refused, created["participants"])
	}
	check("group.create", group, 2)
	changed := alice.call("group.updateParticipants", params{"group": group, "action": "add", "participants": []string{carol.pn(), unknown}}).list("participants")
	for _, p := range changed {
		if p["status_code"] == 200.0 || p["error"] == nil {
			t.Errorf("added %v", p)
		}
	}
	check("group.updateParticipants", group, 2)
	// The same from a phone.
	made, _ := alice.phone.CreateGroup(sandbox.GroupOptions{Subject: "phone", Members: []types.JID{bob.phone.JID(), carol.phone.JID()}})
	check("a group from the phone", made.String(), 2)
	_ = alice.phone.AddMembers(made, carol.phone.JID())
	check("added from the phone", made.String(), 2)
	// Membership takes effect at once.
	dan := w.join("dan", "15550100004")
	alice.call("group.updateParticipants", params{"group": group, "action": "add", "participants": []string{dan.pn(), carol.pn()}})
	check("one of two", group, 3)
	alice.call("group.updateParticipants", params{"group": group, "action": "remove", "participants": []string{dan.pn()}})
	check("and out again", group, 2)
}
