package communities

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

// Announcement is the message of an announcement in one group.
type Announcement struct {
	Group     string     `json:"group" doc:"the group"`
	MessageID *string    `json:"message_id" doc:"id of the message; null if it could not be sent"`
	Timestamp *time.Time `json:"timestamp" doc:"time given by the WhatsApp server"`
	Error     *string    `json:"error" doc:"why it could not be sent"`
}

// Announce is an announcement to the members of a community.
type Announce struct {
	Community  string
	Text       string
	EveryGroup bool               // send it to each group instead of the announcement group
	MessageID  func(n int) string // id of the message in the n-th group; empty = generated
}

// SendAnnouncement sends a text to the announcement group of a community, or to each of its groups. The account must be
// an admin of the community. A group that the text cannot be sent to is not an error, unless the text reaches no group.
func (s *Service) SendAnnouncement(ctx context.Context, a Announce) ([]Announcement, error) {
	client, jid, err := s.liveCommunity(a.Community)
	if err != nil {
		return nil, err
	}
	info, err := client.GetGroupInfo(ctx, jid)
	if err != nil {
		return nil, wa.Wrap("read the community", err)
	}
	if !info.IsParent {
		return nil, wa.BadParam("community", "is not a community")
	}
	if !isAdmin(client.Store, info) {
		return nil, &wa.Error{Reason: wa.ReasonForbidden, Field: "community", Message: "only community admins can send announcements"}
	}
	subs, err := client.GetSubGroups(ctx, jid)
	if err != nil {
		return nil, wa.Wrap("list the groups of the community", err)
	}
	if !a.EveryGroup {
		announcement := announcementGroup(subs)
		if announcement == nil {
			return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "community", Message: "the community has no announcement group"}
		}
		subs = []*types.GroupLinkTarget{announcement}
	}
	return s.sendToEach(ctx, a, subs)
}

func (s *Service) sendToEach(ctx context.Context, a Announce, subs []*types.GroupLinkTarget) ([]Announcement, error) {
	list, reached, first := make([]Announcement, len(subs)), false, error(nil)
	for i, sub := range subs {
		list[i].Group = sub.JID.String()
		sent, err := s.sender.Send(ctx, list[i].Group, &message.Content{Type: message.TypeText, Text: a.Text}, &outbound.SendOptions{MessageID: a.MessageID(i)})
		if err != nil {
			text := wa.PublicText(err, "the operation failed")
			list[i].Error = &text
			if first == nil {
				first = err
			}
			continue
		}
		reached, list[i].MessageID, list[i].Timestamp = true, &sent.MessageID, &sent.Timestamp
	}
	if !reached && first != nil {
		return nil, first
	}
	return list, nil
}

// isAdmin reports whether the account is an admin of a group. It is true for an account that WhatsApp does not list:
// members may be hidden, and WhatsApp refuses the message of an account without the right.
func isAdmin(device *store.Device, info *types.GroupInfo) bool {
	for _, p := range info.Participants {
		if device.ID != nil && p.PhoneNumber.User == device.ID.User || p.LID.User != "" && p.LID.User == device.LID.User {
			return p.IsAdmin
		}
	}
	return true
}
