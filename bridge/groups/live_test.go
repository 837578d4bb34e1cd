package groups

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// liveGroups are the group operations of a connected session.
type liveGroups struct {
	*Service
	conn *conntest.LiveConn
	t    *testing.T
	ctx  context.Context
}

func connect(t *testing.T) *liveGroups {
	t.Helper()
	conn := conntest.Connect(t)
	return &liveGroups{NewService(conn, conntest.Owner, conn.Pairs, conntest.NewLog), conn, t, conn.Deadline()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create returns a group of the account with these people.
func (s *liveGroups) create(people ...types.JID) *Group {
	s.t.Helper()
	create := GroupCreate{Name: "Team"}
	for _, jid := range people {
		create.Participants = append(create.Participants, jid.String())
	}
	group, err := s.Create(s.ctx, create)
	must(s.t, err)
	return group
}

// stored returns the stored form of a group.
func (s *liveGroups) stored(group string) *Group {
	s.t.Helper()
	jid, err := types.ParseJID(group)
	must(s.t, err)
	stored, err := s.Stored(s.ctx, jid)
	must(s.t, err)
	return stored
}

func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	return out.Bytes()
}

func TestNewGroupHasWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := connect(t)
	must(t, s.conn.BobPhone.SetPrivacy(types.PrivacySettingTypeGroupAdd, types.PrivacySettingNone))
	yes, day, mode := true, 86400, "admin_add"
	group, err := s.Create(s.ctx, GroupCreate{
		Name: "Team", Description: "About tea", Picture: picture(t), Participants: []string{conntest.Ada.String(), conntest.Bob.String()},
		GroupSettings: GroupSettings{Locked: &yes, Announce: &yes, DisappearingSeconds: &day, JoinApprovalRequired: &yes, MemberAddMode: &mode},
	})
	must(t, err)
	read, err := s.Get(s.ctx, group.Group, true)
	must(t, err)
	for name, g := range map[string]*Group{"created": group, "read": read, "stored": s.stored(group.Group)} {
		if g.Name != "Team" || g.Description == nil || *g.Description != "About tea" || !g.Locked || !g.Announce || g.DisappearingSeconds != day || !g.JoinApprovalRequired ||
			g.MemberAddMode == nil || *g.MemberAddMode != mode || g.ParticipantCount != 2 || *g.Owner != conntest.Own.String() || g.Index(wa.Person{PN: conntest.Ada}) < 0 {
			t.Errorf("%s: %+v", name, g)
		}
		i := g.Index(wa.Person{PN: conntest.Bob})
		if (i >= 0) != (name == "created") {
			t.Errorf("%s: Bob, who could not be added, is at %d", name, i)
		}
	}
	bob := group.Participants[group.Index(wa.Person{PN: conntest.Bob})]
	if bob.ErrorCode == nil || *bob.ErrorCode != 403 || bob.Invite == nil || bob.Invite.Code == "" || bob.Invite.ExpiresAt.IsZero() {
		t.Errorf("Bob: %+v", bob)
	}
	if read.PictureURL == nil || *read.PictureURL == nil || group.PictureURL != nil {
		t.Errorf("picture %v", read.PictureURL)
	}
	if len(s.conn.Seen) == 0 {
		t.Error("the addresses of the members were not stored")
	}
}

// TestGroupThatCannotBeFinished checks that the error about a description or picture names the group that exists all the same.
func TestGroupThatCannotBeFinished(t *testing.T) {
	t.Parallel()
	s := connect(t)
	for name, create := range map[string]GroupCreate{"picture": {Name: "Team", Picture: []byte("no picture")}, "description": {Name: "Team", Description: "D"}} {
		end := func() {}
		if name == "description" {
			end = s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node {
				if len(n.GetChildren()) == 0 { // the answer to a description
					n.Attrs["type"] = "error"
					n.Content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": "403", "text": "forbidden"}}}
				}
				return n
			})
		}
		group, err := s.Create(s.ctx, create)
		end()
		if err == nil || group != nil || !strings.Contains(err.Error(), "@g.us") && name == "description" {
			t.Errorf("%s: %+v, %v", name, group, err)
		}
	}
	list, err := s.List(s.ctx, true)
	if err != nil || len(list) != 2 {
		t.Errorf("%d groups exist, %v", len(list), err)
	}
}

