package bridge

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// Outbox returns the automatic messages of the session: answers, schedules and jobs.
func (s *Session) Outbox() *outbox.Service { return s.sends }

// wakeOutboxes makes sessions with automatic messages look for what is due or overdue, connected or not.
func (b *Bridge) wakeOutboxes() {
	owners, err := b.outbox.Owners(b.ctx)
	if err != nil {
		b.log.Error("automatic messages could not be read; they are sent once their session connects", "error", err)
		return
	}
	waiting := make(map[string]bool, len(owners))
	for _, owner := range owners {
		waiting[owner] = true
	}
	for _, s := range b.Sessions() {
		if waiting[s.owner] {
			s.sends.Wake()
		}
	}
}

// SendStored implements outbox.Conn.
func (c conn) SendStored(ctx context.Context, to string, m *outbox.Message, messageID string) error {
	return c.session.Call(func() error {
		_, err := c.session.outbound.Send(ctx, to, &m.Content, &outbound.SendOptions{
			MessageID: messageID, ReplyTo: m.ReplyTo, Mentions: m.Mentions, MentionAll: m.MentionAll, TypingSeconds: m.TypingSeconds, MarkRead: m.MarkRead,
			Automatic: true, ContentField: "content",
		})
		return err
	})
}

// PermitSend implements outbound.Conn.
func (c conn) PermitSend(ctx context.Context) error {
	if !c.session.Settings().GovernAPISends {
		return nil
	}
	return c.session.sends.PermitCall(ctx)
}

// SendNotice sends a text by itself, if the send governor permits it now.
func (c conn) SendNotice(ctx context.Context, to, text, messageID string) error {
	if err := c.session.sends.PermitCall(ctx); err != nil {
		return err
	}
	_, err := c.session.outbound.Send(ctx, to, &message.Content{Type: message.TypeText, Text: text}, &outbound.SendOptions{MessageID: messageID, Automatic: true})
	return err
}

// EmitAutomation implements outbox.Conn.
func (c conn) EmitAutomation(ctx context.Context, name, chat string, data map[string]any, project func(context.Context) error) error {
	t := c.session.inbound.New(ctx, nil)
	var chats []string
	if chat != "" {
		chats = []string{chat}
	}
	if err := t.Emit(name, time.Now(), "", chats, fields(data)); err != nil {
		return err
	}
	t.Last().Origin, t.Last().Project = journal.OriginAutomation, project
	_, err := t.AppendOnce()
	if err != nil {
		return wa.StorageError("record the event", err)
	}
	t.Committed()
	return nil
}

// SignalAutomation implements outbox.Conn.
func (c conn) SignalAutomation(name string, data map[string]any) {
	c.session.b.journal.Signal(journal.Signal{Session: c.session.id, Type: name, Time: time.Now().UTC(), Data: mustJSON(data)})
}

// PairedAt implements outbox.Conn.
func (c conn) PairedAt() time.Time {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.row.PairedAt
}

// HasWritten implements outbox.Conn.
func (c conn) HasWritten(ctx context.Context, chat string, since time.Time) (bool, error) {
	others := false
	list, _, err := c.session.chats.ListMessages(ctx, chats.MessageQuery{Chat: chat, Limit: 1, Since: since, FromMe: &others})
	if wa.ReasonOf(err) == wa.ReasonNotFound {
		return false, nil
	}
	return len(list) > 0, err
}
