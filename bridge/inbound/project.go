package inbound

import (
	"context"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// projectMessage stores the message of the last record.
func (t *Translation) projectMessage(evt *events.Message, data *message.EventData) {
	m := &projection.Message{Data: data, Content: evt.Message, Info: &evt.Info}
	t.project(func(ctx context.Context) error {
		return t.service.shared.Projection.WriteMessage(ctx, t.service.owner, m)
	})
}

// projectReceipt attaches a receipt to the last record.
func (t *Translation) projectReceipt(evt *events.Receipt, kind string) {
	r := &projection.Receipt{
		MessageIDs: evt.MessageIDs, Kind: kind, Chat: evt.Chat.ToNonAD().String(), By: evt.Sender.ToNonAD().String(),
		FromMe: evt.IsFromMe, At: evt.Timestamp.UTC(),
	}
	if wa.IsPerson(evt.Chat) {
		if other, err := t.Person(evt.Chat, chatAlt(&evt.MessageSource)); err == nil {
			r.ChatPN, r.ChatLID = wa.AddressString(other.PN), wa.AddressString(other.LID)
		}
	}
	t.project(func(ctx context.Context) error {
		return t.service.shared.Projection.WriteReceipt(ctx, t.service.owner, r)
	})
}

// projectChat attaches a chat change to the last record.
func (t *Translation) projectChat(chat types.JID, change projection.Chat) {
	change.Chat = chat.ToNonAD().String()
	if wa.IsPerson(chat) {
		if other, err := t.Person(chat); err == nil {
			change.PN, change.LID = wa.AddressString(other.PN), wa.AddressString(other.LID)
		}
	}
	t.project(func(ctx context.Context) error {
		return t.service.shared.Projection.WriteChat(ctx, t.service.owner, &change)
	})
}
