package groups

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Group is a group or community as reported by WhatsApp to a session. JIDs of people are phone JIDs if the number is
// known, otherwise LIDs.
type Group struct {
	Group                string             `json:"group" doc:"its JID"`
	Name                 string             `json:"name" doc:"name"`
	NameSetAt            *time.Time         `json:"name_set_at" doc:"when the name was set"`
	NameSetBy            *string            `json:"name_set_by" doc:"who set the name"`
	Description          *string            `json:"description" doc:"text"`
	DescriptionID        *string            `json:"description_id" doc:"version of the text"`
	DescriptionSetAt     *time.Time         `json:"description_set_at" doc:"when the text was set"`
	DescriptionSetBy     *string            `json:"description_set_by" doc:"who set the text"`
	Owner                *string            `json:"owner" doc:"creator"`
	CreatedAt            *time.Time         `json:"created_at" doc:"creation"`
	ParticipantCount     int                `json:"participant_count" doc:"members"`
	Participants         []GroupParticipant `json:"participants,omitempty" doc:"members, unless left out by the caller or hidden by WhatsApp"`
	ParticipantVersionID *string            `json:"participant_version_id" doc:"version of the list"`
	Locked               bool               `json:"locked" doc:"only admins edit the group info"`
	Announce             bool               `json:"announce" doc:"only admins write"`
	AnnounceVersionID    *string            `json:"announce_version_id" doc:"version of that setting"`
	DisappearingSeconds  int                `json:"disappearing_seconds" doc:"timer of new messages; 0 = off"`
	JoinApprovalRequired bool               `json:"join_approval_required" doc:"admins approve new members"`
	MemberAddMode        *string            `json:"member_add_mode" doc:"admin_add or all_member_add"`
	IsCommunity          bool               `json:"is_community" doc:"a community"`
	Community            *string            `json:"community" doc:"the community it is linked to"`
	IsAnnouncementGroup  bool               `json:"is_announcement_group" doc:"announcement group of that community"`
	IsIncognito          bool               `json:"is_incognito" doc:"hides numbers"`
	Suspended            bool               `json:"suspended" doc:"paused by WhatsApp"`
	InviteCode           *string            `json:"invite_code" doc:"when known"`
	// PictureURL is absent unless requested, and null if there is no picture or it is hidden.
	PictureURL **string `json:"picture_url,omitempty" doc:"only when asked for; null when there is none or it is hidden"`
}

