package sandbox

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestPrivacy(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, second := w.pair(alice), w.pair(alice)
	before, err := a.TryFetchPrivacySettings(w.ctx(), true)
	if err != nil || before.LastSeen != types.PrivacySettingAll || before.Stickers != types.PrivacySettingContacts {
		t.Fatalf("settings %+v: %v", before, err)
	}
	if _, err = a.SetPrivacySetting(w.ctx(), types.PrivacySettingTypeLastSeen, types.PrivacySettingContacts); err != nil {
		t.Fatal(err)
	}
	await(second, func(e *events.PrivacySettings) bool { return e.LastSeenChanged })
	if after, err := a.TryFetchPrivacySettings(w.ctx(), true); err != nil || after.LastSeen != types.PrivacySettingContacts {
		t.Errorf("settings %+v: %v", after, err)
	}
	if _, err = a.SetPrivacySetting(w.ctx(), types.PrivacySettingTypeReadReceipts, "sometimes"); !errors.Is(err, whatsmeow.ErrIQBadRequest) {
		t.Errorf("odd value: %v", err)
	}
	if err = bob.SetPrivacy(types.PrivacySettingTypeStatus, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	if info, err := a.GetUserInfo(w.ctx(), []types.JID{bob.JID()}); err != nil || info[bob.JID()].Status != "" {
		t.Errorf("hidden about shows %+v: %v", info, err)
	}
	if err = a.SetDefaultDisappearingTimer(w.ctx(), whatsmeow.DisappearingTimer24Hours); err != nil {
		t.Error(err)
	}
	if err = a.SetDefaultDisappearingTimer(w.ctx(), time.Minute); !errors.Is(err, whatsmeow.ErrIQBadRequest) {
		t.Errorf("odd timer: %v", err)
	}
	if list, err := a.GetStatusPrivacy(w.ctx()); err != nil || len(list) != 1 || !list[0].IsDefault {
		t.Errorf("status privacy %+v: %v", list, err)
	}
}

func TestBlocklist(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, second := w.pair(alice), w.pair(alice)
	list, err := a.UpdateBlocklist(w.ctx(), bob.JID(), events.BlocklistChangeActionBlock)
	if err != nil || len(list.JIDs) != 1 || list.JIDs[0] != bob.LID() {
		t.Fatalf("list %+v: %v", list, err)
	}
	change := await(second, func(e *events.Blocklist) bool { return true })
	if len(change.Changes) != 1 || change.Changes[0].JID != bob.LID() || change.Changes[0].Action != events.BlocklistChangeActionBlock || change.DHash != list.DHash {
		t.Errorf("event %+v", change)
	}
	if _, err = bob.SendMessage(w.ctx(), alice.JID(), "", text1("let me in")); err != nil {
		t.Errorf("the blocked side must not notice: %v", err)
	}
	if list, err = a.UpdateBlocklist(w.ctx(), bob.LID(), events.BlocklistChangeActionUnblock); err != nil || len(list.JIDs) != 0 {
		t.Errorf("list %+v: %v", list, err)
	}
	if _, err = bob.SendMessage(w.ctx(), alice.JID(), "", text1("thank you")); err != nil {
		t.Fatal(err)
	}
	await(a, says("thank you"))
	for _, evt := range a.events.list() {
		if m, ok := evt.(*events.Message); ok && m.Message.GetConversation() == "let me in" {
			t.Error("a message of a blocked account arrived")
		}
	}
	if _, err = a.UpdateBlocklist(w.ctx(), alice.LID(), events.BlocklistChangeActionBlock); !errors.Is(err, whatsmeow.ErrIQNotAcceptable) {
		t.Errorf("blocking oneself: %v", err)
	}
	if err = alice.Block(bob.JID()); err != nil {
		t.Fatal(err)
	}
	if list, err = a.GetBlocklist(w.ctx()); err != nil || len(list.JIDs) != 1 {
		t.Errorf("list %+v: %v", list, err)
	}
}
