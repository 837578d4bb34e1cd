package sandbox

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// historyOf returns the first chunk of a type that a client received.
func historyOf(c *client, kind waHistorySync.HistorySync_HistorySyncType) *events.HistorySync {
	c.t.Helper()
	return await(c, func(e *events.HistorySync) bool { return e.Data.GetSyncType() == kind })
}

// conversationWith returns a chat of a chunk.
func conversationWith(h *waHistorySync.HistorySync, chat types.JID) *waHistorySync.Conversation {
	for _, c := range h.GetConversations() {
		if c.GetID() == chat.String() {
			return c
		}
	}
	return nil
}

// textsOf returns the texts of the messages of a conversation.
func textsOf(c *waHistorySync.Conversation) (list []string) {
	for _, m := range c.GetMessages() {
		list = append(list, m.GetMessage().GetMessage().GetConversation())
	}
	return list
}

func past(from, count int, age time.Duration) (list []HistoryMessage) {
	for i := range count {
		list = append(list, HistoryMessage{
			Time: time.Now().Add(-age - time.Duration(count-i)*time.Minute), Content: Text(fmt.Sprint("message ", from+i)), FromMe: i%2 == 1,
		})
	}
	return list
}

// everything sets up a phone with every kind of data that history sync sends.
func everything(w *world) (alice, bob, carol *Phone, group types.JID) {
	w.t.Helper()
	alice, bob, carol = w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	dave := w.account("15550004", "Dave")
	group, err := alice.CreateGroup(GroupOptions{Subject: "Friends", Members: []types.JID{bob.JID(), carol.JID(), dave.JID()}, Timer: 604800})
	if err != nil {
		w.t.Fatal(err)
	}
	if err = dave.LeaveGroup(group); err != nil {
		w.t.Fatal(err)
	}
	messages := append(past(0, 5, 400*24*time.Hour), past(100, 30, 24*time.Hour)...)
	forever := time.UnixMilli(-1)
	if _, err = alice.AddHistory(bob.JID(), HistoryChat{
		Messages: messages, Unread: proto.Uint32(3), Timer: proto.Uint32(86400), Archived: proto.Bool(true), MutedUntil: &forever,
	}); err != nil {
		w.t.Fatal(err)
	}
	if err = alice.SaveContact(w.ctx(), bob.JID(), "Robert", "Robert B."); err != nil {
		w.t.Fatal(err)
	}
	if err = alice.PinChat(w.ctx(), carol.LID(), true); err != nil {
		w.t.Fatal(err)
	}
	for i := range 3 {
		w.says(carol, alice.JID(), Text(fmt.Sprint("unread ", i)))
		w.hears(alice, fmt.Sprint("unread ", i))
	}
	w.says(bob, types.StatusBroadcastJID, Text("my day"))
	return alice, bob, carol, group
}

// pairAsking links a client with changed device properties, which include the request for history.
func (w *world) pairAsking(p *Phone, change func(*waCompanionReg.DeviceProps)) *client {
	w.t.Helper()
	c := w.client()
	c.GetClientPayload = func() *waWa6.ClientPayload {
		payload := c.Store.GetClientPayload()
		if data := payload.GetDevicePairingData(); data != nil {
			props := proto.CloneOf(store.DeviceProps)
			change(props)
			data.DeviceProps, _ = proto.Marshal(props)
		}
		return payload
	}
	w.link(c, p)
	return c
}

