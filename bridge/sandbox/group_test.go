package sandbox

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// groupWorld has Alice and Bob with clients, and Carol with a phone only.
type groupWorld struct {
	*world
	alice, bob, carol *Phone
	a, b              *client
}

func newGroupWorld(t *testing.T, options Options) *groupWorld {
	w := &groupWorld{world: newWorld(t, options)}
	w.alice, w.bob, w.carol = w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	w.a, w.b = w.pair(w.alice), w.pair(w.bob)
	return w
}

// group creates a group of Alice with Bob and Carol and waits until Bob is notified.
func (w *groupWorld) group() types.JID {
	w.t.Helper()
	info, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: "Trio", Participants: []types.JID{w.bob.JID(), w.carol.JID()}})
	if err != nil {
		w.t.Fatal(err)
	}
	await(w.b, func(e *events.JoinedGroup) bool { return e.JID == info.JID })
	return info.JID
}

func (w *groupWorld) change(c *client, group types.JID, match func(*events.GroupInfo) bool) *events.GroupInfo {
	w.t.Helper()
	return await(c, func(e *events.GroupInfo) bool { return e.JID == group && match(e) })
}

func TestGroupCreateAndInfo(t *testing.T) {
	w := newGroupWorld(t, Options{})
	created, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{
		Name: "Everything", Participants: []types.JID{w.bob.JID(), types.NewJID("19990000", types.DefaultUserServer)},
		GroupEphemeral: types.GroupEphemeral{IsEphemeral: true, DisappearingTimer: 86400},
		GroupAnnounce:  types.GroupAnnounce{IsAnnounce: true}, GroupLocked: types.GroupLocked{IsLocked: true},
		GroupMembershipApprovalMode: types.GroupMembershipApprovalMode{IsJoinApprovalRequired: true},
		MemberAddMode:               types.GroupMemberAddModeAdmin,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(created.Participants) != 3 || created.Participants[2].Error != 404 {
		t.Errorf("members %+v", created.Participants)
	}
	joined := await(w.b, func(e *events.JoinedGroup) bool { return e.JID == created.JID })
	if joined.Type != "new" || joined.Sender == nil || *joined.Sender != w.alice.LID() {
		t.Errorf("joined %+v", joined)
	}
	for name, c := range map[string]*client{"creator": w.a, "member": w.b} {
		info, err := c.GetGroupInfo(w.ctx(), created.JID)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if info.Name != "Everything" || info.OwnerJID != w.alice.LID() || !info.IsAnnounce || !info.IsLocked || info.DisappearingTimer != 86400 ||
			!info.IsJoinApprovalRequired || info.MemberAddMode != types.GroupMemberAddModeAdmin || info.AddressingMode != types.AddressingModeLID {
			t.Errorf("%s sees %+v", name, info)
		}
		if len(info.Participants) != 2 || !info.Participants[0].IsSuperAdmin || info.Participants[1].IsAdmin || info.Participants[1].PhoneNumber != w.bob.JID() {
			t.Errorf("%s sees members %+v", name, info.Participants)
		}
		list, err := c.GetJoinedGroups(w.ctx())
		if err != nil || len(list) != 1 || list[0].JID != created.JID || len(list[0].Participants) != 2 {
			t.Errorf("%s is in %+v: %v", name, list, err)
		}
	}
	stranger := w.pair(w.carol)
	if _, err = stranger.GetGroupInfo(w.ctx(), created.JID); !errors.Is(err, whatsmeow.ErrNotInGroup) {
		t.Errorf("stranger: %v", err)
	}
	if _, err = w.a.GetGroupInfo(w.ctx(), types.NewJID("120363999999999999", types.GroupServer)); !errors.Is(err, whatsmeow.ErrGroupNotFound) {
		t.Errorf("no group: %v", err)
	}
	for _, name := range []string{"", strings.Repeat("ä", 101)} {
		if _, err = w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: name}); !errors.Is(err, whatsmeow.ErrIQNotAcceptable) {
			t.Errorf("subject of %d: %v", len(name), err)
		}
	}
}

