package sandbox

import (
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/types/events"
)

func TestOfflineQueueIsRedeliveredUntilAcknowledged(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.says(bob, alice.JID(), Text("warm up"))
	await(a, says("warm up"))
	w.drained(alice, 1)
	a.Disconnect()
	w.offline(alice, 1)
	for i := range 5 {
		w.says(bob, alice.JID(), Text(fmt.Sprint("missed ", i)))
	}
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	preview := await(a, func(e *events.OfflineSyncPreview) bool { return e.Messages == 5 })
	if preview.Total < 5 {
		t.Errorf("preview %+v", preview)
	}
	for i := range 5 {
		await(a, says(fmt.Sprint("missed ", i)))
	}
	await(a, func(e *events.OfflineSyncCompleted) bool { return e.Count >= 5 })
	w.drained(alice, 1)
	w.clean()
}

// offline waits until a device has no connection.
func (w *world) offline(p *Phone, device uint16) {
	w.t.Helper()
	w.until("device is away", func() bool { return p.account.devices[device].conn == nil })
}

// drained waits until a device has acknowledged everything.
func (w *world) drained(p *Phone, device uint16) {
	w.t.Helper()
	w.until("queue is empty", func() bool { return len(p.account.devices[device].queue.items) == 0 })
}

func TestPreKeysAreRefilled(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	d := alice.account.devices[1]
	// More accounts than the first batch of 50 one-time prekeys.
	for i := range 60 {
		stranger := w.account(fmt.Sprint(16660000+i), "Stranger")
		w.says(stranger, alice.JID(), Text(fmt.Sprint("hi ", i)))
	}
	await(a, says("hi 59"))
	w.until("new prekeys arrive", func() bool { return len(d.keys.oneTime) >= 30 })
	w.clean()
}

func TestRetryAfterUndecryptable(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, b := w.pair(alice), w.pair(bob)
	for name, send := range map[string]func(string){
		"phone":   func(body string) { w.says(bob, alice.JID(), Text(body)) },
		"session": func(body string) { b.send(alice.JID(), text1(body)) },
	} {
		send("first from " + name)
		await(a, says("first from "+name))
		if _, err := w.net.Inject(Fault{Kind: FaultUndecryptable, Session: alice.JID().String()}); err != nil {
			t.Fatal(err)
		}
		send("spoiled from " + name)
		await(a, says("spoiled from "+name))
	}
	await[*events.UndecryptableMessage](a, nil)
	w.drained(alice, 1)
	// Phones send retry receipts, too.
	bob.mu.Lock()
	bob.memory.sessions = map[string][]byte{}
	bob.mu.Unlock()
	a.send(bob.JID(), text1("after the phone forgot"))
	w.hears(bob, "after the phone forgot")
	w.clean()
}
