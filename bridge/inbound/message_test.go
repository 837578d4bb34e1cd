package inbound

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waConsumerApplication"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
)

// fromAda, toAda and inTeam are the sources of a message from a person, of an own message from another device, and of a
// message in a group.
var (
	fromAda = types.MessageSource{Chat: adaLID, Sender: adaLID, SenderAlt: ada}
	toAda   = types.MessageSource{Chat: adaLID, Sender: own, IsFromMe: true, RecipientAlt: ada}
	inTeam  = types.MessageSource{Chat: team, Sender: carolLID, IsGroup: true}
)

func text(s string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(s)} }

// received returns a message as whatsmeow passes it on.
func received(source types.MessageSource, id string, content *waE2E.Message) *events.Message {
	evt := &events.Message{RawMessage: content, Info: types.MessageInfo{MessageSource: source, ID: id, PushName: "Ada", Timestamp: at, Type: "text"}}
	return evt.UnwrapRaw()
}

func protocol(p *waE2E.ProtocolMessage) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: p}
}

// TestMessageEvents checks messages and what arrives instead of them.
func TestMessageEvents(t *testing.T) {
	info := func(source types.MessageSource) types.MessageInfo {
		return types.MessageInfo{MessageSource: source, ID: "M1", PushName: "Ada", Timestamp: at}
	}
	target := &waCommon.MessageKey{RemoteJID: proto.String(adaLID.String()), ID: proto.String("M0"), FromMe: proto.Bool(false)}
	resolved := received(fromAda, "M1", text("late"))
	resolved.UnavailableRequestID = "R1"
	viewOnce := received(fromAda, "M1", text("once"))
	viewOnce.IsViewOnce = true
	post := received(types.MessageSource{Chat: channel, Sender: channel}, "M1", text("news"))
	post.Info.ServerID, post.NewsletterMeta = 7, &events.NewsletterMessageMeta{EditTS: at}
	revokedPost := received(types.MessageSource{Chat: channel, Sender: channel}, "M1", &waE2E.Message{})
	revokedPost.Info.Edit = types.EditAttributeAdminRevoke
	checkFamily(t, messageFamily, []sample{
		{"text", received(fromAda, "M1", text("hello"))},
		{"own text from another device", received(toAda, "M1", text("hello"))},
		{"text in a group", received(inTeam, "M1", text("hello"))},
		{"text on request", resolved},
		{"view once", viewOnce},
		{"reaction", received(fromAda, "M1", &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Key: target, Text: proto.String("👍")}})},
		{"revocation", received(fromAda, "M1", protocol(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: target}))},
		{"edited newsletter post", post},
		{"revoked newsletter post", revokedPost},
		{"without content", &events.Message{Info: info(fromAda)}},
		{"sender key alone", received(inTeam, "M1", &waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{GroupID: proto.String(team.String())}})},
		{"keys of app state", received(toAda, "M1", protocol(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum()}))},
		{"history", received(toAda, "H1", protocol(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(), HistorySyncNotification: &waE2E.HistorySyncNotification{ChunkOrder: proto.Uint32(1)},
		}))},
		{"history that was requested", received(toAda, "H1", protocol(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(), HistorySyncNotification: &waE2E.HistorySyncNotification{PeerDataRequestSessionID: proto.String("R1")},
		}))},
		{"refused history", historyRefusal(toAda, 2)},
		{"accepted history", historyRefusal(toAda, 0)},
		{"refused history from another person", historyRefusal(fromAda, 2)},
		{"history from another person", received(fromAda, "H1", protocol(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(), HistorySyncNotification: &waE2E.HistorySyncNotification{},
		}))},
		{"copy of a collection", received(toAda, "R1", protocol(&waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
			PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
				PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY.Enum(), StanzaID: proto.String("S1"),
			},
		}))},
		{"undecryptable", &events.UndecryptableMessage{Info: info(fromAda)}},
		{"undecryptable in a group", &events.UndecryptableMessage{Info: info(inTeam), IsUnavailable: true}},
		{"undecryptable and hidden", &events.UndecryptableMessage{Info: info(fromAda), DecryptFailMode: events.DecryptFailHide}},
		{"view once for phones only", &events.UndecryptableMessage{
			Info: info(fromAda), IsUnavailable: true, UnavailableType: events.UnavailableTypeViewOnce,
		}},
		{"other format", &events.FBMessage{Info: info(fromAda), Message: &waConsumerApplication.ConsumerApplication{}}},
		{"media retry", &events.MediaRetry{MessageID: "M1", ChatID: ada, SenderID: ada, Timestamp: at, Ciphertext: []byte("c")}},
		{"failed media retry", &events.MediaRetry{MessageID: "M1", ChatID: team, Timestamp: at, FromMe: true, Error: &events.MediaRetryError{Code: 2}}},
	})
}

