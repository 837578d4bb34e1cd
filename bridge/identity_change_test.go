package bridge_test

import (
	"testing"

	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
)

// TestIdentityChangeIsReported checks that a contact's reinstallation of WhatsApp is reported and messages still arrive
// in both directions: the one that may be encrypted for the old installation, and those after it.
func TestIdentityChangeIsReported(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550001", "Ada"), w.account("15550002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	write := func(body string) {
		t.Helper()
		if _, err := send(w, s, bob.JID().User, body, outbound.SendOptions{}); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if _, err := bob.Await(w.ctx(), func(m sandbox.Received) bool { return m.Text() == body }); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	answer := func(body string) {
		t.Helper()
		if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(body)); err != nil {
			t.Fatal(err)
		}
		r.text(body)
	}
	write("before")
	answer("answer")
	for range 2 {
		if err := bob.ChangeIdentity(); err != nil {
			t.Fatal(err)
		}
		write("at once")
		e := r.until("notified change", func(e event) bool { return e.Type == "IdentityChange" && e.data["implicit"] == false })
		if e.data["contact"] != bob.JID().String() || e.data["pn"] != bob.JID().String() || e.data["lid"] != bob.LID().String() || e.data["timestamp"] == nil {
			t.Errorf("event %s", e.Data)
		}
		write("later")
		answer("from the new phone")
	}
}

// TestIdentityChangeDeletesSessions checks that the notification of a contact's new identity deletes the sessions and
// keys of its devices, which are stored under its LID.
func TestIdentityChangeDeletesSessions(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("15550001", "Ada"), w.account("15550002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	if _, err := send(w, s, bob.JID().User, "before", outbound.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	stored := func(table string) (count int) {
		t.Helper()
		query := "SELECT COUNT(*) FROM " + table + " WHERE their_id LIKE $1"
		if err := w.db.QueryRow(w.ctx(), query, bob.LID().SignalAddressUser()+":%").Scan(&count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	tables := []string{"whatsmeow_sessions", "whatsmeow_identity_keys"}
	for _, table := range tables {
		if stored(table) == 0 {
			t.Errorf("%s has nothing of the contact", table)
		}
	}
	if err := bob.ChangeIdentity(); err != nil {
		t.Fatal(err)
	}
	r.of("IdentityChange")
	for _, table := range tables {
		if count := stored(table); count != 0 {
			t.Errorf("%s: %d rows of the old installation", table, count)
		}
	}
}
