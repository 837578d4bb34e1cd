package chats

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// LastMessage is the newest message of a chat. A change of a whole chat states the last message it covers.
type LastMessage struct {
	MessageID string    `json:"message_id" rpc:"required,min=1,max=128" doc:"message"`
	Timestamp time.Time `json:"timestamp" rpc:"required" doc:"when it was sent"`
	FromMe    bool      `json:"from_me" doc:"own message"`
	Sender    string    `json:"sender" rpc:"format=jid" doc:"author, in groups"`
}

// lastMessage returns the time and key of a chat's last message: the caller's, or else the stored one. key is nil if neither exists.
func (s *Service) lastMessage(ctx context.Context, chat types.JID, given *LastMessage) (at time.Time, key *waCommon.MessageKey, err error) {
	if given != nil {
		key = &waCommon.MessageKey{RemoteJID: proto.String(chat.String()), FromMe: &given.FromMe, ID: &given.MessageID}
		if given.Sender != "" {
			sender, err := wa.ParsePerson("last_message/sender", given.Sender)
			if err != nil {
				return at, nil, err
			}
			if chat.Server == types.GroupServer && !given.FromMe {
				key.Participant = proto.String(sender.String())
			}
		}
		return given.Timestamp, key, nil
	}
	stored, err := s.store.Chat(ctx, s.owner, s.AddressOf(ctx, chat))
	switch {
	case errors.Is(err, messages.ErrNotFound):
		return time.Time{}, nil, nil
	case err != nil:
		return at, nil, wa.StorageError("the chat could not be read", err)
	case stored.Last == nil:
		return time.Time{}, nil, nil
	}
	last := stored.Last
	key = &waCommon.MessageKey{RemoteJID: proto.String(chat.String()), FromMe: &last.FromMe, ID: &last.ID}
	if chat.Server == types.GroupServer && !last.FromMe {
		key.Participant = proto.String(last.Sender.JID)
	}
	return last.Time, key, nil
}

// writeChat writes a change of a chat to the synchronised settings and then to the store. The event of the change stores the same, so that the
// order of the two does not matter.
func (s *Service) writeChat(ctx context.Context, operation string, chat types.JID, patch appstate.PatchInfo, stored messages.ChatPatch) error {
	if err := s.conn.WriteAppState(ctx, operation, patch); err != nil {
		return err
	}
	if err := s.store.UpdateChat(ctx, s.owner, s.AddressOf(ctx, chat), stored); err != nil {
		return wa.StorageError("the chat could not be stored", err)
	}
	return nil
}

func (s *Service) liveChat(chat string) (types.JID, error) {
	jid, err := wa.ParseJID("chat", chat)
	if err != nil {
		return types.EmptyJID, err
	}
	_, err = s.conn.Live()
	return jid, err
}

// liveChatUpTo is liveChat with the last message of the chat.
func (s *Service) liveChatUpTo(ctx context.Context, chat string, last *LastMessage) (jid types.JID, at time.Time, key *waCommon.MessageKey, err error) {
	if jid, err = s.liveChat(chat); err != nil {
		return jid, at, nil, err
	}
	at, key, err = s.lastMessage(ctx, jid, last)
	return jid, at, key, err
}

const maxPinnedChats = 3 // WhatsApp's own limit

// SetPinned pins or unpins a chat.
func (s *Service) SetPinned(ctx context.Context, chat string, pinned bool) error {
	jid, err := s.liveChat(chat)
	if err != nil {
		return err
	}
	if pinned {
		yes := true
		others, count, err := s.store.Chats(ctx, s.owner, messages.ChatQuery{Pinned: &yes})
		if err != nil {
			return wa.StorageError("the chats could not be counted", err)
		}
		address := s.AddressOf(ctx, jid)
		for _, other := range others {
			if other.JID == address.JID || other.JID == address.Alt {
				count--
			}
		}
		if count >= maxPinnedChats {
			return wa.NewError(wa.ReasonConflict, "there are %d pinned chats already", maxPinnedChats)
		}
	}
	return s.writeChat(ctx, "pin the chat", jid, appstate.BuildPin(jid, pinned), messages.ChatPatch{Pinned: &pinned})
}

// SetArchived archives or unarchives a chat; archiving unpins it.
func (s *Service) SetArchived(ctx context.Context, chat string, archived bool, last *LastMessage) error {
	jid, at, key, err := s.liveChatUpTo(ctx, chat, last)
	if err != nil {
		return err
	}
	return s.writeChat(ctx, "archive the chat", jid, appstate.BuildArchive(jid, archived, at, key), messages.ChatPatch{Archived: &archived})
}

