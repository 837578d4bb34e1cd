package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/orders"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/spam"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// messageRef names a message to act on.
type messageRef struct {
	Chat      string `json:"chat" rpc:"required,format=jid" doc:"chat of the message"`
	MessageID string `json:"message_id" rpc:"required,min=1,max=128" doc:"message"`
	Sender    string `json:"sender" rpc:"format=jid" doc:"author, when the store does not know it"`
	FromMe    *bool  `json:"from_me" doc:"the message is one's own, when the store does not know it"`
}

// OrderKey implements rpc.Ordered: changes of a message follow the sends before it.
func (r *messageRef) OrderKey() string { return orderOf(r.Chat) }

func (r *messageRef) ref(call *rpc.Call) outbound.MessageRef {
	return outbound.MessageRef{Chat: r.Chat, MessageID: r.MessageID, Sender: r.Sender, FromMe: r.FromMe, ActID: shared.MessageID(call, 0)}
}

// storedRef names a message to read.
type storedRef struct {
	MessageID string `json:"message_id" rpc:"required,min=1,max=128" doc:"message"`
	Chat      string `json:"chat" rpc:"format=jid" doc:"its chat; may be left out while the id is unique in the session"`
}

type messageReactParams struct {
	messageRef
	Emoji string `json:"emoji" rpc:"required,max=64" doc:"empty removes the reaction"`
}

type messageEditParams struct {
	Chat       string   `json:"chat" rpc:"required,format=jid" doc:"chat of the message"`
	MessageID  string   `json:"message_id" rpc:"required,min=1,max=128" doc:"own message"`
	Text       string   `json:"text" rpc:"required,min=1,max=65536" doc:"new text"`
	Mentions   []string `json:"mentions" rpc:"max=1024,format=jid" doc:"people mentioned in it; absent keeps the mentions of the message"`
	MentionAll bool     `json:"mention_all" doc:"mention all members of the group"`
}

// OrderKey implements rpc.Ordered.
func (p *messageEditParams) OrderKey() string { return orderOf(p.Chat) }

type messageDeleteParams struct {
	messageRef
	ForEveryone bool  `json:"for_everyone" rpc:"required" doc:"true revokes it, false deletes it on the own devices"`
	DeleteMedia *bool `json:"delete_media" doc:"with for_everyone false: delete its file too; default true"`
}

type messageForwardParams struct {
	Chat       string   `json:"chat" rpc:"required,format=jid" doc:"chat of the message"`
	MessageID  string   `json:"message_id" rpc:"required,min=1,max=128" doc:"message to forward"`
	Recipients []string `json:"recipients" rpc:"required,min=1,max=100,format=jid" doc:"chats to forward to"`
}

type messageReportParams struct {
	MessageID string     `json:"message_id" rpc:"required,min=1,max=128" doc:"message of another person"`
	Chat      string     `json:"chat" rpc:"format=jid" doc:"its chat: person, group or list of status posts; required unless the message is stored"`
	Timestamp *time.Time `json:"timestamp" doc:"when it was sent; required unless the message is stored"`
	Sender    string     `json:"sender" rpc:"format=jid" doc:"author in a group or of a status post; default that of the stored message"`
	Group     string     `json:"group" rpc:"format=jid" doc:"group that is reported; chat may be the author then; default chat, if that is a group"`
	GroupName string     `json:"group_name" rpc:"max=1024" doc:"name of the group"`
	Flow      string     `json:"flow" rpc:"enum=message_menu|group_spam_banner_report|group_info_report|contact_info|status_report" doc:"place in the app where the report is made; default message_menu"`
	MediaType string     `json:"media_type" rpc:"max=64" doc:"WhatsApp's word for the kind of file in the message, such as image; sent with the content of stored messages"`
}

type messageReportResult struct {
	ReportID *string `json:"report_id" doc:"id of the report at WhatsApp; null = WhatsApp stated none"`
}

type messageForwardResult struct {
	Messages []outbound.Forwarded `json:"messages" doc:"per recipient"`
}

type messageStarParams struct {
	messageRef
	Starred bool `json:"starred" rpc:"required" doc:"true stars, false unstars"`
}

