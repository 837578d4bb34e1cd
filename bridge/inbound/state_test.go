package inbound

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/statesync"
)

// TestAccountEvents checks the events about the account's own settings.
func TestAccountEvents(t *testing.T) {
	checkFamily(t, accountFamily, []sample{
		{"privacy", &events.PrivacySettings{
			NewSettings: types.PrivacySettings{LastSeen: "contacts", ReadReceipts: "none"}, LastSeenChanged: true, ReadReceiptsChanged: true,
		}},
		{"blocked", &events.Blocklist{
			Changes: []events.BlocklistChange{{JID: ada, Action: events.BlocklistChangeActionBlock}, {JID: bob, Action: events.BlocklistChangeActionUnblock}},
		}},
		{"read the block list again", &events.Blocklist{Action: events.BlocklistActionModify}},
		{"timelock", &events.NotifyAccountReachoutTimelock{
			Mex: events.MexNotificationData{Timestamp: at}, IsActive: true, TimeEnforcementEnds: jsontime.UnixString{Time: at},
		}},
	}, func(w *world) { w.reachout = naming.Fields{"active": true} })
}

// TestReachoutWithoutChange checks that a timelock that the session has recorded before is no event.
func TestReachoutWithoutChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	checkText(t, w.record(&events.NotifyAccountReachoutTimelock{}), `call: timelock false`)
}

// TestAppStateEvents checks the events about changes by other devices of the account.
func TestAppStateEvents(t *testing.T) {
	checkFamily(t, appStateFamily, []sample{
		{"general", &events.AppState{
			Index:           []string{"pin_v1", ada.String()},
			SyncActionValue: &waSyncAction.SyncActionValue{Timestamp: proto.Int64(at.UnixMilli()), PinAction: &waSyncAction.PinAction{Pinned: proto.Bool(true)}},
		}},
		{"general with keys", &events.AppState{
			Index: []string{"nct_salt_sync"}, SyncActionValue: &waSyncAction.SyncActionValue{NctSaltSyncAction: &waSyncAction.NctSaltSyncAction{Salt: []byte("secret")}},
		}},
		{"sync complete", &events.AppStateSyncComplete{Name: appstate.WAPatchRegular, Version: 7, Recovery: true}},
		{"sync complete of a request", &statesync.Requested{RequestID: "R1", Event: &events.AppStateSyncComplete{Name: appstate.WAPatchRegular, Version: 7}}},
		{"sync error of a request", &statesync.Requested{RequestID: "R1", Event: &events.AppStateSyncError{Name: appstate.WAPatchRegular, Error: errors.New("no answer")}}},
		{"request with another event", &statesync.Requested{RequestID: "R1", Event: "text"}},
		{"sync with the push name", &events.AppStateSyncComplete{Name: appstate.WAPatchCriticalBlock, Version: 1}},
		{"sync error", &events.AppStateSyncError{Name: appstate.WAPatchRegularLow, Error: errors.New("no keys"), FullSync: true}},
		{"pin", &events.Pin{JID: adaLID, Timestamp: at, Action: &waSyncAction.PinAction{Pinned: proto.Bool(true)}}},
		{"mute with an end", &events.Mute{JID: bob, Timestamp: at, Action: &waSyncAction.MuteAction{
			Muted: proto.Bool(true), MuteEndTimestamp: proto.Int64(at.Add(time.Hour).UnixMilli()),
		}}},
		{"mute forever", &events.Mute{JID: bob, Timestamp: at, Action: &waSyncAction.MuteAction{Muted: proto.Bool(true), MuteEndTimestamp: proto.Int64(-1)}}},
		{"archive", &events.Archive{JID: team, Timestamp: at, FromFullSync: true, Action: &waSyncAction.ArchiveChatAction{Archived: proto.Bool(true)}}},
		{"mark as unread", &events.MarkChatAsRead{JID: bob, Timestamp: at, Action: &waSyncAction.MarkChatAsReadAction{Read: proto.Bool(false)}}},
		{"clear", &events.ClearChat{JID: bob, Timestamp: at, DeleteMedia: true}},
		{"delete chat", &events.DeleteChat{JID: ada, Timestamp: at}},
		{"star own message", &events.Star{
			ChatJID: ada, IsFromMe: true, MessageID: "M1", Timestamp: at, Action: &waSyncAction.StarAction{Starred: proto.Bool(true)},
		}},
		{"star message of a person", &events.Star{
			ChatJID: ada, MessageID: "M1", Timestamp: at, Action: &waSyncAction.StarAction{Starred: proto.Bool(true)},
		}},
		{"star message of a member", &events.Star{
			ChatJID: team, SenderJID: adaLID, MessageID: "M1", Timestamp: at, Action: &waSyncAction.StarAction{Starred: proto.Bool(false)},
		}},
		{"delete for me", &events.DeleteForMe{ChatJID: team, SenderJID: carolLID, MessageID: "M1", Timestamp: at}},
		{"unarchive chats", &events.UnarchiveChatsSetting{Timestamp: at, Action: &waSyncAction.UnarchiveChatsSetting{UnarchiveChats: proto.Bool(true)}}},
		{"own push name", &events.PushNameSetting{Timestamp: at, Action: &waSyncAction.PushNameSetting{Name: proto.String("Me")}}},
		{"label", &events.LabelEdit{Timestamp: at, LabelID: "5", Action: &waSyncAction.LabelEditAction{Name: proto.String("Urgent"), Color: proto.Int32(3)}}},
		{"label on a chat", &events.LabelAssociationChat{
			JID: bob, Timestamp: at, LabelID: "5", Action: &waSyncAction.LabelAssociationAction{Labeled: proto.Bool(true)},
		}},
		{"label on a message", &events.LabelAssociationMessage{
			JID: team, Timestamp: at, LabelID: "5", MessageID: "M1", Action: &waSyncAction.LabelAssociationAction{Labeled: proto.Bool(false)},
		}},
	})
}

