package groups

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/wa"
)

// TestChangesOfTheStoredGroup applies each kind of change twice: the second time changes nothing, as an event may follow a call that has stored the same.
func TestChangesOfTheStoredGroup(t *testing.T) {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	ada, bob := wa.Person{PN: adaPN, LID: adaLID}, wa.Person{LID: bobLID}
	link := "https://chat.whatsapp.com/x"
	node := func(tag, text string) *waBinary.Node { return &waBinary.Node{Tag: tag, Content: []byte(text)} }
	member := func(g *Group, who wa.Person) *GroupParticipant {
		if i := g.Index(who); i >= 0 {
			return &g.Participants[i]
		}
		return nil
	}
	for name, c := range map[string]struct {
		change Change
		evt    events.GroupInfo
		holds  func(g *Group) bool
	}{
		"joined": {Change{Joined: []wa.Person{bob}}, events.GroupInfo{}, func(g *Group) bool {
			p := member(g, bob)
			return g.ParticipantCount == 11 && p != nil && p.Contact == bobLID.String() && p.PhoneNumber == nil && !p.IsAdmin
		}},
		"left":              {Change{Left: []wa.Person{ada}}, events.GroupInfo{}, func(g *Group) bool { return g.ParticipantCount == 9 && member(g, ada) == nil }},
		"left by LID alone": {Change{Left: []wa.Person{{LID: adaLID}}}, events.GroupInfo{}, func(g *Group) bool { return len(g.Participants) == 0 }},
		"unknown left":      {Change{Left: []wa.Person{bob}}, events.GroupInfo{}, func(g *Group) bool { return g.ParticipantCount == 10 && len(g.Participants) == 1 }},
		"promoted":          {Change{Promoted: []wa.Person{ada, bob}}, events.GroupInfo{}, func(g *Group) bool { p := member(g, ada); return p.IsAdmin && p.IsSuperAdmin }},
		"demoted":           {Change{Demoted: []wa.Person{ada, bob}}, events.GroupInfo{}, func(g *Group) bool { p := member(g, ada); return !p.IsAdmin && !p.IsSuperAdmin }},
		"version":           {Change{}, events.GroupInfo{ParticipantVersionID: "V2"}, func(g *Group) bool { return *g.ParticipantVersionID == "V2" }},
		"name":              {Change{}, events.GroupInfo{Name: &types.GroupName{Name: "New", NameSetAt: at, NameSetBy: bobLID, NameSetByPN: adaPN}}, func(g *Group) bool { return g.Name == "New" && g.NameSetAt.Equal(at) && *g.NameSetBy == adaPN.String() }},
		"description": {Change{}, events.GroupInfo{Topic: &types.GroupTopic{Topic: "D", TopicID: "T2", TopicSetAt: at, TopicSetBy: bobLID}}, func(g *Group) bool {
			return *g.Description == "D" && *g.DescriptionID == "T2" && g.DescriptionSetAt.Equal(at) && *g.DescriptionSetBy == bobLID.String()
		}},
		"no description":     {Change{}, events.GroupInfo{Topic: &types.GroupTopic{Topic: "D", TopicDeleted: true}}, func(g *Group) bool { return g.Description == nil && g.DescriptionSetBy == nil }},
		"locked":             {Change{}, events.GroupInfo{Locked: &types.GroupLocked{IsLocked: true}}, func(g *Group) bool { return g.Locked }},
		"announce":           {Change{}, events.GroupInfo{Announce: &types.GroupAnnounce{IsAnnounce: true, AnnounceVersionID: "A"}}, func(g *Group) bool { return g.Announce && *g.AnnounceVersionID == "A" }},
		"timer":              {Change{}, events.GroupInfo{Ephemeral: &types.GroupEphemeral{IsEphemeral: true, DisappearingTimer: 86400}}, func(g *Group) bool { return g.DisappearingSeconds == 86400 }},
		"approval":           {Change{}, events.GroupInfo{MembershipApprovalMode: &types.GroupMembershipApprovalMode{IsJoinApprovalRequired: true}}, func(g *Group) bool { return g.JoinApprovalRequired }},
		"invite":             {Change{}, events.GroupInfo{NewInviteLink: &link}, func(g *Group) bool { return *g.InviteCode == "x" }},
		"suspended":          {Change{}, events.GroupInfo{Suspended: true}, func(g *Group) bool { return g.Suspended }},
		"resumed":            {Change{}, events.GroupInfo{Unsuspended: true}, func(g *Group) bool { return !g.Suspended }},
		"members add":        {Change{}, events.GroupInfo{UnknownChanges: []*waBinary.Node{node("member_add_mode", "admin_add"), node("other", "x")}}, func(g *Group) bool { return *g.MemberAddMode == "admin_add" }},
		"no mode of members": {Change{}, events.GroupInfo{UnknownChanges: []*waBinary.Node{{Tag: "member_add_mode"}}}, func(g *Group) bool { return g.MemberAddMode == nil }},
	} {
		g := &Group{ParticipantCount: 10, Participants: []GroupParticipant{{Contact: adaPN.String(), LID: wa.JIDOrNull(adaLID), IsAdmin: true, IsSuperAdmin: true}}}
		for round := range 2 {
			c.change.Apply(g, &c.evt)
			if !c.holds(g) {
				t.Errorf("%s, round %d: %+v", name, round+1, g)
			}
		}
	}
}

