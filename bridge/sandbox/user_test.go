package sandbox

import (
	"io"
	"net/http"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func (w *world) fetch(url string) []byte {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx(), http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := NewHTTPClient(w.in.Dial).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return data
}

func TestRegistrationAndUserInfo(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	shop, err := w.net.AddAccount(AccountOptions{Number: "15550009", BusinessName: "The Shop"})
	if err != nil {
		t.Fatal(err)
	}
	a := w.pair(alice)
	found, err := a.IsOnWhatsApp(w.ctx(), []string{"+15550002", "+19998887777", "+15550009"})
	if err != nil || len(found) != 3 {
		t.Fatalf("%+v: %v", found, err)
	}
	if !found[0].IsIn || found[0].JID != bob.LID() || found[0].PhoneNumber != bob.JID() || found[0].Query != "+15550002" {
		t.Errorf("known: %+v", found[0])
	}
	if found[1].IsIn || found[1].Query != "+19998887777" {
		t.Errorf("unknown: %+v", found[1])
	}
	if found[2].VerifiedName == nil || found[2].VerifiedName.Details.GetVerifiedName() != "The Shop" {
		t.Errorf("business: %+v", found[2])
	}
	if err = bob.SetAbout("Busy"); err != nil {
		t.Fatal(err)
	}
	picture, err := bob.SetPicture(photo(t, 64))
	if err != nil {
		t.Fatal(err)
	}
	info, err := a.GetUserInfo(w.ctx(), []types.JID{bob.JID(), shop.JID()})
	if err != nil {
		t.Fatal(err)
	}
	if got := info[bob.JID()]; got.Status != "Busy" || got.PictureID != picture || got.LID != bob.LID() || len(got.Devices) != 1 {
		t.Errorf("info %+v", got)
	}
	if got := info[shop.JID()]; got.Status != defaultAbout || got.PictureID != "" {
		t.Errorf("info %+v", got)
	}
}

func TestBotsAndSpam(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	bots, err := a.GetBotListV2(w.ctx())
	if err != nil || len(bots) != 1 {
		t.Fatalf("bots %+v: %v", bots, err)
	}
	if profiles, err := a.GetBotProfiles(w.ctx(), bots); err != nil || len(profiles) != 1 || profiles[0].Name != botName {
		t.Errorf("profiles %+v: %v", profiles, err)
	}
	if _, err = alice.sendRequest("spam", "set", types.ServerJID, spamOf(bob.LID())); err != nil {
		t.Error(err)
	}
	if list := w.net.SpamReports(); len(list) != 1 || list[0].About != bob.LID() || list[0].Messages[0] != "M1" {
		t.Errorf("reports %+v", list)
	}
	if _, err = alice.sendRequest("spam", "set", types.ServerJID, spamOf(types.NewJID("1", types.HiddenUserServer))); err == nil {
		t.Error("reported nobody")
	}
}

func spamOf(jid types.JID) waBinary.Node {
	return waBinary.Node{Tag: "spam_list", Attrs: waBinary.Attrs{"spam_flow": "chat"}, Content: []waBinary.Node{
		{Tag: "message", Attrs: waBinary.Attrs{"from": jid, "id": "M1"}},
	}}
}
