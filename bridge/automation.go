package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbox"
)

// Automation returns the assistant and the auto-replies of the session.
func (s *Session) Automation() *automation.Service { return s.automation }

// wakeAutomation makes sessions look at messages that an earlier process has recorded and not answered.
func (b *Bridge) wakeAutomation() {
	owners, err := b.automation.Waiting(b.ctx)
	if err != nil {
		b.log.Error("messages that may need an automatic answer could not be read", "error", err)
		return
	}
	waiting := make(map[string]bool, len(owners))
	for _, owner := range owners {
		waiting[owner] = true
	}
	for _, s := range b.Sessions() {
		if waiting[s.owner] {
			s.automation.Wake()
		}
	}
}

// startAutomation goes on with automatic answers after a login.
func (s *Session) startAutomation() {
	if s.automation.KeepsOnline(s.b.ctx) {
		conn{s}.SetOnline()
	}
	s.automation.Wake()
}

// PlanAnswer implements inbound.Conn.
func (c conn) PlanAnswer(ctx context.Context, info *types.MessageInfo, data *message.EventData) func(context.Context) error {
	return c.session.automation.Plan(ctx, info, data)
}

// PlanWelcome implements inbound.Conn.
func (c conn) PlanWelcome(ctx context.Context, evt *events.GroupInfo) func(context.Context) error {
	pn, lid := c.Addresses()
	return c.session.automation.PlanWelcome(ctx, evt.JID, evt.Timestamp, evt.Join, pn, lid)
}

// WakeAutomation implements inbound.Conn.
func (c conn) WakeAutomation() { c.session.automation.Wake() }

// ConnectedSince implements automation.Conn.
func (c conn) ConnectedSince() time.Time {
	if _, err := c.session.live(); err != nil {
		return time.Time{}
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.connectedAt
}

// MakeSticker implements automation.Conn.
func (c conn) MakeSticker(ctx context.Context, chat, messageID string, seconds int, edit func(context.Context, []byte) ([]byte, error)) (string, error) {
	return c.session.files.MakeSticker(ctx, chat, messageID, seconds, edit)
}

// onlineTimeout bounds the change of the presence.
const onlineTimeout = 10 * time.Second

// SetOnline implements automation.Conn.
func (c conn) SetOnline() {
	if _, err := c.session.live(); err != nil {
		return // set after the login
	}
	c.session.b.spawn(func() {
		ctx, cancel := context.WithTimeout(c.session.b.ctx, onlineTimeout)
		defer cancel()
		if err := c.session.account.SetAvailability(ctx, true); err != nil {
			c.session.log().Warn("the presence could not be set", "error", err)
		}
	})
}

// answers sends the answers of automation.
type answers struct{ session *Session }

// Send implements automation.Sender.
func (a answers) Send(ctx context.Context, answer *automation.Answer) error {
	_, err := a.session.sends.Enqueue(ctx, outbox.Entry{
		ID: answer.ID, To: answer.To, Message: outbox.Message{Content: answer.Content, ReplyTo: answer.ReplyTo}, Priority: governor.Reply, DueAt: answer.DueAt,
	})
	return err
}

// MessageID implements automation.Sender.
func (answers) MessageID(answer string) string { return outbox.MessageID(answer) }
