package bridge

import "go.mau.fi/whatsmeow/types"

// echoes tells whether a message that is sent through a method becomes an event. What the call says comes first, then the
// server's switch, then the session's own; the filters hold for it as for every message.
func (s *Session) echoes(to types.JID, asked *bool) bool {
	set := s.Settings()
	echo := set.EchoAPIMessages && !s.b.cfg.NoEcho
	if asked != nil {
		echo = *asked
	}
	return echo && !set.skips(to, true)
}

// skips applies the message filters: to messages of others and to those the account sends, from wherever.
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
