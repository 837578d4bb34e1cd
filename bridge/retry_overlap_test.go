package bridge_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestSendsOverlapRetries sends messages concurrently to a reinstalled phone. The phone cannot decrypt messages for its
// old keys and requests them with retry receipts, so that whatsmeow encrypts answers and other messages for the same
// device concurrently. Each message must reach the phone once.
func TestSendsOverlapRetries(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "overlap.db") },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			const overlapping, reinstallations = 5, 3
			w := newWorldOn(t, database(t))
			ada, bob := w.account("15550950001", "Ada"), w.account("15550950002", "Bob")
			s := w.paired("ada", ada)
			if _, err := send(w, s, bob.JID().User, "before", outbound.SendOptions{}); err != nil {
				t.Fatal(err)
			}
			var texts []string
			for round := range reinstallations {
				if err := bob.ChangeIdentity(); err != nil {
					t.Fatal(err)
				}
				var senders sync.WaitGroup
				for i := range overlapping {
					text := fmt.Sprintf("message %d after reinstallation %d", i, round)
					texts = append(texts, text)
					senders.Go(func() {
						if _, err := send(w, s, bob.JID().User, text, outbound.SendOptions{}); err != nil {
							t.Errorf("%s: %v", text, err)
						}
					})
				}
				senders.Wait()
			}
			for _, text := range texts {
				if _, err := bob.Await(w.ctx(), func(m sandbox.Received) bool { return m.Text() == text }); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			arrived := map[string]int{}
			for _, m := range bob.Received() {
				arrived[m.Text()]++
			}
			for _, text := range texts {
				if arrived[text] != 1 {
					t.Errorf("%q arrived %d times", text, arrived[text])
				}
			}
		})
	}
}