// TestCountIncludesHiddenMembers checks that the count of members is at least the number of known ones.
func TestCountIncludesHiddenMembers(t *testing.T) {
	info := &types.GroupInfo{JID: teamID, ParticipantCount: 50, Participants: []types.GroupParticipant{{JID: adaPN}, {JID: bobLID, Error: 403}}}
	group, err := FromInfo(t.Context(), testDevice(), info)
	if err != nil || group.ParticipantCount != 49 {
		t.Errorf("%d members, %v", group.ParticipantCount, err)
	}
	info.ParticipantCount = 1
	if group, err = FromInfo(t.Context(), testDevice(), info); err != nil || group.ParticipantCount != 1 {
		t.Errorf("%d members, %v", group.ParticipantCount, err)
	}
	row, err := Row(group)
	if err != nil {
		t.Fatal(err)
	}
	var stored Group
	if err = json.Unmarshal(row.Data, &stored); err != nil || row.JID != teamID.String() || len(stored.Participants) != 1 || stored.Participants[0].Contact != adaPN.String() || len(group.Participants) != 2 {
		t.Errorf("stored %+v of %+v, %v", stored, group, err)
	}
}

func requestOf(settings GroupSettings) whatsmeow.ReqCreateGroup {
	var request whatsmeow.ReqCreateGroup
	settings.applyTo(&request)
	return request
}

func TestSettingsOfANewGroup(t *testing.T) {
	yes, day, mode := true, 86400, "all_member_add"
	for name, settings := range map[string]GroupSettings{
		"all": {Locked: &yes, Announce: &yes, DisappearingSeconds: &day, JoinApprovalRequired: &yes, MemberAddMode: &mode}, "none": {},
	} {
		request := requestOf(settings)
		given := name == "all"
		if request.IsLocked != given || request.IsAnnounce != given || request.IsEphemeral != given || (request.DisappearingTimer == 86400) != given ||
			request.IsJoinApprovalRequired != given || (string(request.MemberAddMode) == mode) != given {
			t.Errorf("%s: %+v", name, request)
		}
	}
	off := 0
	if request := requestOf(GroupSettings{DisappearingSeconds: &off}); request.IsEphemeral {
		t.Error("a timer that is off was requested")
	}
}