func TestHistoryComesInChunks(t *testing.T) {
	w := newWorld(t, Options{HistoryChunk: 8})
	alice, bob, carol, group := everything(w)
	c := w.pairAsking(alice, func(props *waCompanionReg.DeviceProps) { props.RequireFullSync = proto.Bool(true) })

	first := historyOf(c, waHistorySync.HistorySync_INITIAL_BOOTSTRAP)
	if first.Notification.GetInitialHistBootstrapInlinePayload() == nil || len(first.Data.GetNctSalt()) == 0 || len(first.Data.GetPhoneNumberToLidMappings()) < 4 {
		t.Errorf("bootstrap %v", first.Data)
	}
	with := conversationWith(first.Data, bob.LID())
	if with.GetName() != "Robert B." || with.GetDisplayName() != "Bob" || with.GetUnreadCount() != 3 || with.GetEphemeralExpiration() != 86400 || !with.GetArchived() ||
		int64(with.GetMuteEndTime()) != -1 || with.GetPnJID() != bob.JID().String() || with.GetLidJID() != bob.LID().String() || len(with.GetMessages()) != bootstrapMessages {
		t.Errorf("chat with Bob %v", with)
	}
	if texts := textsOf(with); texts[0] != "message 129" || with.GetMessages()[0].GetMessage().GetKey().GetFromMe() != true {
		t.Errorf("newest %v", texts)
	}
	if with = conversationWith(first.Data, carol.LID()); with.GetPinned() == 0 || with.GetUnreadCount() != 3 || with.GetArchived() {
		t.Errorf("chat with Carol %v", with)
	}
	if with = conversationWith(first.Data, group); with.GetName() != "Friends" || with.GetEphemeralExpiration() != 604800 || len(with.GetParticipant()) != 3 {
		t.Errorf("group %v", with)
	}
	names := historyOf(c, waHistorySync.HistorySync_PUSH_NAME)
	if names.Notification.GetDirectPath() == "" || len(names.Data.GetPushnames()) < 4 {
		t.Errorf("names %v", names.Data)
	}
	w.until("Carol's name", func() bool {
		contacts, err := c.Store.Contacts.GetAllContacts(w.ctx()) // GetContact reads its cache without a lock
		return err == nil && contacts[carol.JID()].PushName == "Carol"
	})
	members := historyOf(c, waHistorySync.HistorySync_NON_BLOCKING_DATA).Data.GetPastParticipants()
	if len(members) != 1 || members[0].GetGroupJID() != group.String() || members[0].GetPastParticipants()[0].GetLeaveReason() != waHistorySync.PastParticipant_LEFT {
		t.Errorf("past members %v", members)
	}
	if updates := historyOf(c, waHistorySync.HistorySync_INITIAL_STATUS_V3).Data.GetStatusV3Messages(); len(updates) != 1 || updates[0].GetMessage().GetConversation() != "my day" {
		t.Errorf("status updates %v", updates)
	}
	// 20 recent messages are left for three chunks of 8, 5 old ones for the last.
	for kind, want := range map[waHistorySync.HistorySync_HistorySyncType][2]int{waHistorySync.HistorySync_RECENT: {3, 20}, waHistorySync.HistorySync_FULL: {1, 5}} {
		last := await(c, func(e *events.HistorySync) bool { return e.Data.GetSyncType() == kind && e.Data.GetProgress() == 100 })
		if last.Notification.GetDirectPath() == "" {
			t.Errorf("%s is no file", kind)
		}
		chunks, messages := 0, 0
		for _, evt := range c.events.list() {
			if e, ok := evt.(*events.HistorySync); ok && e.Data.GetSyncType() == kind {
				chunks++
				for _, chat := range e.Data.GetConversations() {
					messages += len(chat.GetMessages())
				}
				if int(e.Data.GetChunkOrder()) != chunks {
					t.Errorf("%s: chunk %d comes at place %d", kind, e.Data.GetChunkOrder(), chunks)
				}
			}
		}
		if chunks != want[0] || messages != want[1] {
			t.Errorf("%s: %d messages in %d chunks", kind, messages, chunks)
		}
	}
}

