package bridge_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/journal"
)

// TestTwoRefusedMessagesAreBothRedelivered refuses the events of two messages in a row. When WhatsApp delivers them
// again, the plaintext of the first is in the database, because the decryption of the second stored it, and the changes
// of the second decryption are still pending. The event of the first must not store them: without its plaintext the
// second message has an old counter on its redelivery, and whatsmeow acknowledges it without an event.
func TestTwoRefusedMessagesAreBothRedelivered(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.config.RedeliveryPause = 500 * time.Millisecond // both fail on one connection
	w.start()
	ada, bob := w.account("15550900001", "Ada"), w.account("15550900002", "Bob")
	w.paired("ada", ada)
	send := func(text string) {
		t.Helper()
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(text)); err != nil {
			t.Fatal(err)
		}
	}
	send("before")
	r := w.reader("ada")
	r.text("before")
	var messages atomic.Int64
	w.faults.set(func(_ string, records []journal.Record) error {
		if records[0].Type == "Message" {
			messages.Add(1)
		}
		if messages.Load() <= 2 { // including other events, which would store the pending changes
			return errDiskFull
		}
		return nil
	})
	send("first")
	send("second")
	r.text("first")
	r.text("second")
}
