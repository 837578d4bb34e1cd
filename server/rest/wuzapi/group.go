package wuzapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func groupRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[rest.None, groupsAnswer]("GET", "/group/list", "group.list", rest.With(rest.Params{"refresh": true}), rest.FailText("Failed to get group list: %s")),
		rest.Row("GET", "/group/invitelink", "group.getInviteLink group.resetInviteLink", inviteLink, rest.FailText("Failed to get group invite link: %s")),
		rest.Pass[groupRequest, group]("GET", "/group/info", "group.get", rest.From("/group"), rest.FailText("Failed to get group info: %s")),
		rest.Pass[photoRequest, photoAnswer]("POST", "/group/photo", "group.setPicture", rest.NeedsBody(), rest.TakesFiles(), rest.FailText("Failed to set group photo: %s")),
		rest.Pass[nameRequest, details]("POST", "/group/name", "group.setName", rest.NeedsBody(), rest.Says("Group Name set successfully"), rest.FailText("Failed to set group name: %s")),
	}
}

// group has the keys of the document, and those the real server has beside them.
type group struct {
	JID                           string    `from:"/group"`
	OwnerJID                      string    `from:"/owner"`
	Name                          string    `from:"/name"`
	NameSetAt                     time.Time `from:"/name_set_at"`
	NameSetBy                     string    `from:"/name_set_by"`
	Topic                         string    `from:"/description"`
	TopicID                       string    `from:"/description_id"`
	TopicSetAt                    time.Time `from:"/description_set_at"`
	TopicSetBy                    string    `from:"/description_set_by"`
	TopicDeleted                  bool
	IsLocked                      bool   `from:"/locked"`
	IsAnnounce                    bool   `from:"/announce"`
	AnnounceVersionID             string `from:"/announce_version_id"`
	IsEphemeral                   bool
	DisappearingTimer             int           `from:"/disappearing_seconds"`
	IsIncognito                   bool          `from:"/is_incognito"`
	IsParent                      bool          `from:"/is_community"`
	DefaultMembershipApprovalMode approvalMode  `from:"/join_approval_required"`
	LinkedParentJID               string        `from:"/community"`
	IsDefaultSubGroup             bool          `from:"/is_announcement_group"`
	GroupCreated                  time.Time     `from:"/created_at"`
	ParticipantVersionID          string        `from:"/participant_version_id"`
	Participants                  []participant `from:"/participants"`
	MemberAddMode                 string        `from:"/member_add_mode"`
}

// FinishAnswer implements rest.Finisher.
func (g *group) FinishAnswer() error {
	g.IsEphemeral = g.DisappearingTimer > 0
	return nil
}

type participant struct {
	JID          string   `from:"/contact"`
	PhoneNumber  phoneJID `from:"/phone_number"` // of later versions; empty = the number is not known
	LID          string   `from:"/lid"`
	IsAdmin      bool     `from:"/is_admin"`
	IsSuperAdmin bool     `from:"/is_super_admin"`
	DisplayName  string   `from:"/display_name"`
	Error        int      `from:"/error_code"`
}

// approvalMode is "request_required", or empty in groups that people join without an admin's approval.
type approvalMode string

// UnmarshalJSON reads true or false.
func (m *approvalMode) UnmarshalJSON(raw []byte) error {
	if string(raw) == "true" {
		*m = "request_required"
	}
	return nil
}

// phoneJID is the JID of a phone number.
type phoneJID string

// UnmarshalJSON reads a number in digits.
func (j *phoneJID) UnmarshalJSON(raw []byte) error {
	var number string
	if err := json.Unmarshal(raw, &number); err != nil {
		return fmt.Errorf("phone number: %w", err)
	}
	if number != "" {
		*j = phoneJID(number + "@s.whatsapp.net")
	}
	return nil
}

type groupsAnswer struct {
	Groups []group `from:"/groups"`
}

type groupRequest struct {
	GroupJID string `rest:",required,param=/group" bad:"Could not parse Group JID" doc:"JID of the group"`
}

type inviteLinkRequest struct {
	groupRequest
	Reset bool `doc:"true makes a new link; the old one is worth nothing then"`
}

type inviteLinkAnswer struct {
	InviteLink string
}

func inviteLink(x *rest.Exchange, in *inviteLinkRequest) (*inviteLinkAnswer, error) {
	method := "group.getInviteLink"
	if in.Reset {
		method = "group.resetInviteLink"
	}
	var result struct{ URL string }
	err := x.Call(method, rest.Params{"group": in.GroupJID}, &result)
	return &inviteLinkAnswer{result.URL}, err
}

type photoRequest struct {
	groupRequest
	Image photoURL `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL of a JPEG"`
}

type photoAnswer struct {
	Details   string `from:"=Group Photo set successfully"`
	PictureID string `from:"/picture_id"`
}

type nameRequest struct {
	groupRequest
	Name string `rest:",required,param=/name" doc:"new name"`
}
