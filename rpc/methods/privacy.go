package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type privacyGetParams struct {
	Refresh bool `json:"refresh" doc:"query WhatsApp instead of the cache; default false"`
}

type privacySettingsResult struct {
	Settings account.PrivacySettings `json:"settings" doc:"privacy_settings object"`
}

type privacyUpdateParams struct{ account.PrivacySettings }

type privacyTimer struct {
	DisappearingSeconds int `json:"disappearing_seconds" rpc:"required,enum=0|86400|604800|7776000" doc:"0 = off"`
}

type privacyTokensResult struct {
	Tokens []contacts.IssuedToken `json:"tokens" doc:"may be fewer than asked"`
}

type privacyTokenPeopleResult struct {
	Contacts []string `json:"contacts" doc:"people"`
}

type privacyDeletedResult struct {
	DeletedCount int64 `json:"deleted_count" doc:"tokens removed"`
}

// RegisterPrivacy adds the methods of the namespace privacy.
func RegisterPrivacy(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "privacy.getSettings", Summary: "Read the account's privacy settings."},
		func(ctx context.Context, s *bridge.Session, p *privacyGetParams) (privacySettingsResult, error) {
			settings, err := shared.Value(s.Account().GetPrivacy(ctx, p.Refresh))
			return privacySettingsResult{Settings: settings}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "privacy.updateSettings", Summary: "Change any of the privacy settings."},
		func(ctx context.Context, s *bridge.Session, p *privacyUpdateParams) (privacySettingsResult, error) {
			settings, err := shared.Value(s.Account().UpdatePrivacy(ctx, p.PrivacySettings))
			return privacySettingsResult{Settings: settings}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "privacy.setDefaultDisappearingTimer", Summary: "Set the disappearing timer for new chats."},
		func(ctx context.Context, s *bridge.Session, p *privacyTimer) (privacyTimer, error) {
			return *p, s.Account().SetDefaultDisappearingTimer(ctx, p.DisappearingSeconds)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name:    "privacy.issueTokens",
		Summary: "Issue privacy tokens to people, with which they may write to the account like trusted contacts.",
	}, func(ctx context.Context, s *bridge.Session, p *contactsParam) (privacyTokensResult, error) {
		tokens, err := s.Contacts().IssuePrivacyTokens(ctx, p.Contacts)
		return privacyTokensResult{Tokens: tokens}, err
	})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "privacy.getToken", Summary: "Show whether a privacy token of a person is stored."},
		func(ctx context.Context, s *bridge.Session, p *contactParam) (contacts.PrivacyToken, error) {
			return shared.Value(s.Contacts().GetPrivacyToken(ctx, p.Contact))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "privacy.listTokens", Summary: "List the people whose privacy tokens are stored.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (privacyTokenPeopleResult, error) {
			contacts, err := s.Contacts().ListPrivacyTokens(ctx)
			return privacyTokenPeopleResult{Contacts: contacts}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "privacy.deleteExpiredTokens", Summary: "Delete expired privacy tokens."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (privacyDeletedResult, error) {
			deleted, err := s.Contacts().DeleteExpiredPrivacyTokens(ctx)
			return privacyDeletedResult{DeletedCount: deleted}, err
		})
}
