package chats

import (
	"cmp"
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// StoreConversations stores the data of chats in a history blob: names, timers, unread counts, archived, pinned and muted chats, and the two
// addresses of people. Only the first blob is current; later blobs and requested ones may repeat outdated data. skip selects chats to ignore.
func (s *Service) StoreConversations(ctx context.Context, blob *waHistorySync.HistorySync, skip func(chat types.JID) bool) error {
	pairs := make([]directory.Pair, 0, len(blob.GetConversations()))
	for _, c := range blob.GetConversations() {
		pn, _ := types.ParseJID(c.GetPnJID())
		lid, _ := types.ParseJID(c.GetLidJID())
		if who := (wa.Person{PN: pn, LID: lid}); !pn.IsEmpty() && !lid.IsEmpty() {
			pairs = append(pairs, who.Pair())
		}
	}
	if len(pairs) > 0 {
		s.contacts.SeePairs(ctx, pairs...)
	}
	if blob.GetSyncType() != waHistorySync.HistorySync_INITIAL_BOOTSTRAP || s.store == nil {
		return nil
	}
	for _, c := range blob.GetConversations() {
		chat, err := types.ParseJID(c.GetID())
		if err != nil || skip(chat) {
			continue
		}
		if err := s.store.UpdateChat(ctx, s.owner, conversationAddress(c), conversationPatch(c)); err != nil {
			return wa.StorageError("a chat of the history could not be stored", err)
		}
	}
	return nil
}

func conversationAddress(c *waHistorySync.Conversation) messages.Address {
	address := messages.Address{JID: c.GetID()}
	for _, other := range []string{c.GetPnJID(), c.GetLidJID()} {
		if other != "" && other != address.JID {
			address.Alt = other
		}
	}
	return address
}

// conversationPatch sets only fields that differ from a new chat, so that changes which arrived before the history stay.
func conversationPatch(c *waHistorySync.Conversation) messages.ChatPatch {
	yes, patch := true, messages.ChatPatch{}
	if name := cmp.Or(c.GetName(), c.GetDisplayName()); name != "" {
		patch.Name = &name
	}
	if c.EphemeralExpiration != nil {
		timer := time.Duration(c.GetEphemeralExpiration()) * time.Second
		patch.Disappearing = &timer
	}
	if c.GetArchived() {
		patch.Archived = &yes
	}
	if c.GetPinned() != 0 {
		patch.Pinned, patch.At = &yes, time.Unix(int64(c.GetPinned()), 0)
	}
	if end := int64(c.GetMuteEndTime()); end < 0 || end > time.Now().UnixMilli() {
		patch.Muted = &yes
		if end > 0 {
			patch.MutedUntil = time.UnixMilli(end)
		}
	}
	if c.GetMarkedAsUnread() {
		patch.MarkedUnread = &yes
	}
	if c.GetReadOnly() {
		patch.ReadOnly = &yes
	}
	if unread := int(c.GetUnreadCount()); unread > 0 {
		patch.Unread = &unread
	}
	return patch
}
