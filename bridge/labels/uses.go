package labels

import (
	"context"
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Actions of changes: labels are put on, taken off, or these and no others remain.
const (
	Add     = "add"
	Remove  = "remove"
	Replace = "replace"
)

// ChatLabels are the labels of a chat after a change.
type ChatLabels struct {
	Chat string `json:"chat" doc:"chat"`
	wa.ChatNames
	LabelIDs []string `json:"label_ids" doc:"its labels"`
}

// MessageLabels are the labels of a message after a change.
type MessageLabels struct {
	MessageID string   `json:"message_id" doc:"message"`
	LabelIDs  []string `json:"label_ids" doc:"its labels"`
}

// ListForChat returns the labels of a chat.
func (s *Service) ListForChat(ctx context.Context, chat string) ([]*Label, error) {
	jid, err := wa.ParseJID("chat", chat)
	if err != nil {
		return nil, err
	}
	labels, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	uses, err := s.usesOf(ctx, s.conn.AddressOf(ctx, jid))
	if err != nil {
		return nil, err
	}
	carried := labelsOf(uses, "")
	return slices.DeleteFunc(labels, func(l *Label) bool { return !slices.Contains(carried, l.ID) }), nil
}

// UpdateChats changes the labels of chats and returns the labels after the change. skipped are the ids that no label has.
func (s *Service) UpdateChats(ctx context.Context, chats, ids []string, action string) (after []ChatLabels, skipped []string, err error) {
	c, skipped, err := s.newChange(ctx, ids, action)
	if err != nil {
		return nil, nil, err
	}
	for i, chat := range chats {
		jid, err := wa.ParseJID("chats/"+strconv.Itoa(i), chat)
		if err != nil {
			return nil, nil, err
		}
		ids, err := c.plan(ctx, jid.ToNonAD(), "")
		if err != nil {
			return nil, nil, err
		}
		after = append(after, ChatLabels{Chat: s.conn.AddressOf(ctx, jid.ToNonAD()).Preferred(), LabelIDs: ids})
	}
	return after, skipped, c.write(ctx)
}

// UpdateMessages changes the labels of messages in a chat and returns the labels after the change.
func (s *Service) UpdateMessages(ctx context.Context, chat string, messageIDs, ids []string, action string) (after []MessageLabels, skipped []string, err error) {
	jid, err := wa.ParseJID("chat", chat)
	if err != nil {
		return nil, nil, err
	}
	c, skipped, err := s.newChange(ctx, ids, action)
	if err != nil {
		return nil, nil, err
	}
	for _, message := range messageIDs {
		ids, err := c.plan(ctx, jid.ToNonAD(), message)
		if err != nil {
			return nil, nil, err
		}
		after = append(after, MessageLabels{message, ids})
	}
	return after, skipped, c.write(ctx)
}

// change is a change of the labels of several chats or messages, which is written at once.
type change struct {
	s              *Service
	ids            []string // known labels
	action         string
	business       bool
	added, removed []use
}

func (s *Service) newChange(ctx context.Context, ids []string, action string) (c *change, skipped []string, err error) {
	c = &change{s: s, action: action}
	if c.business, err = s.isBusiness(ctx); err != nil {
		return nil, nil, err
	}
	labels, err := s.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	skipped = []string{}
	for _, id := range ids {
		switch known := slices.ContainsFunc(labels, func(l *Label) bool { return l.ID == id }); {
		case !known:
			skipped = append(skipped, id)
		case !slices.Contains(c.ids, id):
			c.ids = append(c.ids, id)
		}
	}
	return c, skipped, nil
}

// plan adds the changes of one chat or message and returns its labels after them. Labels are taken off under the address
// that they were put on, which may be the chat's other one.
func (c *change) plan(ctx context.Context, chat types.JID, message string) ([]string, error) {
	uses, err := c.s.usesOf(ctx, c.s.conn.AddressOf(ctx, chat))
	if err != nil {
		return nil, err
	}
	before := labelsOf(uses, message)
	after := slices.Clone(c.ids)
	switch c.action {
	case Add:
		after = append(slices.Clone(before), after...)
	case Remove:
		after = slices.DeleteFunc(slices.Clone(before), func(id string) bool { return slices.Contains(c.ids, id) })
	}
	slices.Sort(after)
	after = slices.Compact(after)
	for _, u := range uses {
		if u.message == message && !slices.Contains(after, u.label) {
			c.removed = append(c.removed, u)
		}
	}
	for _, id := range after {
		if !slices.Contains(before, id) {
			c.added = append(c.added, use{id, chat.String(), message})
		}
	}
	if after == nil {
		after = []string{}
	}
	return after, nil
}

// write writes the changes, on business accounts to the app state first.
func (c *change) write(ctx context.Context) error {
	if len(c.added)+len(c.removed) == 0 {
		return nil
	}
	count, err := c.s.store.countUses(ctx, c.s.owner)
	if err != nil {
		return wa.StorageError("the labels could not be counted", err)
	}
	if most := c.s.store.limits.Uses; len(c.added) > 0 && count+len(c.added) > most {
		return wa.NewError(wa.ReasonConflict, "with this change %d chats and messages would have labels, and %d may have one", count+len(c.added), most)
	}
	if c.business {
		patch := appstate.PatchInfo{Type: appstate.WAPatchRegular}
		for _, u := range c.removed {
			patch.Mutations = append(patch.Mutations, u.mutations(false)...)
		}
		for _, u := range c.added {
			patch.Mutations = append(patch.Mutations, u.mutations(true)...)
		}
		if err := c.s.conn.WriteAppState(ctx, "change the labels", patch); err != nil {
			return err
		}
	}
	if err := c.s.store.setUses(ctx, c.s.owner, c.business, c.added, c.removed); err != nil {
		return wa.StorageError("the labels could not be stored", err)
	}
	return nil
}

func (u use) mutations(labeled bool) []appstate.MutationInfo {
	chat, err := types.ParseJID(u.chat)
	switch {
	case err != nil:
		return nil
	case u.message == "":
		return appstate.BuildLabelChat(chat, u.label, labeled).Mutations
	}
	return appstate.BuildLabelMessage(chat, u.label, u.message, labeled).Mutations
}

// usesOf returns what carries labels under the addresses of a chat: the chat and its messages.
func (s *Service) usesOf(ctx context.Context, chat messages.Address) ([]use, error) {
	chats := []string{chat.JID}
	if chat.Alt != "" {
		chats = append(chats, chat.Alt)
	}
	uses, err := s.store.usesOf(ctx, s.owner, chats...)
	if err != nil {
		return nil, wa.StorageError("the labels of the chat could not be read", err)
	}
	return uses, nil
}

// labelsOf returns the ids of the labels of a message, or of the chat itself.
func labelsOf(uses []use, message string) (ids []string) {
	for _, u := range uses {
		if u.message == message && !slices.Contains(ids, u.label) {
			ids = append(ids, u.label)
		}
	}
	return ids
}
