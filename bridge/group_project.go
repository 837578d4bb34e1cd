package bridge

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// The directory follows the groups through their events: names of chats and
// the number of people a message goes to come from there.

// projectJoined stores a group with the event that told of it.
func (t *translation) projectJoined(group *Group) error {
	row, err := groupRow(group)
	if err != nil {
		return err
	}
	t.project(func(ctx context.Context) error { return t.s.b.people.PutGroup(ctx, t.s.owner, row, time.Now()) })
	return nil
}

// projectGroup applies a change to the stored group. A group nobody asked for
// yet is not stored and stays so.
func (t *translation) projectGroup(evt *events.GroupInfo) error {
	var change groupChange
	for _, part := range []struct {
		to   *[]wa.Person
		jids []types.JID
	}{{&change.joined, evt.Join}, {&change.left, evt.Leave}, {&change.promoted, evt.Promote}, {&change.demoted, evt.Demote}} {
		for _, jid := range part.jids {
			p, err := t.person(jid)
			if err != nil {
				return err
			}
			*part.to = append(*part.to, p)
		}
	}
	own := wa.Person{PN: t.cli.Store.GetJID().ToNonAD(), LID: t.cli.Store.GetLID().ToNonAD()}
	gone := evt.Delete != nil || slices.ContainsFunc(evt.Leave, own.Is)
	s := t.s
	t.project(func(ctx context.Context) error {
		if gone {
			return s.b.people.RemoveGroup(ctx, s.owner, evt.JID.String())
		}
		group, err := s.storedGroup(ctx, evt.JID)
		if err != nil || group == nil {
			return err
		}
		change.apply(group, evt)
		row, err := groupRow(group)
		if err != nil {
			return err
		}
		return s.b.people.PutGroup(ctx, s.owner, row, time.Now())
	})
	return nil
}

// groupChange is the people of a change; evt has the rest of it.
type groupChange struct{ joined, left, promoted, demoted []wa.Person }

// apply may run again for the same change, and for one that a call stored
// already.
func (c *groupChange) apply(g *Group, evt *events.GroupInfo) {
	before := len(g.Participants)
	for _, p := range c.joined {
		if g.place(p) < 0 {
			g.Participants = append(g.Participants, GroupParticipant{
				Contact: p.Address().String(), PhoneNumber: p.PhoneNumber(), LID: wa.JIDOrNull(p.LID),
			})
		}
	}
	for _, p := range c.left {
		if i := g.place(p); i >= 0 {
			g.Participants = slices.Delete(g.Participants, i, i+1)
		}
	}
	// WhatsApp may hide members, and counts them all the same.
	g.ParticipantCount = max(g.ParticipantCount+len(g.Participants)-before, len(g.Participants))
	for _, p := range c.promoted {
		if i := g.place(p); i >= 0 {
			g.Participants[i].IsAdmin = true
		}
	}
	for _, p := range c.demoted {
		if i := g.place(p); i >= 0 {
			g.Participants[i].IsAdmin, g.Participants[i].IsSuperAdmin = false, false
		}
	}
	if evt.ParticipantVersionID != "" {
		g.ParticipantVersionID = &evt.ParticipantVersionID
	}
	g.applySettings(evt)
	g.storeMoreChanges(evt)
}

func (g *Group) applySettings(evt *events.GroupInfo) {
	if evt.Name != nil {
		g.Name, g.NameSetAt = evt.Name.Name, wa.TimeOrNull(evt.Name.NameSetAt)
		g.NameSetBy = firstJID(evt.Name.NameSetByPN, evt.Name.NameSetBy)
	}
	if evt.Topic != nil {
		g.Description, g.DescriptionID = wa.OrNull(evt.Topic.Topic), wa.OrNull(evt.Topic.TopicID)
		g.DescriptionSetAt, g.DescriptionSetBy = wa.TimeOrNull(evt.Topic.TopicSetAt), firstJID(evt.Topic.TopicSetByPN, evt.Topic.TopicSetBy)
		if evt.Topic.TopicDeleted {
			g.Description = nil
		}
	}
	if evt.Locked != nil {
		g.Locked = evt.Locked.IsLocked
	}
	if evt.Announce != nil {
		g.Announce, g.AnnounceVersionID = evt.Announce.IsAnnounce, wa.OrNull(evt.Announce.AnnounceVersionID)
	}
	if evt.Ephemeral != nil {
		g.DisappearingSeconds = int(evt.Ephemeral.DisappearingTimer)
	}
	if evt.MembershipApprovalMode != nil {
		g.JoinApprovalRequired = evt.MembershipApprovalMode.IsJoinApprovalRequired
	}
	if evt.NewInviteLink != nil {
		g.InviteCode = wa.OrNull(*evt.NewInviteLink)
	}
	if evt.Suspended || evt.Unsuspended {
		g.Suspended = evt.Suspended
	}
}

func firstJID(jids ...types.JID) *string {
	for _, jid := range jids {
		if !jid.IsEmpty() {
			return wa.JIDOrNull(jid)
		}
	}
	return nil
}

// place is the index of a member, -1 for somebody who is none.
func (g *Group) place(who wa.Person) int {
	return slices.IndexFunc(g.Participants, func(member GroupParticipant) bool {
		return member.Contact == who.PN.String() || member.LID != nil && *member.LID == who.LID.String()
	})
}

// storedGroup is a group as the directory knows it, nil when it does not. One
// that cannot be read counts as not known: WhatsApp can be asked again, and the
// event that tells of a change must not fail over it.
func (s *Session) storedGroup(ctx context.Context, jid types.JID) (*Group, error) {
	stored, found, err := s.b.people.Group(ctx, s.owner, jid.String())
	if err != nil {
		return nil, wa.StorageError("the stored group could not be read", err)
	}
	if !found {
		return nil, nil
	}
	group := new(Group)
	if err := json.Unmarshal(stored.Data, group); err != nil {
		s.log().Error("a stored group cannot be read", "error", err)
		return nil, nil
	}
	return group, nil
}
