package methods_test

import (
	"slices"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/rpc"
)

func TestCommunity(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	newGroup := func(owner *member, name string, members ...string) string {
		return owner.call("group.create", params{"name": name, "participants": append([]string{}, members...)}).object("group")["group"].(string)
	}
	street, foreign := newGroup(alice, "Street", "15550100002"), newGroup(bob, "Foreign")
	created := alice.call("community.create", params{"name": "Village", "description": "all", "groups": []string{street, foreign}})
	community, announcements := created["community"].(string), created["announcement_group"].(string)
	if linked := created["linked_groups"].([]any); len(linked) != 1 || linked[0] != street {
		t.Errorf("linked %v", created)
	}
	if errors := created.list("errors"); len(errors) != 1 || errors[0]["group"] != foreign || errors[0]["error"] == "" {
		t.Errorf("errors %v", created["errors"])
	}
	bob.awaitGroupChange(street, "link", nil)
	if of := alice.call("group.get", params{"group": street}).object("group")["community"]; of != community {
		t.Errorf("the community of the group is %v", of)
	}
	if stored := alice.call("group.list", params{"refresh": false}).list("groups"); !slices.ContainsFunc(stored, func(g result) bool {
		return g["group"] == street && g["community"] == community
	}) {
		t.Errorf("stored groups %v", stored)
	}
	square := newGroup(alice, "Square")
	if got := alice.call("community.linkGroup", params{"community": community, "group": square}); got["community"] != community || got["group"] != square {
		t.Errorf("link answered %v", got)
	}
	names := func() (list []string) {
		for _, g := range alice.call("community.listGroups", params{"community": community}).list("groups") {
			list = append(list, g["name"].(string))
			if g["is_announcement_group"] != (g["group"] == announcements) {
				t.Errorf("group %v", g)
			}
		}
		return list
	}
	if got := names(); !slices.Equal(got, []string{"Village", "Street", "Square"}) {
		t.Errorf("groups %v", got)
	}
	for every, want := range map[bool]int{false: 1, true: 3} {
		sent := alice.call("community.sendAnnouncement", params{"community": community, "text": "Flood", "every_group": every})
		groups := sent.list("groups")
		if sent["sent_count"] != float64(want) || len(groups) != want || groups[0]["group"] != announcements || groups[0]["timestamp"] == nil {
			t.Fatalf("announcement: %v", sent)
		}
		bob.awaitMessage(groups[0]["message_id"].(string))
	}
	bob.refused(rpc.CodeForbidden, "community.sendAnnouncement", params{"community": community, "text": "Mutiny"})
	bob.refused(rpc.CodeForbidden, "community.linkGroup", params{"community": community, "group": foreign})
	alice.refused(rpc.CodeInvalidParams, "community.sendAnnouncement", params{"community": street, "text": "here"})
	alice.refused(rpc.CodeConflict, "community.linkGroup", params{"community": community, "group": square})
	alice.refused(rpc.CodeNotFound, "community.unlinkGroup", params{"community": community, "group": announcements})
	alice.call("community.unlinkGroup", params{"community": community, "group": street})
	bob.awaitGroupChange(street, "unlink", func(n *waBinary.Node) bool { return n.AttrGetter().String("unlink_type") == "parent_group" })
	if got := names(); !slices.Equal(got, []string{"Village", "Square"}) {
		t.Errorf("groups %v", got)
	}
}
