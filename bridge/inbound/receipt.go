package inbound

import (
	"strconv"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

var receiptFamily = family{on(onReceipt)}

// receiptKinds maps the types of receipts to events and their kinds.
var receiptKinds = map[types.ReceiptType]struct {
	event, kind string
	own         bool // about reading by this account
}{
	types.ReceiptTypeDelivered: {"Receipt", "delivered", false},
	types.ReceiptTypeSender:    {"Receipt", "sender", true},
	// A device that is not in use has received the message. WhatsApp's apps show two ticks only after the phone or a
	// device in use has received it.
	types.ReceiptTypeInactive:    {"Receipt", "inactive", false},
	types.ReceiptTypeRead:        {"ReadReceipt", "read", false},
	types.ReceiptTypeReadSelf:    {"ReadReceipt", "read_self", true},
	types.ReceiptTypePlayed:      {"ReadReceipt", "played", false},
	types.ReceiptTypePlayedSelf:  {"ReadReceipt", "played_self", true},
	types.ReceiptTypeServerError: {"Receipt", "server_error", false},
}

// onReceipt emits an event for a delivery or read receipt. Protocol receipts (retry, peer messages, history) are
// ignored.
func onReceipt(t *Translation, evt *events.Receipt) error {
	kind, known := receiptKinds[evt.Type]
	if !known {
		return nil
	}
	data := fields{
		"message_ids": evt.MessageIDs, "chat": evt.Chat.ToNonAD().String(), "sender": wa.JIDOrNull(evt.Sender),
		"from_me": evt.IsFromMe, "is_group": evt.IsGroup, "type": kind.kind, "timestamp": evt.Timestamp.UTC(),
		"message_sender": wa.JIDOrNull(evt.MessageSender), "device": evt.Sender.Device,
	}
	if _, err := t.who(data, evt.Sender, evt.SenderAlt); err != nil {
		return err
	}
	chats, err := t.chatAddresses(evt.Chat, chatAlt(&evt.MessageSource))
	if err != nil {
		return err
	}
	chatKey, err := t.canonical(evt.Chat, chatAlt(&evt.MessageSource))
	if err != nil {
		return err
	}
	if len(evt.MessageIDs) == 0 {
		return nil
	}
	suffix := kind.kind + "|" + strconv.Itoa(len(evt.MessageIDs)) + "|" + strconv.FormatInt(evt.Timestamp.Unix(), 10)
	key := messageKey("receipt", chatKey, evt.Sender.String(), evt.MessageIDs[0], suffix)
	if err = t.Emit(kind.event, evt.Timestamp, key, chats, data); err != nil {
		return err
	}
	t.projectReceipt(evt, kind.kind)
	return nil
}

// chatAlt returns the other address of the chat: the recipient's for receipts of the account itself, otherwise the
// sender's.
func chatAlt(source *types.MessageSource) types.JID {
	if source.IsGroup {
		return types.EmptyJID
	}
	if source.IsFromMe {
		return source.RecipientAlt
	}
	return source.SenderAlt
}