// SetMuted mutes a chat until a time (zero = for good) or unmutes it.
func (s *Service) SetMuted(ctx context.Context, chat string, muted bool, until time.Time) error {
	jid, err := s.liveChat(chat)
	if err != nil {
		return err
	}
	if muted && !until.IsZero() && !until.After(time.Now()) {
		return wa.BadParam("until", "is in the past")
	}
	var end *int64
	if muted && !until.IsZero() {
		end = proto.Int64(until.UnixMilli())
	}
	return s.writeChat(ctx, "mute the chat", jid, appstate.BuildMuteAbs(jid, muted, end), messages.ChatPatch{Muted: &muted, MutedUntil: until})
}

// MarkUnread marks a chat as unread.
func (s *Service) MarkUnread(ctx context.Context, chat string, last *LastMessage) error {
	jid, at, key, err := s.liveChatUpTo(ctx, chat, last)
	if err != nil {
		return err
	}
	yes := true
	return s.writeChat(ctx, "mark the chat as unread", jid, appstate.BuildMarkChatAsRead(jid, false, at, key), messages.ChatPatch{MarkedUnread: &yes})
}

// ClearMessages removes all messages of a chat on all own devices and keeps the chat.
func (s *Service) ClearMessages(ctx context.Context, chat string, keepStarred bool, last *LastMessage) error {
	jid, at, key, err := s.liveChatUpTo(ctx, chat, last)
	if err != nil {
		return err
	}
	starred := "1"
	if keepStarred {
		starred = "0"
	}
	const clearVersion = 6 // of the action, as WhatsApp's apps write it
	err = s.conn.WriteAppState(ctx, "clear the chat", appstate.PatchInfo{Type: appstate.WAPatchRegularHigh, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexClearChat, jid.String(), starred, "0"}, Version: clearVersion,
		Value: &waSyncAction.SyncActionValue{ClearChatAction: &waSyncAction.ClearChatAction{MessageRange: messageRange(at, key)}},
	}}})
	if err != nil {
		return err
	}
	if err := s.store.ClearChat(ctx, s.owner, s.AddressOf(ctx, jid), at, keepStarred); err != nil {
		return wa.StorageError("the messages could not be removed", err)
	}
	return nil
}

func messageRange(at time.Time, key *waCommon.MessageKey) *waSyncAction.SyncActionMessageRange {
	if key == nil {
		return &waSyncAction.SyncActionMessageRange{LastMessageTimestamp: proto.Int64(time.Now().Unix())}
	}
	return &waSyncAction.SyncActionMessageRange{
		LastMessageTimestamp: proto.Int64(at.Unix()),
		Messages:             []*waSyncAction.SyncActionMessage{{Key: key, Timestamp: proto.Int64(at.Unix())}},
	}
}

// Delete removes a chat from the chat list of all own devices.
func (s *Service) Delete(ctx context.Context, chat string, deleteMedia bool, last *LastMessage) error {
	jid, at, key, err := s.liveChatUpTo(ctx, chat, last)
	if err != nil {
		return err
	}
	if err := s.conn.WriteAppState(ctx, "delete the chat", appstate.BuildDeleteChat(jid, at, key, deleteMedia)); err != nil {
		return err
	}
	if err := s.store.DeleteChat(ctx, s.owner, s.AddressOf(ctx, jid), at); err != nil {
		return wa.StorageError("the chat could not be removed", err)
	}
	return nil
}

// MarkRead selects the messages to mark as read.
type MarkRead struct {
	Chat       string
	MessageIDs []string // empty = all unread messages, and the chat itself
	Sender     string   // author of the messages in a group, if they are not stored
	At         time.Time
	Played     bool
}

const (
	maxReadIDs    = 1000                      // message ids in one call, and unread messages marked at once
	idsPerReceipt = 200                       // ids in one receipt
	keysNotShared = "no app state keys found" // part of the text of whatsmeow's untyped error
)

