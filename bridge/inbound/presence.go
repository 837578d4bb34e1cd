package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// presenceFamily translates presence and typing. Both are signals: they have no value later.
var presenceFamily = family{on(onPresence), on(onChatPresence)}

func onPresence(t *Translation, evt *events.Presence) error {
	state := "available"
	if evt.Unavailable {
		state = "unavailable"
	}
	data := fields{"from": evt.From.ToNonAD().String(), "state": state, "last_seen": wa.TimeOrNull(evt.LastSeen)}
	p, err := t.who(data, evt.From)
	if err != nil {
		return err
	}
	return t.signal("Presence", time.Time{}, Addresses(p), data)
}

func onChatPresence(t *Translation, evt *events.ChatPresence) error {
	state := string(evt.State)
	if evt.State == types.ChatPresenceComposing && evt.Media == types.ChatPresenceMediaAudio {
		state = "recording"
	}
	data := fields{
		"chat": evt.Chat.ToNonAD().String(), "sender": evt.Sender.ToNonAD().String(), "is_group": evt.IsGroup, "state": state,
	}
	if _, err := t.who(data, evt.Sender, evt.SenderAlt); err != nil {
		return err
	}
	chats, err := t.chatAddresses(evt.Chat, chatAlt(&evt.MessageSource))
	if err != nil {
		return err
	}
	return t.signal("ChatPresence", time.Time{}, chats, data)
}