// TestContactEvents checks the events about people.
func TestContactEvents(t *testing.T) {
	checkFamily(t, contactFamily, []sample{
		{"contact", &events.Contact{JID: adaLID, Timestamp: at, Action: &waSyncAction.ContactAction{FullName: proto.String("Ada L."), FirstName: proto.String("Ada")}}},
		{"push name", &events.PushName{JID: carolLID, NewPushName: "Carol", OldPushName: "C"}},
		{"business name", &events.BusinessName{JID: bob, NewBusinessName: "Bob Ltd"}},
		{"about", &events.UserAbout{JID: ada, Status: "busy", Timestamp: at}},
		{"identity", &events.IdentityChange{JID: ada, Timestamp: at, Implicit: true}},
		{"status mute", &events.UserStatusMute{JID: ada, Timestamp: at, Action: &waSyncAction.UserStatusMuteAction{Muted: proto.Bool(true)}}},
	})
}

// TestConnectionEvents checks the reports about a connection.
func TestConnectionEvents(t *testing.T) {
	checkFamily(t, connectionFamily, []sample{
		{"silent", &events.KeepAliveTimeout{ErrorCount: 5, LastSuccess: at}},
		{"restored", &events.KeepAliveRestored{}},
		{"stream error", &events.StreamError{Code: "503"}},
		{"access token", &events.CATRefreshError{Error: errors.New("expired")}},
		{"phone without linked devices", &events.QRScannedWithoutMultidevice{}},
	})
}

// TestShortSilence checks that a connection stays open until it has been silent for the limit.
func TestShortSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.record(&events.KeepAliveTimeout{ErrorCount: 1, LastSuccess: time.Now().Add(-time.Second)})
	if !strings.HasPrefix(got, "KeepAliveTimeout\n") || strings.Contains(got, "call:") {
		t.Errorf("events and calls:\n%s", got)
	}
}

