package sandbox

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// settle waits until all stanzas sent to a client so far have arrived.
func (w *world) settle(from *Phone, c *client, mark string) {
	w.t.Helper()
	w.says(from, c.Store.GetJID().ToNonAD(), Text(mark))
	await(c, says(mark))
}

func TestPresenceAndTypingNeedAvailability(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.settle(bob, a, "hello")
	count := func() (presences, typings int) {
		return countOf[*events.Presence](a.events.list()), countOf[*events.ChatPresence](a.events.list())
	}
	if err := a.SubscribePresence(w.ctx(), bob.JID()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{bob.SetAvailable(true), bob.Typing(alice.JID(), true), bob.Recording(alice.JID(), true)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.settle(bob, a, "before")
	if presences, typings := count(); presences != 0 || typings != 0 {
		t.Errorf("%d presences and %d typings before the client said that it is available", presences, typings)
	}
	if err := a.SendPresence(w.ctx(), types.PresenceAvailable); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.Presence) bool { return !e.Unavailable }) // its subscription
	if err := bob.Typing(alice.JID(), true); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.ChatPresence) bool { return e.State == types.ChatPresenceComposing })
	if err := a.SendPresence(w.ctx(), types.PresenceUnavailable); err != nil {
		t.Fatal(err)
	}
	w.until("the client is away", func() bool { return !alice.account.devices[1].present })
	_, typings := count()
	if err := bob.Typing(alice.JID(), false); err != nil {
		t.Fatal(err)
	}
	w.settle(bob, a, "after")
	if _, now := count(); now != typings {
		t.Error("typing after the client said that it is away")
	}
}