func TestSettingsOfAGroupAreChanged(t *testing.T) {
	t.Parallel()
	s := connect(t)
	group := s.create(conntest.Ada).Group
	yes, no, week, mode := true, false, 604800, "admin_add"
	given := GroupSettings{Locked: &yes, Announce: &no, DisappearingSeconds: &week, JoinApprovalRequired: &yes, MemberAddMode: &mode}
	changed, err := s.UpdateSettings(s.ctx, group, given)
	if err != nil || changed != given {
		t.Fatalf("%+v, %v", changed, err)
	}
	read, err := s.Get(s.ctx, group, false)
	must(t, err)
	for name, g := range map[string]*Group{"read": read, "stored": s.stored(group)} {
		if !g.Locked || g.Announce || g.DisappearingSeconds != week || !g.JoinApprovalRequired || *g.MemberAddMode != mode || g.PictureURL != nil {
			t.Errorf("%s: %+v", name, g)
		}
	}
	end := s.conn.RefuseRequests(403)
	if _, err = s.UpdateSettings(s.ctx, group, GroupSettings{Locked: &no}); wa.ReasonOf(err) != wa.ReasonForbidden || !s.stored(group).Locked {
		t.Errorf("a refused setting: %v, stored %+v", err, s.stored(group))
	}
	if err = s.SetDescription(s.ctx, group, "D"); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("a refused description: %v", err)
	}
	end()
	must(t, s.SetName(s.ctx, group, "Renamed"))
	must(t, s.SetDescription(s.ctx, group, "D"))
	id, err := s.SetPicture(s.ctx, group, picture(t))
	if err != nil || id == "" {
		t.Errorf("picture %q, %v", id, err)
	}
	if read, err = s.Get(s.ctx, group, true); err != nil || read.Name != "Renamed" || *read.Description != "D" || read.PictureURL == nil || *read.PictureURL == nil {
		t.Errorf("%+v, %v", read, err)
	}
	must(t, s.SetDescription(s.ctx, group, ""))
	if _, err = s.SetPicture(s.ctx, group, nil); err != nil {
		t.Error(err)
	}
	if read, err = s.Get(s.ctx, group, true); err != nil || read.Description != nil || read.PictureURL == nil || *read.PictureURL != nil {
		t.Errorf("after both were removed: %+v, %v", read, err)
	}
}

func TestMembersAreChanged(t *testing.T) {
	t.Parallel()
	s := connect(t)
	group := s.create(conntest.Ada).Group
	ada, bob := conntest.Ada.String(), conntest.Bob.String()
	for _, c := range []struct {
		action, person string
		code           int
		members        int
		admin          bool
	}{
		{"add", bob, 200, 3, false}, {"add", bob, 409, 3, false}, {"promote", ada, 200, 3, true}, {"demote", ada, 200, 3, false}, {"remove", bob, 200, 2, false}, {"remove", bob, 404, 2, false},
	} {
		results, err := s.UpdateParticipants(s.ctx, group, c.action, []string{c.person})
		if err != nil || len(results) != 1 || results[0].StatusCode != c.code || results[0].Contact != c.person || (results[0].Error != nil) != (c.code != 200) {
			t.Fatalf("%s %s: %+v, %v", c.action, c.person, results, err)
		}
		stored := s.stored(group)
		i := stored.Index(wa.Person{PN: conntest.Ada})
		if stored.ParticipantCount != c.members || i < 0 || stored.Participants[i].IsAdmin != c.admin {
			t.Errorf("after %s %s: stored %+v", c.action, c.person, stored)
		}
	}
	if _, err := s.UpdateParticipants(s.ctx, group, "add", []string{bob, teamID.String()}); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("a group as member: %v", err)
	}
	must(t, s.conn.BobPhone.SetPrivacy(types.PrivacySettingTypeGroupAdd, types.PrivacySettingNone))
	results, err := s.UpdateParticipants(s.ctx, group, "add", []string{bob})
	if err != nil || results[0].StatusCode != http.StatusForbidden || results[0].Invite == nil || results[0].Invite.Code == "" {
		t.Errorf("a person who may not be added: %+v, %v", results, err)
	}
	end := s.conn.RefuseRequests(401)
	defer end()
	if _, err := s.UpdateParticipants(s.ctx, group, "add", []string{bob}); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("a refused change: %v", err)
	}
}

