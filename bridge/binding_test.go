package bridge_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

var bindingDatabases = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
	"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
}

func (w *world) epoch(session string) string {
	w.t.Helper()
	log, err := w.log.Log(w.ctx(), session)
	if err != nil {
		w.t.Fatal(err)
	}
	return log.Epoch
}

// stored counts the rows of messages, contacts and groups of a session's account.
func (w *world) stored(session string) (rows int) {
	w.t.Helper()
	for _, table := range []string{"messages_chats", "messages_aliases", "directory_groups", "directory_pairs"} {
		var n int
		if err := w.db.QueryRow(w.ctx(), `SELECT COUNT(*) FROM `+table+` WHERE session=$1`, w.bridge.OwnerOf(session)).Scan(&n); err != nil {
			w.t.Fatal(err)
		}
		rows += n
	}
	return rows
}

// scan connects the session and scans its code with a phone.
func (w *world) scan(s *bridge.Session, phone *sandbox.Phone, o bridge.ConnectOptions) error {
	w.t.Helper()
	if err := s.ConnectWith(w.ctx(), o); err != nil {
		w.t.Fatal(err)
	}
	w.reachesStep(s, bridge.StepQR)
	return phone.ScanQR(w.ctx(), s.QR().Text)
}

func (w *world) refusesNumber(s *bridge.Session, phone *sandbox.Phone, r *reader) {
	w.t.Helper()
	if err := w.scan(s, phone, bridge.ConnectOptions{}); !errors.Is(err, sandbox.ErrPairingRefused) {
		w.t.Errorf("phone of another number: %v", err)
	}
	if st := w.reaches(s, bridge.StateCreated); st.Reason != "wrong_number" {
		w.t.Errorf("afterwards: %+v", st)
	}
	if e := r.of("PairError"); e.data["reason"] != "wrong_number" || e.data["jid"] == nil || e.data["bound_jid"] == nil {
		w.t.Errorf("event %s", e.Data)
	}
	if len(phone.Companions()) != 0 {
		w.t.Errorf("the phone lists %v", phone.Companions())
	}
	if _, _, err := s.RequestPairingCode(w.ctx(), phone.JID().User, false); kindOf(err) != wa.KindWrongNumber {
		w.t.Errorf("pairing code for another number: %v", err)
	}
}

