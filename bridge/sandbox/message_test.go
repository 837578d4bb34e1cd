package sandbox

import (
	"testing"

	"go.mau.fi/whatsmeow/types/events"
)

func TestPairAndMessageBothWays(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)

	a.send(bob.JID(), text1("hello Bob"))
	got, err := bob.Await(w.ctx(), heard("hello Bob"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Sender.User != alice.LID().User || got.Chat != alice.LID() || got.PushName != "Alice" {
		t.Errorf("received as %+v", got)
	}
	if _, err = alice.Await(w.ctx(), heard("hello Bob")); err != nil {
		t.Errorf("the sender's own phone: %v", err)
	}

	if _, err = bob.SendMessage(w.ctx(), alice.JID(), "", text1("hello Alice")); err != nil {
		t.Fatal(err)
	}
	evt := await(a, says("hello Alice"))
	if evt.Info.Sender.User != bob.LID().User || evt.Info.SenderAlt.User != bob.JID().User || evt.Info.PushName != "Bob" {
		t.Errorf("event says %+v", evt.Info)
	}
	await(a, func(e *events.Receipt) bool { return e.Sender.User == bob.LID().User })
	if list := w.net.Violations(); len(list) != 0 {
		t.Errorf("violations: %+v", list)
	}
}
