package digigo

import (
	"slices"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func groupRoutes() []rest.Route {
	said := func(path, method, says string, opts ...rest.Option) rest.Route {
		return rest.Pass[groupRequest, done]("POST", path, method, append(opts, rest.NeedsBody(), rest.Says(says))...)
	}
	return []rest.Route{
		rest.Pass[groupDraft, group]("POST", "/group/create", "group.create", rest.NeedsBody(), rest.From("/group")),
		rest.Pass[groupListRequest, groupList]("GET", "/group/list", "group.list"),
		rest.Pass[groupQuery, describedGroup]("GET", "/group/info", "group.get", rest.From("/group")),
		rest.Row("GET", "/group/invitelink", "group.getInviteLink group.resetInviteLink", groupInviteLink),
		said("/group/leave", "group.leave", "Left group successfully"),
		said("/group/photo/remove", "group.removePicture", "Group photo removed successfully"),
		rest.Pass[groupPhoto, groupPhotoSet]("POST", "/group/photo", "group.setPicture", rest.NeedsBody(), rest.TakesFiles()),
		rest.Pass[groupName, done]("POST", "/group/name", "group.setName", rest.NeedsBody(), rest.Says("Group Name set successfully")),
		rest.Pass[groupTopic, done]("POST", "/group/topic", "group.setDescription", rest.NeedsBody(), rest.Says("Group Topic set successfully")),
		rest.Pass[groupLocked, done]("POST", "/group/locked", "group.updateSettings", rest.NeedsBody(), rest.Says("Group locked setting updated successfully")),
		rest.Pass[groupAnnounce, done]("POST", "/group/announce", "group.updateSettings", rest.NeedsBody(), rest.Says("Group Announce mode set successfully")),
		rest.Pass[groupEphemeral, done]("POST", "/group/ephemeral", "group.updateSettings", rest.NeedsBody(), rest.Says("Disappearing timer set successfully")),
		rest.Pass[groupInvite, groupJoined]("POST", "/group/join", "group.join", rest.NeedsBody()),
		rest.Pass[groupInvite, groupInviteInfo]("POST", "/group/inviteinfo", "group.getInviteInfo", rest.NeedsBody()),
		rest.Pass[membersChange, membersChanged]("POST", "/group/updateparticipants", "group.updateParticipants", rest.NeedsBody()),
	}
}

type groupRequest struct {
	GroupJID string `rest:",required,param=/group" doc:"JID of the group"`
}

type groupDraft struct {
	Name         string   `rest:",required,param=/name"`
	Participants []string `rest:",required,param=/participants" doc:"numbers or JIDs of the other members"`
}

type group struct {
	JID                  string        `from:"/group"`
	OwnerJID             string        `from:"/owner"`
	Name                 string        `from:"/name"`
	NameSetAt            time.Time     `from:"/name_set_at"`
	NameSetBy            string        `from:"/name_set_by"`
	IsLocked             bool          `from:"/locked"`
	IsAnnounce           bool          `from:"/announce"`
	AnnounceVersionID    string        `from:"/announce_version_id"`
	IsEphemeral          bool          // DisappearingTimer is not 0
	DisappearingTimer    int           `from:"/disappearing_seconds"`
	GroupCreated         time.Time     `from:"/created_at"`
	ParticipantVersionID string        `from:"/participant_version_id"`
	Participants         []participant `json:",omitempty" from:"/participants"`
}

// FinishAnswer implements rest.Finisher.
func (g *group) FinishAnswer() error {
	g.IsEphemeral = g.DisappearingTimer > 0
	return nil
}

// describedGroup has the keys that the answer to creating a group lacks.
type describedGroup struct {
	group
	Topic      string    `from:"/description"`
	TopicID    string    `from:"/description_id"`
	TopicSetAt time.Time `from:"/description_set_at"`
	TopicSetBy string    `from:"/description_set_by"`
}

type participant struct {
	JID          string `from:"/contact"`
	IsAdmin      bool   `from:"/is_admin"`
	IsSuperAdmin bool   `from:"/is_super_admin"`
	// Error is an extension: WhatsApp's code for a person that could not be added.
	Error int `json:",omitempty" from:"/error_code"`
}

type groupListRequest struct {
	IgnoreParticipants negated `rest:"ignoreParticipants,query,param=/include_participants" doc:"leave the members out; default false"`
}

// negated is a flag whose param has the opposite meaning.
type negated bool

// ToParam implements rest.Converter.
func (n negated) ToParam(string) (any, error) { return !n, nil }

type groupList struct {
	Groups []describedGroup `from:"/groups"`
}

// groupQuery is groupRequest in a query.
type groupQuery struct {
	GroupJID string `rest:"groupJID,required,param=/group" doc:"JID of the group"`
}

type inviteLinkRequest struct {
	groupQuery
	Reset bool `rest:"reset" doc:"revoke the link and create a new one; default false"`
}

type inviteLink struct{ InviteLink string }

func groupInviteLink(x *rest.Exchange, in *inviteLinkRequest) (inviteLink, error) {
	method := "group.getInviteLink"
	if in.Reset {
		method = "group.resetInviteLink"
	}
	var result struct{ URL string }
	err := x.Call(method, rest.Params{"group": in.GroupJID}, &result)
	return inviteLink{result.URL}, err
}

type groupPhoto struct {
	groupRequest
	Image rest.File `rest:",required,param=/media" doc:"data URL or address of an image"`
}

type groupPhotoSet struct {
	Details   string `from:"=Group Photo set successfully"`
	PictureID string `from:"/picture_id"`
}

type groupName struct {
	groupRequest
	Name string `rest:",required,param=/name"`
}

type groupTopic struct {
	groupRequest
	Topic string `rest:",required,param=/description"`
}

type groupLocked struct {
	groupRequest
	Locked bool `rest:",required,param=/locked" doc:"only admins edit the group info"`
}

type groupAnnounce struct {
	groupRequest
	Announce bool `rest:",required,param=/announce" doc:"only admins write"`
}

type groupEphemeral struct {
	groupRequest
	Duration shared.Timer `rest:",required,param=/disappearing_seconds" enum:"24h|7d|90d|off"`
}

type groupInvite struct {
	Code string `rest:",required,param=/invite" doc:"invite code or link"`
}

type groupJoined struct {
	Details string `from:"=Joined group successfully"`
	Pending bool   `json:"-" from:"/pending"`
}

// FinishAnswer implements rest.Finisher. The document does not mention groups whose admins approve new members.
func (j *groupJoined) FinishAnswer() error {
	if j.Pending {
		j.Details = "Request to join sent, an admin has to approve it"
	}
	return nil
}

type groupInviteInfo struct {
	InviteInfo struct {
		GroupName string `from:"/name"`
		GroupJID  string `from:"/group"`
	} `from:"/group"`
}

type membersChange struct {
	groupRequest
	Action string       `rest:",required,param=/action" enum:"add|remove|promote|demote"`
	Phone  rest.Strings `rest:",required,param=/participants" doc:"numbers or JIDs"`
}

type membersChanged struct {
	Details string
	Action  string `json:"-" from:"<Action"`
	// Refused is an extension: the people whom WhatsApp refused, if there are others.
	Refused []refusedMember `json:",omitempty" from:"/participants"`
}

type refusedMember struct {
	JID   string  `from:"/contact"`
	Error *string `from:"/error"`
}

// FinishAnswer implements rest.Finisher.
func (c *membersChanged) FinishAnswer() error {
	total := len(c.Refused)
	c.Refused = slices.DeleteFunc(c.Refused, func(m refusedMember) bool { return m.Error == nil })
	if total > 0 && len(c.Refused) == total {
		return &rest.Failure{Err: &rpc.Error{Code: rpc.CodeWhatsApp, Message: *c.Refused[0].Error}}
	}
	c.Details = map[string]string{
		"add": "Added to the group", "remove": "Removed from the group", "promote": "Promoted to admin", "demote": "Demoted from admin",
	}[c.Action]
	return nil
}
