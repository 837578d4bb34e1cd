package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/business"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type businessParam struct {
	Contact string `json:"contact" rpc:"required,format=jid" doc:"business"`
}

type businessProfileResult struct {
	Profile contacts.BusinessProfile `json:"profile" doc:"profile of the business"`
}

type businessLinkParams struct {
	Link           string `json:"link" rpc:"required,min=1,max=256" doc:"code or whole link"`
	IncludeProfile bool   `json:"include_profile" doc:"with the business profile; default false"`
}

type botListResult struct {
	Bots []business.Bot `json:"bots" doc:"bots"`
}

type botProfilesParams struct {
	Contacts []string `json:"contacts" rpc:"required,min=1,max=100,format=jid" doc:"bots"`
}

type botProfilesResult struct {
	Profiles []business.BotProfile `json:"profiles" doc:"profiles of the bots that WhatsApp offers; others are left out"`
}

// RegisterBusiness adds the methods of the namespace business.
func RegisterBusiness(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "business.getProfile", Summary: "Return the profile of a business."},
		func(ctx context.Context, s *bridge.Session, p *businessParam) (businessProfileResult, error) {
			profile, err := shared.Value(s.Business().GetProfile(ctx, p.Contact))
			return businessProfileResult{Profile: profile}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "business.resolveMessageLink", Summary: "Return the business behind a wa.me/message link."},
		func(ctx context.Context, s *bridge.Session, p *businessLinkParams) (business.LinkTarget, error) {
			return shared.Value(s.Business().ResolveMessageLink(ctx, p.Link, p.IncludeProfile))
		})
}

// RegisterBot adds the methods of the namespace bot.
func RegisterBot(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "bot.list", Summary: "List available bots."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (botListResult, error) {
			bots, err := s.Business().ListBots(ctx)
			return botListResult{Bots: bots}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "bot.listProfiles", Summary: "Return the profiles of given bots."},
		func(ctx context.Context, s *bridge.Session, p *botProfilesParams) (botProfilesResult, error) {
			profiles, err := s.Business().ListBotProfiles(ctx, p.Contacts)
			return botProfilesResult{Profiles: profiles}, err
		})
}