// TestFilteredMessages checks that a message that the settings exclude is neither an event nor stored.
func TestFilteredMessages(t *testing.T) {
	status := types.MessageSource{Chat: types.StatusBroadcastJID, Sender: ada, IsGroup: true}
	for _, c := range []struct {
		name   string
		filter Filter
		source types.MessageSource
		passes types.MessageSource
	}{
		{"own", Filter{Own: true}, toAda, fromAda},
		{"groups", Filter{Groups: true}, inTeam, fromAda},
		{"newsletters", Filter{Newsletters: true}, types.MessageSource{Chat: channel, Sender: channel}, inTeam},
		{"broadcasts", Filter{Broadcasts: true}, status, inTeam},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.settings.Filter = c.filter
			for _, evt := range []any{
				received(c.source, "M1", text("no")), &events.UndecryptableMessage{Info: types.MessageInfo{MessageSource: c.source, ID: "M2", Timestamp: at}},
				&events.FBMessage{Info: types.MessageInfo{MessageSource: c.source, ID: "M3", Timestamp: at}},
			} {
				if got := w.record(evt); got != "" {
					t.Errorf("%T: %s", evt, got)
				}
			}
			if _, err := w.Messages.Message(t.Context(), "owner", messages.Address{JID: c.source.Chat.String()}, "M1"); err == nil {
				t.Error("the excluded message is stored")
			}
			if got := w.record(received(c.passes, "M4", text("yes"))); !strings.HasPrefix(got, "Message\n") {
				t.Errorf("another message: %q", got)
			}
		})
	}
}

// stored returns a stored message of a chat.
func (w *world) stored(chat types.JID, id string) *messages.Row {
	w.t.Helper()
	row, err := w.Messages.Message(w.t.Context(), "owner", messages.Address{JID: chat.String()}, id)
	if err != nil {
		w.t.Fatalf("%s in %s: %v", id, chat, err)
	}
	return row
}

