package communities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// sender records announcements and refuses those to some groups.
type sender struct {
	sent   []string // "group message id text"
	refuse map[string]error
}

func (s *sender) Send(_ context.Context, to string, c *message.Content, o *outbound.SendOptions) (*outbound.Sent, error) {
	s.sent = append(s.sent, to+" "+o.MessageID+" "+c.Text)
	if err := s.refuse[to]; err != nil {
		return nil, err
	}
	return &outbound.Sent{MessageID: o.MessageID, Timestamp: time.Unix(1000, 0)}, nil
}

// live are the community operations of a connected session.
type live struct {
	*Service
	*sender
	t      *testing.T
	conn   *conntest.LiveConn
	groups *groups.Service
	ctx    context.Context
}

func connect(t *testing.T) *live {
	t.Helper()
	conn := conntest.Connect(t)
	known, sent := groups.NewService(conn, conntest.Owner, conn.Pairs, conntest.NewLog), &sender{refuse: map[string]error{}}
	return &live{NewService(conn, known, sent), sent, t, conn, known, conn.Deadline()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newGroup makes a group of the account with Ada.
func (s *live) newGroup(name string) string {
	s.t.Helper()
	group, err := s.groups.Create(s.ctx, groups.GroupCreate{Name: name, Participants: []string{conntest.Ada.String()}})
	must(s.t, err)
	return group.Group
}

// foreign makes a group of Ada, of which the account is a member.
func (s *live) foreign() string {
	s.t.Helper()
	jid, err := s.conn.AdaPhone.CreateGroup(sandbox.GroupOptions{Subject: "Foreign", Members: []types.JID{conntest.Own}})
	must(s.t, err)
	return jid.String()
}

// linked returns the groups of a community, the announcement group first.
func (s *live) linked(community string) (ids []string) {
	s.t.Helper()
	list, err := s.ListGroups(s.ctx, community)
	must(s.t, err)
	slices.SortStableFunc(list, func(a, b LinkedGroup) int {
		switch {
		case a.IsAnnouncementGroup == b.IsAnnouncementGroup:
			return 0
		case a.IsAnnouncementGroup:
			return -1
		}
		return 1
	})
	for _, g := range list {
		ids = append(ids, g.Group)
	}
	return ids
}

func (s *live) communityOf(group string) string {
	s.t.Helper()
	jid, err := types.ParseJID(group)
	must(s.t, err)
	stored, err := s.groups.Stored(s.ctx, jid)
	must(s.t, err)
	if stored == nil || stored.Community == nil {
		return ""
	}
	return *stored.Community
}

// refusal checks an error and the field that it names.
func refusal(t *testing.T, name string, err error, reason wa.Reason, field string) {
	t.Helper()
	var e *wa.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Field != field || e.Message == "" {
		t.Errorf("%s: %v, want %s of %q", name, err, reason, field)
	}
}

func TestCreateLinksGroups(t *testing.T) {
	t.Parallel()
	s := connect(t)
	street, foreign := s.newGroup("Street"), s.foreign()
	created, err := s.Create(s.ctx, "Village", "all of it", []string{street, foreign})
	must(t, err)
	if created.Name != "Village" || created.AnnouncementGroup == nil || !slices.Equal(created.LinkedGroups, []string{street}) {
		t.Errorf("%+v", created)
	}
	if len(created.Errors) != 1 || created.Errors[0].Group != foreign || created.Errors[0].Error == "" {
		t.Errorf("the group that cannot be linked: %+v", created.Errors)
	}
	if got := s.linked(created.Community); !slices.Equal(got, []string{*created.AnnouncementGroup, street}) {
		t.Errorf("groups %v", got)
	}
	if of := s.communityOf(street); of != created.Community {
		t.Errorf("the stored group is in %q", of)
	}
}

func TestCreateRefusesBadInput(t *testing.T) {
	t.Parallel()
	s := connect(t)
	many := slices.Repeat([]string{"120363000000000001@g.us"}, maxGroups+1)
	for name, c := range map[string]struct {
		name   string
		groups []string
		field  string
	}{
		"too many groups": {"Village", many, "groups"}, "a person": {"Village", []string{many[0], conntest.Ada.String()}, "groups/1"},
		"no name": {"", nil, "name"}, "a long name": {strings.Repeat("x", 500), nil, "name"},
	} {
		_, err := s.Create(s.ctx, c.name, "", c.groups)
		refusal(t, name, err, wa.ReasonBadParam, c.field)
	}
	// The list of its groups is read after the community exists: the error says so.
	requests := 0
	end := s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node {
		if _, ok := n.GetOptionalChildByTag("group"); !ok && requests > 0 {
			n.Attrs["type"], n.Content = "error", []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": "500"}}}
		}
		requests++
		return n
	})
	defer end()
	if _, err := s.Create(s.ctx, "Village", "", nil); err == nil || !strings.Contains(err.Error(), "was created") {
		t.Errorf("groups that cannot be listed: %v", err)
	}
}

func TestLinkAndUnlink(t *testing.T) {
	t.Parallel()
	s := connect(t)
	created, err := s.Create(s.ctx, "Village", "", nil)
	must(t, err)
	community, square, foreign := created.Community, s.newGroup("Square"), s.foreign()
	must(t, s.LinkGroup(s.ctx, community, square))
	if of := s.communityOf(square); of != community || !slices.Contains(s.linked(community), square) {
		t.Errorf("the stored group is in %q, the community has %v", of, s.linked(community))
	}
	refusal(t, "a group twice", s.LinkGroup(s.ctx, community, square), wa.ReasonConflict, "")
	refusal(t, "a group of another person", s.LinkGroup(s.ctx, community, foreign), wa.ReasonForbidden, "")
	for name, change := range map[string]func(context.Context, string, string) error{"link": s.LinkGroup, "unlink": s.UnlinkGroup} {
		refusal(t, name+" no group", change(s.ctx, community, "x"), wa.ReasonBadParam, "group")
		refusal(t, name+" in no community", change(s.ctx, conntest.Ada.String(), square), wa.ReasonBadParam, "community")
	}
	must(t, s.UnlinkGroup(s.ctx, community, square))
	if of := s.communityOf(square); of != "" || slices.Contains(s.linked(community), square) {
		t.Errorf("after it was removed the group is in %q, the community has %v", of, s.linked(community))
	}
	if err = s.UnlinkGroup(s.ctx, community, square); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("remove it again: %v", err)
	}
	if _, err = s.ListGroups(s.ctx, "120363999999999999@g.us"); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("groups of an unknown community: %v", err)
	}
}

