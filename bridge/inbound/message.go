package inbound

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

var messageFamily = family{
	on(onMessage), on(onUndecryptable), on(onFBMessage), on(onMediaRetry),
}

// withMessage adds an empty message to an event without one. The phone's answer to a request for a missing message may
// lead to an edit without content.
func withMessage(evt *events.Message) {
	if evt.Message == nil {
		evt.Message = &waE2E.Message{}
	}
	if evt.RawMessage == nil {
		evt.RawMessage = evt.Message
	}
}

func onMessage(t *Translation, evt *events.Message) error {
	withMessage(evt)
	fillNewsletterRevoke(evt)
	if t.filtered(&evt.Info) || isProtocolOnly(evt.Message) {
		return t.handleProtocolMessage(evt)
	}
	envelopes := message.OpenEnvelopes(evt)
	if err := t.openSecrets(evt); err != nil {
		return err
	}
	envelopes = append(envelopes, message.OpenEnvelopes(evt)...)
	if err := t.completeEdit(evt); err != nil {
		return err
	}
	data, chats, key, err := t.Describe(evt)
	if err != nil {
		return err
	}
	data.Envelopes = append(envelopes, data.Envelopes...)
	t.readVote(evt, data)
	t.readResponse(evt, data)
	if evt.UnavailableRequestID != "" {
		t.insist = insistFor
	}
	if err = t.Emit("Message", evt.Info.Timestamp, key, chats, data); err != nil {
		return err
	}
	t.projectMessage(evt, data)
	t.answer(t.service.conn.PlanAnswer(t.ctx, &evt.Info, data))
	if err = t.StoreFile(data, evt.Message, chats, key); err != nil {
		return err
	}
	if t.settings.SendReadReceipts && !evt.Info.IsFromMe {
		t.markRead(&evt.Info)
	}
	return nil
}

// readReceiptTimeout bounds one read receipt, including a query of the privacy settings.
const readReceiptTimeout = 30 * time.Second

// markRead sends a read receipt for a recorded message.
func (t *Translation) markRead(info *types.MessageInfo) {
	s, cli, id, chat, sender := t.service, t.cli, info.ID, info.Chat, info.Sender
	t.later(readReceiptTimeout, func(ctx context.Context) {
		if err := cli.MarkRead(ctx, []types.MessageID{id}, time.Now(), chat, sender); err != nil {
			s.log().Warn("a read receipt could not be sent", "error", err)
		}
	})
}

// Describe builds the data of a message event, the addresses that a filter may match, and the dedupe key.
func (t *Translation) Describe(evt *events.Message) (*message.EventData, []string, string, error) {
	info := &evt.Info
	raw, err := wa.ProtoJSON(evt.RawMessage)
	if err != nil {
		return nil, nil, "", err
	}
	info.ID, info.PushName = wa.CleanText(info.ID), wa.CleanText(info.PushName)
	envelopes := message.OpenEnvelopes(evt)
	data := &message.EventData{
		Raw: raw, RawTruncated: raw == nil, Message: *message.NewMessage(info, evt.Message), IsGroup: info.IsGroup,
		RetryCount: evt.RetryCount, Resolved: evt.RetryCount > 0 || evt.UnavailableRequestID != "",
	}
	data.WireSender, data.Envelopes = data.Sender, envelopes
	data.ParentMessageID = wa.OrNull(evt.Message.GetMessageContextInfo().GetMessageAssociation().GetParentMessageKey().GetID())
	data.ViewOnce, data.Stanza = data.ViewOnce || evt.IsViewOnce, message.StanzaOf(info)
	if evt.IsEdit && data.EditedAt == nil {
		at := info.Timestamp.UTC()
		data.EditedAt = &at
	}
	if evt.NewsletterMeta != nil {
		data.EditedAt = wa.TimeOrNull(evt.NewsletterMeta.EditTS)
	}
	sender, err := t.Person(info.Sender, info.SenderAlt)
	if err != nil {
		return nil, nil, "", err
	}
	senderKey, err := t.key(sender)
	if err != nil {
		return nil, nil, "", err
	}
	data.PN, data.LID, data.ContactKey = wa.JIDOrNull(sender.PN), wa.JIDOrNull(sender.LID), wa.OrNull(senderKey)
	chats, err := t.describeChat(data, info, sender)
	if err != nil {
		return nil, nil, "", err
	}
	if senderKey == "" {
		senderKey = data.Sender
	}
	return data, chats, messageKey("message", data.ChatKey, senderKey, info.ID, editStamp(evt)), nil
}

// describeChat adds the addresses of the chat. In a chat of two, the chat is the other person, also for messages sent
// from another device of the account.
func (t *Translation) describeChat(data *message.EventData, info *types.MessageInfo, sender wa.Person) ([]string, error) {
	if !wa.IsPerson(info.Chat) {
		data.ChatKey = info.Chat.ToNonAD().String()
		return []string{data.ChatKey}, nil
	}
	other := sender
	if info.IsFromMe || !sender.Is(info.Chat) {
		var err error
		if other, err = t.Person(info.Chat, info.RecipientAlt); err != nil {
			return nil, err
		}
	}
	key, err := t.key(other)
	if err != nil {
		return nil, err
	}
	data.ChatPN, data.ChatLID, data.ChatKey = wa.JIDOrNull(other.PN), wa.JIDOrNull(other.LID), key
	return Addresses(other), nil
}

// messageKey returns the durable dedupe key of events that occur once per message and kind.
func messageKey(kind, chat, sender, id, suffix string) string {
	parts := []string{kind, chat, sender, id}
	if suffix != "" {
		parts = append(parts, suffix)
	}
	return wa.CleanText(strings.Join(parts, "|"))
}

