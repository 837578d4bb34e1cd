package message

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
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
	if m == nil {
		return false
	}
	set := func(field **waE2E.ContextInfo) bool {
		if changed := change(*field); changed != *field { // messages that are only read are not written
			*field = changed
		}
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
	return withAnyContext(m, change)
}

// context reads the context info, which every kind of content may have.
func (m *Message) context(c *waE2E.ContextInfo) {
	if c == nil {
		return
	}
	m.Forwarded, m.ForwardingScore = c.GetIsForwarded(), int(c.GetForwardingScore())
	m.Mentions = append(m.Mentions, c.GetMentionedJID()...)
	if seconds := int(c.GetExpiration()); seconds > 0 {
		m.DisappearingSeconds = &seconds
	}
	if c.GetStanzaID() == "" {
		return
	}
	m.Quoted = &Quoted{MessageID: c.GetStanzaID(), Chat: m.Chat, Sender: c.GetParticipant()}
	if c.GetRemoteJID() != "" {
		m.Quoted.Chat = c.GetRemoteJID()
	}
	if quoted := c.GetQuotedMessage(); quoted != nil {
		var inner Message
		inner.describeQuoted(quoted)
		m.Quoted.Text = inner.Text
	}
}

// describeQuoted describes text and media only; nested quotes and other fields are
// left out.
func (m *Message) describeQuoted(c *waE2E.Message) {
	c = withoutContext(WithoutEnvelopes(c))
	if text, ok := interactiveText(c); ok {
		m.Text = wa.OrNull(text)
		return
	}
	if !textPart(m, c) {
		mediaPart(m, c)
	}
}

func withoutContext(c *waE2E.Message) *waE2E.Message {
	if x := c.ExtendedTextMessage; x != nil {
		return &waE2E.Message{Conversation: x.Text}
	}
	return c
}

func (m *Message) target(action string, key *waCommon.MessageKey) *MessageTarget {
	t := &MessageTarget{Action: action, MessageID: key.GetID(), Chat: m.Chat}
	sender := key.GetParticipant()
	if sender == "" && key.GetFromMe() {
		sender = m.Sender // in the key's own view: the one who wrote it
	}
	t.Sender = wa.OrNull(sender)
	return t
}

// AddAct adds to the target the part of a message that its protobuf has encrypted; nil adds nothing.
func (m *Message) AddAct(act *MessageTarget) {
	if act == nil || m.Target == nil {
		return
	}
	m.Target.Options, m.Target.Response, m.Target.ExtraGuests = act.Options, act.Response, act.ExtraGuests
}
