package bridge_test

import (
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/sessionconfig"
)

// TestChosenAvailabilityStays sets the availability right after a session has connected whose settings make it go offline then: the choice of the caller
// stays, and without one the session goes offline.
func TestChosenAvailabilityStays(t *testing.T) {
	w := newWorld(t)
	offline := true
	watcher := w.account("15550000004", "Watcher")
	connect := func(id, number string) (*bridge.Session, *sandbox.Phone) {
		phone, s := w.account(number, id), w.create(id)
		if _, err := s.UpdateSettings(w.ctx(), sessionconfig.SettingsPatch{UnavailableAfterConnect: &offline}, false); err != nil {
			t.Fatal(err)
		}
		w.link(s, phone)
		return s, phone
	}
	chooses, chosen := connect("chooses", "15550000002")
	w.reader("chooses").until("the account's name, which the presence carries", func(e event) bool {
		return e.Type == "AppStateSyncComplete" && e.data["name"] == "critical_block"
	})
	if err := chooses.Account().SetAvailability(w.ctx(), true); err != nil {
		t.Fatal(err)
	}
	_, other := connect("other", "15550000003")
	for _, phone := range []*sandbox.Phone{chosen, other} {
		if err := watcher.Watch(phone.JID()); err != nil {
			t.Fatal(err)
		}
	}
	of := func(phone *sandbox.Phone, state any) func(waBinary.Node) bool {
		return func(n waBinary.Node) bool {
			return n.Tag == "presence" && n.Attrs["from"] == phone.LID() && n.Attrs["type"] == state
		}
	}
	for phone, state := range map[*sandbox.Phone]any{chosen: nil, other: "unavailable"} {
		if _, err := watcher.AwaitStanza(w.ctx(), of(phone, state)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(4 * time.Second) // longer than a session waits before it goes offline
	for _, n := range watcher.Stanzas() {
		if of(chosen, "unavailable")(n) {
			t.Error("the session went offline although a caller had set it online")
		}
	}
}
