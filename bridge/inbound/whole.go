package inbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// shortenedMark is in the data of every event that lost its raw part or the end of a text.
var shortenedMark = []byte(`truncated":true`)

// storedMembers are the members of a Message event's data that change after the event or identify its people; they keep
// the event's value when the rest is read from the store.
var storedMembers = map[string]bool{
	"message_id": true, "chat": true, "sender": true, "sender_name": true, "from_me": true, "timestamp": true, "status": true,
	"reactions": true, "starred": true, "edited_at": true, "deleted_at": true, "server_id": true, "target": true,
	"pn": true, "lid": true, "contact_key": true, "chat_pn": true, "chat_lid": true, "chat_key": true,
}

// WholeMessage returns the data of a Message event of the session whose data has the key owner, completed from the message store with the raw part and the texts
// that the event lost because its data exceeded the limit. It returns complete data unchanged, and also
// data whose message was deleted from the store, was revoked or has another text by now. limit bounds the returned data
// in bytes; members beyond it are left out. An error means that the store could not be read.
func WholeMessage(ctx context.Context, stored *messages.Store, owner string, data json.RawMessage, limit int) (json.RawMessage, error) {
	if !bytes.Contains(data, shortenedMark) {
		return data, nil
	}
	var event struct {
		message.EventData
		Truncated bool `json:"truncated"`
	}
	if err := json.Unmarshal(data, &event); err != nil || !event.Truncated && !event.RawTruncated {
		return data, nil //nolint:nilerr // what is no message has nothing to restore
	}
	id := event.MessageID
	if event.Target != nil {
		if event.Target.Action != message.ActionEdit {
			return data, nil
		}
		id = event.Target.MessageID
	}
	row, err := eventRow(ctx, stored, owner, &event.EventData, id)
	if err != nil || row == nil || !row.DeletedAt.IsZero() || event.Text != nil && !strings.HasPrefix(row.Text, *event.Text) {
		return data, err
	}
	var members, kept map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(data, &members), json.Unmarshal(row.Body, &kept)); err != nil {
		return nil, wa.StorageError("the stored message cannot be read", err)
	}
	if event.Truncated {
		delete(members, "truncated")
		for name, value := range kept {
			if _, has := members[name]; has && !storedMembers[name] {
				members[name] = value
			}
		}
	}
	texts, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	if len(texts) > limit {
		return data, nil
	}
	raw, err := rawOf(row, &event.EventData)
	if err != nil || raw == nil || len(texts)+len(raw) > limit {
		return texts, err
	}
	delete(members, "raw_truncated")
	members["raw"] = raw
	return json.Marshal(members)
}

// eventRow returns the stored message of an event; nil if there is none.
func eventRow(ctx context.Context, stored *messages.Store, owner string, d *message.EventData, id string) (*messages.Row, error) {
	row, err := stored.Message(ctx, owner, messages.Address{JID: d.Chat, Alt: wa.OtherAddress(d.Chat, d.ChatPN, d.ChatLID)}, id)
	if errors.Is(err, messages.ErrNotFound) { // messages to a broadcast list are stored in the chat with their sender
		row, err = stored.Message(ctx, owner, messages.Address{JID: d.Sender, Alt: wa.OtherAddress(d.Sender, d.PN, d.LID)}, id)
	}
	if errors.Is(err, messages.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, wa.StorageError("the message could not be read", err)
	}
	return row, nil
}

// rawOf builds the raw part of an event from its stored message, without its envelopes. The content of an edit is
// wrapped into a protocol message of type edit.
func rawOf(row *messages.Row, d *message.EventData) (json.RawMessage, error) {
	if len(row.Raw) == 0 {
		return nil, nil
	}
	content, err := message.ContentOfRow(row)
	if err != nil {
		return nil, err
	}
	if d.Target != nil {
		content = &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Key:           &waCommon.MessageKey{RemoteJID: &row.Chat, FromMe: &d.FromMe, ID: &row.ID},
			Type:          waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(),
			EditedMessage: content, TimestampMS: proto.Int64(d.Timestamp.UnixMilli()),
		}}
	}
	return wa.ProtoJSON(content)
}