func TestGroupMessages(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	w.a.send(g, text1("to all"))
	await(w.b, says("to all"))
	if _, err := w.carol.Await(w.ctx(), heard("to all")); err != nil {
		t.Fatal(err)
	}
	w.b.send(g, text1("back"))
	got := await(w.a, says("back"))
	if got.Info.Chat != g || got.Info.Sender.User != w.bob.LID().User {
		t.Errorf("info %+v", got.Info)
	}
	if _, err := w.carol.SendMessage(w.ctx(), g, "", text1("from a phone")); err != nil {
		t.Fatal(err)
	}
	await(w.a, says("from a phone"))
	await(w.b, says("from a phone"))
	if list := w.net.Violations(); len(list) != 0 {
		t.Errorf("violations: %+v", list)
	}

	if err := w.a.SetGroupAnnounce(w.ctx(), g, true); err != nil {
		t.Fatal(err)
	}
	w.change(w.b, g, func(e *events.GroupInfo) bool { return e.Announce != nil && e.Announce.IsAnnounce })
	if _, err := w.b.SendMessage(w.ctx(), g, text1("not allowed")); err == nil {
		t.Error("a member wrote in an announcement group")
	}
	w.a.send(g, text1("announcement"))
	await(w.b, says("announcement"))
}

func TestGroupMembers(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	dave := w.account("15550004", "Dave")
	change := func(c *client, who *Phone, what whatsmeow.ParticipantChange) (int, error) {
		list, err := c.UpdateGroupParticipants(w.ctx(), g, []types.JID{who.JID()}, what)
		if err != nil {
			return 0, err
		}
		return list[0].Error, nil
	}
	check := func(what string, code int, err error, want int) {
		t.Helper()
		if err != nil || code != want {
			t.Errorf("%s: %d %v", what, code, err)
		}
	}
	code, err := change(w.b, dave, whatsmeow.ParticipantChangeAdd) // any member may
	check("add", code, err, 0)
	w.change(w.a, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Join, dave.LID()) })
	code, err = change(w.a, dave, whatsmeow.ParticipantChangeAdd)
	check("add twice", code, err, 409)
	for _, what := range []whatsmeow.ParticipantChange{whatsmeow.ParticipantChangeRemove, whatsmeow.ParticipantChangePromote, whatsmeow.ParticipantChangeDemote} {
		if _, err = change(w.b, dave, what); !errors.Is(err, whatsmeow.ErrIQForbidden) {
			t.Errorf("%s by a member: %v", what, err)
		}
	}
	code, err = change(w.a, w.bob, whatsmeow.ParticipantChangePromote)
	check("promote", code, err, 0)
	w.change(w.b, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Promote, w.bob.LID()) })
	code, err = change(w.b, dave, whatsmeow.ParticipantChangeRemove)
	check("remove", code, err, 0)
	w.change(w.a, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Leave, dave.LID()) })
	code, err = change(w.b, dave, whatsmeow.ParticipantChangeRemove)
	check("remove twice", code, err, 404)
	for _, what := range []whatsmeow.ParticipantChange{whatsmeow.ParticipantChangeRemove, whatsmeow.ParticipantChangeDemote} {
		code, err = change(w.b, w.alice, what)
		check(string(what)+" of the creator", code, err, 406)
	}
	code, err = change(w.a, w.bob, whatsmeow.ParticipantChangeDemote)
	check("demote", code, err, 0)
	w.change(w.b, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Demote, w.bob.LID()) })

	if err = w.a.SetGroupMemberAddMode(w.ctx(), g, types.GroupMemberAddModeAdmin); err != nil {
		t.Fatal(err)
	}
	if _, err = change(w.b, dave, whatsmeow.ParticipantChangeAdd); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("add by a member: %v", err)
	}
	if err = w.b.LeaveGroup(w.ctx(), g); err != nil {
		t.Fatal(err)
	}
	w.change(w.a, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Leave, w.bob.LID()) })
	w.change(w.b, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Leave, w.bob.LID()) })
	if _, err = w.b.SendMessage(w.ctx(), g, text1("ghost")); err == nil {
		t.Error("a former member wrote")
	}
	if err = w.b.LeaveGroup(w.ctx(), g); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("leave twice: %v", err)
	}
	// The creator leaves: the oldest member becomes admin; the group ends with its last member.
	if err = w.a.LeaveGroup(w.ctx(), g); err != nil {
		t.Fatal(err)
	}
	if _, err = w.carol.InviteCode(g, false); err != nil {
		t.Errorf("no member became admin: %v", err)
	}
	if err = w.carol.LeaveGroup(g); err != nil {
		t.Fatal(err)
	}
	if _, err = w.net.GroupMembers(g); err == nil {
		t.Error("an empty group is still there")
	}
}

