package bridge_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/journal"
)

// TestSendBetweenDecryptionAndEvent decrypts a message whose event cannot be committed, and sends to the same person,
// which advances the ratchet, before WhatsApp delivers the message again. Neither message may be lost: the send stores
// the changes of the decryption with the plaintext, because the key is used up then.
func TestSendBetweenDecryptionAndEvent(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("hello")); err != nil {
		t.Fatal(err)
	}
	r.text("hello")
	for round := range 5 {
		incoming, outgoing := fmt.Sprint("incoming ", round), fmt.Sprint("outgoing ", round)
		var failed atomic.Bool
		refused := make(chan struct{})
		w.faults.set(func(_ string, records []journal.Record) error {
			if records[0].Type == "Message" && records[0].Origin == journal.OriginWhatsApp && failed.CompareAndSwap(false, true) {
				close(refused)
				return errDiskFull
			}
			return nil
		})
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(incoming)); err != nil {
			t.Fatal(err)
		}
		<-refused
		if _, err := s.SendText(w.ctx(), bob.JID(), outgoing); err != nil {
			// The redelivery reopens the connection, which may interrupt the send.
			t.Logf("round %d: %v", round, err)
			outgoing = ""
		}
		r.text(incoming)
		if n := w.count("ada", incoming); n != 1 {
			t.Errorf("%q is in the journal %d times", incoming, n)
		}
		if outgoing == "" {
			continue
		}
		if _, err := bob.Await(w.ctx(), func(m sandbox.Received) bool { return m.Message.GetConversation() == outgoing }); err != nil {
			t.Errorf("%q did not arrive: %v", outgoing, err)
		}
	}
	for _, e := range w.all("ada") {
		if e.Type == "UndecryptableMessage" {
			t.Errorf("undecryptable: %s", e.Data)
		}
	}
}
