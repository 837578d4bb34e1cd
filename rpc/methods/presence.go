package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type availabilityParams struct {
	Available bool `json:"available" rpc:"required" doc:"online or not"`
}

type availabilityResult struct {
	Available bool `json:"available" doc:"new state"`
}

type chatStateParams struct {
	Chat  string `json:"chat" rpc:"required,format=jid" doc:"chat"`
	State string `json:"state" rpc:"required,enum=composing|recording|paused" doc:"composing, recording or paused"`
}

type chatStateResult struct {
	State string `json:"state" doc:"as sent"`
}

type presenceSubscribeParams struct {
	Contacts []string `json:"contacts" rpc:"required,min=1,max=100,format=jid" doc:"whose presence"`
}

type presenceSubscribeResult struct {
	Subscribed []string `json:"subscribed" doc:"accepted"`
}

// RegisterPresence registers presence.*.
func RegisterPresence(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "presence.setAvailability", Summary: "Show the account as available or unavailable."},
		func(ctx context.Context, s *bridge.Session, p *availabilityParams) (availabilityResult, error) {
			return availabilityResult{p.Available}, s.Account().SetAvailability(ctx, p.Available)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "presence.setChatState", Summary: "Show typing or recording in a chat, or stop showing it."},
		func(ctx context.Context, s *bridge.Session, p *chatStateParams) (chatStateResult, error) {
			return chatStateResult{p.State}, s.Account().SetChatState(ctx, p.Chat, p.State)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "presence.subscribe", Summary: "Subscribe to the presence of users: online or offline."},
		func(ctx context.Context, s *bridge.Session, p *presenceSubscribeParams) (presenceSubscribeResult, error) {
			accepted, err := s.Account().SubscribePresence(ctx, p.Contacts)
			return presenceSubscribeResult{accepted}, err
		})
}
