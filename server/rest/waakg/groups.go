package waakg

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Texts of errors with forms of their own.
const (
	badMemberAction = "Invalid action. Must be one of: add, remove, promote, demote"
	badSetting      = "Invalid setting. Must be one of: announcement, not_announcement, locked, unlocked"
)

func groupRoutes() []rest.Route {
	of := func(says, fails string) []rest.Option {
		return []rest.Option{rest.Family(familyGroup), rest.Says(says), rest.FailText(fails)}
	}
	subject := of("Group subject updated successfully", "Failed to update group subject")
	left := []rest.Option{rest.Says("Successfully left the group"), rest.FailText("Failed to leave group"), rest.IgnoresBody()}
	setting := func(params rest.Params) rest.Route {
		return rest.Pass[settingRequest, settingSet]("", "", "group.updateSettings", rest.With(params), rest.Says("Group setting '{setting}' updated successfully"))
	}
	return []rest.Route{
		rest.Pass[sessionRequest, []groupRow]("GET", "/groups/{sessionId}", "group.list", rest.From("/groups"), rest.FailText("Failed to fetch groups")),
		rest.Pass[createRequest, lifted[groupCreated]]("POST", "/groups/{sessionId}/create", "group.create", rest.Family(familyNewGroup),
			rest.Says("Operation successful"), rest.FailText("Failed to create group")),
		rest.Pass[groupRequest, groupShown]("GET", "/groups/{sessionId}/{jid}", "group.get", rest.Family(familyMetadata), rest.With(rest.Params{"include_picture": true}),
			rest.FailText("Internal Server Error")),
		rest.Pass[subjectRequest, subjectSet]("PUT", "/groups/{sessionId}/{jid}/subject", "group.setName", subject...),
		rest.Pass[bodySubjectRequest, subjectSet]("PUT", "/groups/{jid}/subject", "group.setName", append(subject, rest.Family(familyError))...),
		rest.Pass[descriptionRequest, descriptionSet]("PUT", "/groups/{sessionId}/{jid}/description", "group.setDescription",
			of("Group description updated successfully", "Failed to update group description")...),
		rest.Pass[membersRequest, membersChanged]("PUT", "/groups/{sessionId}/{jid}/members", "group.updateParticipants",
			of("Successfully {action}ed participants", "Failed to update group members")...),
		rest.Pass[groupRequest, inviteShown]("GET", "/groups/{sessionId}/{jid}/invite", "group.getInviteLink", of("", "Failed to fetch invite code")...),
		rest.Pass[groupRequest, inviteRevoked]("PUT", "/groups/{sessionId}/{jid}/invite", "group.resetInviteLink",
			append(of("Invite code revoked successfully", "Failed to revoke invite code"), rest.IgnoresBody())...),
		rest.Pass[acceptRequest, lifted[groupJoined]]("POST", "/groups/{sessionId}/invite/accept", "group.join", rest.OnError(badInvite),
			rest.Says("Group invite accepted successfully"), rest.FailText("Failed to accept group invite")),
		rest.Pass[groupRequest, outcome]("POST", "/groups/{sessionId}/{jid}/leave", "group.leave", left...),
		rest.Pass[bodyLeaveRequest, outcome]("POST", "/groups/{jid}/leave", "group.leave", rest.Family(familyError), left[0], left[1]),
		rest.Pass[groupPictureRequest, outcome]("PUT", "/groups/{sessionId}/{jid}/picture", "group.setPicture",
			of("Group picture updated successfully", "Failed to update group picture")...),
		rest.Pass[groupRequest, outcome]("DELETE", "/groups/{sessionId}/{jid}/picture", "group.removePicture",
			append(of("Group picture removed successfully", "Failed to remove group picture"), rest.IgnoresBody())...),
		rest.OneOf("PUT", "/groups/{sessionId}/{jid}/settings", "setting", map[string]rest.Route{
			"announcement": setting(rest.Params{"announce": true}), "not_announcement": setting(rest.Params{"announce": false}),
			"locked": setting(rest.Params{"locked": true}), "unlocked": setting(rest.Params{"locked": false}),
		}, of(badSetting, "Failed to update group settings")...),
		rest.Pass[ephemeralRequest, ephemeralSet]("PUT", "/groups/{sessionId}/{jid}/ephemeral", "group.updateSettings",
			of("Disappearing messages enabled", "Failed to toggle ephemeral messages")...),
	}
}

