package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/journal"
)

// refuseMessages makes the journal refuse the next n messages from WhatsApp; n < 0 refuses all.
func (w *world) refuseMessages(n int) {
	w.faults.set(func(_ string, records []journal.Record) error {
		if records[0].Type != "Message" || n == 0 {
			return nil
		}
		n--
		return errDiskFull
	})
}

// TestRedeliveryFollowsTheStore checks that the session reconnects immediately after an outage of the store, regardless
// of the pause for events that fail alone, and that the pause applies while the store works.
func TestRedeliveryFollowsTheStore(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.config.RedeliveryPause, w.config.StoreProbe = time.Hour, 20*time.Millisecond
	w.start()
	ada, bob := w.account("15550900001", "Ada"), w.account("15550900002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	send := func(text string) {
		t.Helper()
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(text)); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(query string) {
		t.Helper()
		if _, err := w.db.Exec(w.ctx(), query); err != nil {
			t.Fatal(err)
		}
	}
	send("before")
	r.text("before")
	for outage := range 4 {
		text := fmt.Sprint("during outage ", outage)
		exec(`ALTER TABLE bridge_sessions RENAME TO away`)
		w.refuseMessages(-1)
		send(text)
		<-time.After(200 * time.Millisecond)
		w.refuseMessages(0)
		if n := w.count("ada", text); n != 0 {
			t.Errorf("%q is in the journal before the store works", text)
		}
		exec(`ALTER TABLE away RENAME TO bridge_sessions`)
		r.text(text) // within the reader's timeout, which is far below an hour
	}
	// The store works and the event fails alone: the session stays connected during the pause.
	w.reaches(w.session("ada"), bridge.StateConnected)
	w.refuseMessages(1)
	send("refused")
	send("behind it")
	r.text("behind it")
	<-time.After(300 * time.Millisecond)
	if n := w.count("ada", "refused"); n != 0 {
		t.Errorf("the refused event is in the journal %d times: the session reconnected before its pause", n)
	}
}

// TestRedeliveryPauseIsShortAgain fails one event after the other. Each is recorded on the next connection, so that the
// pause must not grow: the sum would exceed the reader's timeout.
func TestRedeliveryPauseIsShortAgain(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.config.RedeliveryPause = 50 * time.Millisecond
	w.start()
	ada, bob := w.account("15550900001", "Ada"), w.account("15550900002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	for i := range 12 { // 50 ms, doubled 11 times, is 102 s
		w.refuseMessages(1)
		text := fmt.Sprint("message ", i)
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(text)); err != nil {
			t.Fatal(err)
		}
		r.text(text)
		w.reaches(w.session("ada"), bridge.StateConnected)
	}
}
