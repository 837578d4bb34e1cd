package statesync

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// live is the Service of a connected session. It records the events of the client.
type live struct {
	*Service
	conn   *conntest.LiveConn
	client *whatsmeow.Client
	t      *testing.T

	mu     sync.Mutex
	events []any
}

func connect(t *testing.T) *live {
	t.Helper()
	conn := conntest.Connect(t)
	client, err := conn.Live()
	must(t, err)
	// As in a session, whatsmeow reads nothing by itself: its read of a notified patch would insert the rows of the Service's read again.
	client.Store.AppState = signal.NewAppStateStore(conn.DB, client.Store.AppState, func(string) {})
	s := &live{Service: NewService(conn, time.Minute, conntest.NewLog), conn: conn, client: client, t: t}
	client.AddEventHandler(func(evt any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, evt)
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seen returns the recorded events of a type.
func seen[T any](s *live) (found []T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, evt := range s.events {
		if typed, ok := evt.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

func (s *live) version(name appstate.WAPatchName) uint64 {
	s.t.Helper()
	version, _, err := s.client.Store.AppState.GetAppStateVersion(signal.ReadingAppState(s.conn.Deadline()), string(name))
	must(s.t, err)
	return version
}

func (s *live) pinned(chat types.JID) bool {
	s.t.Helper()
	settings, err := s.client.Store.ChatSettings.GetChatSettings(s.conn.Deadline(), chat)
	must(s.t, err)
	return settings.Pinned
}

func isPin(chat types.JID, on bool) func(sandbox.StateChange) bool {
	return func(c sandbox.StateChange) bool {
		return len(c.Index) == 2 && c.Index[0] == appstate.IndexPin && c.Index[1] == chat.String() && c.Value.GetPinAction().GetPinned() == on
	}
}

func TestWriteReachesThePhone(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	before := s.version(appstate.WAPatchRegularLow)
	must(t, s.Write(ctx, "pin the chat", appstate.BuildPin(conntest.Ada, true)))
	if _, err := s.conn.OwnPhone.AwaitState(ctx, isPin(conntest.Ada, true)); err != nil {
		t.Errorf("the phone: %v", err)
	}
	if after := s.version(appstate.WAPatchRegularLow); after <= before || !s.pinned(conntest.Ada) {
		t.Errorf("version %d after %d, pinned %v", after, before, s.pinned(conntest.Ada))
	}
}

// TestWriteAfterAnotherDevice checks that a write on an outdated version reads the patches of the other device and is sent again.
func TestWriteAfterAnotherDevice(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	must(t, s.conn.OwnPhone.PinChat(ctx, conntest.Bob, true))
	must(t, s.Write(ctx, "pin the chat", appstate.BuildPin(conntest.Ada, true)))
	if _, err := s.conn.OwnPhone.AwaitState(ctx, isPin(conntest.Ada, true)); err != nil {
		t.Errorf("the phone: %v", err)
	}
	if !s.pinned(conntest.Ada) || !s.pinned(conntest.Bob) {
		t.Errorf("pinned: Ada %v, Bob %v", s.pinned(conntest.Ada), s.pinned(conntest.Bob))
	}
}

func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx, pin := s.conn.Deadline(), appstate.BuildPin(conntest.Ada, true)
	end := s.conn.RefuseRequests(403)
	var e *wa.Error
	if err := s.Write(ctx, "pin the chat", pin); !errors.As(err, &e) || e.Reason != wa.ReasonForbidden || e.Message == "" {
		t.Errorf("refused: %v", err)
	}
	end()
	end = s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node { n.Content = nil; return n })
	if err := s.Write(ctx, "pin the chat", pin); !errors.As(err, &e) || e.Reason != wa.ReasonWhatsApp {
		t.Errorf("an empty answer: %v", err)
	}
	end()
	conflicts := 0
	end = s.conn.ChangeReplies(func(n waBinary.Node) waBinary.Node { // each write conflicts
		collection, found := n.GetOptionalChildByTag("sync", "collection")
		if found && len(collection.GetChildrenByTag("patches")) == 0 && collection.Attrs["type"] == nil {
			conflicts++
			n.Content = []waBinary.Node{{Tag: "sync", Content: []waBinary.Node{{
				Tag: "collection", Attrs: waBinary.Attrs{"name": collection.Attrs["name"], "type": "error"}, Content: []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": "409", "text": "conflict"}}},
			}}}}
		}
		return n
	})
	err := s.Write(ctx, "pin the chat", pin)
	end()
	if wa.ReasonOf(err) == "" || conflicts == 0 {
		t.Errorf("%d conflicts: %v", conflicts, err)
	}
	must(t, s.Write(ctx, "pin the chat", pin))

	must(t, s.writes.acquire(ctx))
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Write(short, "pin the chat", pin); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up: %v", err)
	}
	s.writes.release()
	_, err = s.conn.DB.Exec(ctx, "DELETE FROM whatsmeow_app_state_sync_keys")
	must(t, err)
	if err := s.Write(ctx, "pin the chat", pin); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("without keys: %v", err)
	}
}

