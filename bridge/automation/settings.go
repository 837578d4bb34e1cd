package automation

import (
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Values of AssistantSettings.CommandAccess and AssistantSettings.ReplyAccess.
const (
	AccessOwner     = "owner"
	AccessSpecific  = "specific"
	AccessBlacklist = "blacklist"
	AccessAll       = "all"
)

// Masked stands for a secret in results; as a param it leaves the secret as it is.
const Masked = "***"

// AssistantSettings are the settings of the assistant, as results show them.
type AssistantSettings struct {
	Enabled              bool     `json:"enabled" doc:"assistant on: commands, answers by rules and the welcome text"`
	Name                 string   `json:"name" doc:"its name, written into stickers as the pack's name"`
	CommandPrefix        string   `json:"command_prefix" doc:"text that commands begin with"`
	CommandAccess        string   `json:"command_access" doc:"who may use commands: owner, specific, blacklist or all"`
	CommandAllowed       []string `json:"command_allowed" doc:"people for specific"`
	CommandBlocked       []string `json:"command_blocked" doc:"people for blacklist"`
	ReplyAccess          string   `json:"reply_access" doc:"who is answered by rules: specific, blacklist or all; owner: no one"`
	ReplyAllowed         []string `json:"reply_allowed" doc:"people for specific"`
	ReplyBlocked         []string `json:"reply_blocked" doc:"people for blacklist"`
	StickerEnabled       bool     `json:"sticker_enabled" doc:"sticker command"`
	VideoStickerEnabled  bool     `json:"video_sticker_enabled" doc:"video stickers, too"`
	MaxStickerSeconds    int      `json:"max_sticker_seconds" doc:"longest video"`
	PingEnabled          bool     `json:"ping_enabled" doc:"ping command"`
	UptimeEnabled        bool     `json:"uptime_enabled" doc:"uptime command"`
	RemoveBackgroundKey  string   `json:"remove_background_api_key" doc:"*** = a key of the background service is set"`
	FloodGuardEnabled    bool     `json:"flood_guard_enabled" doc:"ignore people who write too often, and pause before an answer"`
	FloodLimit           int      `json:"flood_limit" doc:"answers to a person"`
	FloodIntervalSeconds float64  `json:"flood_interval_seconds" doc:"in this time"`
	FloodDelayMinSeconds float64  `json:"flood_delay_min_seconds" doc:"shortest pause before an answer"`
	FloodDelayMaxSeconds float64  `json:"flood_delay_max_seconds" doc:"longest pause"`
	WelcomeMessage       string   `json:"welcome_message" doc:"text for new members of groups; empty = none"`
	AutoRead             bool     `json:"auto_read" doc:"mark incoming messages as read"`
	AlwaysOnline         bool     `json:"always_online" doc:"keep the presence available"`

	CreatedAt *time.Time `json:"created_at" doc:"first change; null = never set"`
	UpdatedAt *time.Time `json:"updated_at" doc:"last change; null = never set, and commands are off until then"`
}

// Patch changes settings; nil = unchanged.
type Patch struct {
	Enabled              *bool     `json:"enabled" doc:"assistant on: commands, answers by rules and the welcome text; default true"`
	Name                 *string   `json:"name" rpc:"min=1,max=100" doc:"its name, written into stickers as the pack's name"`
	CommandPrefix        *string   `json:"command_prefix" rpc:"min=1,max=8" doc:"text that commands begin with; default #"`
	CommandAccess        *string   `json:"command_access" rpc:"enum=owner|specific|blacklist|all" doc:"who may use commands. owner: the account itself, from its other devices; specific: also the people allowed; blacklist: all but the people blocked; default owner"`
	CommandAllowed       *[]string `json:"command_allowed" rpc:"max=1000,format=jid" doc:"people for specific"`
	CommandBlocked       *[]string `json:"command_blocked" rpc:"max=1000,format=jid" doc:"people for blacklist"`
	ReplyAccess          *string   `json:"reply_access" rpc:"enum=owner|specific|blacklist|all" doc:"who is answered by rules. owner: no one, since messages of the account itself are never answered; specific: the people allowed; blacklist: all but the people blocked; default all"`
	ReplyAllowed         *[]string `json:"reply_allowed" rpc:"max=1000,format=jid" doc:"people for specific"`
	ReplyBlocked         *[]string `json:"reply_blocked" rpc:"max=1000,format=jid" doc:"people for blacklist"`
	StickerEnabled       *bool     `json:"sticker_enabled" doc:"sticker command; default true"`
	VideoStickerEnabled  *bool     `json:"video_sticker_enabled" doc:"video stickers, too; default true"`
	MaxStickerSeconds    *int      `json:"max_sticker_seconds" rpc:"min=1,max=60" doc:"longest video; a sticker has at most the first 6 seconds of it; default 10"`
	PingEnabled          *bool     `json:"ping_enabled" doc:"ping command; default true"`
	UptimeEnabled        *bool     `json:"uptime_enabled" doc:"uptime command; default true"`
	RemoveBackgroundKey  *string   `json:"remove_background_api_key" rpc:"max=256" doc:"key of the background service, whose address is a setting of the server; empty removes it"`
	FloodGuardEnabled    *bool     `json:"flood_guard_enabled" doc:"ignore people who write too often, and pause before an answer; limits of the server hold in any case; default false"`
	FloodLimit           *int      `json:"flood_limit" rpc:"min=1,max=1000" doc:"answers to a person; default 5"`
	FloodIntervalSeconds *float64  `json:"flood_interval_seconds" rpc:"min=1,max=3600" doc:"in this time; default 10"`
	FloodDelayMinSeconds *float64  `json:"flood_delay_min_seconds" rpc:"min=0,max=120" doc:"shortest pause before an answer; default 1"`
	FloodDelayMaxSeconds *float64  `json:"flood_delay_max_seconds" rpc:"min=0,max=120" doc:"longest pause; default 3"`
	WelcomeMessage       *string   `json:"welcome_message" rpc:"max=4096" doc:"text for new members of groups; empty = none"`
	AutoRead             *bool     `json:"auto_read" doc:"mark incoming messages as read; default false"`
	AlwaysOnline         *bool     `json:"always_online" doc:"keep the presence available; default false"`
}

// DefaultSettings returns the settings of a session that has never set any.
func DefaultSettings() AssistantSettings {
	return AssistantSettings{
		Enabled: true, Name: "Waystation", CommandPrefix: "#", CommandAccess: AccessOwner, ReplyAccess: AccessAll,
		CommandAllowed: []string{}, CommandBlocked: []string{}, ReplyAllowed: []string{}, ReplyBlocked: []string{},
		StickerEnabled: true, VideoStickerEnabled: true, MaxStickerSeconds: 10, PingEnabled: true, UptimeEnabled: true,
		FloodLimit: 5, FloodIntervalSeconds: 10, FloodDelayMinSeconds: 1, FloodDelayMaxSeconds: 3,
	}
}

// apply returns the settings after a change. Errors name the field, also within lists.
func (s AssistantSettings) apply(p *Patch) (AssistantSettings, error) {
	for _, list := range []struct {
		field string
		to    *[]string
		from  *[]string
	}{
		{"command_allowed", &s.CommandAllowed, p.CommandAllowed},
		{"command_blocked", &s.CommandBlocked, p.CommandBlocked},
		{"reply_allowed", &s.ReplyAllowed, p.ReplyAllowed},
		{"reply_blocked", &s.ReplyBlocked, p.ReplyBlocked},
	} {
		if list.from == nil {
			continue
		}
		people, err := wa.ParsePeople(list.field, *list.from)
		if err != nil {
			return s, err
		}
		*list.to = make([]string, len(people))
		for i, person := range people {
			(*list.to)[i] = person.String()
		}
	}
	setField(&s.Enabled, p.Enabled)
	setField(&s.Name, p.Name)
	setField(&s.CommandPrefix, p.CommandPrefix)
	setField(&s.CommandAccess, p.CommandAccess)
	setField(&s.ReplyAccess, p.ReplyAccess)
	setField(&s.StickerEnabled, p.StickerEnabled)
	setField(&s.VideoStickerEnabled, p.VideoStickerEnabled)
	setField(&s.MaxStickerSeconds, p.MaxStickerSeconds)
	setField(&s.PingEnabled, p.PingEnabled)
	setField(&s.UptimeEnabled, p.UptimeEnabled)
	if p.RemoveBackgroundKey != nil && *p.RemoveBackgroundKey != Masked {
		s.RemoveBackgroundKey = *p.RemoveBackgroundKey
	}
	setField(&s.FloodGuardEnabled, p.FloodGuardEnabled)
	setField(&s.FloodLimit, p.FloodLimit)
	setField(&s.FloodIntervalSeconds, p.FloodIntervalSeconds)
	setField(&s.FloodDelayMinSeconds, p.FloodDelayMinSeconds)
	setField(&s.FloodDelayMaxSeconds, p.FloodDelayMaxSeconds)
	setField(&s.WelcomeMessage, p.WelcomeMessage)
	setField(&s.AutoRead, p.AutoRead)
	setField(&s.AlwaysOnline, p.AlwaysOnline)
	if s.FloodDelayMinSeconds > s.FloodDelayMaxSeconds {
		field := "flood_delay_max_seconds"
		if p.FloodDelayMaxSeconds == nil {
			field = "flood_delay_min_seconds"
		}
		return s, wa.BadParam(field, "the shortest pause must not exceed the longest, %g seconds", s.FloodDelayMaxSeconds)
	}
	return s, nil
}

func setField[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// withoutSecret returns the settings without their secret.
func (s AssistantSettings) withoutSecret() AssistantSettings {
	if s.RemoveBackgroundKey != "" {
		s.RemoveBackgroundKey = Masked
	}
	return s
}

// permitsPerson reports whether an access admits a person by any of the person's addresses. own is true for the account itself.
func permitsPerson(access string, own bool, allowed, blocked []string, addresses ...string) bool {
	listed := func(list []string) bool {
		return slices.ContainsFunc(addresses, func(address string) bool { return address != "" && slices.Contains(list, address) })
	}
	switch {
	case own || access == AccessAll:
		return true
	case access == AccessSpecific:
		return listed(allowed)
	case access == AccessBlacklist:
		return !listed(blocked)
	}
	return false
}

// isChat reports whether messages of a chat may be answered: those of people and of groups.
func isChat(jid types.JID) bool { return wa.IsPerson(jid) || jid.Server == types.GroupServer }
