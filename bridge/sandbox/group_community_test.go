package sandbox

import (
	"errors"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestCommunity(t *testing.T) {
	w := newGroupWorld(t, Options{})
	parent, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: "Village", GroupParent: types.GroupParent{IsParent: true}})
	if err != nil {
		t.Fatal(err)
	}
	child, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{
		Name: "Street", Participants: []types.JID{w.bob.JID()}, GroupLinkedParent: types.GroupLinkedParent{LinkedParentJID: parent.JID},
	})
	if err != nil || child.LinkedParentJID != parent.JID {
		t.Fatalf("child %+v: %v", child, err)
	}
	loose := w.group()
	if err = w.a.LinkGroup(w.ctx(), parent.JID, loose); err != nil {
		t.Fatal(err)
	}
	w.change(w.b, loose, func(e *events.GroupInfo) bool { return e.Link != nil && e.Link.Group.JID == parent.JID })
	subs, err := w.b.GetSubGroups(w.ctx(), parent.JID)
	if err != nil || len(subs) != 3 || !subs[0].IsDefaultSubGroup || subs[1].JID != child.JID || subs[2].JID != loose {
		t.Errorf("sub groups %+v: %v", subs, err)
	}
	members, err := w.a.GetLinkedGroupsParticipants(w.ctx(), parent.JID)
	if err != nil || len(members) != 3 {
		t.Errorf("members %v: %v", members, err)
	}
	if inside, err := w.net.GroupMembers(subs[0].JID); err != nil || len(inside) != 3 {
		t.Errorf("announcement group has %v: %v", inside, err)
	}
	w.change(w.a, subs[0].JID, func(e *events.GroupInfo) bool { return slices.Contains(e.Join, w.carol.LID()) })
	w.a.send(subs[0].JID, text1("to the village"))
	await(w.b, says("to the village"))
	if _, err = w.b.SendMessage(w.ctx(), subs[0].JID, text1("no")); err == nil {
		t.Error("a member wrote to the announcement group")
	}
	if err = w.b.LinkGroup(w.ctx(), parent.JID, loose); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("link by a member: %v", err)
	}
	if err = w.a.UnlinkGroup(w.ctx(), parent.JID, loose); err != nil {
		t.Fatal(err)
	}
	w.change(w.b, loose, func(e *events.GroupInfo) bool { return e.Unlink != nil })
}

func TestCommunityHidesNumbers(t *testing.T) {
	w := newGroupWorld(t, Options{})
	parent, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: "Village", GroupParent: types.GroupParent{IsParent: true}})
	if err != nil {
		t.Fatal(err)
	}
	loose := w.group()
	if err = w.a.LinkGroup(w.ctx(), parent.JID, loose); err != nil {
		t.Fatal(err)
	}
	w.change(w.b, loose, func(e *events.GroupInfo) bool { return e.Link != nil })
	subs, err := w.a.GetSubGroups(w.ctx(), parent.JID)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []types.JID{parent.JID, subs[0].JID} {
		await(w.b, func(e *events.JoinedGroup) bool { return e.JID == group })
		for viewer, c := range map[*Phone]*client{w.alice: w.a, w.bob: w.b} {
			info, err := c.GetGroupInfo(w.ctx(), group)
			if err != nil || len(info.Participants) != 3 {
				t.Fatalf("%v: %v", info, err)
			}
			for _, p := range info.Participants {
				hidden := viewer == w.bob && p.LID == w.carol.LID()
				if hidden != p.PhoneNumber.IsEmpty() || hidden != (p.DisplayName == "+1∙∙∙∙∙03") {
					t.Errorf("%s sees %+v in %s", viewer.JID(), p, group)
				}
			}
		}
	}
	if joined := await(w.b, func(e *events.JoinedGroup) bool { return e.JID == subs[0].JID }); slices.ContainsFunc(joined.Participants, func(p types.GroupParticipant) bool {
		return p.LID == w.carol.LID() && !p.PhoneNumber.IsEmpty()
	}) {
		t.Errorf("the notification shows the numbers of members: %+v", joined.Participants)
	}
}

func TestJoinLinkedGroup(t *testing.T) {
	w := newGroupWorld(t, Options{})
	parent, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: "Village", GroupParent: types.GroupParent{IsParent: true}})
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string, approval bool, members ...types.JID) types.JID {
		group, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{
			Name: name, Participants: members, GroupLinkedParent: types.GroupLinkedParent{LinkedParentJID: parent.JID},
			GroupMembershipApprovalMode: types.GroupMembershipApprovalMode{IsJoinApprovalRequired: approval},
		})
		if err != nil {
			t.Fatal(err)
		}
		return group.JID
	}
	open, closed := in("Open", false, w.bob.JID()), in("Closed", true)
	if _, err = w.carol.JoinLinkedGroup(parent.JID, open); err == nil {
		t.Error("an account outside of the community joined")
	}
	other := in("Other", false)
	if pending, err := w.bob.JoinLinkedGroup(parent.JID, other); err != nil || pending {
		t.Errorf("pending %v: %v", pending, err)
	}
	w.change(w.a, other, func(e *events.GroupInfo) bool {
		return slices.Contains(e.Join, w.bob.LID()) && e.JoinReason == "linked_group_join"
	})
	if pending, err := w.bob.JoinLinkedGroup(parent.JID, closed); err != nil || !pending {
		t.Errorf("pending %v: %v", pending, err)
	}
	if _, err = w.bob.JoinLinkedGroup(parent.JID, open); err == nil {
		t.Error("a member joined again")
	}
	if requests, err := w.a.GetGroupRequestParticipants(w.ctx(), closed); err != nil || len(requests) != 1 {
		t.Errorf("requests %v: %v", requests, err)
	}
}
