package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/communities"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type communityParam struct {
	Community string `json:"community" rpc:"required,format=jid" doc:"community"`
}

type communityCreateParams struct {
	Name        string   `json:"name" rpc:"required,min=1,max=100" doc:"name"`
	Description string   `json:"description" rpc:"max=2048" doc:"text"`
	Groups      []string `json:"groups" rpc:"max=100,format=jid" doc:"groups to link; the account must be an admin of them"`
}

type communityLink struct {
	Community string `json:"community" rpc:"required,format=jid" doc:"community"`
	Group     string `json:"group" rpc:"required,format=jid" doc:"group"`
}

type communityGroupsResult struct {
	Groups []communities.LinkedGroup `json:"groups" doc:"linked groups, the announcement group among them"`
}

type communityAnnounceParams struct {
	communityParam
	Text       string `json:"text" rpc:"required,min=1,max=65536" doc:"announcement"`
	EveryGroup bool   `json:"every_group" doc:"send it to each linked group instead of the announcement group only; default false"`
}

type communityAnnounceResult struct {
	Groups    []communities.Announcement `json:"groups" doc:"per group; one that cannot be reached does not fail the call"`
	SentCount int                        `json:"sent_count" doc:"groups reached"`
}

// RegisterCommunity adds the methods of the namespace community.
func RegisterCommunity(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "community.create", Summary: "Create a community, optionally with linked groups."},
		func(ctx context.Context, s *bridge.Session, p *communityCreateParams) (communities.Created, error) {
			return shared.Value(s.Communities().Create(ctx, p.Name, p.Description, p.Groups))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "community.linkGroup", Summary: "Link a group to a community."},
		func(ctx context.Context, s *bridge.Session, p *communityLink) (communityLink, error) {
			return *p, s.Communities().LinkGroup(ctx, p.Community, p.Group)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "community.unlinkGroup", Summary: "Remove a group from a community."},
		func(ctx context.Context, s *bridge.Session, p *communityLink) (communityLink, error) {
			return *p, s.Communities().UnlinkGroup(ctx, p.Community, p.Group)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "community.listGroups", Summary: "List the groups linked to a community."},
		func(ctx context.Context, s *bridge.Session, p *communityParam) (communityGroupsResult, error) {
			linked, err := s.Communities().ListGroups(ctx, p.Community)
			return communityGroupsResult{Groups: linked}, err
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "community.sendAnnouncement", Summary: "Send a text to all members of a community."},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *communityAnnounceParams) (communityAnnounceResult, error) {
			list, err := s.Communities().SendAnnouncement(ctx, communities.Announce{
				Community: p.Community, Text: p.Text, EveryGroup: p.EveryGroup, MessageID: func(n int) string { return shared.MessageID(call, n) },
			})
			result := communityAnnounceResult{Groups: list}
			for _, sent := range list {
				if sent.Error == nil {
					result.SentCount++
				}
			}
			return result, err
		})
}
