package groups

import (
	"slices"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// Change lists the people affected by a group change; the rest of the change is in evt.
type Change struct{ Joined, Left, Promoted, Demoted []wa.Person }

// Apply applies a change to a stored group. It may run again for the same change, and for a change that a call has
// already stored.
func (c *Change) Apply(g *Group, evt *events.GroupInfo) {
	before := len(g.Participants)
	for _, p := range c.Joined {
		if g.Index(p) < 0 {
			g.Participants = append(g.Participants, GroupParticipant{
				Contact: p.Address().String(), PhoneNumber: p.PhoneNumber(), LID: wa.JIDOrNull(p.LID),
			})
		}
	}
	for _, p := range c.Left {
		if i := g.Index(p); i >= 0 {
			g.Participants = slices.Delete(g.Participants, i, i+1)
		}
	}
	// WhatsApp may hide members but includes them in the count.
	g.ParticipantCount = max(g.ParticipantCount+len(g.Participants)-before, len(g.Participants))
	for _, p := range c.Promoted {
		if i := g.Index(p); i >= 0 {
			g.Participants[i].IsAdmin = true
		}
	}
	for _, p := range c.Demoted {
		if i := g.Index(p); i >= 0 {
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
		g.InviteCode = wa.OrNull(strings.TrimPrefix(*evt.NewInviteLink, whatsmeow.InviteLinkPrefix))
	}
	if evt.Link != nil && evt.Link.Type == types.GroupLinkChangeTypeParent {
		g.Community = wa.JIDOrNull(evt.Link.Group.JID)
	}
	if evt.Unlink != nil && evt.Unlink.Type == types.GroupLinkChangeTypeParent {
		g.Community = nil
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

// Index returns the index of a member, -1 for a person that is not a member.
func (g *Group) Index(who wa.Person) int {
	return slices.IndexFunc(g.Participants, func(member GroupParticipant) bool {
		return member.Contact == who.PN.String() || member.LID != nil && *member.LID == who.LID.String()
	})
}

// storeMoreChanges applies the unparsed changes that concern the stored group.
func (g *Group) storeMoreChanges(evt *events.GroupInfo) {
	for _, change := range evt.UnknownChanges {
		if mode := wa.NodeText(change); change.Tag == "member_add_mode" && mode != nil {
			g.MemberAddMode = mode
		}
	}
}
