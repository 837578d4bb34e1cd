package sandbox

import (
	"io"
	"net/http"
	"slices"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
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
	if profiles, err := a.GetBotProfiles(w.ctx(), bots); err != nil || len(profiles) != 1 || profiles[0].Name != assistant.Name {
		t.Errorf("profiles %+v: %v", profiles, err)
	}
	if _, err = alice.sendRequest("spam", "set", types.ServerJID, spamOf(bob.LID())); err != nil {
		t.Error(err)
	}
	if list := w.net.SpamReports(); len(list) != 1 || list[0].About != bob.LID() || list[0].Messages[0].ID != "M1" {
		t.Errorf("reports %+v", list)
	}
	if _, err = alice.sendRequest("spam", "set", types.ServerJID, spamOf(types.NewJID("1", types.HiddenUserServer))); err == nil {
		t.Error("reported nobody")
	}
}

// TestReportsOfSpam checks what the network keeps of a report, and that it refuses malformed ones.
func TestReportsOfSpam(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	content, err := proto.Marshal(text1("Buy now"))
	if err != nil {
		t.Fatal(err)
	}
	report := func(change func(list, message, raw *waBinary.Node)) error {
		raw := waBinary.Node{Tag: "raw", Attrs: waBinary.Attrs{"v": "3", "mediatype": "image"}, Content: content}
		message := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"from": bob.LID(), "id": "M1", "t": "1700000000"}}
		list := waBinary.Node{Tag: "spam_list", Attrs: waBinary.Attrs{"spam_flow": "MessageMenu", "subject": "Pier"}}
		change(&list, &message, &raw)
		if raw.Tag != "" {
			message.Content = []waBinary.Node{raw}
		}
		if list.Content == nil {
			list.Content = []waBinary.Node{message}
		}
		_, err := alice.sendRequest("spam", "set", types.ServerJID, list)
		return err
	}
	if err := report(func(_, _, _ *waBinary.Node) {}); err != nil {
		t.Fatal(err)
	}
	got := w.net.SpamReports()[0]
	m := got.Messages[0]
	if got.Reporter != alice.LID() || got.About != bob.LID() || got.Flow != "MessageMenu" || got.Subject != "Pier" || m.Chat != bob.LID() || m.Sender != bob.LID() ||
		m.Time.Unix() != 1_700_000_000 || m.MediaType != "image" || m.Content.GetConversation() != "Buy now" {
		t.Errorf("%+v", got)
	}
	for name, change := range map[string]func(list, message, raw *waBinary.Node){
		"no flow":     func(list, _, _ *waBinary.Node) { delete(list.Attrs, "spam_flow") },
		"no id":       func(_, message, _ *waBinary.Node) { delete(message.Attrs, "id") },
		"no protobuf": func(_, _, raw *waBinary.Node) { raw.Content = []byte{0xff} },
		"no content":  func(_, _, raw *waBinary.Node) { raw.Content = nil },
		"no address":  func(_, message, _ *waBinary.Node) { delete(message.Attrs, "from") },
		"no message":  func(list, _, _ *waBinary.Node) { list.Content = []waBinary.Node{} },
		"many messages": func(list, _, _ *waBinary.Node) {
			list.Content = slices.Repeat(spamOf(bob.LID()).Content.([]waBinary.Node), maxReportedMessages+1)
		},
	} {
		if err := report(change); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if n := len(w.net.SpamReports()); n != 1 {
		t.Errorf("%d reports", n)
	}
}

func spamOf(jid types.JID) waBinary.Node {
	return waBinary.Node{Tag: "spam_list", Attrs: waBinary.Attrs{"spam_flow": "chat"}, Content: []waBinary.Node{
		{Tag: "message", Attrs: waBinary.Attrs{"from": jid, "id": "M1"}},
	}}
}
