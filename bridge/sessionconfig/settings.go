package sessionconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waystation/waystation/bridge/wa"
)

// Settings control the behaviour of a session. A change takes effect with the next event or connection.
type Settings struct {
	SkipMedia               bool     `json:"skip_media"`
	SkipGroups              bool     `json:"skip_groups"`
	SkipNewsletters         bool     `json:"skip_newsletters"`
	SkipBroadcasts          bool     `json:"skip_broadcasts"`
	SkipOwnMessages         bool     `json:"skip_own_messages"`
	EchoAPIMessages         bool     `json:"echo_api_messages"`
	EchoToWuzapi            bool     `json:"echo_to_wuzapi" doc:"webhooks in wuzapi's formats also deliver messages sent through this server; wuzapi itself does not"`
	RejectCalls             bool     `json:"reject_calls"`
	CallRejectReason        string   `json:"call_reject_reason"`
	CallRejectMessage       string   `json:"call_reject_message"`
	SkipGlobal              []string `json:"skip_global"`
	UnavailableAfterConnect bool     `json:"unavailable_after_connect"`
	SendReadReceipts        bool     `json:"send_read_receipts"`
	AutoReconnect           bool     `json:"auto_reconnect"`
	SkipHistorySync         bool     `json:"skip_history_sync"`
	GovernAPISends          bool     `json:"govern_api_sends" doc:"the send governor holds for message.send and its relatives, too: calls that it does not permit are refused with send_governor"`
	Dialect                 string   `json:"dialect" doc:"document whose answers REST calls get at paths that several documents have: digigo or wuzapi"`
}

// DefaultSettings returns the settings of a new session.
func DefaultSettings() Settings {
	return Settings{
		EchoAPIMessages:  true,
		CallRejectReason: callRejectDeclined,
		SkipGlobal:       []string{},
		AutoReconnect:    true,
		Dialect:          dialects[0],
	}
}

// SettingsPatch changes some settings; nil fields stay unchanged.
type SettingsPatch struct {
	SkipMedia         *bool     `json:"skip_media,omitempty"`
	SkipGroups        *bool     `json:"skip_groups,omitempty"`
	SkipNewsletters   *bool     `json:"skip_newsletters,omitempty"`
	SkipBroadcasts    *bool     `json:"skip_broadcasts,omitempty"`
	SkipOwnMessages   *bool     `json:"skip_own_messages,omitempty"`
	EchoAPIMessages   *bool     `json:"echo_api_messages,omitempty"`
	EchoToWuzapi      *bool     `json:"echo_to_wuzapi,omitempty" doc:"webhooks in wuzapi's formats also deliver messages sent through this server; default false, and what echo_api_messages is set to when only that is given"`
	RejectCalls       *bool     `json:"reject_calls,omitempty"`
	CallRejectReason  *string   `json:"call_reject_reason,omitempty"`
	CallRejectMessage *string   `json:"call_reject_message,omitempty"`
	SkipGlobal        *[]string `json:"skip_global,omitempty"`
	// SkipGlobalFlags changes single entries of SkipGlobal, so that callers that change different entries do not
	// overwrite each other.
	SkipGlobalFlags         map[string]*bool `json:"skip_global_flags,omitempty" doc:"outlet -> whether the session stays out of it; those not named stay as they are, or as skip_global has them"`
	UnavailableAfterConnect *bool            `json:"unavailable_after_connect,omitempty"`
	SendReadReceipts        *bool            `json:"send_read_receipts,omitempty"`
	AutoReconnect           *bool            `json:"auto_reconnect,omitempty"`
	SkipHistorySync         *bool            `json:"skip_history_sync,omitempty"`
	GovernAPISends          *bool            `json:"govern_api_sends,omitempty" doc:"the send governor holds for message.send and its relatives, too; default false"`
	Dialect                 *string          `json:"dialect,omitempty" rpc:"enum=digigo|wuzapi" doc:"document whose answers REST calls get at paths that several documents have"`
}

const (
	callRejectBusy        = "busy"
	callRejectDeclined    = "declined"
	callRejectUnavailable = "unavailable"
	callRejectDecline     = "decline" // accepted as input for callRejectDeclined

	maxCallRejectMessage = 4096 // characters; WhatsApp accepts more, a notice needs less
)

