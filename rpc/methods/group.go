package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// wideReply is the limit of lists whose contract has no paging: at half a KiB a row it takes ten thousand people.
const wideReply = 8 << 20

type groupParam struct {
	Group string `json:"group" rpc:"required,format=jid" doc:"group"`
}

type groupResult struct {
	Group groups.Group `json:"group" doc:"group object"`
}

type groupCreateParams struct {
	Name         string               `json:"name" rpc:"required,min=1,max=100" doc:"name"`
	Participants []string             `json:"participants" rpc:"required,max=1023,format=jid" doc:"other members; may be empty"`
	Description  string               `json:"description" rpc:"max=2048" doc:"set right after creating"`
	Picture      *message.MediaSource `json:"picture" doc:"set right after creating"`
	Community    string               `json:"community" rpc:"format=jid" doc:"create it inside this community"`
	groups.GroupSettings
}

type groupListParams struct {
	IncludeParticipants *bool `json:"include_participants" doc:"default true"`
	Refresh             *bool `json:"refresh" doc:"query WhatsApp instead of the store; default true while connected"`
}

type groupListResult struct {
	Groups []groups.Group `json:"groups" doc:"group objects"`
}

type groupGetParams struct {
	groupParam
	IncludePicture bool `json:"include_picture" doc:"with picture_url; default false"`
}

type groupSetNameParams struct {
	groupParam
	Name string `json:"name" rpc:"required,min=1,max=100" doc:"new name"`
}

type groupNameResult struct {
	Name string `json:"name" doc:"new name"`
}

type groupSetDescriptionParams struct {
	groupParam
	Description string `json:"description" rpc:"required,max=2048" doc:"empty removes it"`
}

type groupDescriptionResult struct {
	Description *string `json:"description" doc:"new text; null when removed"`
}

type groupSetPictureParams struct {
	groupParam
	Media message.MediaSource `json:"media" rpc:"required" doc:"image; cropped and scaled to a square jpeg"`
}

type pictureResult struct {
	PictureID string `json:"picture_id" doc:"id of the new picture"`
}

type removedResult struct {
	Removed bool `json:"removed" doc:"whether it was removed"`
}

type groupUpdateSettingsParams struct {
	groupParam
	groups.GroupSettings
}

type groupLeaveResult struct {
	Left bool `json:"left" doc:"true"`
}

type inviteParam struct {
	Invite string `json:"invite" rpc:"required,min=1,max=256" doc:"code or whole link"`
}

type groupJoinResult struct {
	Group   string `json:"group" doc:"joined group"`
	Pending bool   `json:"pending" doc:"true when an admin has to approve first"`
}

type groupUpdateParticipantsParams struct {
	groupParam
	Action       string   `json:"action" rpc:"required,enum=add|remove|promote|demote" doc:"change of the members"`
	Participants []string `json:"participants" rpc:"required,min=1,max=1023,format=jid" doc:"people"`
}

type groupParticipantsResult struct {
	Participants []groups.ParticipantResult `json:"participants" doc:"per person; one refused person does not fail the call"`
}

type groupRequestsResult struct {
	Requests []groups.JoinRequest `json:"requests" doc:"people with pending requests"`
}

type groupUpdateRequestsParams struct {
	groupParam
	Action       string   `json:"action" rpc:"required,enum=approve|reject" doc:"decision on the requests"`
	Participants []string `json:"participants" rpc:"required,min=1,max=1023,format=jid" doc:"people"`
}

type groupUpdateRequestsResult struct {
	Participants   []groups.ParticipantResult `json:"participants" doc:"per person"`
	ProcessedCount int                        `json:"processed_count" doc:"people approved or rejected; those WhatsApp refused do not count"`
}

type contactParam struct {
	Contact string `json:"contact" rpc:"required,format=jid" doc:"person"`
}

type groupCommonResult struct {
	Groups []string `json:"groups" doc:"groups"`
}

// processed returns the number of people that a change succeeded for.
func processed(results []groups.ParticipantResult) (n int) {
	for _, r := range results {
		if r.Error == nil {
			n++
		}
	}
	return n
}

// RegisterGroup adds the methods of the namespace group.
func RegisterGroup(reg *rpc.Registry, d Deps) {
	registerGroupReading(reg, d)
	registerGroupChanges(reg, d)
	registerGroupMembers(reg, d)
}

