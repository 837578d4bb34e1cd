package sandbox

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestRestrictedAccountsReachNoNewPeople(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol, dave := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol"), w.account("15550004", "Dave")
	a := w.pair(alice)
	a.send(bob.JID(), text1("first"))
	w.says(carol, alice.JID(), Text("she began"))
	await(a, says("she began"))
	if err := alice.Restrict(3*time.Second, "BIZ_QUALITY"); err != nil {
		t.Fatal(err)
	}
	evt := await(a, func(e *events.NotifyAccountReachoutTimelock) bool { return e.IsActive })
	if evt.EnforcementType != "BIZ_QUALITY" || evt.TimeEnforcementEnds.Before(time.Now()) {
		t.Errorf("event %+v", evt)
	}
	raw, err := a.DangerousInternals().SendMexIQ(w.ctx(), mexReachoutTimelock, map[string]any{})
	if err != nil || !strings.Contains(string(raw), `"is_active":true`) || !strings.Contains(string(raw), "BIZ_QUALITY") {
		t.Errorf("state %s: %v", raw, err)
	}
	if raw, err = a.DangerousInternals().SendMexIQ(w.ctx(), mexNewChatCapping, map[string]any{"input": map[string]any{"type": "INDIVIDUAL_NEW_CHAT_MSG"}}); err != nil || !strings.Contains(string(raw), "CAPPED") {
		t.Errorf("capping %s: %v", raw, err)
	}
	if _, err = a.SendMessage(w.ctx(), dave.JID(), text1("new")); err == nil || !strings.Contains(err.Error(), "463") {
		t.Errorf("new contact: %v", err)
	}
	a.send(bob.JID(), text1("known"))
	a.send(carol.JID(), text1("known too"))
	await(a, func(e *events.NotifyAccountReachoutTimelock) bool { return !e.IsActive })
	a.send(dave.JID(), text1("free"))
	w.hears(dave, "free")

	if err = alice.RestrictUnknownSenders(2, time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err = a.SendMessage(w.ctx(), types.NewJID("15559999999", types.DefaultUserServer), text1("anybody")); err == nil {
			t.Error("sent to an unregistered number")
		}
	}
	await(a, func(e *events.NotifyAccountReachoutTimelock) bool {
		return e.IsActive && e.TimeEnforcementEnds.After(time.Now().Add(50*time.Minute))
	})
	alice.LiftRestriction()
	w.until("the end", func() bool { return countOf[*events.NotifyAccountReachoutTimelock](a.events.list()) >= 4 })
}