func TestInvitesAndJoinRequests(t *testing.T) {
	t.Parallel()
	s := connect(t)
	group := s.create(conntest.Ada).Group
	jid, err := types.ParseJID(group)
	must(t, err)
	link, err := s.InviteLink(s.ctx, group, false)
	if err != nil || link.Code == "" || link.URL != "https://chat.whatsapp.com/"+link.Code {
		t.Fatalf("%+v, %v", link, err)
	}
	yes := true
	_, err = s.UpdateSettings(s.ctx, group, GroupSettings{JoinApprovalRequired: &yes})
	must(t, err)
	if _, pending, err := s.conn.BobPhone.JoinGroup(link.Code); err != nil || !pending {
		t.Fatalf("Bob's request: pending %v, %v", pending, err)
	}
	requests, err := s.ListJoinRequests(s.ctx, group)
	if err != nil || len(requests) != 1 || requests[0].Contact != conntest.Bob.String() || requests[0].LID == nil || *requests[0].LID != s.conn.BobPhone.LID().String() || requests[0].RequestedAt == nil {
		t.Fatalf("%+v, %v", requests, err)
	}
	results, err := s.UpdateJoinRequests(s.ctx, group, "approve", []string{conntest.Bob.String()})
	if err != nil || len(results) != 1 || results[0].StatusCode != http.StatusOK {
		t.Errorf("approval: %+v, %v", results, err)
	}
	members, err := s.conn.Net.GroupMembers(jid)
	if err != nil || len(members) != 3 {
		t.Errorf("members %v, %v", members, err)
	}
	if requests, err = s.ListJoinRequests(s.ctx, group); err != nil || len(requests) != 0 || requests == nil {
		t.Errorf("after the approval: %+v, %v", requests, err)
	}
	again, err := s.InviteLink(s.ctx, group, true)
	if err != nil || again.Code == link.Code {
		t.Errorf("revoked link %+v, %v", again, err)
	}
	if _, err = s.OfInvite(s.ctx, link.URL); wa.ReasonOf(err) == "" {
		t.Errorf("the group of a revoked invite: %v", err)
	}
	end := s.conn.RefuseRequests(401)
	if _, err = s.InviteLink(s.ctx, group, false); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("a refused link: %v", err)
	}
	if _, err = s.ListJoinRequests(s.ctx, group); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("refused requests: %v", err)
	}
	end()
}

func TestJoiningByInvite(t *testing.T) {
	t.Parallel()
	s := connect(t)
	for name, approval := range map[string]bool{"open": false, "with approval": true} {
		group, err := s.conn.AdaPhone.CreateGroup(sandbox.GroupOptions{Subject: name, Members: []types.JID{conntest.Bob}, Approval: approval})
		must(t, err)
		code, err := s.conn.AdaPhone.InviteCode(group, false)
		must(t, err)
		preview, err := s.OfInvite(s.ctx, code)
		if err != nil || preview.Group != group.String() || preview.Name != name || preview.InviteCode == nil || *preview.InviteCode != code {
			t.Errorf("%s: preview %+v, %v", name, preview, err)
		}
		if s.stored(group.String()) != nil {
			t.Errorf("%s: the group of an invite was stored", name)
		}
		joined, pending, err := s.Join(s.ctx, "https://chat.whatsapp.com/"+code)
		if err != nil || joined != group.String() || pending != approval {
			t.Errorf("%s: joined %q, pending %v, %v", name, joined, pending, err)
		}
		if !approval {
			if list, err := s.List(s.ctx, true); err != nil || !slices.ContainsFunc(list, func(g Group) bool { return g.Group == joined }) {
				t.Errorf("groups %+v, %v", list, err)
			}
			common, err := s.ListCommon(s.ctx, conntest.Bob.String())
			if err != nil || !slices.Equal(common, []string{joined}) {
				t.Errorf("groups with Bob %v, %v", common, err)
			}
			must(t, s.Leave(s.ctx, joined))
			if s.stored(joined) != nil {
				t.Error("a group that was left is stored")
			}
		}
	}
	for code, reason := range map[int]wa.Reason{406: wa.ReasonBadParam, 410: wa.ReasonNotFound, 403: wa.ReasonForbidden} {
		end := s.conn.RefuseRequests(code)
		if _, _, err := s.Join(s.ctx, "AbCdEf"); wa.ReasonOf(err) != reason {
			t.Errorf("code %d: %v", code, err)
		}
		end()
	}
	end := s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node {
		n.Attrs["type"], n.Content = "result", []waBinary.Node{{Tag: "other"}, {Tag: "group"}}
		return n
	})
	defer end()
	var e *wa.Error
	if _, _, err := s.Join(s.ctx, "AbCdEf"); !errors.As(err, &e) || e.Reason != wa.ReasonWhatsApp || !strings.Contains(e.Message, "incomplete") {
		t.Errorf("an answer without a group: %v", err)
	}
}

func TestRefusedGroupOperations(t *testing.T) {
	t.Parallel()
	s := connect(t)
	group := s.create().Group
	end := s.conn.RefuseRequests(404)
	defer end()
	for name, call := range map[string]func() error{
		"create": func() error { _, err := s.Create(s.ctx, GroupCreate{Name: "x"}); return err },
		"list":   func() error { _, err := s.List(s.ctx, true); return err },
		"get":    func() error { _, err := s.Get(s.ctx, group, true); return err },
		"leave":  func() error { return s.Leave(s.ctx, group) },
		"rename": func() error { return s.SetName(s.ctx, group, "x") },
	} {
		var e *wa.Error
		if err := call(); !errors.As(err, &e) || e.Reason != wa.ReasonNotFound || e.WACode != 404 && e.Field != "group" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.stored(group) == nil {
		t.Error("a group that could not be left is no longer stored")
	}
}
