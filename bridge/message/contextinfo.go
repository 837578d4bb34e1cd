package message

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
)

// Innermost is the content inside wrappers that a builder puts around it.
func Innermost(m *waE2E.Message) *waE2E.Message {
	evt := &events.Message{RawMessage: m}
	return evt.UnwrapRaw().Message
}

// ContextOf returns the context of a message's content, nil when it has none.
func ContextOf(m *waE2E.Message) (found *waE2E.ContextInfo) {
	WithContext(m, func(info *waE2E.ContextInfo) *waE2E.ContextInfo {
		found = info
		return info
	})
	return found
}

// WithContext replaces the context of a message's content by the result of change.
// ok is false for content without a context.
func WithContext(m *waE2E.Message, change func(*waE2E.ContextInfo) *waE2E.ContextInfo) (ok bool) {
	set := func(field **waE2E.ContextInfo) bool {
		*field = change(*field)
		return true
	}
	switch {
	case m.ExtendedTextMessage != nil:
		return set(&m.ExtendedTextMessage.ContextInfo)
	case m.ImageMessage != nil:
		return set(&m.ImageMessage.ContextInfo)
	case m.VideoMessage != nil:
		return set(&m.VideoMessage.ContextInfo)
	case m.PtvMessage != nil:
		return set(&m.PtvMessage.ContextInfo)
	case m.AudioMessage != nil:
		return set(&m.AudioMessage.ContextInfo)
	case m.DocumentMessage != nil:
		return set(&m.DocumentMessage.ContextInfo)
	case m.DocumentWithCaptionMessage.GetMessage().GetDocumentMessage() != nil:
		return set(&m.DocumentWithCaptionMessage.Message.DocumentMessage.ContextInfo)
	case m.StickerMessage != nil:
		return set(&m.StickerMessage.ContextInfo)
	case m.LocationMessage != nil:
		return set(&m.LocationMessage.ContextInfo)
	case m.LiveLocationMessage != nil:
		return set(&m.LiveLocationMessage.ContextInfo)
	case m.ContactMessage != nil:
		return set(&m.ContactMessage.ContextInfo)
	case m.ContactsArrayMessage != nil:
		return set(&m.ContactsArrayMessage.ContextInfo)
	case m.EventMessage != nil:
		return set(&m.EventMessage.ContextInfo)
	case m.GroupInviteMessage != nil:
		return set(&m.GroupInviteMessage.ContextInfo)
	case m.InteractiveMessage != nil:
		return set(&m.InteractiveMessage.ContextInfo)
	case m.ButtonsMessage != nil:
		return set(&m.ButtonsMessage.ContextInfo)
	case m.ListMessage != nil:
		return set(&m.ListMessage.ContextInfo)
	case m.TemplateMessage != nil:
		return set(&m.TemplateMessage.ContextInfo)
	case m.InteractiveResponseMessage != nil:
		return set(&m.InteractiveResponseMessage.ContextInfo)
	case m.ButtonsResponseMessage != nil:
		return set(&m.ButtonsResponseMessage.ContextInfo)
	case m.ListResponseMessage != nil:
		return set(&m.ListResponseMessage.ContextInfo)
	case m.TemplateButtonReplyMessage != nil:
		return set(&m.TemplateButtonReplyMessage.ContextInfo)
	case m.OrderMessage != nil:
		return set(&m.OrderMessage.ContextInfo)
	}
	if poll := FirstPoll(m); poll != nil {
		return set(&poll.ContextInfo)
	}
	return m != nil && withAnyContext(m, change)
}