type starredResult struct {
	Starred bool `json:"starred" doc:"new state"`
}

type messageGetParams struct {
	storedRef
	IncludeRaw bool `json:"include_raw" doc:"with the protobuf as JSON; default false"`
}

type messageResult struct {
	Message *message.Message `json:"message" doc:"message object"`
}

type messageListParams struct {
	Chat            string     `json:"chat" rpc:"required,format=jid" doc:"chat"`
	Limit           *int       `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 100"`
	BeforeMessageID string     `json:"before_message_id" rpc:"max=128" doc:"page backwards from here"`
	Since           *time.Time `json:"since" doc:"only from this time on"`
	FromMe          *bool      `json:"from_me" doc:"only own or only others' messages"`
}

type messageListResult struct {
	Messages []*message.Message `json:"messages" doc:"message objects, oldest first"`
	HasMore  bool               `json:"has_more" doc:"older ones exist"`
}

type messageSearchParams struct {
	Query  string `json:"query" rpc:"max=1024" doc:"text to search for; absent = all"`
	Chat   string `json:"chat" rpc:"format=jid" doc:"only this chat"`
	Type   string `json:"type" rpc:"max=32" doc:"only this message type"`
	FromMe *bool  `json:"from_me" doc:"only own or only others' messages"`
	Limit  *int   `json:"limit" rpc:"min=1,max=100" doc:"1-100, default 20"`
	Offset int    `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

type messageSearchResult struct {
	Messages []*message.Message `json:"messages" doc:"message objects, newest first"`
	Total    int                `json:"total" doc:"all matches"`
}

type orderResult struct {
	Order *orders.Order `json:"order" doc:"the order; null when the message is none"`
}

type paymentResult struct {
	Payment *orders.Payment `json:"payment" doc:"the payment; null when the message is none"`
}

type mentionsResult struct {
	Contacts []contacts.Contact `json:"contacts" doc:"contact objects"`
}

func orDefault(value *int, otherwise int) int {
	if value == nil {
		return otherwise
	}
	return *value
}

// RegisterMessage registers message.*.
func RegisterMessage(reg *rpc.Registry, d Deps) {
	registerSends(reg, d)
	registerMessageActions(reg, d)
	registerMessageReads(reg, d)
}

func registerMessageActions(reg *rpc.Registry, d Deps) {
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "message.react", Summary: "React to a message with an emoji, or remove the reaction.", Repeatable: true},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *messageReactParams) (*outbound.Reacted, error) {
			return s.Messages().React(ctx, p.ref(call), p.Emoji)
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "message.edit", Summary: "Replace the text or caption of an own message.", Repeatable: true},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *messageEditParams) (*outbound.Changed, error) {
			ref := outbound.MessageRef{Chat: p.Chat, MessageID: p.MessageID, ActID: shared.MessageID(call, 0)}
			return s.Messages().Edit(ctx, ref, p.Text, p.Mentions, p.MentionAll)
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "message.delete", Summary: "Delete a message for everyone (revoke) or only for oneself.", Repeatable: true},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *messageDeleteParams) (*outbound.Changed, error) {
			if p.ForEveryone {
				return s.Messages().Revoke(ctx, p.ref(call))
			}
			return s.Messages().DeleteForMe(ctx, p.ref(call), p.DeleteMedia == nil || *p.DeleteMedia)
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{
		Name: "message.forward", Summary: "Forward a stored message to one or more chats.", Timeout: sendTimeout, Repeatable: true,
	}, forwardMessage)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.reportSpam", Summary: "Report a message, its author or its group to WhatsApp as spam."},
		func(ctx context.Context, s *bridge.Session, p *messageReportParams) (messageReportResult, error) {
			id, err := s.Spam().Report(ctx, &spam.Report{
				MessageID: p.MessageID, Chat: p.Chat, Sender: p.Sender, Group: p.Group, GroupName: p.GroupName, Time: shared.TimeOrZero(p.Timestamp), Flow: p.Flow, MediaType: p.MediaType,
			})
			return messageReportResult{id}, err
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "message.setStarred", Summary: "Star or unstar a message.", Repeatable: true},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *messageStarParams) (starredResult, error) {
			return starredResult{p.Starred}, s.Messages().SetStarred(ctx, p.ref(call), p.Starred)
		})
}

func forwardMessage(ctx context.Context, call *rpc.Call, s *bridge.Session, p *messageForwardParams) (messageForwardResult, error) {
	options := outbound.ForwardOptions{Progress: func(done int) { call.Progress(int64(done), int64(len(p.Recipients)), "") }}
	if shared.MessageID(call, 0) != "" {
		for i := range p.Recipients {
			options.MessageIDs = append(options.MessageIDs, shared.MessageID(call, i+1))
		}
	}
	forwarded, err := s.Messages().Forward(ctx, p.Chat, p.MessageID, p.Recipients, options)
	return messageForwardResult{forwarded}, err
}

func registerMessageReads(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.get", Summary: "Return one stored message."},
		func(ctx context.Context, s *bridge.Session, p *messageGetParams) (messageResult, error) {
			m, err := s.Chats().GetMessage(ctx, p.Chat, p.MessageID, p.IncludeRaw)
			return messageResult{m}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "message.list", Summary: "List stored messages of a chat, newest page first, oldest first within the page.", MaxReply: shared.ListReply,
	}, func(ctx context.Context, s *bridge.Session, p *messageListParams) (messageListResult, error) {
		list, more, err := s.Chats().ListMessages(ctx, chats.MessageQuery{
			Chat: p.Chat, Limit: orDefault(p.Limit, 100), Before: p.BeforeMessageID, Since: shared.TimeOrZero(p.Since), FromMe: p.FromMe,
		})
		return messageListResult{list, more}, err
	})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.search", Summary: "Search stored messages.", MaxReply: shared.ListReply},
		func(ctx context.Context, s *bridge.Session, p *messageSearchParams) (messageSearchResult, error) {
			list, total, err := s.Chats().SearchMessages(ctx, chats.MessageSearch{
				Text: p.Query, Chat: p.Chat, Type: p.Type, FromMe: p.FromMe, Limit: orDefault(p.Limit, 20), Offset: p.Offset,
			})
			return messageSearchResult{list, total}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.getQuoted", Summary: "Return the message that a message quotes."},
		func(ctx context.Context, s *bridge.Session, p *storedRef) (messageResult, error) {
			m, err := s.Chats().GetQuoted(ctx, p.Chat, p.MessageID)
			return messageResult{m}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.getReceipts", Summary: "Return the recipients who received, read and played an own message."},
		func(ctx context.Context, s *bridge.Session, p *storedRef) (*chats.MessageReceipts, error) {
			return s.Chats().ListReceipts(ctx, p.Chat, p.MessageID)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.getOrder", Summary: "Return the order behind an order message, read from WhatsApp."},
		func(ctx context.Context, s *bridge.Session, p *storedRef) (orderResult, error) {
			order, err := s.Orders().GetOrder(ctx, p.Chat, p.MessageID)
			return orderResult{order}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.getPayment", Summary: "Return the payment behind a stored message: a transfer, a request or an answer to one."},
		func(ctx context.Context, s *bridge.Session, p *storedRef) (paymentResult, error) {
			payment, err := s.Orders().GetPayment(ctx, p.Chat, p.MessageID)
			return paymentResult{payment}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "message.listMentions", Summary: "Return the contacts a message mentions."},
		func(ctx context.Context, s *bridge.Session, p *storedRef) (mentionsResult, error) {
			contacts, err := s.Chats().ListMentions(ctx, p.Chat, p.MessageID)
			return mentionsResult{contacts}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "message.downloadMedia", Summary: "Return the file of a stored message, fetching it from WhatsApp when needed.",
		Timeout: sendTimeout, MaxReply: mediaReply,
	}, func(ctx context.Context, s *bridge.Session, p *downloadMediaParams) (mediaResult, error) {
		file, err := s.Files().GetOfMessage(ctx, p.Chat, p.MessageID)
		if err != nil || file == nil {
			return mediaResult{}, err
		}
		return d.mediaResult(file, p.As)
	})
}