// TestAnnouncements checks which groups an announcement is sent to, the message ids, and groups that refuse it.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	s := connect(t)
	street := s.newGroup("Street")
	created, err := s.Create(s.ctx, "Village", "", []string{street})
	must(t, err)
	announcement := *created.AnnouncementGroup
	announce := func(every bool) ([]Announcement, error) {
		s.sent = nil
		return s.SendAnnouncement(s.ctx, Announce{Community: created.Community, Text: "Flood", EveryGroup: every, MessageID: func(n int) string { return fmt.Sprint("M", n) }})
	}
	list, err := announce(false)
	if err != nil || len(list) != 1 || !slices.Equal(s.sent, []string{announcement + " M0 Flood"}) || *list[0].MessageID != "M0" || list[0].Timestamp.Unix() != 1000 || list[0].Error != nil {
		t.Errorf("announcement group: %+v, %v; sent %v", list, err, s.sent)
	}
	s.refuse[street] = wa.NewError(wa.ReasonForbidden, "only admins may write")
	list, err = announce(true)
	if err != nil || len(list) != 2 || len(s.sent) != 2 {
		t.Fatalf("every group: %+v, %v; sent %v", list, err, s.sent)
	}
	for i, a := range list {
		failed := a.Group == street
		if !strings.HasPrefix(s.sent[i], fmt.Sprintf("%s M%d ", a.Group, i)) || failed != (a.Error != nil) || failed != (a.MessageID == nil) || failed != (a.Timestamp == nil) {
			t.Errorf("%+v after %s", a, s.sent[i])
		}
	}
	s.refuse[announcement] = errors.New("an error with details that are not for callers")
	if _, err = announce(true); err == nil {
		t.Error("an announcement that reaches no group succeeded")
	}
	if _, err = announce(false); !errors.Is(err, s.refuse[announcement]) {
		t.Errorf("the announcement group refuses: %v", err)
	}
	delete(s.refuse, street)
	if list, err = announce(true); err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, a := range list {
		if a.Group == announcement && (a.Error == nil || strings.Contains(*a.Error, "details")) {
			t.Errorf("the error that callers see: %v", a.Error)
		}
	}
}

func TestAnnouncementsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := connect(t)
	_, err := s.SendAnnouncement(s.ctx, Announce{Community: conntest.Ada.String()})
	refusal(t, "a person", err, wa.ReasonBadParam, "community")
	_, err = s.SendAnnouncement(s.ctx, Announce{Community: s.newGroup("Street")})
	refusal(t, "a group", err, wa.ReasonBadParam, "community")
	if _, err = s.SendAnnouncement(s.ctx, Announce{Community: "120363999999999999@g.us"}); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("an unknown community: %v", err)
	}
	if len(s.sent) != 0 {
		t.Errorf("sent %v", s.sent)
	}
	offline := NewService(conntest.NewConn(t), s.groups, s.sender)
	for name, call := range map[string]func() error{
		"announce": func() error {
			_, err := offline.SendAnnouncement(t.Context(), Announce{Community: "120363000000000001@g.us"})
			return err
		},
		"list": func() error { _, err := offline.ListGroups(t.Context(), "120363000000000001@g.us"); return err },
		"link": func() error {
			return offline.LinkGroup(t.Context(), "120363000000000001@g.us", "120363000000000002@g.us")
		},
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s without a connection: %v", name, err)
		}
	}
}

// TestAdminByEitherAddress checks how the account is found among the participants of a community.
func TestAdminByEitherAddress(t *testing.T) {
	t.Parallel()
	own, lid := conntest.Own, types.NewJID("100000000000001", types.HiddenUserServer)
	device := &store.Device{ID: &own, LID: lid}
	other := types.GroupParticipant{PhoneNumber: conntest.Ada, LID: conntest.AdaLID}
	for name, c := range map[string]struct {
		participants []types.GroupParticipant
		want         bool
	}{
		"admin by number":    {[]types.GroupParticipant{other, {PhoneNumber: own, IsAdmin: true}}, true},
		"member by number":   {[]types.GroupParticipant{{PhoneNumber: own}}, false},
		"admin by LID":       {[]types.GroupParticipant{{LID: lid, IsAdmin: true}}, true},
		"member by LID":      {[]types.GroupParticipant{other, {LID: lid}}, false},
		"not listed":         {[]types.GroupParticipant{other}, true},
		"hidden participant": {[]types.GroupParticipant{{}}, true},
	} {
		if got := isAdmin(device, &types.GroupInfo{Participants: c.participants}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if isAdmin(&store.Device{LID: lid}, &types.GroupInfo{Participants: []types.GroupParticipant{{LID: lid}}}) {
		t.Error("a device without a number is an admin, although its LID is listed as a member")
	}
}