func TestSessionIsBoundToItsNumber(t *testing.T) {
	for database, open := range bindingDatabases {
		for name, unlink := range map[string]func(w *world, s *bridge.Session, phone *sandbox.Phone) error{
			"logout": func(w *world, s *bridge.Session, _ *sandbox.Phone) error { return s.Logout(w.ctx()) },
			"unlinked by phone": func(w *world, _ *bridge.Session, phone *sandbox.Phone) error {
				return phone.Unlink(phone.Companions()[0])
			},
		} {
			t.Run(database+" "+name, func(t *testing.T) {
				w := newWorldOn(t, open(t))
				ada, bea, bob := w.account("15550001", "Ada"), w.account("15550002", "Bea"), w.account("15550003", "Bob")
				s := w.paired("shop", ada)
				r := w.reader("shop")
				if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("for Ada alone")); err != nil {
					t.Fatal(err)
				}
				r.text("for Ada alone")
				epoch, rows := w.epoch("shop"), w.stored("shop")
				if st := s.Status(); st.BoundTo != ada.JID() || rows == 0 {
					t.Errorf("bound to %s with %d rows", st.BoundTo, rows)
				}
				if err := unlink(w, s, ada); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Wait(w.ctx(), func(st bridge.Status) bool {
					return st.State == bridge.StateCreated || st.State == bridge.StateLoggedOut
				}); err != nil {
					t.Fatal(err)
				}
				w.refusesNumber(s, bea, r)
				if w.epoch("shop") != epoch || w.stored("shop") < rows || s.Status().BoundTo != ada.JID() {
					t.Error("a refused phone changed what is stored")
				}
				w.restart()
				s, r = w.session("shop"), w.reader("shop")
				r.after = w.head("shop")
				w.refusesNumber(s, bea, r)

				// The session's own number continues in the same journal.
				if err := w.scan(s, ada, bridge.ConnectOptions{}); err != nil {
					t.Fatal(err)
				}
				w.reaches(s, bridge.StateConnected)
				if w.epoch("shop") != epoch || w.count("shop", "for Ada alone") != 1 {
					t.Error("the session's own number began a new journal")
				}
				if err := s.Logout(w.ctx()); err != nil {
					t.Fatal(err)
				}

				if err := w.scan(s, bea, bridge.ConnectOptions{Rebind: true}); err != nil {
					t.Fatal(err)
				}
				w.reaches(s, bridge.StateConnected)
				if st := s.Status(); st.BoundTo != bea.JID() || st.JID.User != bea.JID().User || len(bea.Companions()) != 1 {
					t.Errorf("after rebind: %+v", st)
				}
				w.reader("shop").of("Connected")
				if w.epoch("shop") == epoch || w.count("shop", "for Ada alone") != 0 || w.stored("shop") != 0 {
					t.Errorf("after rebind: epoch %s as before, or %d rows of the old number", w.epoch("shop"), w.stored("shop"))
				}
				if _, err := bob.Send(w.ctx(), bea.JID(), sandbox.Text("for Bea")); err != nil {
					t.Fatal(err)
				}
				w.reader("shop").text("for Bea")

				// Rebind applied to one pairing.
				if err := s.Logout(w.ctx()); err != nil {
					t.Fatal(err)
				}
				r = w.reader("shop")
				w.refusesNumber(s, ada, r)
				code, _, err := s.RequestPairingCodeWith(w.ctx(), "15550001", false, bridge.ConnectOptions{Rebind: true})
				if err != nil {
					t.Fatal(err)
				}
				if err = ada.EnterCode(w.ctx(), code); err != nil {
					t.Fatal(err)
				}
				w.reaches(s, bridge.StateConnected)
				if s.Status().BoundTo != ada.JID() || w.count("shop", "for Bea") != 0 {
					t.Error("rebind by pairing code")
				}
				if err = w.bridge.DeleteWithData(w.ctx(), "shop", false); err != nil {
					t.Fatal(err)
				}
				if err = w.scan(w.create("shop"), bea, bridge.ConnectOptions{}); err != nil {
					t.Errorf("a session made anew is still bound: %v", err)
				}
			})
		}
	}
}

func (w *world) head(session string) uint64 {
	w.t.Helper()
	log, err := w.log.Log(w.ctx(), session)
	if err != nil {
		w.t.Fatal(err)
	}
	return log.Head
}

