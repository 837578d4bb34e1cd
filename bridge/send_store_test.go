package bridge_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestSendEndsWhenKeysFail makes the store refuse the keys of the recipient, or all keys, while a message is encrypted.
// whatsmeow then sends the message to the remaining devices, which WhatsApp accepts; the send must fail instead, with
// nothing sent, and the repeat under the same id must arrive once.
func TestSendEndsWhenKeysFail(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "keys.db") },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, database(t))
			ada := w.account("15550800001", "Ada")
			s := w.paired("ada", ada)
			exec := func(query string) {
				t.Helper()
				if _, err := w.db.Exec(w.ctx(), query); err != nil {
					t.Fatalf("%s: %v", query, err)
				}
			}
			// refuse makes writes to a table fail if the column begins with user.
			refuse := func(table, column, user string) (end func()) {
				if name == "sqlite" {
					exec(`CREATE TRIGGER IF NOT EXISTS refuse BEFORE INSERT ON ` + table + ` WHEN NEW.` + column + ` LIKE '` + user + `%' BEGIN SELECT RAISE(ABORT, 'refused'); END`)
					return func() { exec(`DROP TRIGGER IF EXISTS refuse`) }
				}
				exec(`ALTER TABLE ` + table + ` ADD CONSTRAINT refuse CHECK (` + column + ` NOT LIKE '` + user + `%') NOT VALID`)
				return func() { exec(`ALTER TABLE ` + table + ` DROP CONSTRAINT refuse`) }
			}
			away := func(table string) (end func()) {
				exec(`ALTER TABLE ` + table + ` RENAME TO away_` + table)
				return func() { exec(`ALTER TABLE away_` + table + ` RENAME TO ` + table) }
			}
			for i, c := range []struct {
				name  string
				known bool // messages were exchanged before
				begin func(user string) (end func())
			}{
				{"identity of a new recipient", false, func(user string) func() { return refuse("whatsmeow_identity_keys", "their_id", user) }},
				{"identity of a known recipient", true, func(user string) func() { return refuse("whatsmeow_identity_keys", "their_id", user) }},
				{"session of a new recipient", false, func(user string) func() { return refuse("whatsmeow_sessions", "their_id", user) }},
				{"session of a known recipient", true, func(user string) func() { return refuse("whatsmeow_sessions", "their_id", user) }},
				{"all identities", false, func(string) func() { return away("whatsmeow_identity_keys") }},
				{"all sessions", true, func(string) func() { return away("whatsmeow_sessions") }},
				{"message for retry receipts", true, func(string) func() { return away("whatsmeow_retry_buffer") }},
			} {
				peer := w.account("1555080010"+string(rune('0'+i)), "Peer")
				if c.known {
					if _, err := s.SendText(w.ctx(), peer.JID(), "before"); err != nil {
						t.Fatal(err)
					}
				}
				text, id := "text of "+c.name, "KEYS"+string(rune('A'+i))
				send := func() error {
					_, err := s.Messages().Send(w.ctx(), peer.JID().String(), &message.Content{Type: "text", Text: text}, &outbound.SendOptions{MessageID: id})
					return err
				}
				end := c.begin(peer.LID().User)
				err := send()
				end()
				if wa.ReasonOf(err) != wa.ReasonStorage {
					t.Errorf("%s: the send returns %v", c.name, err)
				}
				if err := send(); err != nil {
					t.Errorf("%s: the repeat returns %v", c.name, err)
				}
				if _, err := s.SendText(w.ctx(), peer.JID(), "after "+text); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				if _, err := peer.Await(w.ctx(), func(m sandbox.Received) bool { return m.Message.GetConversation() == "after "+text }); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				arrived := 0
				for _, m := range peer.Received() {
					if strings.TrimSpace(m.Message.GetConversation()) == text {
						arrived++
					}
				}
				if arrived != 1 {
					t.Errorf("%s: the message arrived %d times", c.name, arrived)
				}
			}
		})
	}
}
