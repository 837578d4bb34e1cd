package chats

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// TimerOf returns the timer of messages to a chat: the setting of a group, or the last setting by either side in a chat with a person.
func (s *Service) TimerOf(ctx context.Context, chat types.JID) (messages.Timer, error) {
	switch {
	case wa.IsPerson(chat):
		return s.timerOfPerson(ctx, chat)
	case chat.Server != types.GroupServer:
		return messages.Timer{}, nil
	}
	group, err := s.FindGroup(ctx, chat)
	if err != nil || group == nil {
		return messages.Timer{}, err
	}
	return messages.Timer{Lifetime: time.Duration(group.DisappearingSeconds) * time.Second}, nil
}

// timerOfPerson returns the timer of a chat with a person. A chat without a timer of its own that began after the account's default was set has
// the default.
func (s *Service) timerOfPerson(ctx context.Context, chat types.JID) (messages.Timer, error) {
	timer, err := s.store.Timer(ctx, s.owner, s.AddressOf(ctx, chat))
	if err != nil {
		return timer, wa.StorageError("the timer of the chat could not be read", err)
	}
	lifetime, setAt := s.conn.DefaultTimer()
	if timer.SetAt.IsZero() && timer.Lifetime == 0 && !setAt.IsZero() && (timer.Begun.IsZero() || !timer.Begun.Before(setAt)) {
		timer.Lifetime, timer.SetAt = lifetime, setAt
	}
	return timer, nil
}

// FindGroup returns a group from the store, or else from WhatsApp, which whatsmeow asks before a send in any case. It returns nil if the group is
// not known.
func (s *Service) FindGroup(ctx context.Context, jid types.JID) (*groups.Group, error) {
	group, err := s.groups.Stored(ctx, jid)
	if err != nil || group != nil {
		return group, err
	}
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	info, err := cli.GetGroupInfo(ctx, jid)
	if err != nil {
		s.log().Debug("a group could not be read before a send", "error", err)
		return nil, nil // the send returns the reason
	}
	return s.groups.Keep(ctx, cli.Store, info)
}

// StoreTimers stores the timers in a history blob.
func (s *Service) StoreTimers(ctx context.Context, blob *waHistorySync.HistorySync) error {
	if set := blob.GetGlobalSettings(); set.GetDisappearingModeTimestamp() > 0 {
		lifetime := time.Duration(set.GetDisappearingModeDuration()) * time.Second
		if err := s.conn.SetDefaultTimer(ctx, lifetime, time.Unix(set.GetDisappearingModeTimestamp(), 0)); err != nil {
			return err
		}
	}
	for _, conversation := range blob.GetConversations() {
		chat, err := types.ParseJID(conversation.GetID())
		if err != nil || !wa.IsPerson(chat) || conversation.EphemeralExpiration == nil && conversation.EphemeralSettingTimestamp == nil {
			continue
		}
		lifetime := time.Duration(conversation.GetEphemeralExpiration()) * time.Second
		at := time.Unix(max(conversation.GetEphemeralSettingTimestamp(), 1), 0) // without a time it is older than any other setting
		if err := s.store.UpdateChat(ctx, s.owner, s.AddressOf(ctx, chat), messages.ChatPatch{Disappearing: &lifetime, At: at}); err != nil {
			return err
		}
	}
	return nil
}
