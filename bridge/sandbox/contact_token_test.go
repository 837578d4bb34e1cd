package sandbox

import (
	"strings"
	"testing"
	"time"
)

// A companion gets the salt by history sync and by the synchronised settings; a token derived from it replaces the recipient's token.
func TestFirstContactByTheOwnSalt(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	a := w.pair(alice)
	w.until("the salt", func() bool {
		salt, err := a.Store.NCTSalt.GetNCTSalt(w.ctx())
		return err == nil && string(salt) == string(alice.account.nctSalt)
	})
	w.inject(Fault{Kind: FaultFirstContact})
	a.send(bob.JID(), text1("by salt"))
	w.hears(bob, "by salt")
	if err := a.Store.NCTSalt.PutNCTSalt(w.ctx(), []byte("a salt that is not the account's")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SendMessage(w.ctx(), carol.JID(), text1("wrong salt")); err == nil || !strings.Contains(err.Error(), "463") {
		t.Errorf("wrong salt: %v", err)
	}
}

func TestContactTokensExpire(t *testing.T) {
	now := time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: false, 20 * 24 * time.Hour: false, 29 * 24 * time.Hour: true, 60 * 24 * time.Hour: true} {
		token := contactToken{at: now.Add(-age)}
		if token.expired(now) != want {
			t.Errorf("after %s: expired %v", age, !want)
		}
	}
}
