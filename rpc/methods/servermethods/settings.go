package servermethods

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// SystemSettings are the settings of the whole installation that people see and change at run time.
type SystemSettings struct {
	AppName             string     `json:"app_name" doc:"name shown to people"`
	LogoURL             *string    `json:"logo_url" doc:"address of the logo; null = the default one"`
	FaviconURL          *string    `json:"favicon_url" doc:"address of the icon; null = the default one"`
	Timezone            string     `json:"timezone" doc:"IANA time zone of quiet hours and of times that are given without an offset"`
	RegistrationEnabled bool       `json:"registration_enabled" doc:"account.register is open to everybody"`
	UpdatedAt           *time.Time `json:"updated_at" doc:"last change; null = there was none"`
}

// SettingsStore keeps the system settings. Its methods are safe for concurrent use.
type SettingsStore interface {
	Get(ctx context.Context) (SystemSettings, error)
	// Update changes the settings in one transaction and returns the new ones.
	Update(ctx context.Context, change func(*SystemSettings)) (SystemSettings, error)
}

type updateSettingsParams struct {
	AppName             *string `json:"app_name" rpc:"min=1,max=100" doc:"name shown to people"`
	LogoURL             *string `json:"logo_url" rpc:"max=2048" doc:"http or https address, or a path that begins with a slash; empty = the default"`
	FaviconURL          *string `json:"favicon_url" rpc:"max=2048" doc:"as logo_url"`
	Timezone            *string `json:"timezone" rpc:"min=1,max=64" doc:"IANA name, such as Asia/Jakarta"`
	RegistrationEnabled *bool   `json:"registration_enabled" doc:"open or close account.register"`
}

// Validate implements rpc.Validator.
func (p *updateSettingsParams) Validate() error {
	for pointer, address := range map[string]*string{"/logo_url": p.LogoURL, "/favicon_url": p.FaviconURL} {
		if address != nil && !isPageAddress(*address) {
			return rpc.InvalidParams(pointer, "must be an http or https address, or a path that begins with a slash")
		}
	}
	if p.Timezone != nil && !IsTimezone(*p.Timezone) {
		return rpc.InvalidParams("/timezone", "is no IANA time zone")
	}
	return nil
}

// IsTimezone reports whether name is an IANA time zone that this server knows; Local is none.
func IsTimezone(name string) bool {
	if name == "" || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func isPageAddress(address string) bool {
	if address == "" {
		return true
	}
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Scheme == "" {
		return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

type settingsResult struct {
	Settings SystemSettings `json:"settings" doc:"settings now in force"`
}

func registerSettings(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{Name: "server.getSettings", Summary: "Read the system settings that are shown to people.", Scope: rpc.ScopeAccount},
		func(ctx context.Context, _ *rpc.Call, _ *shared.None) (SystemSettings, error) {
			return d.Settings.Get(ctx)
		})
	rpc.Register(reg, rpc.Method{
		Name: "server.updateSettings", Summary: "Change system settings.", Scope: rpc.ScopeAdmin, Description: "Params that are absent leave their setting as it is.",
	}, func(ctx context.Context, _ *rpc.Call, p *updateSettingsParams) (settingsResult, error) {
		settings, err := d.Settings.Update(ctx, p.apply)
		return settingsResult{settings}, err
	})
}

func (p *updateSettingsParams) apply(s *SystemSettings) {
	if p.AppName != nil {
		s.AppName = *p.AppName
	}
	if p.LogoURL != nil {
		s.LogoURL = shared.Optional(*p.LogoURL)
	}
	if p.FaviconURL != nil {
		s.FaviconURL = shared.Optional(*p.FaviconURL)
	}
	if p.Timezone != nil {
		s.Timezone = *p.Timezone
	}
	if p.RegistrationEnabled != nil {
		s.RegistrationEnabled = *p.RegistrationEnabled
	}
}
