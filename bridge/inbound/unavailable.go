package inbound

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// viewOnceUnavailable emits and stores a view-once message. WhatsApp delivers its content to phones only and sends
// companions a note (<unavailable type="view_once">), so that nothing failed and no retry helps. whatsmeow requests the
// content from the phone; as far as is known, phones refuse. A phone that answers causes a Message event with the
// content under the same message id, which therefore has another dedupe key.
func (t *Translation) viewOnceUnavailable(evt *events.UndecryptableMessage) error {
	shown := &events.Message{Info: evt.Info, Message: &waE2E.Message{}, RawMessage: &waE2E.Message{}, IsViewOnce: true}
	data, chats, key, err := t.Describe(shown)
	if err != nil {
		return err
	}
	data.Type, data.UnavailableReason = message.TypeUnavailable, wa.OrNull(string(evt.UnavailableType))
	if err = t.Emit("Message", evt.Info.Timestamp, key+"|"+message.TypeUnavailable, chats, data); err != nil {
		return err
	}
	t.projectMessage(shown, data)
	if t.settings.SendReadReceipts && !evt.Info.IsFromMe {
		t.markRead(&shown.Info)
	}
	return nil
}