// group is a group in answers: under the names of the document, and under those of its server.
type group struct {
	ID           string            `json:"id" from:"/group"`
	Subject      string            `json:"subject" from:"/name"`
	Owner        string            `json:"owner" from:"/owner"`
	Desc         string            `json:"desc" from:"/description"`
	Size         int               `json:"size" from:"/participant_count"`
	Community    bool              `json:"isCommunity" from:"/is_community"`
	LinkedParent string            `json:"linkedParentJid" from:"/community"`
	Participants []member          `json:"participants" from:"/participants"`
	Creation     *rest.UnixSeconds `json:"creation" from:"/created_at"`
	Restrict     bool              `json:"restrict" from:"/locked"`
	Announce     bool              `json:"announce" from:"/announce"`
}

// groupRow also has the names of the server's database.
type groupRow struct {
	group
	Session     string     `json:"sessionId" from:"<sessionId"`
	JID         string     `json:"jid" from:"/group"`
	Description *string    `json:"description" from:"/description"`
	OwnerJID    *string    `json:"ownerJid" from:"/owner"`
	InviteCode  *string    `json:"inviteCode" from:"/invite_code"`
	CreatedAt   *time.Time `json:"createdAt" from:"/created_at"`
}

// metadata is a group as WhatsApp describes it.
type metadata struct {
	group
	SubjectOwner *string           `json:"subjectOwner" from:"/name_set_by"`
	SubjectTime  *rest.UnixSeconds `json:"subjectTime" from:"/name_set_at"`
	DescID       string            `json:"descId" from:"/description_id"`
	DescOwner    string            `json:"descOwner" from:"/description_set_by"`
	Announcement bool              `json:"isCommunityAnnounce" from:"/is_announcement_group"`
	JoinApproval bool              `json:"joinApprovalMode" from:"/join_approval_required"`
	AddMode      anyoneAdd         `json:"memberAddMode" from:"/member_add_mode"`
	Ephemeral    int               `json:"ephemeralDuration" from:"/disappearing_seconds"`
}

// member is a participant; admin is null, admin or superadmin.
type member struct {
	ID    string  `json:"id" from:"/contact"`
	Admin *string `json:"admin"`
	Is    bool    `json:"-" from:"/is_admin"`
	Super bool    `json:"-" from:"/is_super_admin"`
}

// FinishAnswer implements rest.Finisher.
func (m *member) FinishAnswer() error {
	switch {
	case m.Super:
		m.Admin = new("superadmin")
	case m.Is:
		m.Admin = new("admin")
	}
	return nil
}

// anyoneAdd is true if each member may add others.
type anyoneAdd bool

// UnmarshalJSON implements json.Unmarshaler.
func (a *anyoneAdd) UnmarshalJSON(raw []byte) error {
	*a = string(raw) == `"all_member_add"`
	return nil
}

type createRequest struct {
	sessionRequest
	Subject      string   `rest:"subject,required,param=/name" max:"100" bad:"Group subject is required"`
	Participants *invited `rest:"participants,required,param=/participants" doc:"JIDs of people"`
}

// invited are the first members of a group, which must be addresses of people.
type invited people

// ToParam implements rest.Converter.
func (list invited) ToParam(field string) (any, error) {
	for _, jid := range list {
		if !strings.HasSuffix(jid, "@s.whatsapp.net") {
			return nil, rest.Bad(field, "Invalid participant JID", "must be JIDs that end with @s.whatsapp.net")
		}
	}
	return []string(list), nonEmpty(field, len(list), "At least one participant is required")
}

type groupCreated struct {
	Group metadata `json:"group" from:"/group"`
}

type groupShown struct {
	outcome
	metadata `from:"/group"`
	Picture  *string `json:"pictureUrl" from:"/group/picture_url"`
}

// maxSubject is the length of a group's name, in characters.
const maxSubject = 100

// subject is the new name of a group.
type subject string

// ToParam implements rest.Converter.
func (s subject) ToParam(field string) (any, error) {
	if utf8.RuneCountInString(string(s)) > maxSubject {
		return nil, rest.Bad(field, "Subject must be 100 characters or less", "must have at most 100 characters")
	}
	return string(s), nil
}

type subjectRequest struct {
	groupRequest
	Subject subject `rest:"subject,required,param=/name"`
}

// bodySubjectRequest has the session in the body.
type bodySubjectRequest struct {
	Group   string  `rest:"jid,path,param=/group" doc:"JID of the group"`
	Session string  `rest:"sessionId,required,param=/session" bad:"sessionId and subject are required" doc:"id of the session"`
	Subject subject `rest:"subject,required,param=/name" bad:"sessionId and subject are required"`
}

type subjectSet struct {
	outcome
	Subject string `json:"subject" from:"/name"`
}