func TestEntryIsRemovedOnce(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	action := func(name string) *waSyncAction.SyncActionValue {
		return &waSyncAction.SyncActionValue{ContactAction: &waSyncAction.ContactAction{FullName: &name}}
	}
	index := []string{appstate.IndexContact, conntest.Ada.String()}
	must(t, s.Write(ctx, "save the contact", appstate.PatchInfo{
		Type: appstate.WAPatchCriticalUnblockLow, Mutations: []appstate.MutationInfo{{Index: index, Version: 2, Value: action("Ada")}},
	}))
	if _, stored := s.conn.OwnPhone.State(appstate.WAPatchCriticalUnblockLow, index...); !stored {
		_, err := s.conn.OwnPhone.AwaitState(ctx, func(c sandbox.StateChange) bool { return len(c.Index) == 2 && c.Index[1] == index[1] })
		must(t, err)
	}
	for round, want := range []bool{true, false} {
		found, err := s.Remove(ctx, "remove the contact", appstate.WAPatchCriticalUnblockLow, statepatch.Entry{Index: index, Version: 2, Value: action("")})
		if err != nil || found != want {
			t.Errorf("round %d: found %v, %v", round+1, found, err)
		}
	}
	end := s.conn.RefuseRequests(500)
	defer end()
	if found, err := s.Remove(ctx, "remove the contact", appstate.WAPatchCriticalUnblockLow, statepatch.Entry{Index: index, Version: 2, Value: action("")}); err != nil || found {
		t.Errorf("an entry that does not exist needs no request: %v, %v", found, err)
	}
}

// TestNotificationReadsTheCollection checks that the changes of the phone arrive as events after a notification.
func TestNotificationReadsTheCollection(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	must(t, s.conn.OwnPhone.PinChat(ctx, conntest.Bob, true))
	node := collection(string(appstate.WAPatchRegularLow))
	s.HandleNotification(ctx, s.client, &waBinary.Node{Tag: "notification", Content: []waBinary.Node{node}})
	testkit.Eventually(t, "pinned chat", func() bool { return s.pinned(conntest.Bob) })
	testkit.Eventually(t, "end of the reads", func() bool {
		s.Service.mu.Lock()
		defer s.Service.mu.Unlock()
		return !s.reading
	})
	if pins := seen[*events.Pin](s); len(pins) == 0 || pins[len(pins)-1].JID.User != conntest.Bob.User {
		t.Errorf("events: %v", pins)
	}
	if entries := seen[*events.AppState](s); len(entries) == 0 {
		t.Error("no event of the entry itself")
	}
	must(t, s.conn.OwnPhone.PinChat(ctx, conntest.Bob, false))
	s.ReadRefused(string(appstate.WAPatchRegularLow))
	testkit.Eventually(t, "unpinned chat", func() bool { return !s.pinned(conntest.Bob) })
}

// TestFullReadBeginsAgain checks that a full read restores the version and the stores without an event for each entry.
func TestFullReadBeginsAgain(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	must(t, s.conn.OwnPhone.SaveContact(ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	before := len(seen[*events.Contact](s))
	must(t, s.Fetch(ctx, s.client, appstate.WAPatchCriticalUnblockLow, FetchOptions{Full: true}))
	contact, err := s.client.Store.Contacts.GetContact(ctx, conntest.Ada)
	if err != nil || contact.FullName != "Ada Lovelace" {
		t.Errorf("%+v, %v", contact, err)
	}
	complete := seen[*events.AppStateSyncComplete](s)
	if len(complete) == 0 || complete[len(complete)-1].Name != appstate.WAPatchCriticalUnblockLow || complete[len(complete)-1].Version == 0 {
		t.Errorf("completion: %v", complete)
	}
	if after := len(seen[*events.Contact](s)); after != before {
		t.Errorf("%d events of entries", after-before)
	}
	version := s.version(appstate.WAPatchCriticalUnblockLow)
	end := s.conn.RefuseRequests(500)
	if err = s.Fetch(ctx, s.client, appstate.WAPatchCriticalUnblockLow, FetchOptions{}); !errors.Is(err, whatsmeow.ErrIQInternalServerError) || s.version(appstate.WAPatchCriticalUnblockLow) != version {
		t.Errorf("a refused read: %v", err)
	}
	end()
	must(t, s.reads.acquire(ctx))
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err = s.Fetch(short, s.client, appstate.WAPatchRegular, FetchOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read while another one runs: %v", err)
	}
	if err = s.Recover(short, s.client, recoveryAnswer(nil)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a recovery while a read runs: %v", err)
	}
	s.reads.release()
}

func recoveryAnswer(snapshot []byte) *waE2E.PeerDataOperationRequestResponseMessage {
	return &waE2E.PeerDataOperationRequestResponseMessage{PeerDataOperationResult: []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{
		SyncdSnapshotFatalRecoveryResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_SyncDSnapshotFatalRecoveryResponse{CollectionSnapshot: snapshot},
	}}}
}

func TestUnreadableRecoveryIsAnError(t *testing.T) {
	t.Parallel()
	s := connect(t)
	for name, snapshot := range map[string][]byte{"no protobuf": {0xff}, "no collection": {}} {
		if err := s.Recover(s.conn.Deadline(), s.client, recoveryAnswer(snapshot)); err == nil {
			t.Errorf("%s was applied", name)
		}
	}
}

func TestRandomPauseEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pauseRandomly(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, pauseRandomly(t.Context(), 2*time.Millisecond))
}

