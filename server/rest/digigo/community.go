package digigo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func communityRoutes() []rest.Route {
	of := func(failed string) []rest.Option {
		return []rest.Option{rest.NeedsBody(), rest.Family(familyCommunity), rest.FailText(failed)}
	}
	listed := func(path string) rest.Route {
		return rest.Pass[communityRequest, linkedGroups]("POST", path, "community.listGroups", of("failed to get linked groups")...)
	}
	return []rest.Route{
		rest.Pass[communityDraft, communityCreated]("POST", "/community/create", "community.create", of("failed to create community")...),
		rest.Pass[communityLink, communityLinked]("POST", "/community/link", "community.linkGroup",
			append(of("failed to link group"), rest.Says("Group linked to community successfully"))...),
		rest.Pass[communityLink, communityLinked]("POST", "/community/unlink", "community.unlinkGroup",
			append(of("failed to unlink group"), rest.Says("Group unlinked from community successfully"))...),
		listed("/community/linked-groups"),
		listed("/community/sub-groups"),
		rest.Pass[joinRequestsRequest, joinRequests]("POST", "/community/requests", "group.listJoinRequests", of("failed to get join requests")...),
		rest.Pass[joinDecision, joinDecided]("POST", "/community/requests/update", "group.updateJoinRequests", of("failed to update join requests")...),
		rest.Pass[announcement, announced]("POST", "/community/announcement", "community.sendAnnouncement",
			append(of("failed to send announcement"), rest.With(rest.Params{"every_group": true}), rest.OnError(onlyAdmins))...),
	}
}

// communityJID is the JID of a community, which the document writes like that of a newsletter.
type communityJID string

// ToParam implements rest.Converter.
func (j communityJID) ToParam(string) (any, error) {
	if user, ok := strings.CutSuffix(string(j), "@newsletter"); ok {
		return user + "@g.us", nil
	}
	return string(j), nil
}

type communityRequest struct {
	Community communityJID `rest:"community_jid,required,param=/community" bad:"invalid community JID format"`
}

type communityDraft struct {
	Name        string   `rest:"name,required,param=/name" bad:"community name is required"`
	Description string   `rest:"description,param=/description"`
	Groups      []string `rest:"initial_groups,param=/groups" bad:"invalid group JID format in initial_groups"`
}

type communityCreated struct {
	Success      bool     `json:"success" from:"=true"`
	Message      string   `json:"message" from:"=Community created successfully"`
	Community    string   `json:"community_jid" from:"/community"`
	Name         string   `json:"name" from:"/name"`
	LinkedGroups []string `json:"linked_groups" from:"/linked_groups"`
	LinkedCount  int      `json:"linked_count" from:"#/linked_groups"`
	// Errors is an extension: the groups that could not be linked.
	Errors []linkError `json:"errors,omitempty" from:"/errors"`
}

type linkError struct {
	Group string `json:"group_jid" from:"/group"`
	Error string `json:"error" from:"/error"`
}

type communityLink struct {
	Parent communityJID `rest:"parent_jid,required,param=/community" bad:"invalid parent JID format"`
	Child  string       `rest:"child_jid,required,param=/group" bad:"invalid child JID format"`
}

type communityLinked struct {
	changed
	Parent string `json:"parent_jid" from:"<parent_jid"`
	Child  string `json:"child_jid" from:"<child_jid"`
}

type linkedGroups struct {
	Success   bool      `json:"success" from:"=true"`
	Community string    `json:"community_jid" from:"<community_jid"`
	Groups    []groupID `json:"linked_groups" from:"/groups"`
	Count     int       `json:"count" from:"#/groups"`
}

// groupID is the JID of a group, read from an object.
type groupID string

// UnmarshalJSON reads the group of an object.
func (id *groupID) UnmarshalJSON(raw []byte) error {
	var linked struct{ Group string }
	if err := json.Unmarshal(raw, &linked); err != nil {
		return fmt.Errorf("group of a community: %w", err)
	}
	*id = groupID(linked.Group)
	return nil
}

type joinRequestsRequest struct {
	Group string `rest:"group_jid,required,param=/group" bad:"invalid group JID format"`
}

type joinRequests struct {
	Success  bool          `json:"success" from:"=true"`
	Group    string        `json:"group_jid" from:"<group_jid"`
	Requests []joinRequest `json:"requests" from:"/requests"`
	Count    int           `json:"count" from:"#/requests"`
}

type joinRequest struct {
	JID  string    `json:"jid" from:"/contact"`
	Time int64     `json:"request_time"`
	At   time.Time `json:"-" from:"/requested_at"`
}

// FinishAnswer implements rest.Finisher.
func (r *joinRequest) FinishAnswer() error {
	if !r.At.IsZero() {
		r.Time = r.At.Unix()
	}
	return nil
}

type joinDecision struct {
	joinRequestsRequest
	Action       string   `rest:"action,required,param=/action" enum:"approve|reject" bad:"invalid action. Use 'approve' or 'reject'"`
	Participants []string `rest:"participants,required,param=/participants" bad:"participants list is required"`
}

type joinDecided struct {
	Success      bool     `json:"success" from:"=true"`
	Message      string   `json:"message"`
	Group        string   `json:"group_jid" from:"<group_jid"`
	Action       string   `json:"action" from:"<action"`
	Processed    int      `json:"processed_count" from:"/processed_count"`
	Participants []string `json:"participants" from:"<participants"`
}

// FinishAnswer implements rest.Finisher.
func (d *joinDecided) FinishAnswer() error {
	d.Message = fmt.Sprintf("Successfully %s %d join request(s)", map[string]string{"approve": "approved", "reject": "rejected"}[d.Action], d.Processed)
	return nil
}

type announcement struct {
	Community communityJID `rest:"community_jid,required,param=/community" missing:"community JID is required" bad:"invalid community JID format"`
	Message   string       `rest:"message,required,param=/text" bad:"message text is required"`
}

func onlyAdmins(err error) error {
	var e *rpc.Error
	if errors.As(err, &e) && e.Code == rpc.CodeForbidden {
		return &rest.Failure{Err: e, Text: "only community admins can send announcements"}
	}
	return err
}

type announced struct {
	Success   bool   `json:"success" from:"=true"`
	Message   string `json:"message" from:"=Announcement sent successfully"`
	Community string `json:"community_jid" from:"<community_jid"`
	Text      string `json:"announcement_text" from:"<message"`
	Sent      int    `json:"sent_to_groups" from:"/sent_count"`
}