// editStamp distinguishes the edits of a newsletter post, which all have the id of the post.
func editStamp(evt *events.Message) string {
	if evt.NewsletterMeta == nil || evt.NewsletterMeta.EditTS.IsZero() || evt.NewsletterMeta.EditTS.Unix() == 0 {
		return ""
	}
	return strconv.FormatInt(evt.NewsletterMeta.EditTS.UnixMilli(), 10)
}

// filtered reports whether the session's filters exclude the message. Excluded messages are neither emitted nor stored.
func (t *Translation) filtered(info *types.MessageInfo) bool {
	return t.settings.Filter.Excludes(info.Chat, info.IsFromMe)
}

// handleProtocolMessage handles protocol messages between WhatsApp's apps.
func (t *Translation) handleProtocolMessage(evt *events.Message) error {
	if notice := evt.Message.GetProtocolMessage().GetHistorySyncNotification(); notice != nil && evt.Info.IsFromMe {
		return t.storeHistoryNotice(evt.Info.ID, notice)
	}
	t.appStateRecovery(evt)
	t.historyRefusal(evt)
	return nil
}

// protocolTypes are the protocol messages between the account's own devices; they are of no use to clients, and some
// contain keys.
var protocolTypes = map[waE2E.ProtocolMessage_Type]bool{
	waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION:                    true,
	waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE:                     true,
	waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:                   true,
	waE2E.ProtocolMessage_MSG_FANOUT_BACKFILL_REQUEST:                  true,
	waE2E.ProtocolMessage_INITIAL_SECURITY_NOTIFICATION_SETTING_SYNC:   true,
	waE2E.ProtocolMessage_APP_STATE_FATAL_EXCEPTION_NOTIFICATION:       true,
	waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE:          true,
	waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE: true,
	waE2E.ProtocolMessage_LID_MIGRATION_MAPPING_SYNC:                   true,
	waE2E.ProtocolMessage_COEX_STATE_SYNC:                              true,
}

// isProtocolOnly reports whether a message carries only keys and no content. A group message may arrive as both under one
// id; the part with the sender key must not replace the content.
func isProtocolOnly(m *waE2E.Message) bool {
	if p := m.GetProtocolMessage(); p != nil {
		return protocolTypes[p.GetType()]
	}
	return !message.HasContent(m)
}

func onUndecryptable(t *Translation, evt *events.UndecryptableMessage) error {
	if t.filtered(&evt.Info) || evt.DecryptFailMode == events.DecryptFailHide {
		return nil
	}
	if evt.UnavailableType == events.UnavailableTypeViewOnce {
		return t.viewOnceUnavailable(evt)
	}
	info := &evt.Info
	shown := message.NewMessage(info, nil)
	data := fields{
		"message_id": shown.MessageID, "chat": shown.Chat, "sender": shown.Sender, "sender_name": shown.SenderName,
		"from_me": shown.FromMe, "timestamp": shown.Timestamp, "is_group": info.IsGroup,
		"unavailable": evt.IsUnavailable, "unavailable_type": wa.OrNull(string(evt.UnavailableType)),
		"view_once": false,
	}
	sender, err := t.who(data, info.Sender, info.SenderAlt)
	if err != nil {
		return err
	}
	described := &message.EventData{}
	chats, err := t.describeChat(described, info, sender)
	if err != nil {
		return err
	}
	data["chat_pn"], data["chat_lid"], data["chat_key"] = described.ChatPN, described.ChatLID, described.ChatKey
	senderKey, err := t.canonical(info.Sender, info.SenderAlt)
	if err != nil {
		return err
	}
	return t.Emit("UndecryptableMessage", info.Timestamp,
		messageKey("undecryptable", described.ChatKey, senderKey, info.ID, ""), chats, data)
}

func onFBMessage(t *Translation, evt *events.FBMessage) error {
	if t.filtered(&evt.Info) {
		return nil
	}
	info := &evt.Info
	data := fields{
		"message_id": info.ID, "chat": info.Chat.ToNonAD().String(), "sender": info.Sender.ToNonAD().String(),
		"sender_name": wa.OrNull(info.PushName), "from_me": info.IsFromMe, "timestamp": info.Timestamp.UTC(), "is_group": info.IsGroup,
	}
	if consumer := evt.GetConsumerApplication(); consumer != nil {
		raw, err := wa.ProtoJSON(consumer)
		if err != nil {
			return err
		}
		data["raw"] = raw
	}
	if _, err := t.who(data, info.Sender, info.SenderAlt); err != nil {
		return err
	}
	chats, err := t.chatAddresses(info.Chat, chatAlt(&info.MessageSource))
	if err != nil {
		return err
	}
	return t.Emit("FBMessage", info.Timestamp,
		messageKey("fbmessage", info.Chat.ToNonAD().String(), info.Sender.ToNonAD().String(), info.ID, ""), chats, data)
}

func onMediaRetry(t *Translation, evt *events.MediaRetry) error {
	data := fields{
		"message_id": evt.MessageID, "chat": evt.ChatID.ToNonAD().String(), "sender": wa.JIDOrNull(evt.SenderID),
		"from_me": evt.FromMe, "timestamp": evt.Timestamp.UTC(), "ok": evt.Error == nil && len(evt.Ciphertext) > 0,
		"error_code": nil,
	}
	if evt.Error != nil {
		data["error_code"] = evt.Error.Code
	}
	chats, err := t.chatAddresses(evt.ChatID, types.EmptyJID)
	if err != nil {
		return err
	}
	return t.Emit("MediaRetry", evt.Timestamp, "", chats, data)
}