func registerGroupReading(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.list", Summary: "List the groups the account is in.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, p *groupListParams) (groupListResult, error) {
			refresh := s.Status().LoggedIn
			if p.Refresh != nil {
				refresh = *p.Refresh
			}
			groups, err := s.Groups().List(ctx, refresh)
			if p.IncludeParticipants != nil && !*p.IncludeParticipants {
				for i := range groups {
					groups[i].Participants = nil
				}
			}
			return groupListResult{Groups: groups}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.get", Summary: "Return one group."},
		func(ctx context.Context, s *bridge.Session, p *groupGetParams) (groupResult, error) {
			group, err := shared.Value(s.Groups().Get(ctx, p.Group, p.IncludePicture))
			return groupResult{Group: group}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.getInviteInfo", Summary: "Return the group of an invite code or link, without joining."},
		func(ctx context.Context, s *bridge.Session, p *inviteParam) (groupResult, error) {
			group, err := shared.Value(s.Groups().OfInvite(ctx, p.Invite))
			return groupResult{Group: group}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.getInviteLink", Summary: "Return a group's invite link."},
		func(ctx context.Context, s *bridge.Session, p *groupParam) (groups.InviteLink, error) {
			return s.Groups().InviteLink(ctx, p.Group, false)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.listJoinRequests", Summary: "List the pending requests to join a group."},
		func(ctx context.Context, s *bridge.Session, p *groupParam) (groupRequestsResult, error) {
			requests, err := s.Groups().ListJoinRequests(ctx, p.Group)
			return groupRequestsResult{Requests: requests}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.listCommon", Summary: "List the groups shared with a person."},
		func(ctx context.Context, s *bridge.Session, p *contactParam) (groupCommonResult, error) {
			groups, err := s.Groups().ListCommon(ctx, p.Contact)
			return groupCommonResult{Groups: groups}, err
		})
}

func registerGroupChanges(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.create", Summary: "Create a group."},
		func(ctx context.Context, s *bridge.Session, p *groupCreateParams) (groupResult, error) {
			picture, err := s.Files().LoadPicture(ctx, "picture", p.Picture)
			if err != nil {
				return groupResult{}, err
			}
			group, err := shared.Value(s.Groups().Create(ctx, groups.GroupCreate{
				Name: p.Name, Participants: p.Participants, Description: p.Description, Picture: picture,
				Community: p.Community, GroupSettings: p.GroupSettings,
			}))
			return groupResult{Group: group}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.setName", Summary: "Change a group's name (subject)."},
		func(ctx context.Context, s *bridge.Session, p *groupSetNameParams) (groupNameResult, error) {
			return groupNameResult{Name: p.Name}, s.Groups().SetName(ctx, p.Group, p.Name)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.setDescription", Summary: "Change or remove a group's description (topic)."},
		func(ctx context.Context, s *bridge.Session, p *groupSetDescriptionParams) (groupDescriptionResult, error) {
			result := groupDescriptionResult{}
			if p.Description != "" {
				result.Description = &p.Description
			}
			return result, s.Groups().SetDescription(ctx, p.Group, p.Description)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.setPicture", Summary: "Change a group's picture."},
		func(ctx context.Context, s *bridge.Session, p *groupSetPictureParams) (pictureResult, error) {
			picture, err := s.Files().LoadPicture(ctx, "media", &p.Media)
			if err != nil {
				return pictureResult{}, err
			}
			id, err := s.Groups().SetPicture(ctx, p.Group, picture)
			return pictureResult{PictureID: id}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.removePicture", Summary: "Remove a group's picture."},
		func(ctx context.Context, s *bridge.Session, p *groupParam) (removedResult, error) {
			_, err := s.Groups().SetPicture(ctx, p.Group, nil)
			return removedResult{Removed: true}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.updateSettings", Summary: "Change any of a group's settings."},
		func(ctx context.Context, s *bridge.Session, p *groupUpdateSettingsParams) (groups.GroupSettings, error) {
			return s.Groups().UpdateSettings(ctx, p.Group, p.GroupSettings)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.resetInviteLink", Summary: "Revoke a group's invite link and create a new one."},
		func(ctx context.Context, s *bridge.Session, p *groupParam) (groups.InviteLink, error) {
			return s.Groups().InviteLink(ctx, p.Group, true)
		})
}

func registerGroupMembers(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.leave", Summary: "Leave a group."},
		func(ctx context.Context, s *bridge.Session, p *groupParam) (groupLeaveResult, error) {
			return groupLeaveResult{Left: true}, s.Groups().Leave(ctx, p.Group)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.join", Summary: "Join a group by invite code or link."},
		func(ctx context.Context, s *bridge.Session, p *inviteParam) (groupJoinResult, error) {
			group, pending, err := s.Groups().Join(ctx, p.Invite)
			return groupJoinResult{Group: group, Pending: pending}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.updateParticipants", Summary: "Add, remove, promote or demote members."},
		func(ctx context.Context, s *bridge.Session, p *groupUpdateParticipantsParams) (groupParticipantsResult, error) {
			changed, err := s.Groups().UpdateParticipants(ctx, p.Group, p.Action, p.Participants)
			return groupParticipantsResult{Participants: changed}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "group.updateJoinRequests", Summary: "Approve or reject join requests."},
		func(ctx context.Context, s *bridge.Session, p *groupUpdateRequestsParams) (groupUpdateRequestsResult, error) {
			decided, err := s.Groups().UpdateJoinRequests(ctx, p.Group, p.Action, p.Participants)
			return groupUpdateRequestsResult{Participants: decided, ProcessedCount: processed(decided)}, err
		})
}
