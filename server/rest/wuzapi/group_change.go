package wuzapi

import (
	"cmp"
	"slices"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func groupChangeRoutes() []rest.Route {
	body := func(failed string, more ...rest.Option) []rest.Option {
		return append(more, rest.NeedsBody(), rest.FailText(failed+": %s"))
	}
	return []rest.Route{
		rest.Pass[groupDraft, group]("POST", "/group/create", "group.create", body("Failed to create group", rest.From("/group"))...),
		rest.Pass[inviteRequest, groupJoined]("POST", "/group/join", "group.join", body("Failed to join group")...),
		rest.Pass[inviteRequest, invitedGroup]("POST", "/group/inviteinfo", "group.getInviteInfo", body("Failed to get group invite info", rest.From("/group"))...),
		rest.Pass[groupRequest, details]("POST", "/group/leave", "group.leave", body("Failed to leave group", rest.Says("Group left successfully"))...),
		rest.Pass[groupRequest, details]("POST", "/group/photo/remove", "group.removePicture", body("Failed to remove group photo", rest.Says("Group Photo removed successfully"))...),
		rest.Pass[topicRequest, details]("POST", "/group/topic", "group.setDescription", body("Failed to set group topic", rest.Says("Group Topic set successfully"))...),
		rest.Pass[announceRequest, details]("POST", "/group/announce", "group.updateSettings", body("Failed to set group announce", rest.Says("Group Announce set successfully"))...),
		rest.Pass[lockedRequest, details]("POST", "/group/locked", "group.updateSettings", body("Failed to set group locked", rest.Says("Group Locked setting updated successfully"))...),
		rest.Pass[ephemeralRequest, details]("POST", "/group/ephemeral", "group.updateSettings", body("Failed to set disappearing timer", rest.Says("Disappearing timer set successfully"))...),
		rest.Pass[approvalRequest, details]("POST", "/group/joinapprovalmode", "group.updateSettings",
			body("Failed to set group join approval mode", rest.Says("Group join approval mode updated successfully"))...),
		rest.Pass[membersRequest, membersChanged]("POST", "/group/updateparticipants", "group.updateParticipants", body("Failed to change participant group")...),
		rest.Pass[groupQuery, []joinRequest]("GET", "/group/requestparticipants", "group.listJoinRequests",
			rest.From("/requests"), rest.FailText("Failed to get group request participants: %s")),
		rest.Pass[decisionRequest, decided]("POST", "/group/updaterequestparticipants", "group.updateJoinRequests", body("Failed to update group request participants")...),
	}
}

type groupDraft struct {
	Name         string   `rest:",required,param=/name" doc:"at most 100 characters"`
	Participants []string `rest:",required,param=/participants" bad:"Could not parse Participant Phone" doc:"numbers or JIDs of the other members"`
}

type inviteRequest struct {
	Code string `rest:",required,param=/invite" doc:"invite code or link"`
}

type groupJoined struct {
	Details  string `from:"=Group joined successfully"`
	GroupJID string `from:"/group"`
	Pending  bool   `json:"-" from:"/pending"`
}

// FinishAnswer implements rest.Finisher.
func (j *groupJoined) FinishAnswer() error {
	if j.Pending {
		j.Details = "Request to join sent, an admin has to approve it"
	}
	return nil
}

// invitedGroup has the keys of the server and of its npm client.
type invitedGroup struct {
	group
	InviteInfo struct {
		GroupName string `from:"/name"`
		GroupJID  string `from:"/group"`
	} `from:"/"`
}

type topicRequest struct {
	groupRequest
	Topic string `rest:",required,param=/description" doc:"new description"`
}

type announceRequest struct {
	groupRequest
	Announce *bool `rest:",required,param=/announce" doc:"only admins write"`
}

type lockedRequest struct {
	groupRequest
	Locked *bool `rest:",required,param=/locked" doc:"only admins edit the group info"`
}

type ephemeralRequest struct {
	groupRequest
	Duration shared.Timer `rest:",required,param=/disappearing_seconds" enum:"24h|7d|90d|off"`
}

type approvalRequest struct {
	groupRequest
	Mode *bool `rest:"mode,required,param=/join_approval_required" doc:"admins approve new members"`
}

type membersRequest struct {
	groupRequest
	Action string       `rest:",required,param=/action" enum:"add|remove|promote|demote"`
	Phone  rest.Strings `rest:",required,param=/participants" also:"Participants" bad:"Could not parse Phone" doc:"numbers or JIDs"`
}

// memberUpdate is the outcome for one person; the server's npm client reads it.
type memberUpdate struct {
	JID    string  `from:"/contact"`
	Status string  `doc:"success, or the reason of the refusal"`
	Code   int     `from:"/status_code"`
	Error  *string `json:"-" from:"/error"`
}

// refusal returns WhatsApp's error if it refused all people.
func refusal(updates []memberUpdate) error {
	for i := range updates {
		updates[i].Status = cmp.Or(rest.Deref(updates[i].Error), "success")
	}
	if len(updates) > 0 && !slices.ContainsFunc(updates, func(u memberUpdate) bool { return u.Error == nil }) {
		return &rpc.Error{Code: rpc.CodeWhatsApp, Message: *updates[0].Error}
	}
	return nil
}

type membersChanged struct {
	Details string         `from:"=Group Participants updated successfully"`
	Updates []memberUpdate `from:"/participants"`
}

// FinishAnswer implements rest.Finisher.
func (c *membersChanged) FinishAnswer() error { return refusal(c.Updates) }

// groupQuery is groupRequest in a query.
type groupQuery struct {
	GroupJID string `rest:"groupJID,query,required,param=/group" bad:"Could not parse Group JID" doc:"JID of the group"`
}

type joinRequest struct {
	JID         string    `from:"/contact"`
	RequestedAt time.Time `from:"/requested_at"`
}

type decisionRequest struct {
	groupRequest
	Action string       `rest:",required,param=/action" enum:"approve|reject"`
	Phone  rest.Strings `rest:",required,param=/participants" bad:"Could not parse Phone" doc:"numbers or JIDs of people who asked to join"`
}

type decided struct {
	Details string         `from:"=Group request participants updated successfully"`
	Updates []memberUpdate `json:"-" from:"/participants"`
}

// FinishAnswer implements rest.Finisher.
func (d *decided) FinishAnswer() error { return refusal(d.Updates) }