// TestStoredGroups checks the groups that are available without a connection, and unreadable rows among them.
func TestStoredGroups(t *testing.T) {
	conn := conntest.NewConn(t)
	s := NewService(conn, conntest.Owner, conn.Pairs, conntest.NewLog)
	ctx := t.Context()
	if stored, err := s.Stored(ctx, teamID); err != nil || stored != nil {
		t.Errorf("a group that is not stored: %v, %v", stored, err)
	}
	if err := s.changeStoredGroup(ctx, teamID, func(*Group) { t.Error("changed") }); err != nil {
		t.Error(err)
	}
	kept, err := s.Keep(ctx, conn.Keys, &types.GroupInfo{JID: teamID, GroupName: types.GroupName{Name: "Team"}, Participants: []types.GroupParticipant{
		{JID: conntest.AdaLID, PhoneNumber: conntest.Ada, LID: conntest.AdaLID}, {JID: conntest.Bob},
	}})
	if err != nil || kept.Name != "Team" || len(conn.Seen) != 1 || conn.Seen[0] != (directory.Pair{PN: conntest.Ada.String(), LID: conntest.AdaLID.String()}) {
		t.Fatalf("%+v, %v, pairs %v", kept, err, conn.Seen)
	}
	if err = s.changeStoredGroup(ctx, teamID, func(g *Group) { g.Locked = true }); err != nil {
		t.Fatal(err)
	}
	list, err := s.List(ctx, false)
	if err != nil || len(list) != 1 || !list[0].Locked || list[0].ParticipantCount != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	byJID, err := s.ListStored(ctx)
	if err != nil || byJID[teamID.String()] == nil || byJID[teamID.String()].Name != "Team" {
		t.Errorf("%+v, %v", byJID, err)
	}
	for person, want := range map[string][]string{conntest.Ada.String(): {teamID.String()}, conntest.AdaLID.String(): {teamID.String()}, conntest.Bob.User: {teamID.String()}, conntest.Own.String(): {}} {
		if common, err := s.ListCommon(ctx, person); err != nil || !slices.Equal(common, want) || common == nil {
			t.Errorf("groups with %s: %v, %v", person, common, err)
		}
	}
	if err = conn.Pairs.PutGroup(ctx, conntest.Owner, directory.Group{JID: teamID.String(), Data: []byte("{")}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if stored, err := s.Stored(ctx, teamID); err != nil || stored != nil {
		t.Errorf("an unreadable group counts as not stored: %v, %v", stored, err)
	}
	for name, call := range map[string]func() error{
		"list":   func() error { _, err := s.List(ctx, false); return err },
		"by JID": func() error { _, err := s.ListStored(ctx); return err },
		"common": func() error { _, err := s.ListCommon(ctx, conntest.Ada.String()); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonStorage {
			t.Errorf("%s with an unreadable group: %v", name, err)
		}
	}
	conn.Keys = nil
	var e *wa.Error
	if _, err = s.ListCommon(ctx, conntest.Ada.String()); !errors.As(err, &e) || e.Reason != wa.ReasonNotConnected {
		t.Errorf("without a device: %v", err)
	}
	if _, err = s.ListCommon(ctx, teamID.String()); !errors.As(err, &e) || e.Field != "contact" {
		t.Errorf("groups with a group: %v", err)
	}
}

func TestOperationsNeedAConnection(t *testing.T) {
	conn := conntest.NewConn(t)
	s := NewService(conn, conntest.Owner, conn.Pairs, conntest.NewLog)
	ctx, group, yes := t.Context(), teamID.String(), true
	for name, call := range map[string]func() error{
		"create":       func() error { _, err := s.Create(ctx, GroupCreate{Name: "x"}); return err },
		"list":         func() error { _, err := s.List(ctx, true); return err },
		"get":          func() error { _, err := s.Get(ctx, group, false); return err },
		"leave":        func() error { return s.Leave(ctx, group) },
		"rename":       func() error { return s.SetName(ctx, group, "x") },
		"describe":     func() error { return s.SetDescription(ctx, group, "") },
		"picture":      func() error { _, err := s.SetPicture(ctx, group, nil); return err },
		"settings":     func() error { _, err := s.UpdateSettings(ctx, group, GroupSettings{Locked: &yes}); return err },
		"participants": func() error { _, err := s.UpdateParticipants(ctx, group, "add", []string{adaPN.String()}); return err },
		"requests": func() error {
			_, err := s.UpdateJoinRequests(ctx, group, "approve", []string{adaPN.String()})
			return err
		},
		"list requests": func() error { _, err := s.ListJoinRequests(ctx, group); return err },
		"link":          func() error { _, err := s.InviteLink(ctx, group, false); return err },
		"of an invite":  func() error { _, err := s.OfInvite(ctx, "AbC"); return err },
		"join":          func() error { _, _, err := s.Join(ctx, "AbC"); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
}
