package wwebjs

import (
	"cmp"
	"errors"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func clientGroupRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[draftOfGroup, groupMade]("POST", "/client/createGroup/{sessionId}", "group.create", rest.OnError(creationRefused)),
		rest.Pass[inviteRequest, joined]("POST", "/client/acceptInvite/{sessionId}", "group.join"),
		rest.Pass[inviteRequest, inviteShown]("POST", "/client/getInviteInfo/{sessionId}", "group.getInviteInfo"),
		rest.Pass[contactRequest, groupsShared]("POST", "/client/getCommonGroups/{sessionId}", "group.listCommon"),
	}
}

type groupsShared struct {
	Success bool  `json:"success" from:"=true"`
	Groups  []wid `json:"groups" from:"/groups"`
}

type inviteRequest struct {
	sessionRequest
	Code string `rest:"inviteCode,required,param=/invite" doc:"invite code or link"`
}

type joined struct {
	Success bool    `json:"success" from:"=true"`
	Group   plainID `json:"acceptInvite" from:"/group"`
}

type inviteShown struct {
	Success bool `json:"success" from:"=true"`
	Info    struct {
		ID           wid              `json:"id" from:"/group"`
		Creation     rest.UnixSeconds `json:"creation" from:"/created_at"`
		Owner        wid              `json:"owner" from:"/owner"`
		Participants []participant    `json:"participants" from:"/participants"`
		Size         int              `json:"size" from:"/participant_count"`
		Subject      string           `json:"subject" from:"/name"`
		SubjectTime  rest.UnixSeconds `json:"subjectTime" from:"/name_set_at"`
	} `json:"inviteInfo" from:"/group"`
}

type draftOfGroup struct {
	sessionRequest
	Name         string  `rest:"name,required,param=/name" also:"title" doc:"name of the group"`
	Participants chatIDs `rest:"participants,param=/participants" doc:"ids of the other members, or one"`
	Options      struct {
		Timer    *int    `rest:"messageTimer,param=/disappearing_seconds" doc:"lifetime of messages in seconds; 0 = off"`
		Parent   *chatID `rest:"parentGroupId,param=/community" doc:"community of the group"`
		Approval *bool   `rest:"membershipApprovalMode,param=/join_approval_required" doc:"admins approve new members"`
		Locked   *bool   `rest:"isRestrict,param=/locked" doc:"only admins edit the group info"`
		Announce *bool   `rest:"isAnnounce,param=/announce" doc:"only admins write"`
	} `rest:"options"`
}

// CompleteParams implements rest.Completer: a group may begin without other members.
func (in *draftOfGroup) CompleteParams(p rest.Params) error {
	if in.Participants == nil {
		p["participants"] = []string{}
	}
	return nil
}

// groupMade has the group with the outcome for each person, or the text of an error.
type groupMade struct {
	Success  bool         `json:"success" from:"=true"`
	Response groupCreated `json:"response" from:"/group"`
}

type groupCreated struct {
	ID           wid                    `json:"gid" from:"/group"`
	Title        string                 `json:"title" from:"/name"`
	Participants map[string]memberAdded `json:"participants" doc:"by id"`
	Members      []struct {
		Contact plainID `from:"/contact"`
		Creator bool    `from:"/is_super_admin"`
		Code    *int    `from:"/error_code"`
	} `json:"-" from:"/participants"`
}

// memberAdded is the outcome for a person in a new group.
type memberAdded struct {
	StatusCode     int    `json:"statusCode" doc:"200 = added, else WhatsApp's code"`
	Message        string `json:"message"`
	IsGroupCreator bool   `json:"isGroupCreator"`
	IsInviteV4Sent bool   `json:"isInviteV4Sent" doc:"always false: invitations are not sent by themselves"`
}

// additions are the texts that whatsapp-web.js has for the codes of people who were to be added.
var additions = map[int]string{
	200: "The participant was added successfully", 403: "The participant can be added by sending private invitation only", 404: "The phone number is not registered on WhatsApp",
}

// FinishAnswer implements rest.Finisher.
func (g *groupCreated) FinishAnswer() error {
	g.Participants = make(map[string]memberAdded, len(g.Members))
	for _, m := range g.Members {
		added := memberAdded{StatusCode: 200, IsGroupCreator: m.Creator}
		if m.Code != nil {
			added.StatusCode = *m.Code
		}
		added.Message = cmp.Or(additions[added.StatusCode], "An unknown error occupied while adding a participant")
		g.Participants[string(m.Contact)] = added
	}
	return nil
}

// creationRefused makes an empty answer of a refusal by WhatsApp.
func creationRefused(err error) error {
	var problem *rpc.Error
	if errors.As(err, &problem) && problem.Code == rpc.CodeWhatsApp {
		return nil
	}
	return err
}

// ToReply implements rest.Replier: whatsapp-web.js answers a refusal with a text in place of the group.
func (g *groupMade) ToReply() (*rest.Reply, error) {
	if g.Response.ID.Serialized != "" {
		return &rest.Reply{Body: g}, nil
	}
	return &rest.Reply{Body: struct {
		Success  bool   `json:"success"`
		Response string `json:"response"`
	}{true, "CreateGroupError: An unknown error occupied while creating a group"}}, nil
}
