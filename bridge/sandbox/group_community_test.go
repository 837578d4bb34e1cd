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
