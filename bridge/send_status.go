package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// MessageStatusData is the data of a MessageStatus event: WhatsApp's answer to an own message. Receipt events report
// the later states.
type MessageStatusData struct {
	MessageID string `json:"message_id"`
	Chat      string `json:"chat"`
	wa.ChatNames
	Status    string    `json:"status"` // sent or failed
	WACode    *int      `json:"wa_code"`
	Reason    *string   `json:"reason"`
	ServerID  *int      `json:"server_id"`
	Timestamp time.Time `json:"timestamp"`
}

func (s *Session) recordAck(ctx context.Context, out *outgoing, chat messages.Address, resp *whatsmeow.SendResponse) error {
	ack := messages.Ack{Chat: chat, ID: out.id, Time: resp.Timestamp, ServerID: int64(resp.ServerID)}
	data := &MessageStatusData{Status: messages.StatusSent.String(), Timestamp: resp.Timestamp.UTC()}
	if resp.ServerID != 0 {
		id := resp.ServerID
		data.ServerID = &id
	}
	return s.recordStatus(ctx, out, chat, data, func(ctx context.Context) error { return s.b.messages.Acknowledge(ctx, s.owner, ack) })
}

func (s *Session) recordFailure(ctx context.Context, out *outgoing, chat messages.Address, failure *wa.Error) error {
	data := &MessageStatusData{
		Status: messages.StatusFailed.String(), Reason: wa.OrNull(failure.Message), Timestamp: time.Now().UTC().Truncate(time.Millisecond),
	}
	if failure.WACode != 0 {
		data.WACode = &failure.WACode
	}
	return s.recordStatus(ctx, out, chat, data, func(ctx context.Context) error {
		return s.b.messages.Fail(ctx, s.owner, chat, out.id, failure.WACode, failure.Message)
	})
}

func (s *Session) recordStatus(ctx context.Context, out *outgoing, chat messages.Address, data *MessageStatusData, project func(context.Context) error) error {
	if !out.echo {
		return project(ctx)
	}
	data.MessageID, data.Chat = out.id, out.to.String()
	t := s.ownTranslation(ctx)
	chats := []string{data.Chat}
	if wa.IsPerson(out.to) {
		p, err := t.person(jidsOf(chat)...)
		if err != nil {
			return err
		}
		chats = addresses(p)
	}
	if err := t.emit("MessageStatus", data.Timestamp, "", chats, data); err != nil {
		return err
	}
	last := &t.records[len(t.records)-1]
	last.Origin, last.Project = journal.OriginAPI, project
	return t.append()
}

// jidsOf returns the addresses of a person in the store.
func jidsOf(a messages.Address) []types.JID {
	var jids []types.JID
	for _, text := range []string{a.JID, a.Alt} {
		if jid, err := types.ParseJID(text); err == nil && text != "" {
			jids = append(jids, jid)
		}
	}
	return jids
}
