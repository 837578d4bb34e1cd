package inbound

import (
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/wa"
)

// appStateFamily translates changes made by other devices of the account. AppState is the general event; the specific
// events follow it.
var appStateFamily = family{
	on(onAppState), on(onAppStateSyncComplete), on(onAppStateSyncError), on(onAppStateRequested),
	on(onPin), on(onMute), on(onArchive), on(onMarkChatAsRead), on(onClearChat), on(onDeleteChat),
	on(onStar), on(onDeleteForMe), on(onUnarchiveChats), on(onPushNameSetting),
	on(onLabelEdit), on(onLabelChat), on(onLabelMessage),
}

// secretIndexes are app-state entries that contain keys; their values are left out of events.
var secretIndexes = map[string]bool{"nct_salt_sync": true}

func onAppState(t *Translation, evt *events.AppState) error {
	data := fields{"index": evt.Index, "value": nil}
	if len(evt.Index) > 0 && !secretIndexes[evt.Index[0]] && evt.SyncActionValue != nil {
		raw, err := wa.ProtoJSON(evt.SyncActionValue)
		if err != nil {
			return err
		}
		data["value"] = raw
	}
	var chats []string
	if len(evt.Index) > 1 && strings.Contains(evt.Index[1], "@") {
		if jid, err := types.ParseJID(evt.Index[1]); err == nil {
			if chats, err = t.chatAddresses(jid, types.EmptyJID); err != nil {
				return err
			}
		}
	}
	return t.Emit("AppState", millis(evt.GetTimestamp()), "", chats, data)
}

func onAppStateSyncComplete(t *Translation, evt *events.AppStateSyncComplete) error {
	if evt.Name == appstate.WAPatchCriticalBlock {
		t.service.conn.StorePushName(t.cli.Store.PushName)
	}
	return t.Emit("AppStateSyncComplete", time.Time{}, "", nil, fields{
		"name": string(evt.Name), "version": evt.Version, "recovery": evt.Recovery, "request_id": wa.OrNull(t.requestID),
	})
}

func onAppStateSyncError(t *Translation, evt *events.AppStateSyncError) error {
	return t.Emit("AppStateSyncError", time.Time{}, "", nil, fields{
		"name": string(evt.Name), "full_sync": evt.FullSync, "error": evt.Error.Error(), "request_id": wa.OrNull(t.requestID),
	})
}

func onAppStateRequested(t *Translation, evt *statesync.Requested) error {
	t.requestID = evt.RequestID
	switch evt := evt.Event.(type) {
	case *events.AppStateSyncComplete:
		return onAppStateSyncComplete(t, evt)
	case *events.AppStateSyncError:
		return onAppStateSyncError(t, evt)
	}
	return nil
}

// chatChange emits a change to one chat.
func (t *Translation) chatChange(name string, chat types.JID, at time.Time, fullSync bool, data fields) error {
	data["chat"], data["timestamp"], data["from_full_sync"] = chat.ToNonAD().String(), at.UTC(), fullSync
	chats, err := t.chatAddresses(chat, types.EmptyJID)
	if err != nil {
		return err
	}
	if _, err = t.who(data, chat); err != nil {
		return err
	}
	return t.Emit(name, at, "", chats, data)
}

func onPin(t *Translation, evt *events.Pin) error {
	if err := t.chatChange("Pin", evt.JID, evt.Timestamp, evt.FromFullSync, fields{"pinned": evt.Action.GetPinned()}); err != nil {
		return err
	}
	t.projectChat(evt.JID, projection.Chat{At: evt.Timestamp, Pinned: proto.Bool(evt.Action.GetPinned())})
	return nil
}

func onMute(t *Translation, evt *events.Mute) error {
	until := message.MillisOrNull(evt.Action.GetMuteEndTimestamp())
	if evt.Action.GetMuteEndTimestamp() < 0 {
		until = nil // forever
	}
	if err := t.chatChange("Mute", evt.JID, evt.Timestamp, evt.FromFullSync,
		fields{"muted": evt.Action.GetMuted(), "muted_until": until}); err != nil {
		return err
	}
	t.projectChat(evt.JID, projection.Chat{At: evt.Timestamp, Muted: proto.Bool(evt.Action.GetMuted()), MutedUntil: until})
	return nil
}

func onArchive(t *Translation, evt *events.Archive) error {
	if err := t.chatChange("Archive", evt.JID, evt.Timestamp, evt.FromFullSync,
		fields{"archived": evt.Action.GetArchived()}); err != nil {
		return err
	}
	t.projectChat(evt.JID, projection.Chat{At: evt.Timestamp, Archived: proto.Bool(evt.Action.GetArchived())})
	return nil
}

