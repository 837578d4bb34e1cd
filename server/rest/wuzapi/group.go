package wuzapi

import (
	"time"

	"github.com/waystation/waystation/server/rest"
)

func groupRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("GET", "/group/list", "group.list", listGroups, rest.FailText("Failed to get group list: %s")),
		rest.Row("GET", "/group/invitelink", "group.getInviteLink group.resetInviteLink", inviteLink, rest.FailText("Failed to get group invite link: %s")),
		rest.Row("GET", "/group/info", "group.get", groupInfo, rest.FailText("Failed to get group info: %s")),
		rest.Row("POST", "/group/photo", "group.setPicture", setPhoto, rest.NeedsBody(), rest.TakesFiles(), rest.FailText("Failed to set group photo: %s")),
		rest.Row("POST", "/group/name", "group.setName", setName, rest.NeedsBody(), rest.FailText("Failed to set group name: %s")),
	}
}

// group has the keys of the document, and those the real server has beside them.
type group struct {
	JID                           string
	OwnerJID                      string
	Name                          string
	NameSetAt                     time.Time
	NameSetBy                     string
	Topic                         string
	TopicID                       string
	TopicSetAt                    time.Time
	TopicSetBy                    string
	TopicDeleted                  bool
	IsLocked                      bool
	IsAnnounce                    bool
	AnnounceVersionID             string
	IsEphemeral                   bool
	DisappearingTimer             int
	IsIncognito                   bool
	IsParent                      bool
	DefaultMembershipApprovalMode string
	LinkedParentJID               string
	IsDefaultSubGroup             bool
	GroupCreated                  time.Time
	ParticipantVersionID          string
	Participants                  []participant
	MemberAddMode                 string
}

type participant struct {
	JID          string
	PhoneNumber  string // JID of later versions; empty = the number is not known
	LID          string
	IsAdmin      bool
	IsSuperAdmin bool
	DisplayName  string
	Error        int
}

// groupObject is what the dialect reads of a group.
type groupObject struct {
	Group                string
	Name                 string
	NameSetAt            *time.Time `json:"name_set_at"`
	NameSetBy            *string    `json:"name_set_by"`
	Description          *string
	DescriptionID        *string    `json:"description_id"`
	DescriptionSetAt     *time.Time `json:"description_set_at"`
	DescriptionSetBy     *string    `json:"description_set_by"`
	Owner                *string
	CreatedAt            *time.Time `json:"created_at"`
	Participants         []participantObject
	ParticipantVersionID *string `json:"participant_version_id"`
	Locked               bool
	Announce             bool
	AnnounceVersionID    *string `json:"announce_version_id"`
	DisappearingSeconds  int     `json:"disappearing_seconds"`
	JoinApprovalRequired bool    `json:"join_approval_required"`
	MemberAddMode        *string `json:"member_add_mode"`
	IsCommunity          bool    `json:"is_community"`
	Community            *string
	IsAnnouncementGroup  bool `json:"is_announcement_group"`
	IsIncognito          bool `json:"is_incognito"`
}

type participantObject struct {
	PhoneNumber  *string `json:"phone_number"`
	Contact      string
	LID          *string
	IsAdmin      bool    `json:"is_admin"`
	IsSuperAdmin bool    `json:"is_super_admin"`
	DisplayName  *string `json:"display_name"`
	ErrorCode    *int    `json:"error_code"`
}

func shapeGroup(g *groupObject) group {
	out := group{
		JID: g.Group, OwnerJID: rest.Deref(g.Owner), Name: g.Name, NameSetAt: rest.Deref(g.NameSetAt), NameSetBy: rest.Deref(g.NameSetBy),
		Topic: rest.Deref(g.Description), TopicID: rest.Deref(g.DescriptionID), TopicSetAt: rest.Deref(g.DescriptionSetAt), TopicSetBy: rest.Deref(g.DescriptionSetBy),
		IsLocked: g.Locked, IsAnnounce: g.Announce, AnnounceVersionID: rest.Deref(g.AnnounceVersionID),
		IsEphemeral: g.DisappearingSeconds > 0, DisappearingTimer: g.DisappearingSeconds, IsIncognito: g.IsIncognito, IsParent: g.IsCommunity,
		LinkedParentJID: rest.Deref(g.Community), IsDefaultSubGroup: g.IsAnnouncementGroup, GroupCreated: rest.Deref(g.CreatedAt),
		ParticipantVersionID: rest.Deref(g.ParticipantVersionID), MemberAddMode: rest.Deref(g.MemberAddMode),
		Participants: make([]participant, 0, len(g.Participants)),
	}
	if g.JoinApprovalRequired {
		out.DefaultMembershipApprovalMode = "request_required"
	}
	for _, p := range g.Participants {
		out.Participants = append(out.Participants, participant{
			p.Contact, phoneJID(p.PhoneNumber), rest.Deref(p.LID), p.IsAdmin, p.IsSuperAdmin, rest.Deref(p.DisplayName), rest.Deref(p.ErrorCode),
		})
	}
	return out
}

// phoneJID is the JID of a number in digits, or empty.
func phoneJID(number *string) string {
	if number == nil {
		return ""
	}
	return *number + "@s.whatsapp.net"
}

type groupsAnswer struct {
	Groups []group
}

func listGroups(x *rest.Exchange, _ *rest.None) (*groupsAnswer, error) {
	var result struct{ Groups []groupObject }
	if err := x.Call("group.list", rest.Params{"refresh": true}, &result); err != nil {
		return nil, err
	}
	answer := &groupsAnswer{Groups: make([]group, 0, len(result.Groups))}
	for i := range result.Groups {
		answer.Groups = append(answer.Groups, shapeGroup(&result.Groups[i]))
	}
	return answer, nil
}

type groupRequest struct {
	GroupJID string `rest:",required,param=/group" bad:"Could not parse Group JID" doc:"JID of the group"`
}

func groupInfo(x *rest.Exchange, in *groupRequest) (*group, error) {
	var result struct{ Group groupObject }
	if err := x.Call("group.get", rest.Params{"group": in.GroupJID}, &result); err != nil {
		return nil, err
	}
	shown := shapeGroup(&result.Group)
	return &shown, nil
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
	Image string `rest:",required,param=/media" bad:"Could not decode base64 encoded data from payload" doc:"data URL of a JPEG"`
}

type photoAnswer struct {
	Details   string
	PictureID string
}

func setPhoto(x *rest.Exchange, in *photoRequest) (*photoAnswer, error) {
	media, err := dataURL("Image", in.Image, "data:image", `Image data should start with "data:image/jpeg;base64,"`)
	if err != nil {
		return nil, err
	}
	var result struct {
		PictureID string `json:"picture_id"`
	}
	err = x.Call("group.setPicture", rest.Params{"group": in.GroupJID, "media": media}, &result)
	return &photoAnswer{"Group Photo set successfully", result.PictureID}, err
}

type nameRequest struct {
	groupRequest
	Name string `rest:",required,param=/name" doc:"new name"`
}

func setName(x *rest.Exchange, in *nameRequest) (*details, error) {
	return &details{"Group Name set successfully"}, x.Call("group.setName", rest.Params{"group": in.GroupJID, "name": in.Name}, nil)
}
