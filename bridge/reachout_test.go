package bridge_test

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestReachoutTimelockStopsFirstMessagesOnly(t *testing.T) {
	testkit.SkipIfShort(t)
	w := newWorld(t)
	ada, bob, carol := w.account("15550100001", "Ada"), w.account("15550100002", "Bob"), w.account("15550100003", "Carol")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	text := func(to types.JID) error {
		_, err := s.Messages().Send(w.ctx(), to.String(), &message.Content{Type: "text", Text: "hello"}, &outbound.SendOptions{})
		return err
	}
	if err := text(bob.JID()); err != nil {
		t.Fatal(err)
	}
	if err := ada.Restrict(6*time.Second, "BIZ_QUALITY"); err != nil {
		t.Fatal(err)
	}
	began := r.of("AccountReachoutTimelock")
	if began.data["active"] != true || began.data["until"] == nil || began.data["enforcement_type"] != "BIZ_QUALITY" {
		t.Errorf("event %v", began.data)
	}
	if st, err := s.Wait(w.ctx(), func(st bridge.Status) bool { return st.Reachout.Active }); err != nil {
		t.Fatalf("status %+v: %v", st.Reachout, err)
	}
	if err := s.Restart(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateConnected)
	var refused *wa.Error
	if err := text(carol.JID()); !errors.As(err, &refused) || refused.Kind != wa.KindReachoutTimelock || refused.RetryAt.IsZero() || refused.WACode != 463 {
		t.Errorf("new contact: %+v", err)
	}
	if err := text(bob.JID()); err != nil {
		t.Errorf("existing chat: %v", err)
	}
	if ended := r.of("AccountReachoutTimelock"); ended.data["active"] != false {
		t.Errorf("event %v", ended.data)
	}
	if err := text(carol.JID()); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestHistoryFillsChatsAndContacts(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550100001", "Ada"), w.account("15550100002", "Bob")
	if _, err := ada.AddHistory(bob.JID(), sandbox.HistoryChat{
		Messages: []sandbox.HistoryMessage{{Time: time.Now().Add(-time.Hour), Content: sandbox.Text("old")}},
		Unread:   proto.Uint32(4), Timer: proto.Uint32(86400), Archived: proto.Bool(true),
	}); err != nil {
		t.Fatal(err)
	}
	s := w.paired("ada", ada)
	r := w.reader("ada")
	seen := map[any]bool{}
	r.until("the whole history", func(e event) bool {
		if e.Type == "HistorySync" {
			seen[e.data["sync_type"]] = true
		}
		return seen["INITIAL_BOOTSTRAP"] && seen["PUSH_NAME"] && seen["NON_BLOCKING_DATA"] && seen["INITIAL_STATUS_V3"] && seen["RECENT"]
	})
	if h := s.Status().History; h.SyncType == "" || h.Progress != 100 {
		t.Errorf("progress %+v", h)
	}
	chat, err := s.Chats().Get(w.ctx(), bob.JID().String())
	if err != nil {
		t.Fatal(err)
	}
	if chat.Name == nil || *chat.Name != "Bob" || chat.UnreadCount != 4 || chat.DisappearingSeconds != 86400 || !chat.Archived || chat.Contact == nil || chat.Contact.Name == "" {
		t.Errorf("chat %+v", chat)
	}
}