func TestGroupPrivacyInvitation(t *testing.T) {
	w := newGroupWorld(t, Options{})
	if _, err := w.b.SetPrivacySetting(w.ctx(), types.PrivacySettingTypeGroupAdd, types.PrivacySettingContacts); err != nil {
		t.Fatal(err)
	}
	info, err := w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: "Private", Participants: []types.JID{w.bob.JID()}})
	if err != nil {
		t.Fatal(err)
	}
	refused := info.Participants[len(info.Participants)-1]
	if refused.Error != 403 || refused.AddRequest == nil {
		t.Fatalf("members %+v", info.Participants)
	}
	code, until := refused.AddRequest.Code, refused.AddRequest.Expiration.Unix()
	if seen, err := w.b.GetGroupInfoFromInvite(w.ctx(), info.JID, w.alice.LID(), code, until); err != nil || seen.Name != "Private" {
		t.Errorf("seen %+v: %v", seen, err)
	}
	if err = w.b.JoinGroupWithInvite(w.ctx(), info.JID, w.alice.LID(), code+"x", until); !errors.Is(err, whatsmeow.ErrIQNotFound) {
		t.Errorf("wrong code: %v", err)
	}
	if err = w.b.JoinGroupWithInvite(w.ctx(), info.JID, w.alice.LID(), code, until); err != nil {
		t.Fatal(err)
	}
	await(w.b, func(e *events.JoinedGroup) bool { return e.JID == info.JID && e.Reason == "invite" })

	if err = w.bob.SaveContact(w.ctx(), w.alice.JID(), "Alice", "Alice A."); err != nil {
		t.Fatal(err)
	}
	if info, err = w.a.CreateGroup(w.ctx(), whatsmeow.ReqCreateGroup{Name: "Friends", Participants: []types.JID{w.bob.JID()}}); err != nil || len(info.Participants) != 2 || info.Participants[1].Error != 0 {
		t.Errorf("a contact could not add: %+v %v", info, err)
	}
}

