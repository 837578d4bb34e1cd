package chats

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Chat is a conversation in results.
type Chat struct {
	Chat string `json:"chat" doc:"its address"`
	wa.ChatNames
	Name                *string           `json:"name" doc:"contact, group or newsletter name"`
	Kind                string            `json:"kind" doc:"user, group, newsletter, broadcast or status"`
	PhoneNumber         *string           `json:"phone_number" doc:"digits; users only"`
	UnreadCount         int               `json:"unread_count" doc:"unread messages; -1 = marked unread"`
	Archived            bool              `json:"archived" doc:"archived"`
	Pinned              bool              `json:"pinned" doc:"pinned"`
	Muted               bool              `json:"muted" doc:"muted now"`
	MutedUntil          *time.Time        `json:"muted_until" doc:"null = for good or not muted"`
	ReadOnly            bool              `json:"read_only" doc:"one may not write"`
	DisappearingSeconds int               `json:"disappearing_seconds" doc:"timer; 0 = off"`
	LabelIDs            []string          `json:"label_ids" doc:"labels"`
	LastMessage         *message.Message  `json:"last_message" doc:"message object; null when empty"`
	LastMessageAt       *time.Time        `json:"last_message_at" doc:"null when empty"`
	PictureURL          *string           `json:"picture_url" doc:"when known"`
	Contact             *contacts.Contact `json:"contact" doc:"contact object; users only"`
	Group               *groups.Group     `json:"group,omitempty" doc:"group object; chat.get only"`
}

// newChat makes the result object of a stored chat; groups are the stored groups by address.
func (s *Service) newChat(ctx context.Context, stored *messages.Chat, groups map[string]*groups.Group, labels *carriedLabels) (*Chat, error) {
	c := &Chat{
		Chat: stored.JID, Name: wa.OrNull(stored.Name), Kind: stored.Kind, UnreadCount: stored.Unread, Archived: stored.Archived,
		Pinned: !stored.PinnedAt.IsZero(), Muted: stored.Muted, MutedUntil: wa.TimeOrNull(stored.MutedUntil), ReadOnly: stored.ReadOnly,
		DisappearingSeconds: int(stored.Disappearing.Seconds()), LabelIDs: labels.ofChat(stored.JID, stored.LID), LastMessageAt: wa.TimeOrNull(stored.LastAt),
	}
	if stored.MarkedUnread && stored.Unread == 0 {
		c.UnreadCount = -1
	}
	if stored.Last != nil {
		last, err := message.FromRow(stored.Last, false)
		if err != nil {
			return nil, err
		}
		last.LabelIDs = labels.ofMessage(last.MessageID, stored.JID, stored.LID)
		c.LastMessage = last
	}
	if group := groups[stored.JID]; group != nil {
		c.Name = wa.OrNull(group.Name)
		c.DisappearingSeconds = group.DisappearingSeconds
	}
	if stored.Kind != messages.KindUser {
		return c, nil
	}
	jid, err := types.ParseJID(stored.JID)
	if err != nil {
		return c, nil //nolint:nilerr // the chat is worth showing without its contact
	}
	device, err := s.conn.Paired(ctx)
	if err != nil || !wa.IsPerson(jid) {
		return c, nil //nolint:nilerr // a session that was unlinked still shows its chats
	}
	contact, err := contacts.ReadStored(ctx, device, jid)
	if err != nil {
		return nil, err
	}
	if stored.LastAt.IsZero() && c.DisappearingSeconds == 0 { // the chat has no message yet
		timer, err := s.timerOfPerson(ctx, jid)
		if err != nil {
			return nil, err
		}
		c.DisappearingSeconds = int(timer.Lifetime.Seconds())
	}
	contact.LabelIDs = c.LabelIDs
	c.Contact, c.PhoneNumber, c.Chat = &contact, contact.PhoneNumber, contact.Contact
	if contact.IsSaved || c.Name == nil {
		c.Name = wa.OrNull(contact.Name)
	}
	return c, nil
}

// ChatQuery selects chats.
type ChatQuery struct {
	Archived, Pinned, Unread *bool
	Since                    time.Time
	IncludeContacts          bool // also people and groups without a conversation
	Limit                    int  // 0 = all
	Offset                   int
}

// ChatStats counts the chats of a session.
type ChatStats struct {
	PinnedCount   int `json:"pinned_count" doc:"pinned chats"`
	ArchivedCount int `json:"archived_count" doc:"archived chats"`
	MutedCount    int `json:"muted_count" doc:"muted chats"`
	UnreadCount   int `json:"unread_count" doc:"chats with something unread"`
}

