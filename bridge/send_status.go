package bridge

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/transports/journal"
)

// MessageStatusData is the data of a MessageStatus event: what WhatsApp said to
// an own message. Receipts tell the rest of its way.
type MessageStatusData struct {
	MessageID string    `json:"message_id"`
	Chat      string    `json:"chat"`
	ChatPN    *string   `json:"chat_pn"`
	ChatLID   *string   `json:"chat_lid"`
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
	return s.recordStatus(ctx, out, chat, data, func(ctx context.Context) error { return s.b.messages.Acknowledge(ctx, s.id, ack) })
}

func (s *Session) recordFailure(ctx context.Context, out *outgoing, chat messages.Address, failure *Error) error {
	data := &MessageStatusData{
		Status: messages.StatusFailed.String(), Reason: orNull(failure.Message), Timestamp: time.Now().UTC().Truncate(time.Millisecond),
	}
	if failure.WACode != 0 {
		data.WACode = &failure.WACode
	}
	return s.recordStatus(ctx, out, chat, data, func(ctx context.Context) error {
		return s.b.messages.Fail(ctx, s.id, chat, out.id, failure.WACode, failure.Message)
	})
}

func (s *Session) recordStatus(ctx context.Context, out *outgoing, chat messages.Address, data *MessageStatusData, project func(context.Context) error) error {
	if !out.echo {
		return project(ctx)
	}
	data.MessageID, data.Chat = out.id, out.to.String()
	chats := []string{data.Chat}
	if isPerson(out.to) {
		pn, lid := phoneAndLID(chat)
		data.ChatPN, data.ChatLID = pn, lid
		chats = chats[:0]
		for _, jid := range []*string{pn, lid} {
			if jid != nil {
				chats = append(chats, *jid)
			}
		}
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = s.b.journal.Append(ctx, s.id, journal.Record{
		Type: "MessageStatus", Origin: journal.OriginAPI, Time: data.Timestamp, Chats: chats, Data: encoded, Project: project,
	})
	return err
}

func phoneAndLID(a messages.Address) (pn, lid *string) {
	for _, text := range []string{a.JID, a.Alt} {
		jid, err := types.ParseJID(text)
		switch {
		case text == "" || err != nil:
		case jid.Server == types.HiddenUserServer:
			lid = orNull(text)
		default:
			pn = orNull(text)
		}
	}
	return pn, lid
}
