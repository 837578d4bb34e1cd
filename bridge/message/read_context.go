package message

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/wa"
)

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
	c = withoutContext(c)
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