func TestGroupSettings(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	ctx := w.ctx()
	for _, c := range []struct {
		name  string
		do    func() error
		heard func(*events.GroupInfo) bool
	}{
		{"subject", func() error { return w.a.SetGroupName(ctx, g, "New name") }, func(e *events.GroupInfo) bool { return e.Name != nil && e.Name.Name == "New name" }},
		{"topic", func() error { return w.a.SetGroupTopic(ctx, g, "", "", "About us") }, func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.Topic == "About us" }},
		{"topic again", func() error { return w.a.SetGroupTopic(ctx, g, "", "", "More") }, func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.Topic == "More" }},
		{"no topic", func() error { return w.a.SetGroupTopic(ctx, g, "", "", "") }, func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.TopicDeleted }},
		{"description", func() error { return w.a.SetGroupDescription(ctx, g, "Plain") }, func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.Topic == "Plain" }},
		{"locked", func() error { return w.a.SetGroupLocked(ctx, g, true) }, func(e *events.GroupInfo) bool { return e.Locked != nil && e.Locked.IsLocked }},
		{"unlocked", func() error { return w.a.SetGroupLocked(ctx, g, false) }, func(e *events.GroupInfo) bool { return e.Locked != nil && !e.Locked.IsLocked }},
		{"announce", func() error { return w.a.SetGroupAnnounce(ctx, g, true) }, func(e *events.GroupInfo) bool { return e.Announce != nil && e.Announce.IsAnnounce }},
		{"not announce", func() error { return w.a.SetGroupAnnounce(ctx, g, false) }, func(e *events.GroupInfo) bool { return e.Announce != nil && !e.Announce.IsAnnounce }},
		{"timer", func() error { return w.a.SetDisappearingTimer(ctx, g, whatsmeow.DisappearingTimer7Days, w.net.now()) }, func(e *events.GroupInfo) bool { return e.Ephemeral != nil && e.Ephemeral.DisappearingTimer == 604800 }},
		{"no timer", func() error { return w.a.SetDisappearingTimer(ctx, g, 0, w.net.now()) }, func(e *events.GroupInfo) bool { return e.Ephemeral != nil && !e.Ephemeral.IsEphemeral }},
		{"approval", func() error { return w.a.SetGroupJoinApprovalMode(ctx, g, true) }, func(e *events.GroupInfo) bool { return e.MembershipApprovalMode != nil }},
		{"link", func() error { _, err := w.a.GetGroupInviteLink(ctx, g, true); return err }, func(e *events.GroupInfo) bool { return e.NewInviteLink != nil }},
	} {
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		w.change(w.b, g, c.heard)
	}
	if err := w.a.SetDisappearingTimer(ctx, g, 17, w.net.now()); !errors.Is(err, whatsmeow.ErrInvalidDisappearingTimer) {
		t.Errorf("odd timer: %v", err)
	}
	if err := w.a.SetGroupTopic(ctx, g, "stale", "", "x"); !isConflict(err) {
		t.Errorf("stale topic: %v", err)
	}
	for name, err := range map[string]error{
		"locked": w.b.SetGroupLocked(ctx, g, true), "announce": w.b.SetGroupAnnounce(ctx, g, true), "approval": w.b.SetGroupJoinApprovalMode(ctx, g, true),
		"add mode": w.b.SetGroupMemberAddMode(ctx, g, types.GroupMemberAddModeAdmin),
	} {
		if !errors.Is(err, whatsmeow.ErrIQForbidden) {
			t.Errorf("%s by a member: %v", name, err)
		}
	}
	if err := w.b.SetGroupName(ctx, g, "By a member"); err != nil {
		t.Errorf("members may rename an open group: %v", err)
	}
	if err := w.carol.SetLocked(g, true); err == nil {
		t.Error("a phone without rights locked the group")
	}
	if err := w.alice.SetLocked(g, true); err != nil {
		t.Fatal(err)
	}
	if err := w.b.SetGroupName(ctx, g, "Again"); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("a member renamed a locked group: %v", err)
	}
}

