package bridge_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

func TestPairByQRAndReceive(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)

	st := s.Status()
	if st.JID.User != ada.JID().User || st.LID.User != ada.LID().User || !st.Connected || !st.LoggedIn || st.LastConnectedAt.IsZero() {
		t.Errorf("status after pairing: %+v", st)
	}
	r := w.reader("ada")
	for _, want := range []string{"SessionState", "SessionState", "PairSuccess", "Connected"} {
		r.of(want)
	}

	id, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("hello Ada"))
	if err != nil {
		t.Fatal(err)
	}
	e := r.text("hello Ada")
	for field, want := range map[string]any{
		"message_id": id, "type": "text", "from_me": false, "sender_name": "Bob", "is_group": false,
		"pn": bob.JID().String(), "lid": bob.LID().String(), "contact_key": bob.LID().String(),
		"chat_pn": bob.JID().String(), "chat_lid": bob.LID().String(), "status": nil, "media": nil,
	} {
		if e.data[field] != want {
			t.Errorf("%s is %v, want %v", field, e.data[field], want)
		}
	}
	if len(e.Chats) != 2 || e.Origin != "whatsapp" {
		t.Errorf("event %+v has chats %v", e.Event, e.Chats)
	}
	if raw, _ := e.data["raw"].(map[string]any); raw["conversation"] != "hello Ada" && raw["extendedTextMessage"] == nil {
		t.Errorf("raw is %v", e.data["raw"])
	}
}

func TestPairByCode(t *testing.T) {
	w := newWorld(t)
	ada := w.account("4915550001", "Ada")
	s := w.create("ada")
	if _, _, err := s.RequestPairingCode(w.ctx(), "0123", true); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("bad number: %v", err)
	}
	code, expires, err := s.RequestPairingCode(w.ctx(), "+4915550001", true)
	if err != nil {
		t.Fatal(err)
	}
	if len(code) != 9 || code[4] != '-' || expires.IsZero() {
		t.Errorf("code %q expires %v", code, expires)
	}
	if err = ada.EnterCode(w.ctx(), code); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateConnected)
	if _, _, err = s.RequestPairingCode(w.ctx(), "4915550001", true); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("code for a paired session: %v", err)
	}
}

func TestReconnectAfterCut(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	s := w.paired("ada", ada)
	r := w.reader("ada")
	r.of("Connected")
	if _, err := w.net.Cut("4915550001"); err != nil {
		t.Fatal(err)
	}
	if e := r.of("Disconnected"); e.data["reason"] != "connection_lost" {
		t.Errorf("reason %v", e.data["reason"])
	}
	r.of("Connected")
	w.reaches(s, bridge.StateConnected)
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("still there?")); err != nil {
		t.Fatal(err)
	}
	r.text("still there?")
}

func TestRestartOnSameDatabase(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	w.paired("ada", ada)
	w.create("idle")
	r := w.reader("ada")
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("before")); err != nil {
		t.Fatal(err)
	}
	r.text("before")
	w.stop()
	if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("meanwhile")); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.reaches(w.session("ada"), bridge.StateConnected)
	w.reader("ada").text("meanwhile")
	for _, text := range []string{"before", "meanwhile"} {
		if n := w.count("ada", text); n != 1 {
			t.Errorf("%q is in the journal %d times", text, n)
		}
	}
	if st := w.session("idle").Status(); st.State != bridge.StateCreated || st.HasClient {
		t.Errorf("the unpaired session is %+v", st)
	}
}

func TestDisconnectIsSticky(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("4915550001", "Ada"))
	if err := s.Disconnect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.State != bridge.StateDisconnected || !st.Stopped() || st.HasClient {
		t.Errorf("after disconnect: %+v", st)
	}
	w.restart()
	s = w.session("ada")
	if st := s.Status(); !st.Stopped() {
		t.Errorf("after restart: %+v", st)
	}
	if err := s.Connect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateConnected)
}

func TestLoggedOutKeepsKeysInQuarantine(t *testing.T) {
	w := newWorld(t)
	ada := w.account("4915550001", "Ada")
	s := w.paired("ada", ada)
	if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultLoggedOut, Session: "4915550001"}); err != nil {
		t.Fatal(err)
	}
	st := w.reaches(s, bridge.StateLoggedOut)
	if !strings.Contains(st.Reason, "401") || !st.JID.IsEmpty() {
		t.Errorf("logged out as %+v", st)
	}
	e := w.reader("ada").of("LoggedOut")
	if e.data["code"] != float64(401) {
		t.Errorf("event says %v", e.data)
	}
	if n := w.rows("whatsmeow_device"); n != 1 {
		t.Errorf("%d devices are stored, want the quarantined one", n)
	}
	w.restart()
	s = w.session("ada")
	if st = s.Status(); st.State != bridge.StateLoggedOut || !strings.Contains(st.Reason, "401") {
		t.Errorf("after restart: %+v", st)
	}
	w.link(s, ada)
	if n := w.rows("whatsmeow_device"); n != 2 {
		t.Errorf("%d devices are stored, want the old and the new one", n)
	}
	if err := s.Logout(w.ctx()); err != nil {
		t.Fatal(err)
	}
	if st = s.Status(); st.State != bridge.StateCreated {
		t.Errorf("after logout: %+v", st)
	}
	if n := w.rows("whatsmeow_device"); n != 0 {
		t.Errorf("%d devices are stored after a logout by command", n)
	}
}