// TestRequestedReadIsAnEvent checks the events of reads with a request id: of new patches, of all patches, and of failures.
func TestRequestedReadIsAnEvent(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	must(t, s.conn.OwnPhone.PinChat(ctx, conntest.Ada, true))
	must(t, s.Fetch(ctx, s.client, appstate.WAPatchRegularLow, FetchOptions{RequestID: "R1"}))
	must(t, s.Fetch(ctx, s.client, appstate.WAPatchRegularLow, FetchOptions{Full: true, RequestID: "R2"}))
	end := s.conn.RefuseRequests(500)
	err := s.Fetch(ctx, s.client, appstate.WAPatchRegular, FetchOptions{RequestID: "R3"})
	end()
	requested := seen[*Requested](s)
	if len(requested) != 3 || err == nil {
		t.Fatalf("%d events, %v", len(requested), err)
	}
	version := s.version(appstate.WAPatchRegularLow)
	for i, id := range []string{"R1", "R2"} {
		if evt, ok := requested[i].Event.(*events.AppStateSyncComplete); !ok || requested[i].RequestID != id || evt.Name != appstate.WAPatchRegularLow || evt.Version != version || evt.Recovery {
			t.Errorf("%s: %+v", id, requested[i])
		}
	}
	if evt, ok := requested[2].Event.(*events.AppStateSyncError); !ok || requested[2].RequestID != "R3" || evt.Name != appstate.WAPatchRegular || evt.FullSync || !errors.Is(evt.Error, err) {
		t.Errorf("of the failure: %+v", requested[2])
	}
	if !s.pinned(conntest.Ada) {
		t.Error("the new patch is not applied")
	}
}

// requestedEvents returns the events of a request.
func (s *live) requestedEvents(id string) (found []any) {
	for _, evt := range seen[*Requested](s) {
		if evt.RequestID == id {
			found = append(found, evt.Event)
		}
	}
	return found
}

// TestRequestedRecovery checks the ends of a request for the phone's copy: applied, not needed any more, no answer, not sent.
func TestRequestedRecovery(t *testing.T) {
	t.Parallel()
	s := connect(t)
	ctx := s.conn.Deadline()
	must(t, s.conn.OwnPhone.PinChat(ctx, conntest.Ada, true))
	s.client.AddEventHandler(func(evt any) {
		if message, ok := evt.(*events.Message); ok {
			_ = s.Recover(ctx, s.client, message.Message.GetProtocolMessage().GetPeerDataOperationRequestResponseMessage())
		}
	})
	must(t, s.RequestRecovery(ctx, s.client, appstate.WAPatchRegularLow, "R1"))
	testkit.Eventually(t, "the phone's copy", func() bool { return len(s.requestedEvents("R1")) == 1 })
	if evt, ok := s.requestedEvents("R1")[0].(*events.AppStateSyncComplete); !ok || evt.Name != appstate.WAPatchRegularLow || evt.Version == 0 {
		t.Errorf("%+v", s.requestedEvents("R1")[0])
	}
	s.conn.OwnPhone.SetRequestMode(sandbox.IgnoreRequests)
	s.recoveryTimeout = time.Hour
	must(t, s.RequestRecovery(ctx, s.client, appstate.WAPatchRegularLow, "R2"))
	s.recoveryTimeout = time.Millisecond
	must(t, s.RequestRecovery(ctx, s.client, appstate.WAPatchRegularLow, "R3")) // replaces the one before
	testkit.Eventually(t, "the end of the wait", func() bool { return len(s.requestedEvents("R3")) == 1 })
	if evt, ok := s.requestedEvents("R3")[0].(*events.AppStateSyncError); !ok || evt.Name != appstate.WAPatchRegularLow || !errors.Is(evt.Error, errNoRecovery) {
		t.Errorf("%+v", s.requestedEvents("R3")[0])
	}
	s.recoveryTimeout = time.Hour
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.RequestRecovery(gone, s.client, appstate.WAPatchRegularLow, "R4"); err == nil || s.takeRecovery(appstate.WAPatchRegularLow) != "" {
		t.Errorf("a request that is not sent: %v", err)
	}
	if len(s.requestedEvents("R2"))+len(s.requestedEvents("R4")) != 0 {
		t.Error("events of requests that were replaced or not sent")
	}
}