func TestGroupLinks(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	dave := w.account("15550004", "Dave")
	d := w.pair(dave)
	link, err := w.a.GetGroupInviteLink(w.ctx(), g, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.b.GetGroupInviteLink(w.ctx(), g, false); !errors.Is(err, whatsmeow.ErrGroupInviteLinkUnauthorized) {
		t.Errorf("link for a member: %v", err)
	}
	if info, err := d.GetGroupInfoFromLink(w.ctx(), link); err != nil || info.JID != g || info.Name != "Trio" || len(info.Participants) != 0 {
		t.Errorf("info %+v: %v", info, err)
	}
	if joined, err := d.JoinGroupWithLink(w.ctx(), link); err != nil || joined != g {
		t.Errorf("joined %s: %v", joined, err)
	}
	w.change(w.a, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Join, dave.LID()) && e.JoinReason == "invite" })
	await(d, func(e *events.JoinedGroup) bool { return e.JID == g })
	d.send(g, text1("hi, I followed the link"))
	await(w.a, says("hi, I followed the link"))

	if _, err = d.JoinGroupWithLink(w.ctx(), link); !isConflict(err) {
		t.Errorf("join twice: %v", err)
	}
	if err = w.alice.RemoveMembers(g, dave.JID()); err != nil {
		t.Fatal(err)
	}
	if _, err = d.JoinGroupWithLink(w.ctx(), link); !errors.Is(err, whatsmeow.ErrIQNotAuthorized) {
		t.Errorf("join after removal: %v", err)
	}
	fresh, err := w.a.GetGroupInviteLink(w.ctx(), g, true)
	if err != nil || fresh == link {
		t.Errorf("reset: %s %v", fresh, err)
	}
	if _, err = d.GetGroupInfoFromLink(w.ctx(), link); !errors.Is(err, whatsmeow.ErrInviteLinkRevoked) {
		t.Errorf("revoked: %v", err)
	}
	if _, err = d.JoinGroupWithLink(w.ctx(), "nonsense"); !errors.Is(err, whatsmeow.ErrInviteLinkInvalid) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestGroupApproval(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	d, e := w.account("15550004", "Dave"), w.account("15550005", "Erin")
	if err := w.a.SetGroupJoinApprovalMode(w.ctx(), g, true); err != nil {
		t.Fatal(err)
	}
	code, err := w.alice.InviteCode(g, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Phone{d, e} {
		if _, pending, err := p.JoinGroup(code); err != nil || !pending {
			t.Fatalf("pending %t: %v", pending, err)
		}
	}
	w.change(w.a, g, func(e *events.GroupInfo) bool {
		return len(e.UnknownChanges) == 1 && e.UnknownChanges[0].Tag == "created_membership_requests"
	})
	list, err := w.a.GetGroupRequestParticipants(w.ctx(), g)
	if err != nil || len(list) != 2 || list[0].JID != d.LID() || list[0].RequestedAt.IsZero() {
		t.Fatalf("requests %+v: %v", list, err)
	}
	if _, err = w.b.GetGroupRequestParticipants(w.ctx(), g); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("requests for a member: %v", err)
	}
	done, err := w.a.UpdateGroupRequestParticipants(w.ctx(), g, []types.JID{d.LID(), w.bob.LID()}, whatsmeow.ParticipantChangeApprove)
	if err != nil || len(done) != 2 || done[1].Error+done[0].Error != 404 {
		t.Errorf("approved %+v: %v", done, err)
	}
	w.change(w.b, g, func(e *events.GroupInfo) bool { return slices.Contains(e.Join, d.LID()) })
	if err = w.alice.DecideJoin(g, false, e.JID()); err != nil {
		t.Fatal(err)
	}
	if list, err = w.a.GetGroupRequestParticipants(w.ctx(), g); err != nil || len(list) != 0 {
		t.Errorf("left over %+v: %v", list, err)
	}
}

func TestGroupLimits(t *testing.T) {
	n := New(Options{Limits: Limits{Groups: 2, GroupMembers: 2}})
	defer n.Close()
	var phones []*Phone
	for _, number := range []string{"15550001", "15550002", "15550003"} {
		p, err := n.AddAccount(AccountOptions{Number: number})
		if err != nil {
			t.Fatal(err)
		}
		phones = append(phones, p)
	}
	_, err := phones[0].CreateGroup(GroupOptions{Subject: "full", Members: []types.JID{phones[1].JID(), phones[2].JID()}})
	var members *MembersError
	if !errors.As(err, &members) || members.Codes[phones[2].JID()] != 419 {
		t.Errorf("third member: %v", err)
	}
	if _, err = phones[1].CreateGroup(GroupOptions{Subject: "second"}); err != nil {
		t.Error(err)
	}
	var refused *RequestError
	if _, err = phones[1].CreateGroup(GroupOptions{Subject: "third"}); !errors.As(err, &refused) || refused.Code != 419 {
		t.Errorf("third group: %v", err)
	}
}

func isConflict(err error) bool {
	var iq *whatsmeow.IQError
	return errors.As(err, &iq) && iq.Code == 409
}
