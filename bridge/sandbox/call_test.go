package sandbox

import (
	"strconv"
	"testing"

	"go.mau.fi/whatsmeow/types/events"
)

// A reject ends the call on the other devices of the called person; a second one does not reach the caller.
func TestRejectedCallEndsOnOtherDevices(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, second := w.pair(alice), w.pair(alice)
	call, err := bob.Call(alice.JID(), true)
	if err != nil {
		t.Fatal(err)
	}
	offer := await(a, func(e *events.CallOffer) bool { return e.CallID == call })
	await(second, func(e *events.CallOffer) bool { return e.CallID == call })
	for range 2 {
		if err = a.RejectCall(w.ctx(), offer.From, call); err != nil {
			t.Fatal(err)
		}
	}
	if end := await(second, func(e *events.CallTerminate) bool { return e.CallID == call }); end.Reason != "rejected_elsewhere" {
		t.Errorf("ended with %q", end.Reason)
	}
	if _, err = bob.AwaitStanza(w.ctx(), isNode("call", "")); err != nil {
		t.Fatal(err)
	}
	a.send(bob.JID(), text1("mark")) // after both rejects
	w.hears(bob, "mark")
	calls := 0
	for _, stanza := range bob.Stanzas() {
		if stanza.Tag == "call" {
			calls++
		}
	}
	if calls != 1 {
		t.Errorf("the caller got %d rejects", calls)
	}
	// The caller's end of a call reaches all devices.
	if call, err = bob.Call(alice.JID(), false); err != nil {
		t.Fatal(err)
	}
	if err = bob.EndCall(alice.JID(), call, "timeout"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{a, second} {
		await(c, func(e *events.CallTerminate) bool { return e.CallID == call && e.Reason == "timeout" })
	}
	if len(w.net.calls.open) != 0 {
		t.Errorf("open calls %v", w.net.calls.open)
	}
}

func TestOpenCallsAreBounded(t *testing.T) {
	var book callBook
	for i := range 2 * maxCalls {
		book.add(strconv.Itoa(i), openCall{})
	}
	if len(book.open) > maxCalls || len(book.ids) > maxCalls {
		t.Errorf("%d calls, %d ids", len(book.open), len(book.ids))
	}
}