func onMarkChatAsRead(t *Translation, evt *events.MarkChatAsRead) error {
	if err := t.chatChange("MarkChatAsRead", evt.JID, evt.Timestamp, evt.FromFullSync,
		fields{"read": evt.Action.GetRead()}); err != nil {
		return err
	}
	t.projectChat(evt.JID, projection.Chat{At: evt.Timestamp, Read: proto.Bool(evt.Action.GetRead())})
	return nil
}

func onClearChat(t *Translation, evt *events.ClearChat) error {
	if err := t.chatChange("ClearChat", evt.JID, evt.Timestamp, evt.FromFullSync,
		fields{"delete_media": evt.DeleteMedia}); err != nil {
		return err
	}
	t.projectChat(evt.JID, projection.Chat{At: evt.Timestamp, Cleared: true})
	return nil
}

func onDeleteChat(t *Translation, evt *events.DeleteChat) error {
	if err := t.chatChange("DeleteChat", evt.JID, evt.Timestamp, evt.FromFullSync,
		fields{"delete_media": evt.DeleteMedia}); err != nil {
		return err
	}
	t.projectChat(evt.JID, projection.Chat{At: evt.Timestamp, Cleared: true, Deleted: true})
	return nil
}

// author returns the author of the message that a change refers to: app state leaves out the account itself and, in a
// chat of two, the other person.
func (t *Translation) author(chat, sender types.JID, fromMe bool) *string {
	switch {
	case fromMe:
		return wa.JIDOrNull(t.cli.Store.GetJID())
	case sender.IsEmpty() && wa.IsPerson(chat):
		return wa.JIDOrNull(chat)
	}
	return wa.JIDOrNull(sender)
}

func onStar(t *Translation, evt *events.Star) error {
	if err := t.chatChange("Star", evt.ChatJID, evt.Timestamp, evt.FromFullSync, fields{
		"message_id": evt.MessageID, "sender": t.author(evt.ChatJID, evt.SenderJID, evt.IsFromMe), "from_me": evt.IsFromMe, "starred": evt.Action.GetStarred(),
	}); err != nil {
		return err
	}
	t.projectChat(evt.ChatJID, projection.Chat{At: evt.Timestamp, MessageID: evt.MessageID, Starred: proto.Bool(evt.Action.GetStarred())})
	return nil
}

func onDeleteForMe(t *Translation, evt *events.DeleteForMe) error {
	if err := t.chatChange("DeleteForMe", evt.ChatJID, evt.Timestamp, evt.FromFullSync, fields{
		"message_id": evt.MessageID, "sender": t.author(evt.ChatJID, evt.SenderJID, evt.IsFromMe), "from_me": evt.IsFromMe,
	}); err != nil {
		return err
	}
	t.projectChat(evt.ChatJID, projection.Chat{At: evt.Timestamp, MessageID: evt.MessageID, DeletedMessage: true})
	return nil
}

func onUnarchiveChats(t *Translation, evt *events.UnarchiveChatsSetting) error {
	return t.Emit("UnarchiveChatsSetting", evt.Timestamp, "", nil, fields{
		"unarchive_chats": evt.Action.GetUnarchiveChats(), "timestamp": evt.Timestamp.UTC(), "from_full_sync": evt.FromFullSync,
	})
}

func onPushNameSetting(t *Translation, evt *events.PushNameSetting) error {
	t.service.conn.StorePushName(evt.Action.GetName())
	return t.Emit("PushNameSetting", evt.Timestamp, "", nil, fields{
		"push_name": evt.Action.GetName(), "timestamp": evt.Timestamp.UTC(), "from_full_sync": evt.FromFullSync,
	})
}

func onLabelEdit(t *Translation, evt *events.LabelEdit) error {
	return t.Emit("LabelEdit", evt.Timestamp, "", nil, fields{
		"label_id": evt.LabelID, "name": wa.OrNull(evt.Action.GetName()), "color": evt.Action.GetColor(),
		"deleted": evt.Action.GetDeleted(), "timestamp": evt.Timestamp.UTC(), "from_full_sync": evt.FromFullSync,
	})
}

func onLabelChat(t *Translation, evt *events.LabelAssociationChat) error {
	return t.chatChange("LabelAssociationChat", evt.JID, evt.Timestamp, evt.FromFullSync, fields{
		"label_id": evt.LabelID, "labeled": evt.Action.GetLabeled(),
	})
}

func onLabelMessage(t *Translation, evt *events.LabelAssociationMessage) error {
	return t.chatChange("LabelAssociationMessage", evt.JID, evt.Timestamp, evt.FromFullSync, fields{
		"label_id": evt.LabelID, "message_id": evt.MessageID, "labeled": evt.Action.GetLabeled(),
	})
}

func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