// GroupParticipant is a member of a group, or a person that could not be added.
type GroupParticipant struct {
	Contact      string       `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	ContactKey   *string      `json:"contact_key" doc:"stable key of the person"`
	PhoneNumber  *string      `json:"phone_number" doc:"digits"`
	LID          *string      `json:"lid" doc:"LID"`
	IsAdmin      bool         `json:"is_admin" doc:"admin"`
	IsSuperAdmin bool         `json:"is_super_admin" doc:"creator or owner"`
	DisplayName  *string      `json:"display_name" doc:"masked number shown for members who hide theirs"`
	ErrorCode    *int         `json:"error_code" doc:"why the person could not be added, as WhatsApp's code"`
	Invite       *GroupInvite `json:"invite" doc:"what to send the person instead"`
}

// GroupInvite is an invite for a person whose settings forbid others to add them.
type GroupInvite struct {
	Code      string    `json:"code" doc:"code for a group invite message"`
	ExpiresAt time.Time `json:"expires_at" doc:"end of validity"`
}

// FromInfo converts whatsmeow's information about a group.
func FromInfo(ctx context.Context, device *store.Device, info *types.GroupInfo) (*Group, error) {
	group := &Group{
		Group:                info.JID.String(),
		Name:                 info.Name,
		NameSetAt:            wa.TimeOrNull(info.NameSetAt),
		DescriptionID:        wa.OrNull(info.TopicID),
		DescriptionSetAt:     wa.TimeOrNull(info.TopicSetAt),
		CreatedAt:            wa.TimeOrNull(info.GroupCreated),
		ParticipantVersionID: wa.OrNull(info.ParticipantVersionID),
		Locked:               info.IsLocked,
		Announce:             info.IsAnnounce,
		AnnounceVersionID:    wa.OrNull(info.AnnounceVersionID),
		JoinApprovalRequired: info.IsJoinApprovalRequired,
		MemberAddMode:        wa.OrNull(string(info.MemberAddMode)),
		IsCommunity:          info.IsParent,
		Community:            wa.JIDOrNull(info.LinkedParentJID),
		IsAnnouncementGroup:  info.IsDefaultSubGroup,
		IsIncognito:          info.IsIncognito,
		Suspended:            info.Suspended,
	}
	if !info.TopicDeleted {
		group.Description = wa.OrNull(info.Topic)
	}
	if info.IsEphemeral {
		group.DisappearingSeconds = int(info.DisappearingTimer)
	}
	for _, who := range []struct {
		to      **string
		jid, pn types.JID
	}{
		{&group.NameSetBy, info.NameSetBy, info.NameSetByPN},
		{&group.DescriptionSetBy, info.TopicSetBy, info.TopicSetByPN},
		{&group.Owner, info.OwnerJID, info.OwnerPN},
	} {
		if !who.pn.IsEmpty() {
			*who.to = wa.JIDOrNull(who.pn)
			continue
		}
		if who.jid.IsEmpty() {
			continue
		}
		p, err := wa.PersonOf(ctx, device, who.jid)
		if err != nil {
			return nil, err
		}
		*who.to = wa.JIDOrNull(p.Address())
	}
	for _, member := range info.Participants {
		participant, err := newParticipant(ctx, device, member)
		if err != nil {
			return nil, err
		}
		group.Participants = append(group.Participants, participant)
	}
	group.ParticipantCount = len(group.members())
	if refused := len(group.Participants) - group.ParticipantCount; info.ParticipantCount > 0 {
		// WhatsApp hides members of some groups but includes them in the count.
		group.ParticipantCount = max(group.ParticipantCount, info.ParticipantCount-refused)
	}
	return group, nil
}

// members returns the participants without the people that could not be added. Only the answer to creating a group
// contains the latter.
func (g *Group) members() []GroupParticipant {
	return slices.DeleteFunc(slices.Clone(g.Participants), func(p GroupParticipant) bool { return p.ErrorCode != nil })
}

// refused reports whether WhatsApp did not add a person or rejected a change of a member.
func refused(member types.GroupParticipant) bool {
	return member.Error != 0 && member.Error != statusOK
}

// personOfParticipant returns both addresses of a person. It looks up only an address that WhatsApp's answer omits.
func personOfParticipant(ctx context.Context, device *store.Device, member types.GroupParticipant) (wa.Person, error) {
	p := wa.Person{PN: member.PhoneNumber.ToNonAD(), LID: member.LID.ToNonAD()}
	switch jid := member.JID.ToNonAD(); { // answers contain either address of a member, or the other one alone
	case p.PN.IsEmpty() && jid.Server == types.DefaultUserServer:
		p.PN = jid
	case p.LID.IsEmpty() && jid.Server == types.HiddenUserServer:
		p.LID = jid
	}
	if p.PN.IsEmpty() || p.LID.IsEmpty() {
		return wa.PersonOf(ctx, device, member.JID)
	}
	if err := device.LIDs.PutManyLIDMappings(ctx, []store.LIDMapping{{LID: p.LID, PN: p.PN}}); err != nil { // skips incomplete pairs
		return p, fmt.Errorf("bridge: store phone number of LID: %w", err)
	}
	return p, nil
}

func newParticipant(ctx context.Context, device *store.Device, member types.GroupParticipant) (GroupParticipant, error) {
	p, err := personOfParticipant(ctx, device, member)
	if err != nil {
		return GroupParticipant{}, err
	}
	participant := GroupParticipant{
		Contact:      p.Address().String(),
		PhoneNumber:  p.PhoneNumber(),
		LID:          wa.JIDOrNull(p.LID),
		IsAdmin:      member.IsAdmin,
		IsSuperAdmin: member.IsSuperAdmin,
		DisplayName:  wa.OrNull(member.DisplayName),
		Invite:       newInvite(member.AddRequest),
	}
	if refused(member) {
		participant.ErrorCode = &member.Error
	}
	return participant, nil
}

func newInvite(request *types.GroupParticipantAddRequest) *GroupInvite {
	if request == nil {
		return nil
	}
	return &GroupInvite{Code: request.Code, ExpiresAt: request.Expiration.UTC()}
}