// TestMessagesAreStored checks the rows that messages, edits, reactions, revocations and receipts lead to.
func TestMessagesAreStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := func(fromMe bool) *waCommon.MessageKey {
		return &waCommon.MessageKey{RemoteJID: proto.String(adaLID.String()), ID: proto.String("M1"), FromMe: proto.Bool(fromMe)}
	}
	w.record(received(fromAda, "M1", &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text: proto.String("helo"), ContextInfo: &waE2E.ContextInfo{IsForwarded: proto.Bool(true)},
	}}))
	row := w.stored(ada, "M1")
	if row.Text != "helo" || row.FromMe || row.Type != message.TypeText || !row.Time.Equal(at) || row.Sender.Preferred() != ada.String() {
		t.Errorf("stored: %+v", row)
	}

	edit := received(fromAda, "M2", protocol(&waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key(false), EditedMessage: text("hello"), TimestampMS: proto.Int64(at.Add(time.Minute).UnixMilli()),
	}))
	got := w.record(edit)
	for _, part := range []string{`"action":"edit"`, `text = "hello"`, `forwarded = true`} { // the edit has no context: it comes from the original
		if !strings.Contains(got, part) {
			t.Errorf("the edit has no %s:\n%s", part, got)
		}
	}
	if row = w.stored(ada, "M1"); row.Text != "hello" || row.EditedAt.IsZero() {
		t.Errorf("after the edit: %+v", row)
	}
	if raw := edit.RawMessage.GetProtocolMessage().GetEditedMessage(); raw.GetConversation() != "hello" {
		t.Errorf("the raw part of the edit changed: %v", raw)
	}

	w.record(received(fromAda, "M3", &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Key: key(false), Text: proto.String("👍")}}))
	if row = w.stored(ada, "M1"); len(row.Reactions) != 1 || row.Reactions[0].Emoji != "👍" || row.Reactions[0].Sender != ada.String() {
		t.Errorf("reactions: %+v", row.Reactions)
	}
	w.record(received(fromAda, "M4", protocol(&waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: key(false)})))
	if row = w.stored(ada, "M1"); row.DeletedAt.IsZero() {
		t.Errorf("after the revocation: %+v", row)
	}

	w.record(received(toAda, "M5", text("own")))
	w.record(&events.Receipt{MessageSource: fromAda, MessageIDs: []string{"M5"}, Timestamp: at, Type: types.ReceiptTypeRead})
	if row = w.stored(ada, "M5"); row.Status != messages.StatusRead || !row.FromMe {
		t.Errorf("after the receipt: %+v", row)
	}
	w.record(&events.Star{ChatJID: ada, MessageID: "M5", IsFromMe: true, Timestamp: at, Action: &waSyncAction.StarAction{Starred: proto.Bool(true)}})
	if row = w.stored(ada, "M5"); !row.Starred {
		t.Errorf("after the star: %+v", row)
	}
	w.record(&events.DeleteForMe{ChatJID: ada, MessageID: "M5", IsFromMe: true, Timestamp: at})
	if _, err := w.Messages.Message(t.Context(), "owner", messages.Address{JID: ada.String()}, "M5"); err == nil {
		t.Error("the message that was deleted for the own account is stored")
	}
}

// TestReadReceiptsAreSent checks which messages a session confirms as read: received ones, if its settings ask for it.
func TestReadReceiptsAreSent(t *testing.T) {
	for _, c := range []struct {
		name    string
		setting bool
		event   any
		want    int
	}{
		{"off", false, received(fromAda, "M1", text("hello")), 0},
		{"received", true, received(fromAda, "M1", text("hello")), 1},
		{"own", true, received(toAda, "M1", text("hello")), 0},
		{"view once", true, &events.UndecryptableMessage{
			Info: types.MessageInfo{MessageSource: fromAda, ID: "M1", Timestamp: at}, UnavailableType: events.UnavailableTypeViewOnce,
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.noSpawn, w.settings.SendReadReceipts = true, c.setting
			w.record(c.event)
			if w.Spawned != c.want {
				t.Errorf("%d goroutines, want %d", w.Spawned, c.want)
			}
		})
	}
}

// TestHistoryNoticeIsSkipped checks the setting of sessions without history.
func TestHistoryNoticeIsSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settings.SkipHistory = true
	evt := received(toAda, "H1", protocol(&waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(), HistorySyncNotification: &waE2E.HistorySyncNotification{},
	}))
	checkText(t, w.record(evt), "")
}

// historyRefusal is the phone's answer to a request for the full history.
func historyRefusal(from types.MessageSource, code int32) *events.Message {
	type result = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult
	answer := waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_FullHistorySyncOnDemandResponseCode(code)
	return received(from, "R2", protocol(&waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_FULL_HISTORY_SYNC_ON_DEMAND.Enum(), StanzaID: proto.String("R1"),
			PeerDataOperationResult: []*result{{}, {FullHistorySyncOnDemandRequestResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_FullHistorySyncOnDemandRequestResponse{
				ResponseCode: answer.Enum(),
			}}},
		},
	}))
}