// TestBindingWithPasskey scans the code of a session with the phone of another number, with accounts that need a
// passkey, with and without Rebind.
func TestBindingWithPasskey(t *testing.T) {
	w := newWorld(t)
	ada, bea := w.passkeyAccount("15550001", sandbox.PasskeyOptions{}), w.passkeyAccount("15550002", sandbox.PasskeyOptions{})
	s := w.askedForPasskey("shop", ada, false)
	if err := s.SubmitPasskey(w.ctx(), w.sign(s, ada, ""), false); err != nil {
		t.Fatal(err)
	}
	w.reaches(s, bridge.StateConnected)
	if err := s.Logout(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.askForPasskey(s, bea, false)
	if err := s.SubmitPasskey(w.ctx(), w.sign(s, bea, ""), false); err != nil {
		t.Fatal(err)
	}
	if st := w.reaches(s, bridge.StateCreated); st.Reason != "wrong_number" || len(bea.Companions()) != 0 {
		t.Errorf("afterwards: %+v, linked %v", st, bea.Companions())
	}
	epoch := w.epoch("shop")
	if err := s.ConnectWith(w.ctx(), bridge.ConnectOptions{Rebind: true}); err != nil {
		t.Fatal(err)
	}
	w.askForPasskey(s, bea, false)
	if err := s.SubmitPasskey(w.ctx(), w.sign(s, bea, ""), false); err != nil {
		t.Fatal(err)
	}
	if st := w.reaches(s, bridge.StateConnected); st.BoundTo != bea.JID() || w.epoch("shop") == epoch {
		t.Errorf("after rebind: %+v", st)
	}
}

// TestRebindIsResumed ends the process between pairing and deletion: the next process deletes the old account's data
// before it connects. An account under a new number is the same account.
func TestRebindIsResumed(t *testing.T) {
	for database, open := range bindingDatabases {
		for name, sameLID := range map[string]bool{"another account": false, "another number of the account": true} {
			t.Run(database+" "+name, func(t *testing.T) {
				w := newWorldOn(t, open(t))
				ada, bob := w.account("15550001", "Ada"), w.account("15550003", "Bob")
				w.paired("shop", ada)
				if _, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text("of the old number")); err != nil {
					t.Fatal(err)
				}
				w.reader("shop").text("of the old number")
				epoch, lid, kept := w.epoch("shop"), "", 0
				if _, err := w.db.Exec(w.ctx(), `INSERT INTO bridge_lids (session, lid, pn) VALUES ($1, '100000000000777', '15550777')`, w.bridge.OwnerOf("shop")); err != nil {
					t.Fatal(err)
				}
				if sameLID {
					lid, kept = ada.LID().String(), 1
				}
				if _, err := w.db.Exec(w.ctx(), `UPDATE bridge_bindings SET pn='15550009@s.whatsapp.net', lid=$1 WHERE session='shop'`, lid); err != nil {
					t.Fatal(err)
				}
				w.restart()
				w.reaches(w.session("shop"), bridge.StateConnected)
				if st := w.session("shop").Status(); st.BoundTo != ada.JID() || (w.epoch("shop") == epoch) != sameLID || w.count("shop", "of the old number") != kept {
					t.Errorf("after the restart: %+v", st)
				}
				var old, own int
				if err := w.db.QueryRow(w.ctx(), `SELECT COUNT(CASE WHEN pn='15550777' THEN 1 END), COUNT(CASE WHEN pn=$2 AND lid=$3 THEN 1 END)
					FROM bridge_lids WHERE session=$1`, w.bridge.OwnerOf("shop"), ada.JID().User, ada.LID().User).Scan(&old, &own); err != nil {
					t.Fatal(err)
				}
				if old != kept || own != 1 {
					t.Errorf("pairs after the restart: %d of the old account, want %d; %d own, want 1", old, kept, own)
				}
			})
		}
	}
}

// TestBindingsOfAnOlderDatabase opens a database from before bindings: its sessions belong to the account that they are
// paired with, or were paired with before a phone unlinked them.
func TestBindingsOfAnOlderDatabase(t *testing.T) {
	for database, open := range bindingDatabases {
		t.Run(database, func(t *testing.T) {
			w := newWorldOn(t, open(t))
			ada, bea := w.account("15550001", "Ada"), w.account("15550002", "Bea")
			w.paired("shop", ada)
			w.paired("left", bea)
			w.create("new")
			if err := bea.Unlink(bea.Companions()[0]); err != nil {
				t.Fatal(err)
			}
			w.reaches(w.session("left"), bridge.StateLoggedOut)
			for _, query := range []string{
				`DROP TABLE bridge_history_requests`, `DROP TABLE bridge_lids`, `DROP TABLE bridge_contacts`, `DROP TABLE bridge_kept`,
				`ALTER TABLE bridge_deletions DROP COLUMN owner`, `ALTER TABLE bridge_sessions DROP COLUMN incarnation`, `ALTER TABLE bridge_sessions DROP COLUMN paired_at`,
				`DROP TABLE bridge_bindings`, `UPDATE bridge_version SET version=3, compat=3`,
			} {
				if _, err := w.db.Exec(w.ctx(), query); err != nil {
					t.Fatal(err)
				}
			}
			w.restart()
			for session, want := range map[string]string{"shop": "15550001", "left": "15550002", "new": ""} {
				if st := w.session(session).Status(); st.BoundTo.User != want || st.BoundTo.Device != 0 {
					t.Errorf("%s is bound to %s, want %s", session, st.BoundTo, want)
				}
			}
		})
	}
}
