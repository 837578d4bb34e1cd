package bridge

import "go.mau.fi/whatsmeow/types"

// echoes reports whether a message sent through a method becomes an event. The call's option has priority, then the
// server's setting, then the session's; the message filters apply as to every message.
func (s *Session) echoes(to types.JID, asked *bool) bool {
	set := s.Settings()
	echo := set.EchoAPIMessages && !s.b.cfg.NoEcho
	if asked != nil {
		echo = *asked
	}
	return echo && !set.skips(to, true)
}

// skips reports whether the message filters exclude a message. They apply to received messages and to messages the
// account sends from any device.
func (s *Settings) skips(chat types.JID, own bool) bool {
	switch {
	case own && s.SkipOwnMessages:
		return true
	case chat.Server == types.GroupServer:
		return s.SkipGroups
	case chat.Server == types.NewsletterServer:
		return s.SkipNewsletters
	case chat.Server == types.BroadcastServer: // broadcast lists and status posts
		return s.SkipBroadcasts
	}
	return false
}
