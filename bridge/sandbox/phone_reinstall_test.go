package sandbox

import (
	"testing"

	"go.mau.fi/whatsmeow/types/events"
)

// Each message is sent after the arrival of the one before: whatsmeow can lose a message that it encrypts while it answers a retry receipt
// of the same device, on the real network too.
func TestMessagesReachReinstalledContact(t *testing.T) {
	for name, announcedFirst := range map[string]bool{
		"the sender knows of the change":                 true,
		"the sender still encrypts for the old sessions": false,
	} {
		t.Run(name, func(t *testing.T) {
			w := newGroupWorld(t, Options{})
			alice, carol, a := w.alice, w.carol, w.a
			group := w.group()
			w.says(carol, alice.JID(), Text("hello"))
			await(a, says("hello"))
			a.send(carol.JID(), text1("hello yourself"))
			w.hears(carol, "hello yourself")
			a.send(group, text1("hello group"))
			w.hears(carol, "hello group")
			for _, round := range []string{"first", "second"} {
				known := *carol.identity.Pub
				if err := carol.reinstall(); err != nil {
					t.Fatal(err)
				}
				if *carol.identity.Pub == known || len(carol.memory.sessions) > 0 {
					t.Error("the phone kept its identity or its sessions")
				}
				announce := func() {
					before := len(identityChanges(a, carol))
					carol.announceIdentity()
					await(a, func(*events.IdentityChange) bool { return len(identityChanges(a, carol)) > before })
				}
				if announcedFirst {
					announce()
				}
				a.send(carol.JID(), text1(round+" direct"))
				w.hears(carol, round+" direct")
				a.send(group, text1(round+" group"))
				w.hears(carol, round+" group")
				if !announcedFirst {
					announce()
				}
				w.says(carol, alice.JID(), Text(round+" answer"))
				await(a, says(round+" answer"))
				w.says(carol, group, Text(round+" group answer"))
				await(a, says(round+" group answer"))
				w.hears(alice, round+" answer")
			}
			w.clean()
		})
	}
}

// identityChanges returns the notified identity changes of an account that a client saw.
func identityChanges(c *client, p *Phone) (list []*events.IdentityChange) {
	for _, evt := range c.events.list() {
		if e, ok := evt.(*events.IdentityChange); ok && e.JID == p.LID() && !e.Implicit {
			list = append(list, e)
		}
	}
	return list
}

func TestReinstalledPhoneHasNoCompanions(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	b := w.pair(bob)
	w.says(alice, bob.JID(), Text("known"))
	await(b, says("known"))
	if err := bob.ChangeIdentity(); err != nil {
		t.Fatal(err)
	}
	await[*events.LoggedOut](b, nil)
	if left := bob.Companions(); len(left) > 0 {
		t.Errorf("companions %v", left)
	}
	again := w.pair(bob)
	w.says(alice, bob.JID(), Text("to the new installation"))
	await(again, says("to the new installation"))
	w.hears(bob, "to the new installation")
}

// Only accounts that know the devices of the reinstalled one are notified.
func TestIdentityChangeIsAnnouncedToFollowersOnly(t *testing.T) {
	w := newGroupWorld(t, Options{})
	stranger := w.pair(w.account("15550004", "Dave"))
	w.a.send(w.carol.JID(), text1("hello"))
	w.hears(w.carol, "hello")
	if err := w.carol.ChangeIdentity(); err != nil {
		t.Fatal(err)
	}
	await(w.a, func(e *events.IdentityChange) bool { return e.JID == w.carol.LID() })
	stranger.send(w.bob.JID(), text1("after the change")) // ordered after any notification
	w.hears(w.bob, "after the change")
	if len(identityChanges(stranger, w.carol)) > 0 {
		t.Error("a stranger was notified")
	}
	w.net.Close()
	if err := w.carol.ChangeIdentity(); err == nil {
		t.Error("ChangeIdentity on a closed network succeeded")
	}
}