// globalOutlets are the operator's shared outlets that a session may stay out of.
var globalOutlets = []string{"webhook", "amqp", "sqs", "redis", "websocket", "media_storage"}

// dialects are the documents of REST calls that share paths; the first is the default. The bridge only stores their
// names with the session.
var dialects = []string{"digigo", "wuzapi"}

// Apply returns the settings after the patch, or an *Error with the invalid field.
func (s Settings) Apply(p SettingsPatch) (Settings, error) {
	setBool := func(dst *bool, src *bool) {
		if src != nil {
			*dst = *src
		}
	}
	setBool(&s.SkipMedia, p.SkipMedia)
	setBool(&s.SkipGroups, p.SkipGroups)
	setBool(&s.SkipNewsletters, p.SkipNewsletters)
	setBool(&s.SkipBroadcasts, p.SkipBroadcasts)
	setBool(&s.SkipOwnMessages, p.SkipOwnMessages)
	setBool(&s.EchoAPIMessages, p.EchoAPIMessages)
	// A session that sets the echo explicitly requests it in every format; the default does not.
	setBool(&s.EchoToWuzapi, p.EchoAPIMessages)
	setBool(&s.EchoToWuzapi, p.EchoToWuzapi)
	setBool(&s.RejectCalls, p.RejectCalls)
	setBool(&s.UnavailableAfterConnect, p.UnavailableAfterConnect)
	setBool(&s.SendReadReceipts, p.SendReadReceipts)
	setBool(&s.AutoReconnect, p.AutoReconnect)
	setBool(&s.SkipHistorySync, p.SkipHistorySync)
	setBool(&s.GovernAPISends, p.GovernAPISends)
	if p.CallRejectReason != nil {
		s.CallRejectReason = *p.CallRejectReason
		if s.CallRejectReason == callRejectDecline {
			s.CallRejectReason = callRejectDeclined
		}
	}
	if p.CallRejectMessage != nil {
		s.CallRejectMessage = *p.CallRejectMessage
	}
	if p.SkipGlobal != nil {
		s.SkipGlobal = slices.Clone(*p.SkipGlobal)
		if s.SkipGlobal == nil {
			s.SkipGlobal = []string{}
		}
		slices.Sort(s.SkipGlobal)
		s.SkipGlobal = slices.Compact(s.SkipGlobal)
	}
	for _, name := range slices.Sorted(maps.Keys(p.SkipGlobalFlags)) {
		on := p.SkipGlobalFlags[name]
		if !slices.Contains(globalOutlets, name) {
			return s, wa.BadParam("skip_global_flags/"+name, "is not one of %s", strings.Join(globalOutlets, ", "))
		}
		if on != nil {
			s.SkipGlobal = withOutlet(s.SkipGlobal, name, *on)
		}
	}
	if p.Dialect != nil {
		s.Dialect = *p.Dialect
	}
	return s, s.check()
}

// withOutlet returns a sorted list with or without a name.
func withOutlet(list []string, name string, on bool) []string {
	at, found := slices.BinarySearch(list, name)
	switch {
	case on && !found:
		return slices.Insert(slices.Clone(list), at, name)
	case !on && found:
		return slices.Delete(slices.Clone(list), at, at+1)
	}
	return list
}

func (s Settings) check() error {
	switch s.CallRejectReason {
	case callRejectBusy, callRejectDeclined, callRejectUnavailable:
	default:
		return wa.BadParam("call_reject_reason", "is not busy, declined or unavailable")
	}
	if len([]rune(s.CallRejectMessage)) > maxCallRejectMessage {
		return wa.BadParam("call_reject_message", "is longer than %d characters", maxCallRejectMessage)
	}
	if !slices.Contains(dialects, s.Dialect) {
		return wa.BadParam("dialect", "is not digigo or wuzapi")
	}
	for _, name := range s.SkipGlobal {
		if !slices.Contains(globalOutlets, name) {
			return wa.BadParam("skip_global", "%q is not one of %s", name, strings.Join(globalOutlets, ", "))
		}
	}
	return nil
}

// DecodeSettings reads stored settings. Settings that are not stored have their default.
func DecodeSettings(stored string) (Settings, error) {
	s := DefaultSettings()
	if err := json.Unmarshal([]byte(stored), &s); err != nil {
		return s, fmt.Errorf("bridge: read stored settings: %w", err)
	}
	return s, nil
}