type descriptionRequest struct {
	groupRequest
	Description string `rest:"description,param=/description" max:"512" bad:"Description must be 512 characters or less" doc:"empty or absent removes it"`
}

// CompleteParams implements rest.Completer.
func (in *descriptionRequest) CompleteParams(p rest.Params) error {
	p["description"] = in.Description
	return nil
}

type descriptionSet struct {
	outcome
	Description *string `json:"description" from:"/description"`
}

// FinishAnswer implements rest.Finisher.
func (d *descriptionSet) FinishAnswer() error {
	if d.Description == nil || *d.Description == "" {
		d.Description, d.Message = nil, "Group description removed"
	}
	return nil
}

type membersRequest struct {
	groupRequest
	Action       memberAction `rest:"action,required,param=/action" enum:"add|remove|promote|demote" bad:"action and participants (array) are required"`
	Participants *members     `rest:"participants,required,param=/participants" bad:"action and participants (array) are required" doc:"JIDs of people"`
}

// memberAction is a change of members.
type memberAction string

// ToParam implements rest.Converter.
func (a memberAction) ToParam(field string) (any, error) {
	switch a {
	case "add", "remove", "promote", "demote":
		return string(a), nil
	}
	return nil, rest.Bad(field, badMemberAction, "must be add, remove, promote or demote")
}

// members are members of a group.
type members people

// ToParam implements rest.Converter.
func (list members) ToParam(field string) (any, error) {
	return []string(list), nonEmpty(field, len(list), "Participants array cannot be empty")
}

type membersChanged struct {
	outcome
	Result []struct {
		Status  int    `json:"status,string" from:"/status_code"`
		JID     string `json:"jid" from:"/contact"`
		Content struct {
			Error *string `json:"error,omitempty" from:"/error"`
		} `json:"content" from:"/"`
	} `json:"result" from:"/participants"`
}

type inviteShown struct {
	outcome
	Code string `json:"inviteCode" from:"/code"`
	URL  string `json:"inviteUrl" from:"/url"`
}

type inviteRevoked struct {
	outcome
	Code string `json:"newInviteCode" from:"/code"`
	URL  string `json:"inviteUrl" from:"/url"`
}

type acceptRequest struct {
	sessionRequest
	Code string `rest:"inviteCode,required,param=/invite" doc:"code, or the whole link"`
}

// badInvite returns the documented error for codes that WhatsApp does not know.
func badInvite(err error) error {
	var problem *rpc.Error
	if errors.As(err, &problem) && (problem.Code == rpc.CodeInvalidParams || problem.Code == rpc.CodeNotFound && problem.Message != noSession) {
		return rest.Bad("inviteCode", "Invalid or expired invite code", problem.Message)
	}
	return err
}

type groupJoined struct {
	JID string `json:"groupJid" from:"/group"`
}

type bodyLeaveRequest struct {
	Group   string `rest:"jid,path,param=/group" doc:"JID of the group"`
	Session string `rest:"sessionId,required,param=/session" doc:"id of the session"`
}

type groupPictureRequest struct {
	groupRequest
	pictureFields
}

type settingRequest struct {
	groupRequest
	Setting string `rest:"setting,required"`
	Value   *bool  `rest:"value" doc:"not used: the setting has it"`
}

type settingSet struct {
	outcome
	Setting string `json:"setting" from:"<setting"`
}

type ephemeralRequest struct {
	groupRequest
	Expiration *lifetime `rest:"expiration,required,param=/disappearing_seconds" doc:"0, 86400, 604800 or 7776000 seconds"`
}

// lifetime is a lifetime of messages, in seconds.
type lifetime int

var lifetimes = map[lifetime]string{0: "off", 86400: "1 day", 604800: "7 days", 7776000: "90 days"}

// ToParam implements rest.Converter.
func (l lifetime) ToParam(field string) (any, error) {
	if _, known := lifetimes[l]; !known {
		return nil, rest.Bad(field, "Invalid expiration. Must be 0 (off), 86400 (1 day), 604800 (7 days), or 7776000 (90 days)", "must be 0, 86400, 604800 or 7776000")
	}
	return int(l), nil
}

type ephemeralSet struct {
	outcome
	Expiration lifetime `json:"expiration" from:"/disappearing_seconds"`
	Label      string   `json:"expirationLabel"`
}

// FinishAnswer implements rest.Finisher.
func (e *ephemeralSet) FinishAnswer() error {
	if e.Label = lifetimes[e.Expiration]; e.Expiration == 0 {
		e.Message = "Disappearing messages disabled"
	}
	return nil
}
