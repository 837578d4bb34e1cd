package communities

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/wa"
)

// maxGroups is WhatsApp's limit of the groups in a community.
const maxGroups = 100

// Created is the result of creating a community.
type Created struct {
	Community         string       `json:"community" doc:"new community"`
	Name              string       `json:"name" doc:"its name"`
	AnnouncementGroup *string      `json:"announcement_group" doc:"its announcement group; null if WhatsApp did not list it"`
	LinkedGroups      []string     `json:"linked_groups" doc:"groups that were linked"`
	Errors            []GroupError `json:"errors" doc:"groups that could not be linked"`
}

// GroupError is the reason why a group could not be linked.
type GroupError struct {
	Group string `json:"group" doc:"the group"`
	Error string `json:"error" doc:"reason"`
}

// LinkedGroup is a group of a community.
type LinkedGroup struct {
	Group               string `json:"group" doc:"its JID"`
	Name                string `json:"name" doc:"name"`
	IsAnnouncementGroup bool   `json:"is_announcement_group" doc:"the group for announcements to all members"`
}

// Create creates a community and links groups to it, of which the account must be an admin. A group that cannot be
// linked is not an error: the result contains it with the reason. An error after the creation says that the
// community exists.
func (s *Service) Create(ctx context.Context, name, description string, linked []string) (*Created, error) {
	if len(linked) > maxGroups {
		return nil, wa.BadParam("groups", "has more than %d groups", maxGroups)
	}
	children := make([]types.JID, len(linked))
	for i, group := range linked {
		jid, err := wa.ParseGroup(fmt.Sprintf("groups/%d", i), group)
		if err != nil {
			return nil, err
		}
		children[i] = jid
	}
	community, err := s.groups.Create(ctx, groups.GroupCreate{Name: name, Description: description, IsCommunity: true})
	if err != nil {
		return nil, err
	}
	client, jid, err := s.liveCommunity(community.Group)
	if err != nil {
		return nil, err
	}
	subs, err := client.GetSubGroups(ctx, jid)
	if err != nil {
		return nil, wa.Wrap("list the groups of the community "+community.Group+", which was created", err)
	}
	created := &Created{Community: community.Group, Name: community.Name, LinkedGroups: []string{}, Errors: []GroupError{}}
	if announcement := announcementGroup(subs); announcement != nil {
		created.AnnouncementGroup = wa.JIDOrNull(announcement.JID)
	}
	for _, child := range children {
		if err := s.link(ctx, client, jid, child); err != nil {
			created.Errors = append(created.Errors, GroupError{Group: child.String(), Error: wa.PublicText(err, "the operation failed")})
			continue
		}
		created.LinkedGroups = append(created.LinkedGroups, child.String())
	}
	return created, nil
}

// announcementGroup returns the group for announcements among the groups of a community, or nil.
func announcementGroup(subs []*types.GroupLinkTarget) *types.GroupLinkTarget {
	for _, sub := range subs {
		if sub.IsDefaultSubGroup {
			return sub
		}
	}
	return nil
}

func (s *Service) link(ctx context.Context, client *whatsmeow.Client, community, group types.JID) error {
	if err := client.LinkGroup(ctx, community, group); err != nil {
		return wa.Wrap("link the group", err)
	}
	return s.groups.StoreCommunity(ctx, group, wa.JIDOrNull(community))
}

// LinkGroup links a group to a community; the account must be an admin of both.
func (s *Service) LinkGroup(ctx context.Context, community, group string) error {
	return s.withGroup(community, group, func(client *whatsmeow.Client, parent, child types.JID) error {
		return s.link(ctx, client, parent, child)
	})
}

// UnlinkGroup removes a group from a community; the account must be an admin of the community.
func (s *Service) UnlinkGroup(ctx context.Context, community, group string) error {
	return s.withGroup(community, group, func(client *whatsmeow.Client, parent, child types.JID) error {
		if err := client.UnlinkGroup(ctx, parent, child); err != nil {
			return wa.Wrap("unlink the group", err)
		}
		return s.groups.StoreCommunity(ctx, child, nil)
	})
}

func (s *Service) withGroup(community, group string, change func(client *whatsmeow.Client, parent, child types.JID) error) error {
	child, err := wa.ParseGroup("group", group)
	if err != nil {
		return err
	}
	client, parent, err := s.liveCommunity(community)
	if err != nil {
		return err
	}
	return change(client, parent, child)
}

// ListGroups lists the groups of a community, the announcement group among them.
func (s *Service) ListGroups(ctx context.Context, community string) ([]LinkedGroup, error) {
	client, jid, err := s.liveCommunity(community)
	if err != nil {
		return nil, err
	}
	subs, err := client.GetSubGroups(ctx, jid)
	if err != nil {
		return nil, wa.NameField("community", wa.Wrap("list the groups of the community", err))
	}
	list := make([]LinkedGroup, len(subs))
	for i, sub := range subs {
		list[i] = LinkedGroup{Group: sub.JID.String(), Name: sub.Name, IsAnnouncementGroup: sub.IsDefaultSubGroup}
	}
	return list, nil
}