func (w *world) rows(table string) (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(w.ctx(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestDeleteLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.paired("ada", w.account("4915550001", "Ada"))
	if err := w.bridge.Delete(w.ctx(), "ada", true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bridge.Session("ada"); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("after delete: %v", err)
	}
	for _, table := range []string{"whatsmeow_device", "bridge_sessions", "bridge_quarantine"} {
		if n := w.rows(table); n != 0 {
			t.Errorf("%s holds %d rows", table, n)
		}
	}
	if err := w.bridge.Delete(w.ctx(), "ada", true); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("delete again: %v", err)
	}
}

// TestDeleteWaitsForCalls checks that data stored by a running call is deleted with its session: the deletion waits for
// the call and admits no other.
func TestDeleteWaitsForCalls(t *testing.T) {
	w := newWorld(t)
	s := w.create("ada")
	leave, err := s.Enter()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.bridge.Delete(w.t.Context(), "ada", true) }()
	for deadline := time.Now().Add(patience); w.rows("bridge_sessions") > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the row of the session stays")
		}
	}
	if _, err = s.Enter(); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("a call on a session that is deleted: %v", err)
	}
	if _, err = w.bridge.Create(w.ctx(), bridge.CreateParams{ID: "ada"}); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("the id is free before the deletion is over: %v", err)
	}
	if _, err = w.log.Append(w.ctx(), "ada", journal.Record{Type: "Message"}); err != nil {
		t.Fatal(err)
	}
	leave()
	if err = <-ended; err != nil {
		t.Fatal(err)
	}
	if _, exists, err := w.log.Lookup(w.ctx(), "ada"); err != nil || exists {
		t.Errorf("the call's event is left: %t, %v", exists, err)
	}
	w.create("ada")
}

// createUnpurgeable creates a session with an event, whose next deletion fails after its first steps.
func (w *world) createUnpurgeable(id string) {
	w.t.Helper()
	w.create(id)
	if _, err := w.log.Append(w.ctx(), id, journal.Record{Type: "Message"}); err != nil {
		w.t.Fatal(err)
	}
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	w.faults.purge = errDiskFull
}

// TestDeleteAgain checks that a repeated deletion completes one that failed.
func TestDeleteAgain(t *testing.T) {
	w := newWorld(t)
	w.createUnpurgeable("ada")
	if err := w.bridge.Delete(w.ctx(), "ada", true); wa.ReasonOf(err) != wa.ReasonStorage {
		t.Errorf("with a full disk: %v", err)
	}
	if err := w.bridge.Delete(w.ctx(), "ada", true); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, exists, err := w.log.Lookup(w.ctx(), "ada"); err != nil || exists {
		t.Errorf("the log is left: %t, %v", exists, err)
	}
	if err := w.bridge.Delete(w.ctx(), "ada", true); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("when it is gone: %v", err)
	}
}

// TestDeletionOutlivesACrash checks that the next start completes a deletion that a crash interrupted, with the same
// parameters.
func TestDeletionOutlivesACrash(t *testing.T) {
	for _, data := range []bool{false, true} {
		w := newWorld(t)
		dropped := &droppedFiles{}
		w.storage = dropped
		w.restart()
		w.createUnpurgeable("ada")
		remove := w.bridge.Delete
		if data {
			remove = w.bridge.DeleteWithData
		}
		if err := remove(w.ctx(), "ada", true); wa.ReasonOf(err) != wa.ReasonStorage {
			t.Fatalf("with a full disk: %v", err)
		}
		w.restart()
		if _, exists, err := w.log.Lookup(w.ctx(), "ada"); err != nil || exists {
			t.Errorf("the log is left: %t, %v", exists, err)
		}
		if want := []bool{data, data}; !slices.Equal(dropped.purges, want) {
			t.Errorf("files were dropped as %v, want %v", dropped.purges, want)
		}
		w.create("ada")
		w.restart()
		if _, err := w.bridge.Session("ada"); err != nil || len(dropped.purges) != 2 {
			t.Errorf("the next one of that id: %v, dropped %v", err, dropped.purges)
		}
	}
}

// droppedFiles records the purge parameter of each dropped session.
type droppedFiles struct {
	bridge.MediaStorage
	purges []bool
}

func (d *droppedFiles) DropSession(_ context.Context, _ string, purge bool) error {
	d.purges = append(d.purges, purge)
	return nil
}
