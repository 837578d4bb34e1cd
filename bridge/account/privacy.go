package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// PrivacySettings are the account's privacy settings. A value that WhatsApp did not return is null.
type PrivacySettings struct {
	GroupAdd     *string `json:"group_add" rpc:"enum=all|contacts|contact_blacklist|none" doc:"who may add the account to groups"`
	LastSeen     *string `json:"last_seen" rpc:"enum=all|contacts|contact_blacklist|none" doc:"who sees when it was last online"`
	Status       *string `json:"status" rpc:"enum=all|contacts|contact_blacklist|none" doc:"who sees the about text"`
	Profile      *string `json:"profile" rpc:"enum=all|contacts|contact_blacklist|none" doc:"who sees the picture"`
	ReadReceipts *string `json:"read_receipts" rpc:"enum=all|none" doc:"whether read receipts are sent"`
	Online       *string `json:"online" rpc:"enum=all|match_last_seen" doc:"who sees that it is online"`
	CallAdd      *string `json:"call_add" rpc:"enum=all|known" doc:"who may call"`
	Messages     *string `json:"messages" rpc:"enum=all|contacts" doc:"who may write"`
	Defense      *string `json:"defense" rpc:"enum=on_standard|off" doc:"strict account protection"`
	Stickers     *string `json:"stickers" rpc:"enum=contacts|contact_allowlist|none" doc:"who may use stickers of the account"`
}

func newPrivacySettings(settings *types.PrivacySettings) *PrivacySettings {
	return &PrivacySettings{
		GroupAdd:     wa.OrNull(string(settings.GroupAdd)),
		LastSeen:     wa.OrNull(string(settings.LastSeen)),
		Status:       wa.OrNull(string(settings.Status)),
		Profile:      wa.OrNull(string(settings.Profile)),
		ReadReceipts: wa.OrNull(string(settings.ReadReceipts)),
		Online:       wa.OrNull(string(settings.Online)),
		CallAdd:      wa.OrNull(string(settings.CallAdd)),
		Messages:     wa.OrNull(string(settings.Messages)),
		Defense:      wa.OrNull(string(settings.Defense)),
		Stickers:     wa.OrNull(string(settings.Stickers)),
	}
}

// GetPrivacy returns the account's privacy settings; refresh asks WhatsApp instead of the cache.
func (s *Service) GetPrivacy(ctx context.Context, refresh bool) (*PrivacySettings, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	settings, err := client.TryFetchPrivacySettings(ctx, refresh)
	if err != nil {
		return nil, wa.Wrap("read the privacy settings", err)
	}
	return newPrivacySettings(settings), nil
}

// privacyFields are the settings in the order they are written.
var privacyFields = []struct {
	field   string
	name    types.PrivacySettingType
	value   func(*PrivacySettings) *string
	allowed []string
}{
	{"group_add", types.PrivacySettingTypeGroupAdd, func(p *PrivacySettings) *string { return p.GroupAdd }, audiences},
	{"last_seen", types.PrivacySettingTypeLastSeen, func(p *PrivacySettings) *string { return p.LastSeen }, audiences},
	{"status", types.PrivacySettingTypeStatus, func(p *PrivacySettings) *string { return p.Status }, audiences},
	{"profile", types.PrivacySettingTypeProfile, func(p *PrivacySettings) *string { return p.Profile }, audiences},
	{"read_receipts", types.PrivacySettingTypeReadReceipts, func(p *PrivacySettings) *string { return p.ReadReceipts }, []string{"all", "none"}},
	{"online", types.PrivacySettingTypeOnline, func(p *PrivacySettings) *string { return p.Online }, []string{"all", "match_last_seen"}},
	{"call_add", types.PrivacySettingTypeCallAdd, func(p *PrivacySettings) *string { return p.CallAdd }, []string{"all", "known"}},
	{"messages", types.PrivacySettingTypeMessages, func(p *PrivacySettings) *string { return p.Messages }, []string{"all", "contacts"}},
	{"defense", types.PrivacySettingTypeDefense, func(p *PrivacySettings) *string { return p.Defense }, []string{"on_standard", "off"}},
	{"stickers", types.PrivacySettingTypeStickers, func(p *PrivacySettings) *string { return p.Stickers }, []string{"contacts", "contact_allowlist", "none"}},
}

var audiences = []string{"all", "contacts", "contact_blacklist", "none"}

// UpdatePrivacy writes the settings that are not nil, one query each, and returns all settings as WhatsApp reports them afterwards. It stops at
// the first refusal, which names the setting; earlier changes stay.
func (s *Service) UpdatePrivacy(ctx context.Context, change PrivacySettings) (*PrivacySettings, error) {
	if change == (PrivacySettings{}) {
		return nil, wa.BadParam("", "at least one setting must be given")
	}
	for _, field := range privacyFields {
		if value := field.value(&change); value != nil && !slices.Contains(field.allowed, *value) {
			return nil, wa.BadParam(field.field, "must be one of %s", strings.Join(field.allowed, ", "))
		}
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	for _, field := range privacyFields {
		value := field.value(&change)
		if value == nil {
			continue
		}
		if _, err := client.SetPrivacySetting(ctx, field.name, types.PrivacySetting(*value)); err != nil {
			return nil, wa.NameField(field.field, wa.Wrap("change the privacy settings", err))
		}
	}
	// whatsmeow's cache does not follow all settings.
	return s.GetPrivacy(ctx, true)
}

// SetDefaultDisappearingTimer sets the timer of new chats; 0 = off.
func (s *Service) SetDefaultDisappearingTimer(ctx context.Context, seconds int) error {
	if err := wa.CheckTimer(seconds); err != nil {
		return err
	}
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	lifetime := time.Duration(seconds) * time.Second
	if err := client.SetDefaultDisappearingTimer(ctx, lifetime); err != nil {
		return wa.Wrap("set the default timer", err)
	}
	return s.conn.SetDefaultTimer(ctx, lifetime, time.Now().Truncate(time.Second))
}

// StatusPrivacy is the audience of status posts.
type StatusPrivacy struct {
	Type     string       `json:"type" doc:"contacts, blacklist or whitelist"`
	Contacts []string     `json:"contacts" doc:"members of the list"`
	Lists    []StatusList `json:"lists" doc:"all stored lists"`
}

// StatusList is one stored audience of status posts.
type StatusList struct {
	Type      string   `json:"type" doc:"contacts, blacklist or whitelist"`
	Contacts  []string `json:"contacts" doc:"members of the list"`
	IsDefault bool     `json:"is_default" doc:"the list in use"`
}

// GetStatusPrivacy asks WhatsApp for the audience of status posts.
func (s *Service) GetStatusPrivacy(ctx context.Context) (*StatusPrivacy, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	stored, err := client.GetStatusPrivacy(ctx)
	if err != nil {
		return nil, wa.Wrap("read the status privacy", err)
	}
	result := &StatusPrivacy{Lists: make([]StatusList, len(stored))}
	for i, list := range stored {
		contacts := make([]string, len(list.List))
		for j, jid := range list.List {
			who, err := wa.PersonOf(ctx, client.Store, jid)
			if err != nil {
				return nil, err
			}
			contacts[j] = who.Address().String()
		}
		result.Lists[i] = StatusList{Type: string(list.Type), Contacts: contacts, IsDefault: list.IsDefault}
	}
	// whatsmeow returns the list in use first, and at least one list.
	result.Type, result.Contacts = result.Lists[0].Type, result.Lists[0].Contacts
	return result, nil
}
