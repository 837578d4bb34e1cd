package bridge_test

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
)

// TestTimersComeWithTheHistory reads the timers of chats and the account's default from the history of a phone; a
// setting older than the stored one changes nothing.
func TestTimersComeWithTheHistory(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("15550100001", "Ada"))
	bob, carol, dan := w.account("15550100002", "Bob"), w.account("15550100003", "Carol"), w.account("15550100004", "Dan")
	now := time.Now().Unix()
	store := func(bobs uint32, at int64) {
		t.Helper()
		if _, err := s.StoreHistory(w.ctx(), &waHistorySync.HistorySync{
			SyncType:       waHistorySync.HistorySync_RECENT.Enum(),
			GlobalSettings: &waHistorySync.GlobalSettings{DisappearingModeDuration: proto.Int32(7776000), DisappearingModeTimestamp: proto.Int64(at)},
			Conversations: []*waHistorySync.Conversation{
				{ID: proto.String(bob.LID().String()), EphemeralExpiration: proto.Uint32(bobs), EphemeralSettingTimestamp: proto.Int64(at)},
				{ID: proto.String(carol.JID().String()), EphemeralExpiration: proto.Uint32(86400)},
			},
		}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(who *sandbox.Phone, want int) {
		t.Helper()
		sent, err := s.Messages().Send(w.ctx(), who.JID().String(), &message.Content{Type: "text", Text: "hello"}, &outbound.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if sent.Message.DisappearingSeconds != nil {
			got = *sent.Message.DisappearingSeconds
		}
		if got != want {
			t.Errorf("a message to %s lives %d seconds, not %d", who.JID(), got, want)
		}
	}
	// History and messages use different addresses for Bob.
	if _, err := bob.Send(w.ctx(), s.Status().JID, sandbox.Text("hi")); err != nil {
		t.Fatal(err)
	}
	w.reader("ada").text("hi")
	store(604800, now)
	expect(bob, 604800)
	expect(carol, 86400)
	expect(dan, 7776000)
	store(86400, now-10) // an older chunk
	expect(bob, 604800)
	store(0, now+1)
	expect(bob, 0)
}
