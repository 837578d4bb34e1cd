package account

import (
	"context"
	"strconv"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// SetAvailability shows the account as online or not.
func (s *Service) SetAvailability(ctx context.Context, available bool) error {
	cli, err := s.conn.Live()
	if err != nil {
		return err
	}
	s.conn.SettingAvailability(cli)
	state := types.PresenceUnavailable
	if available {
		state = types.PresenceAvailable
	}
	return wa.Wrap("set the presence", cli.SendPresence(ctx, state))
}

// States of a chat that a person can show.
const (
	ChatStateComposing = "composing"
	ChatStateRecording = "recording"
	ChatStatePaused    = "paused"
)

// SetChatState shows typing or recording in a chat, or stops showing it.
func (s *Service) SetChatState(ctx context.Context, chat, state string) error {
	cli, err := s.conn.Live()
	if err != nil {
		return err
	}
	jid, err := wa.ParseJID("chat", chat)
	if err != nil {
		return err
	}
	presence, kind := types.ChatPresenceComposing, types.ChatPresenceMediaText
	switch state {
	case ChatStateComposing:
	case ChatStateRecording:
		kind = types.ChatPresenceMediaAudio
	case ChatStatePaused:
		presence = types.ChatPresencePaused
	default:
		return wa.BadParam("state", "must be composing, recording or paused")
	}
	return wa.Wrap("show the chat state", cli.SendChatPresence(ctx, jid, presence, kind))
}

const maxPresenceContacts = 100 // of one call

// SubscribePresence subscribes to the presence of people and returns their addresses.
func (s *Service) SubscribePresence(ctx context.Context, contacts []string) ([]string, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if len(contacts) > maxPresenceContacts {
		return nil, wa.BadParam("contacts", "has more than %d people", maxPresenceContacts)
	}
	accepted := make([]string, 0, len(contacts))
	for i, contact := range contacts {
		jid, err := wa.ParsePerson("contacts/"+strconv.Itoa(i), contact)
		if err != nil {
			return nil, err
		}
		if err := cli.SubscribePresence(ctx, jid); err != nil {
			return nil, wa.Wrap("subscribe to the presence", err)
		}
		accepted = append(accepted, jid.String())
	}
	return accepted, nil
}