func TestHistoryFollowsTheCompanionsWishes(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, _, _ := everything(w)
	// A companion that does not request the full history does not get it.
	plain := w.pair(alice)
	await(plain, func(e *events.HistorySync) bool {
		return e.Data.GetSyncType() == waHistorySync.HistorySync_RECENT && e.Data.GetProgress() == 100
	})
	for _, evt := range plain.events.list() {
		if e, ok := evt.(*events.HistorySync); ok && e.Data.GetSyncType() == waHistorySync.HistorySync_FULL {
			t.Error("full history without being asked")
		}
	}
	few := w.pairAsking(alice, func(props *waCompanionReg.DeviceProps) {
		props.RequireFullSync = proto.Bool(true)
		props.HistorySyncConfig.InitialSyncMaxMessagesPerChat = proto.Uint32(2)
		props.HistorySyncConfig.FullSyncDaysLimit = proto.Uint32(300)
	})
	if with := conversationWith(historyOf(few, waHistorySync.HistorySync_INITIAL_BOOTSTRAP).Data, bob.LID()); len(with.GetMessages()) != 2 {
		t.Errorf("%d messages in the first chunk", len(with.GetMessages()))
	}
	if full := historyOf(few, waHistorySync.HistorySync_FULL); len(full.Data.GetConversations()) != 0 {
		t.Errorf("messages beyond the limit of days: %v", full.Data)
	}
	// The history on demand is complete and has the id of its request.
	request := &waE2E.FullHistorySyncOnDemandRequestMetadata{RequestID: proto.String("request-1")}
	sent, err := plain.SendPeerMessage(w.ctx(), &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE.Enum(),
		PeerDataOperationRequestMessage: &waE2E.PeerDataOperationRequestMessage{
			PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_FULL_HISTORY_SYNC_ON_DEMAND.Enum(),
			FullHistorySyncOnDemandRequest: &waE2E.PeerDataOperationRequestMessage_FullHistorySyncOnDemandRequest{
				RequestMetadata: request, HistorySyncConfig: &waCompanionReg.DeviceProps_HistorySyncConfig{FullSyncDaysLimit: proto.Uint32(3650)},
			},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	full := historyOf(plain, waHistorySync.HistorySync_FULL)
	if full.Notification.GetFullHistorySyncOnDemandRequestMetadata().GetRequestID() != "request-1" || full.Notification.GetPeerDataRequestSessionID() != sent.ID {
		t.Errorf("notification %v", full.Notification)
	}
	if with := conversationWith(full.Data, bob.LID()); len(with.GetMessages()) != 35 || with.GetEndOfHistoryTransferType() != waHistorySync.Conversation_COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY {
		t.Errorf("%d messages", len(with.GetMessages()))
	}
}

func TestUnreadCountsFollowReading(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	unread := func() uint32 {
		chats, _ := alice.conversations()
		for _, c := range chats {
			if c.GetID() == bob.LID().String() {
				return c.GetUnreadCount()
			}
		}
		return 0
	}
	var ids []string
	for _, body := range []string{"one", "two", "three"} {
		ids = append(ids, w.says(bob, alice.JID(), Text(body)))
		w.hears(alice, body)
		await(a, says(body))
	}
	if unread() != 3 {
		t.Errorf("%d unread", unread())
	}
	if err := a.MarkRead(w.ctx(), []types.MessageID{ids[1]}, time.Now(), bob.LID(), bob.LID()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(waitLimit); unread() != 1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d unread after reading on a companion", unread())
		}
	}
	if err := alice.Read(w.hears(alice, "three")); err != nil {
		t.Fatal(err)
	}
	if unread() != 0 {
		t.Errorf("%d unread after reading on the phone", unread())
	}
}

func TestAppStateIsRecoveredFromThePhone(t *testing.T) {
	for _, name := range []appstate.WAPatchName{appstate.WAPatchRegularLow, appstate.WAPatchCriticalUnblockLow} {
		t.Run(string(name), func(t *testing.T) {
			w := newWorld(t, Options{})
			alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
			if err := alice.PinChat(w.ctx(), bob.LID(), true); err != nil {
				t.Fatal(err)
			}
			if err := alice.SaveContact(w.ctx(), bob.JID(), "Bob", "Bob B."); err != nil {
				t.Fatal(err)
			}
			a := w.pair(alice)
			a.EmitAppStateEventsOnFullSync = true
			w.until("the first version", func() bool {
				version, _, err := a.Store.AppState.GetAppStateVersion(w.ctx(), string(name))
				return err == nil && version > 0
			})
			w.drained(alice, 1)
			if err := a.Store.AppState.DeleteAppStateVersion(w.ctx(), string(name)); err != nil {
				t.Fatal(err)
			}
			if _, err := a.SendPeerMessage(w.ctx(), whatsmeow.BuildAppStateRecoveryRequest(name)); err != nil {
				t.Fatal(err)
			}
			recovered := await(a, func(e *events.AppStateSyncComplete) bool { return e.Recovery })
			if recovered.Name != name || recovered.Version == 0 {
				t.Errorf("recovered %+v", recovered)
			}
			if name == appstate.WAPatchRegularLow {
				await(a, func(e *events.Pin) bool { return e.JID == bob.LID() && e.Action.GetPinned() })
				// A change on top of the recovered state must verify: hash and MACs are those of the server.
				if err := alice.PinChat(w.ctx(), bob.LID(), false); err != nil {
					t.Fatal(err)
				}
				await(a, func(e *events.Pin) bool { return !e.Action.GetPinned() })
			} else {
				await(a, func(e *events.Contact) bool { return e.Action.GetFullName() == "Bob B." })
				if err := alice.SaveContact(w.ctx(), bob.JID(), "Rob", "Rob B."); err != nil {
					t.Fatal(err)
				}
				await(a, func(e *events.Contact) bool { return e.Action.GetFullName() == "Rob B." })
			}
		})
	}
}