// List returns a page of chats, latest activity first, and how many match.
func (s *Service) List(ctx context.Context, q ChatQuery) (chats []*Chat, total int, stats ChatStats, err error) {
	query := messages.ChatQuery{Archived: q.Archived, Pinned: q.Pinned, Unread: q.Unread, Since: q.Since, Limit: q.Limit, Offset: q.Offset}
	if q.IncludeContacts {
		query.Limit, query.Offset = 0, 0
	}
	stored, total, err := s.store.Chats(ctx, s.owner, query)
	if err != nil {
		return nil, 0, stats, wa.StorageError("the chats could not be read", err)
	}
	counted, err := s.store.Stats(ctx, s.owner)
	if err != nil {
		return nil, 0, stats, wa.StorageError("the chats could not be counted", err)
	}
	stats = ChatStats{PinnedCount: counted.Pinned, ArchivedCount: counted.Archived, MutedCount: counted.Muted, UnreadCount: counted.Unread}
	groups, err := s.groups.ListStored(ctx)
	if err != nil {
		return nil, 0, stats, err
	}
	labels, err := s.readLabels(ctx)
	if err != nil {
		return nil, 0, stats, err
	}
	chats = make([]*Chat, 0, len(stored))
	for _, entry := range stored {
		chat, err := s.newChat(ctx, entry, groups, labels)
		if err != nil {
			return nil, 0, stats, err
		}
		chats = append(chats, chat)
	}
	if q.IncludeContacts {
		if chats, err = s.addEmptyChats(ctx, chats, groups, labels, q); err != nil {
			return nil, 0, stats, err
		}
		total = len(chats)
		chats = chats[min(q.Offset, total):]
		if q.Limit > 0 {
			chats = chats[:min(q.Limit, len(chats))]
		}
	}
	return chats, total, stats, nil
}

// addEmptyChats appends people and groups without messages. They are not pinned, archived or unread, and have no activity.
func (s *Service) addEmptyChats(ctx context.Context, chats []*Chat, groups map[string]*groups.Group, labels *carriedLabels, q ChatQuery) ([]*Chat, error) {
	for _, only := range []*bool{q.Archived, q.Pinned, q.Unread} {
		if only != nil && *only {
			return chats, nil
		}
	}
	if !q.Since.IsZero() {
		return chats, nil
	}
	there := make(map[string]bool, len(chats))
	for _, chat := range chats {
		there[chat.Chat] = true
	}
	people, err := s.contacts.List(ctx, false)
	if err != nil && wa.ReasonOf(err) != wa.ReasonNotConnected {
		return nil, err
	}
	for i, contact := range people {
		if !there[contact.Contact] && !contact.IsSelf { // the own chat is listed once it has messages
			chats = append(chats, &Chat{
				Chat: contact.Contact, Name: wa.OrNull(contact.Name), Kind: messages.KindUser, PhoneNumber: contact.PhoneNumber,
				LabelIDs: contact.LabelIDs, Contact: &people[i],
			})
		}
	}
	for jid, group := range groups {
		if !there[jid] {
			chats = append(chats, &Chat{
				Chat: jid, Name: wa.OrNull(group.Name), Kind: messages.KindGroup, LabelIDs: labels.ofChat(jid), DisappearingSeconds: group.DisappearingSeconds,
			})
		}
	}
	return chats, nil
}

// Get returns one chat, for groups with the stored group.
func (s *Service) Get(ctx context.Context, chat string) (*Chat, error) {
	jid, err := wa.ParseJID("chat", chat)
	if err != nil {
		return nil, err
	}
	groups, err := s.groups.ListStored(ctx)
	if err != nil {
		return nil, err
	}
	address := s.AddressOf(ctx, jid)
	stored, err := s.store.Chat(ctx, s.owner, address)
	switch {
	case errors.Is(err, messages.ErrNotFound) && (wa.IsPerson(jid) || groups[jid.String()] != nil):
		stored = &messages.Chat{JID: jid.String(), Kind: messages.KindOf(jid.String())} // the chat has no message yet
	case errors.Is(err, messages.ErrNotFound):
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "chat", Message: "there is no such chat"}
	case err != nil:
		return nil, wa.StorageError("the chat could not be read", err)
	}
	labels, err := s.readLabels(ctx, address.JID, address.Alt)
	if err != nil {
		return nil, err
	}
	stored.LID = cmp.Or(stored.LID, address.Alt)
	out, err := s.newChat(ctx, stored, groups, labels)
	if err != nil {
		return nil, err
	}
	out.Group = groups[jid.String()]
	return out, nil
}