// TestSyncEvents checks the events about what came while the session was offline.
func TestSyncEvents(t *testing.T) {
	checkFamily(t, syncFamily, []sample{
		{"preview", &events.OfflineSyncPreview{Total: 10, Messages: 5, Receipts: 3, Notifications: 1, AppDataChanges: 1}},
		{"completed", &events.OfflineSyncCompleted{Count: 10}},
	})
}

// TestPresenceEvents checks presence and typing, which are volatile.
func TestPresenceEvents(t *testing.T) {
	direct := types.MessageSource{Chat: adaLID, Sender: adaLID, SenderAlt: ada}
	checkFamily(t, presenceFamily, []sample{
		{"online", &events.Presence{From: ada}},
		{"offline", &events.Presence{From: adaLID, Unavailable: true, LastSeen: at}},
		{"typing", &events.ChatPresence{MessageSource: direct, State: types.ChatPresenceComposing}},
		{"recording in a group", &events.ChatPresence{
			MessageSource: types.MessageSource{Chat: team, Sender: carolLID, IsGroup: true}, State: types.ChatPresenceComposing, Media: types.ChatPresenceMediaAudio,
		}},
		{"paused", &events.ChatPresence{MessageSource: direct, State: types.ChatPresencePaused}},
	})
}

// TestReceiptEvents checks receipts of each kind.
func TestReceiptEvents(t *testing.T) {
	device := ada
	device.Device = 3
	receipt := func(kind types.ReceiptType, ids ...string) *events.Receipt {
		return &events.Receipt{MessageSource: types.MessageSource{Chat: ada, Sender: device}, MessageIDs: ids, Timestamp: at, Type: kind}
	}
	ownReceipt := receipt(types.ReceiptTypeReadSelf, "M1")
	ownReceipt.MessageSource = types.MessageSource{Chat: adaLID, Sender: own, IsFromMe: true, RecipientAlt: ada}
	inGroup := receipt(types.ReceiptTypeRead, "M1", "M2")
	inGroup.MessageSource, inGroup.MessageSender = types.MessageSource{Chat: team, Sender: carolLID, IsGroup: true}, own
	checkFamily(t, receiptFamily, []sample{
		{"delivered", receipt(types.ReceiptTypeDelivered, "M1")},
		{"inactive", receipt(types.ReceiptTypeInactive, "M1")},
		{"sender", receipt(types.ReceiptTypeSender, "M1")},
		{"server error", receipt(types.ReceiptTypeServerError, "M1")},
		{"read in a group", inGroup},
		{"read on another own device", ownReceipt},
		{"played", receipt(types.ReceiptTypePlayed, "M1")},
		{"retry", receipt(types.ReceiptTypeRetry, "M1")},
		{"without ids", receipt(types.ReceiptTypeDelivered)},
	})
}

// TestNewsletterEvents checks the events about newsletters.
func TestNewsletterEvents(t *testing.T) {
	mex := events.MexNotificationData{Timestamp: at}
	joined := &events.NewsletterJoin{Mex: mex, NewsletterMetadata: types.NewsletterMetadata{ID: channel}}
	joined.ThreadMeta.Name.Text, joined.ThreadMeta.InviteCode, joined.ThreadMeta.SubscriberCount = "News", "code", 12
	followed := *joined
	followed.ViewerMeta = &types.NewsletterViewerMetadata{Role: types.NewsletterRoleSubscriber, Mute: types.NewsletterMuteOn}
	checkFamily(t, newsletterFamily, []sample{
		{"join", joined},
		{"join with role", &followed},
		{"leave", &events.NewsletterLeave{Mex: mex, ID: channel, Role: types.NewsletterRoleGuest}},
		{"mute", &events.NewsletterMuteChange{Mex: mex, ID: channel, Mute: types.NewsletterMuteOn}},
		{"views", &events.NewsletterLiveUpdate{JID: channel, Time: at, Messages: []*types.NewsletterMessage{
			{MessageServerID: 7, ViewsCount: 100, ReactionCounts: map[string]int{"👍": 3}},
		}}},
	})
}
