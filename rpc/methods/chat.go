package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type chatParam struct {
	Chat string `json:"chat" rpc:"required,format=jid" doc:"chat"`
}

type chatListParams struct {
	Archived        *bool      `json:"archived" doc:"only archived or only others"`
	Pinned          *bool      `json:"pinned" doc:"only pinned or only others"`
	Unread          *bool      `json:"unread" doc:"only with or without unread messages"`
	Since           *time.Time `json:"since" doc:"only with activity from this time on"`
	IncludeContacts bool       `json:"include_contacts" doc:"also contacts and groups without a conversation; default false"`
	Limit           *int       `json:"limit" rpc:"min=1,max=1000" doc:"1-1000; absent = all"`
	Offset          int        `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

type chatListResult struct {
	Chats []*chats.Chat   `json:"chats" doc:"chat objects, latest activity first"`
	Total int             `json:"total" doc:"all matches"`
	Stats chats.ChatStats `json:"stats" doc:"{pinned_count, archived_count, muted_count, unread_count}"`
}

type chatResult struct {
	Chat *chats.Chat `json:"chat" doc:"chat object; for groups with the group object"`
}

type chatPinParams struct {
	chatParam
	Pinned bool `json:"pinned" rpc:"required" doc:"new state"`
}

type pinnedResult struct {
	Pinned bool `json:"pinned" doc:"new state"`
}

type lastMessageParam struct {
	LastMessage *chats.LastMessage `json:"last_message" doc:"{message_id, timestamp, from_me, sender}; default from the message store"`
}

type chatArchiveParams struct {
	chatParam
	lastMessageParam
	Archived bool `json:"archived" rpc:"required" doc:"new state"`
}

type archivedResult struct {
	Archived bool `json:"archived" doc:"new state"`
}

type chatMuteParams struct {
	chatParam
	Muted           bool       `json:"muted" rpc:"required" doc:"new state"`
	DurationSeconds *int64     `json:"duration_seconds" rpc:"min=1,max=315360000" doc:"duration; absent and no until = without end"`
	Until           *time.Time `json:"until" doc:"mute until this time instead"`
}

// Validate implements rpc.Validator.
func (p *chatMuteParams) Validate() error {
	if p.DurationSeconds != nil && p.Until != nil {
		return rpc.InvalidParams("/until", "cannot be combined with duration_seconds")
	}
	return nil
}

type mutedResult struct {
	Muted      bool       `json:"muted" doc:"new state"`
	MutedUntil *time.Time `json:"muted_until" doc:"null = without end"`
}

type markReadParams struct {
	chatParam
	MessageIDs []string   `json:"message_ids" rpc:"max=1000,each.min=1,each.max=128" doc:"these messages; absent = all unread, and the chat itself"`
	Sender     string     `json:"sender" rpc:"format=jid" doc:"author of the messages in a group, when the store does not know it"`
	Timestamp  *time.Time `json:"timestamp" doc:"time of reading; default now"`
	Played     bool       `json:"played" doc:"voice notes were played; default false"`
}

type markReadResult struct {
	MessageIDs []string `json:"message_ids" doc:"messages receipted"`
}

type markUnreadParams struct {
	chatParam
	lastMessageParam
}

type unreadResult struct {
	Unread bool `json:"unread" doc:"true"`
}

type chatClearParams struct {
	chatParam
	lastMessageParam
	KeepStarred bool  `json:"keep_starred" doc:"keep starred messages; default false"`
	DeleteMedia *bool `json:"delete_media" doc:"default true; otherwise files are deleted when they expire"`
}

type clearedResult struct {
	Cleared bool `json:"cleared" doc:"true"`
}

type chatDeleteParams struct {
	chatParam
	lastMessageParam
	DeleteMedia *bool `json:"delete_media" doc:"default true"`
}

type deletedResult struct {
	Deleted bool `json:"deleted" doc:"true"`
}

// RegisterChat registers chat.*.
func RegisterChat(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.list", Summary: "List chats with their settings and last message.", MaxReply: shared.ListReply},
		func(ctx context.Context, s *bridge.Session, p *chatListParams) (chatListResult, error) {
			chats, total, stats, err := s.Chats().List(ctx, chats.ChatQuery{
				Archived: p.Archived, Pinned: p.Pinned, Unread: p.Unread, Since: shared.TimeOrZero(p.Since),
				IncludeContacts: p.IncludeContacts, Limit: orDefault(p.Limit, 0), Offset: p.Offset,
			})
			return chatListResult{chats, total, stats}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.get", Summary: "Return one chat."},
		func(ctx context.Context, s *bridge.Session, p *chatParam) (chatResult, error) {
			chat, err := s.Chats().Get(ctx, p.Chat)
			return chatResult{chat}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.setPinned", Summary: "Pin or unpin a chat."},
		func(ctx context.Context, s *bridge.Session, p *chatPinParams) (pinnedResult, error) {
			return pinnedResult{p.Pinned}, s.Chats().SetPinned(ctx, p.Chat, p.Pinned)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.setArchived", Summary: "Archive or unarchive a chat."},
		func(ctx context.Context, s *bridge.Session, p *chatArchiveParams) (archivedResult, error) {
			return archivedResult{p.Archived}, s.Chats().SetArchived(ctx, p.Chat, p.Archived, p.LastMessage)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.setMuted", Summary: "Mute a chat for a duration or without end, or unmute it."},
		func(ctx context.Context, s *bridge.Session, p *chatMuteParams) (mutedResult, error) {
			until := p.Until
			if p.DurationSeconds != nil {
				end := time.Now().Add(time.Duration(*p.DurationSeconds) * time.Second).UTC().Truncate(time.Millisecond)
				until = &end
			}
			if !p.Muted {
				until = nil
			}
			return mutedResult{p.Muted, until}, s.Chats().SetMuted(ctx, p.Chat, p.Muted, shared.TimeOrZero(until))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.markRead", Summary: "Mark given messages of a chat, or all of them, as read."},
		func(ctx context.Context, s *bridge.Session, p *markReadParams) (markReadResult, error) {
			ids, err := s.Chats().MarkRead(ctx, chats.MarkRead{
				Chat: p.Chat, MessageIDs: p.MessageIDs, Sender: p.Sender, At: shared.TimeOrZero(p.Timestamp), Played: p.Played,
			})
			return markReadResult{ids}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.markUnread", Summary: "Mark a chat as unread."},
		func(ctx context.Context, s *bridge.Session, p *markUnreadParams) (unreadResult, error) {
			return unreadResult{true}, s.Chats().MarkUnread(ctx, p.Chat, p.LastMessage)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.clearMessages", Summary: "Remove all messages of a chat and keep the chat."},
		func(ctx context.Context, s *bridge.Session, p *chatClearParams) (clearedResult, error) {
			return clearedResult{true}, s.Chats().ClearMessages(ctx, p.Chat, p.KeepStarred, p.LastMessage)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "chat.delete", Summary: "Remove a chat from the chat list."},
		func(ctx context.Context, s *bridge.Session, p *chatDeleteParams) (deletedResult, error) {
			return deletedResult{true}, s.Chats().Delete(ctx, p.Chat, p.DeleteMedia == nil || *p.DeleteMedia, p.LastMessage)
		})
}
