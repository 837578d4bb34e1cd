package bridge

import (
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/sessionconfig"
)

// echoes reports whether a message sent through a method becomes an event. The call's option has priority, then the
// server's setting, then the session's; the message filters apply as to every message.
func (s *Session) echoes(to types.JID, asked *bool) bool {
	set := s.Settings()
	echo := set.EchoAPIMessages && !s.b.cfg.NoEcho
	if asked != nil {
		echo = *asked
	}
	return echo && !eventSettings(&set).Filter.Excludes(to, true)
}

// eventSettings returns the settings that apply to events.
func eventSettings(s *sessionconfig.Settings) inbound.Settings {
	return inbound.Settings{
		Filter:    inbound.Filter{Own: s.SkipOwnMessages, Groups: s.SkipGroups, Newsletters: s.SkipNewsletters, Broadcasts: s.SkipBroadcasts},
		SkipMedia: s.SkipMedia, SkipHistory: s.SkipHistorySync, SendReadReceipts: s.SendReadReceipts, EchoToWuzapi: s.EchoToWuzapi,
		RejectCalls: s.RejectCalls, CallRejectReason: s.CallRejectReason, CallRejectMessage: s.CallRejectMessage, SkipGlobal: s.SkipGlobal,
	}
}
