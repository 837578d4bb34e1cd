package groups

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// statusOK is the code of a participant without a code in WhatsApp's answer.
const statusOK = 200

// ParticipantResult is the result of a membership change for one person.
type ParticipantResult struct {
	Contact    string       `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID        *string      `json:"lid" doc:"LID"`
	ContactKey *string      `json:"contact_key" doc:"stable key of the person"`
	StatusCode int          `json:"status_code" doc:"200, or WhatsApp's code of a refusal"`
	Error      *string      `json:"error" doc:"the code in words"`
	Invite     *GroupInvite `json:"invite,omitempty" doc:"what to send a person who may not be added"`
}

// participantErrors maps WhatsApp's codes for one participant to texts.
var participantErrors = map[int]string{
	401: "the person has blocked the account",
	403: "the person does not let the account add them; send an invite",
	404: "the person is not in the group or not on WhatsApp",
	406: "not allowed for this person",
	408: "the person left the group recently",
	409: "the person is in the group already",
	412: "the person must be in the community first",
	419: "the group is full",
	500: "the group is full",
}

// UpdateParticipants adds, removes, promotes or demotes people. A person that WhatsApp rejects is not an error: the
// result contains the person with the code.
func (s *Service) UpdateParticipants(ctx context.Context, group, action string, people []string) ([]ParticipantResult, error) {
	change := whatsmeow.ParticipantChange(action)
	switch change {
	case whatsmeow.ParticipantChangeAdd, whatsmeow.ParticipantChangeRemove,
		whatsmeow.ParticipantChangePromote, whatsmeow.ParticipantChangeDemote:
	default:
		return nil, wa.BadParam("action", "must be add, remove, promote or demote")
	}
	return s.changeParticipants(ctx, group, people, action+" the participants",
		func(client *whatsmeow.Client, jid types.JID, jids []types.JID) ([]types.GroupParticipant, error) {
			changed, err := client.UpdateGroupParticipants(ctx, jid, jids, change)
			if err != nil {
				return nil, err
			}
			return changed, s.storeMembers(ctx, client.Store, jid, change, changed)
		})
}

// storeMembers applies a membership change to the stored group, except for people that WhatsApp rejected.
func (s *Service) storeMembers(ctx context.Context, device *store.Device, group types.JID, how whatsmeow.ParticipantChange, changed []types.GroupParticipant) error {
	var change Change
	to := map[whatsmeow.ParticipantChange]*[]wa.Person{
		whatsmeow.ParticipantChangeAdd: &change.Joined, whatsmeow.ParticipantChangeRemove: &change.Left,
		whatsmeow.ParticipantChangePromote: &change.Promoted, whatsmeow.ParticipantChangeDemote: &change.Demoted,
	}[how]
	for _, member := range changed {
		if refused(member) {
			continue
		}
		p, err := personOfParticipant(ctx, device, member)
		if err != nil {
			return err
		}
		*to = append(*to, p)
	}
	return s.changeStoredGroup(ctx, group, func(g *Group) { change.Apply(g, &events.GroupInfo{}) })
}

// UpdateJoinRequests approves or rejects requests to join a group.
func (s *Service) UpdateJoinRequests(ctx context.Context, group, action string, people []string) ([]ParticipantResult, error) {
	change := whatsmeow.ParticipantRequestChange(action)
	switch change {
	case whatsmeow.ParticipantChangeApprove, whatsmeow.ParticipantChangeReject:
	default:
		return nil, wa.BadParam("action", "must be approve or reject")
	}
	return s.changeParticipants(ctx, group, people, action+" the join requests",
		func(client *whatsmeow.Client, jid types.JID, jids []types.JID) ([]types.GroupParticipant, error) {
			return client.UpdateGroupRequestParticipants(ctx, jid, jids, change)
		})
}

func (s *Service) changeParticipants(ctx context.Context, group string, people []string, what string,
	change func(*whatsmeow.Client, types.JID, []types.JID) ([]types.GroupParticipant, error),
) ([]ParticipantResult, error) {
	jid, err := wa.ParseGroup("group", group)
	if err != nil {
		return nil, err
	}
	if len(people) == 0 || len(people) > maxGroupMembers {
		return nil, wa.BadParam("participants", "must have 1 to %d people", maxGroupMembers)
	}
	jids, err := wa.ParsePeople("participants", people)
	if err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	changed, err := change(client, jid, jids)
	if err != nil {
		return nil, wa.Wrap(what, err)
	}
	results := make([]ParticipantResult, len(changed))
	for i, member := range changed {
		if results[i], err = newParticipantResult(ctx, client.Store, member); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func newParticipantResult(ctx context.Context, device *store.Device, member types.GroupParticipant) (ParticipantResult, error) {
	p, err := personOfParticipant(ctx, device, member)
	if err != nil {
		return ParticipantResult{}, err
	}
	result := ParticipantResult{
		Contact: p.Address().String(), LID: wa.JIDOrNull(p.LID), StatusCode: statusOK, Invite: newInvite(member.AddRequest),
	}
	if refused(member) {
		text, known := participantErrors[member.Error]
		if !known {
			text = "WhatsApp refused"
		}
		result.StatusCode, result.Error = member.Error, &text
	}
	return result, nil
}

// JoinRequest is a person's request to join a group.
type JoinRequest struct {
	Contact     string     `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID         *string    `json:"lid" doc:"LID"`
	ContactKey  *string    `json:"contact_key" doc:"stable key of the person"`
	RequestedAt *time.Time `json:"requested_at" doc:"when"`
}

// ListJoinRequests lists the requests to join a group or community.
func (s *Service) ListJoinRequests(ctx context.Context, group string) ([]JoinRequest, error) {
	client, jid, err := s.liveGroup(group)
	if err != nil {
		return nil, err
	}
	answer, err := client.DangerousInternals().SendGroupIQ(ctx, "get", jid, waBinary.Node{ // the public call omits the phone numbers
		Tag: "membership_approval_requests",
	})
	if err != nil {
		return nil, wa.Wrap("list the join requests", err)
	}
	list := answer.GetChildByTag("membership_approval_requests")
	waiting := list.GetChildrenByTag("membership_approval_request")
	requests := make([]JoinRequest, 0, len(waiting))
	for i := range waiting {
		attrs := waiting[i].AttrGetter()
		applicant, number := attrs.OptionalJIDOrEmpty("jid").ToNonAD(), attrs.OptionalJIDOrEmpty("phone_number").ToNonAD()
		if applicant.IsEmpty() {
			continue
		}
		if applicant.Server == types.HiddenUserServer && number.Server == types.DefaultUserServer {
			client.StoreLIDPNMapping(ctx, applicant, number)
		}
		p, err := wa.PersonOf(ctx, client.Store, applicant)
		if err != nil {
			return nil, err
		}
		requests = append(requests, JoinRequest{Contact: p.Address().String(), LID: wa.JIDOrNull(p.LID), RequestedAt: wa.TimeOrNull(attrs.UnixTime("request_time"))})
	}
	return requests, nil
}
