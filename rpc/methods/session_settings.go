package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type getSettingsResult struct {
	Settings            sessionconfig.Settings `json:"settings" doc:"session_settings object"`
	Server              ServerSettings         `json:"server" doc:"server-wide values that override or gate them"`
	ReconnectErrorCount int                    `json:"reconnect_error_count" doc:"reconnect failures so far"`
}

type updateSettingsParams struct {
	sessionconfig.SettingsPatch
	Replace bool `json:"replace" doc:"reset every switch not named here to its default; default false"`
}

type updateSettingsResult struct {
	Settings            sessionconfig.Settings `json:"settings" doc:"session_settings object after the change"`
	ReconnectErrorCount int                    `json:"reconnect_error_count" doc:"reconnect failures so far"`
}

type clientVersionParams struct {
	CheckLatest bool `json:"check_latest" doc:"also request the newest version from web.whatsapp.com; default false"`
}

type clientVersionResult struct {
	Version       string  `json:"version" doc:"version this session presents"`
	LatestVersion *string `json:"latest_version,omitempty" doc:"only with check_latest"`
}

func registerSessionSettings(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.getSettings", Summary: "Read the session's behaviour switches, own and effective values."},
		func(_ context.Context, s *bridge.Session, _ *shared.None) (getSettingsResult, error) {
			return getSettingsResult{Settings: s.Settings(), Server: d.Server, ReconnectErrorCount: s.Status().ReconnectErrors}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.updateSettings", Summary: "Change any of the session's behaviour switches; absent ones stay."},
		func(ctx context.Context, s *bridge.Session, p *updateSettingsParams) (updateSettingsResult, error) {
			settings, err := s.UpdateSettings(ctx, p.SettingsPatch, p.Replace)
			return updateSettingsResult{Settings: settings, ReconnectErrorCount: s.Status().ReconnectErrors}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.setProxy", Summary: "Set, switch on or switch off the session's proxy."},
		func(ctx context.Context, s *bridge.Session, p *sessionProxyChanges) (proxy.Proxy, error) {
			return s.SetProxy(ctx, p.change())
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.getClientVersion", Summary: "Return the WhatsApp Web version this session presents to the servers."},
		func(ctx context.Context, s *bridge.Session, p *clientVersionParams) (clientVersionResult, error) {
			out := clientVersionResult{Version: s.ClientVersion()}
			if !p.CheckLatest {
				return out, nil
			}
			latest, err := d.Bridge.LatestClientVersion(ctx)
			out.LatestVersion = &latest
			return out, err
		})
}
