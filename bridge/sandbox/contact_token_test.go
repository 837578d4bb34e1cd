package sandbox

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
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

// A token with a time of issue in the past expires earlier; the network refuses its value, whatever time the client has stored with it.
func TestExpiredTokenIsRefused(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	if err := a.Store.NCTSalt.DeleteNCTSalt(w.ctx()); err != nil {
		t.Fatal(err)
	}
	token := func() []byte {
		stored, err := a.Store.PrivacyTokens.GetPrivacyToken(w.ctx(), bob.LID())
		if err != nil || stored == nil {
			return nil
		}
		return stored.Token
	}
	w.inject(Fault{Kind: FaultFirstContact})
	for _, c := range []struct {
		age     time.Duration
		accepts bool
	}{{40 * 24 * time.Hour, false}, {0, true}} {
		before := string(token())
		if err := bob.IssueToken(alice.JID(), time.Now().Add(-c.age)); err != nil {
			t.Fatal(err)
		}
		w.until("the token", func() bool { now := token(); return now != nil && string(now) != before })
		if err := a.Store.PrivacyTokens.PutPrivacyTokens(w.ctx(), store.PrivacyToken{User: bob.LID(), Token: token(), Timestamp: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.SendMessage(w.ctx(), bob.JID(), text1("by token")); (err == nil) != c.accepts {
			t.Errorf("issued %s ago: %v", c.age, err)
		}
	}
	if err := bob.IssueToken(types.NewJID("15559999", types.DefaultUserServer), time.Now()); !errors.Is(err, ErrNoAccount) {
		t.Errorf("token for a number without an account: %v", err)
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
