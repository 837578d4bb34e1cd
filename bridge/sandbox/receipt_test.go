package sandbox

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestReadReceiptsFollowThePrivacyOfBothSides(t *testing.T) {
	for name, test := range map[string]struct {
		alice, bob string // settings
		direct     bool   // whether Bob sees that Alice read his message
	}{
		"both on":    {"all", "all", true},
		"reader off": {"none", "all", false},
		"sender off": {"all", "none", false},
		"both off":   {"none", "none", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
			a, b := w.pair(alice), w.pair(bob)
			group, err := alice.CreateGroup(GroupOptions{Subject: "Both", Members: []types.JID{bob.JID()}})
			if err != nil {
				t.Fatal(err)
			}
			for c, setting := range map[*client]string{a: test.alice, b: test.bob} {
				if _, err := c.SetPrivacySetting(w.ctx(), types.PrivacySettingTypeReadReceipts, types.PrivacySetting(setting)); err != nil {
					t.Fatal(err)
				}
			}
			direct, inGroup := b.send(alice.JID(), text1("direct")), b.send(group, text1("group"))
			read := func(id string) bool {
				for _, evt := range b.events.list() {
					if e, ok := evt.(*events.Receipt); ok && e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == id && !e.IsFromMe {
						return true
					}
				}
				return false
			}
			// By the phone, which always sends receipts.
			if err := alice.Read(w.hears(alice, "direct")); err != nil {
				t.Fatal(err)
			}
			if err := alice.Read(w.hears(alice, "group")); err != nil {
				t.Fatal(err)
			}
			await(b, func(e *events.Receipt) bool { return e.Type == types.ReceiptTypeRead && e.MessageIDs[0] == inGroup })
			w.settle(alice, b, "mark")
			if read(direct) != test.direct {
				t.Errorf("blue ticks %v", read(direct))
			}
			// Alice's own companion always gets the receipt.
			await(a, func(e *events.Receipt) bool { return e.MessageIDs[0] == direct && e.IsFromMe })
		})
	}
}