// MarkReadIfUnread marks a chat as read if it has unread messages or is marked as unread.
func (s *Service) MarkReadIfUnread(ctx context.Context, chat string) error {
	jid, err := wa.ParseJID("chat", chat)
	if err != nil {
		return err
	}
	stored, err := s.store.Chat(ctx, s.owner, s.AddressOf(ctx, jid))
	switch {
	case errors.Is(err, messages.ErrNotFound):
		return nil
	case err != nil:
		return wa.StorageError("the chat could not be read", err)
	case stored.Unread == 0 && !stored.MarkedUnread:
		return nil
	}
	_, err = s.MarkRead(ctx, MarkRead{Chat: chat})
	return err
}

// MarkRead sends read (or played) receipts and returns the ids of their messages.
func (s *Service) MarkRead(ctx context.Context, r MarkRead) ([]string, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	chat, err := wa.ParseJID("chat", r.Chat)
	if err != nil {
		return nil, err
	}
	if len(r.MessageIDs) > maxReadIDs {
		return nil, wa.BadParam("message_ids", "has more than %d entries", maxReadIDs)
	}
	if r.At.IsZero() {
		r.At = time.Now()
	}
	groups, err := s.groupUnread(ctx, chat, &r)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, group := range groups {
		for len(group.ids) > 0 {
			ids := group.ids[:min(len(group.ids), idsPerReceipt)]
			group.ids = group.ids[len(ids):]
			extra := []types.ReceiptType{}
			if r.Played {
				extra = append(extra, types.ReceiptTypePlayed)
			}
			if err := cli.MarkRead(ctx, ids, r.At, group.chat, group.sender, extra...); err != nil {
				return nil, wa.Wrap("mark the messages as read", err)
			}
			done = append(done, ids...)
		}
	}
	if err := s.store.MarkRead(ctx, s.owner, s.AddressOf(ctx, chat), done); err != nil {
		return nil, wa.StorageError("the messages could not be marked as read", err)
	}
	if len(r.MessageIDs) == 0 {
		err = s.markChatRead(ctx, chat)
	}
	if done == nil {
		done = []string{}
	}
	return done, err
}

// receiptGroup has the messages of one sender, which share receipts.
type receiptGroup struct {
	chat, sender types.JID
	ids          []string
}

// groupUnread finds the messages to send receipts for and groups them by sender.
func (s *Service) groupUnread(ctx context.Context, chat types.JID, r *MarkRead) ([]*receiptGroup, error) {
	var given types.JID
	if r.Sender != "" {
		var err error
		if given, err = wa.ParsePerson("sender", r.Sender); err != nil {
			return nil, err
		}
	}
	rows, err := s.store.Unread(ctx, s.owner, s.AddressOf(ctx, chat), maxReadIDs)
	if err != nil {
		return nil, wa.StorageError("the unread messages could not be read", err)
	}
	var groups []*receiptGroup
	add := func(chat, sender types.JID, id string) {
		for _, group := range groups {
			if group.sender == sender && group.chat == chat {
				group.ids = append(group.ids, id)
				return
			}
		}
		groups = append(groups, &receiptGroup{chat: chat, sender: sender, ids: []string{id}})
	}
	addRow := func(row *messages.Row) error {
		sender, err := types.ParseJID(row.Sender.JID)
		if err != nil {
			return wa.StorageError("the stored message cannot be read", err)
		}
		to := chat
		if wa.IsPerson(chat) {
			to = sender // the address the message came from
		}
		add(to, sender, row.ID)
		return nil
	}
	if len(r.MessageIDs) == 0 {
		for _, row := range rows {
			if err := addRow(row); err != nil {
				return nil, err
			}
		}
		return groups, nil
	}
	for _, id := range r.MessageIDs {
		row, err := s.FindMessage(ctx, chat.String(), id)
		switch {
		case err == nil && row.FromMe:
			return nil, wa.BadParam("message_ids", "names an own message")
		case err == nil:
			err = addRow(row)
		case wa.ReasonOf(err) == wa.ReasonNotFound && (wa.IsPerson(chat) || !given.IsEmpty()):
			add(chat, given, id)
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// markChatRead marks the chat as read on the own devices. Without keys from the phone it does nothing: the phone gets the receipts only.
func (s *Service) markChatRead(ctx context.Context, chat types.JID) error {
	at, key, err := s.lastMessage(ctx, chat, nil)
	if err != nil || key == nil {
		return err
	}
	no := false
	err = s.writeChat(ctx, "mark the chat as read", chat, appstate.BuildMarkChatAsRead(chat, true, at, key), messages.ChatPatch{MarkedUnread: &no, At: at})
	if err != nil && strings.Contains(err.Error(), keysNotShared) {
		return nil
	}
	return err
}
