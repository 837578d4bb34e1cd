package outbound

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
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

func (s *Service) recordAck(ctx context.Context, out *Outgoing, chat messages.Address, resp *whatsmeow.SendResponse) error {
	ack := messages.Ack{Chat: chat, ID: out.ID, Time: resp.Timestamp, ServerID: int64(resp.ServerID)}
	data := &MessageStatusData{Status: messages.StatusSent.String(), Timestamp: resp.Timestamp.UTC()}
	if resp.ServerID != 0 {
		id := resp.ServerID
		data.ServerID = &id
	}
	return s.conn.RecordStatus(ctx, out, chat, data, func(ctx context.Context) error { return s.stored.Acknowledge(ctx, s.owner, ack) })
}

func (s *Service) recordFailure(ctx context.Context, out *Outgoing, chat messages.Address, failure *wa.Error) error {
	data := &MessageStatusData{
		Status: messages.StatusFailed.String(), Reason: wa.OrNull(failure.Message), Timestamp: time.Now().UTC().Truncate(time.Millisecond),
	}
	if failure.WACode != 0 {
		data.WACode = &failure.WACode
	}
	return s.conn.RecordStatus(ctx, out, chat, data, func(ctx context.Context) error {
		return s.stored.Fail(ctx, s.owner, chat, out.ID, failure.WACode, failure.Message)
	})
}
