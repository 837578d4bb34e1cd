package sandbox

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func photo(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side {
		img.Set(i, i, color.RGBA{R: 200, A: 255})
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

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

func TestAbout(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.send(bob.JID(), text1("so that we know each other"))
	about := "Away until Monday"
	if err := a.SetStatusMessage(w.ctx(), types.SetStatusInput{Text: &about}); err != nil {
		t.Fatal(err)
	}
	if alice.About() != about {
		t.Errorf("about %q", alice.About())
	}
	if err := bob.SetAbout("I changed"); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.UserAbout) bool { return e.JID == bob.LID() && e.Status == "I changed" })
	long := strings.Repeat("x", 140)
	var refused types.GraphQLError
	if err := a.SetStatusMessage(w.ctx(), types.SetStatusInput{Text: &long}); !errors.As(err, &refused) || refused.Extensions.ErrorCode != 406 {
		t.Errorf("long about: %v", err)
	}
	if err := bob.SetAbout(long); !errors.Is(err, ErrAboutTooLong) {
		t.Errorf("long about: %v", err)
	}
}

func TestPictures(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	get := func(jid types.JID, params *whatsmeow.GetProfilePictureParams) (*types.ProfilePictureInfo, error) {
		return a.GetProfilePictureInfo(w.ctx(), jid, params)
	}
	if _, err := get(bob.JID(), nil); !errors.Is(err, whatsmeow.ErrProfilePictureNotSet) {
		t.Errorf("no picture: %v", err)
	}
	large := photo(t, 640)
	id, err := bob.SetPicture(large)
	if err != nil {
		t.Fatal(err)
	}
	info, err := get(bob.LID(), nil)
	if err != nil || info.ID != id || info.Type != "image" || !bytes.Equal(w.fetch(info.URL), large) {
		t.Errorf("picture %+v: %v", info, err)
	}
	if got, err := a.DownloadMediaWithOnlyPath(w.ctx(), info.DirectPath); err != nil || !bytes.Equal(got, large) {
		t.Errorf("by its path: %d bytes, %v", len(got), err)
	}
	preview, err := get(bob.JID(), &whatsmeow.GetProfilePictureParams{Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	if small, err := jpeg.DecodeConfig(bytes.NewReader(w.fetch(preview.URL))); err != nil || small.Width != previewSide {
		t.Errorf("preview %+v: %v", small, err)
	}
	if same, err := get(bob.JID(), &whatsmeow.GetProfilePictureParams{ExistingID: id}); same != nil || err != nil {
		t.Errorf("unchanged: %+v %v", same, err)
	}
	if err = bob.SetPrivacy(types.PrivacySettingTypeProfile, types.PrivacySettingNone); err != nil {
		t.Fatal(err)
	}
	if _, err = get(bob.JID(), nil); !errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized) {
		t.Errorf("hidden: %v", err)
	}

	own, err := a.SetGroupPhoto(w.ctx(), types.EmptyJID, photo(t, 100))
	if err != nil {
		t.Fatal(err)
	}
	if info, err = get(alice.JID(), nil); err != nil || info.ID != own {
		t.Errorf("own picture %+v: %v", info, err)
	}
	if _, err = a.SetGroupPhoto(w.ctx(), types.EmptyJID, []byte("GIF89a")); !errors.Is(err, whatsmeow.ErrInvalidImageFormat) {
		t.Errorf("no JPEG: %v", err)
	}
	if _, err = a.SetGroupPhoto(w.ctx(), types.EmptyJID, nil); err != nil {
		t.Error(err)
	}
	if _, err = get(alice.JID(), nil); !errors.Is(err, whatsmeow.ErrProfilePictureNotSet) {
		t.Errorf("removed: %v", err)
	}
}

func TestGroupPicture(t *testing.T) {
	w := newGroupWorld(t, Options{})
	g := w.group()
	id, err := w.a.SetGroupPhoto(w.ctx(), g, photo(t, 80))
	if err != nil {
		t.Fatal(err)
	}
	evt := await(w.b, func(e *events.Picture) bool { return e.JID == g })
	if evt.PictureID != id || evt.Author != w.alice.LID() {
		t.Errorf("event %+v", evt)
	}
	if info, err := w.b.GetProfilePictureInfo(w.ctx(), g, nil); err != nil || info.ID != id {
		t.Errorf("picture %+v: %v", info, err)
	}
	if err = w.alice.SetLocked(g, true); err != nil {
		t.Fatal(err)
	}
	if _, err = w.b.SetGroupPhoto(w.ctx(), g, photo(t, 80)); !errors.Is(err, whatsmeow.ErrIQForbidden) {
		t.Errorf("member of a locked group: %v", err)
	}
	stranger := w.account("15550007", "Sam")
	if _, err = stranger.SetGroupPicture(g, photo(t, 80)); err == nil {
		t.Error("a stranger changed the picture")
	}
	if _, err = w.a.SetGroupPhoto(w.ctx(), g, nil); err != nil {
		t.Fatal(err)
	}
	await(w.b, func(e *events.Picture) bool { return e.JID == g && e.Remove })
}

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

func TestBusiness(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	shop, err := w.net.AddAccount(AccountOptions{Number: "15550009", PushName: "Shop", BusinessName: "The Shop"})
	if err != nil {
		t.Fatal(err)
	}
	a := w.pair(alice)
	if err = shop.SetBusinessProfile(BusinessProfile{
		Address: "1 Main St", Email: "shop@example.com", Timezone: "Europe/Berlin",
		Hours:      []BusinessHours{{Day: "mon", Mode: "specific_hours", Open: "540", Close: "1020"}},
		Categories: []BusinessCategory{{"1", "Shop"}}, Options: map[string]string{"cart_enabled": "true"},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := a.GetBusinessProfile(w.ctx(), shop.JID())
	if err != nil || got.Address != "1 Main St" || got.Email != "shop@example.com" || len(got.BusinessHours) != 1 || got.Categories[0].Name != "Shop" ||
		got.ProfileOptions["cart_enabled"] != "true" || got.BusinessHoursTimeZone != "Europe/Berlin" {
		t.Errorf("profile %+v: %v", got, err)
	}
	if _, err = a.GetBusinessProfile(w.ctx(), alice.JID()); err == nil {
		t.Error("a person has a business profile")
	}
	if err = alice.SetBusinessProfile(BusinessProfile{}); err == nil {
		t.Error("a person set a business profile")
	}
	code, err := shop.MessageLink("I want to buy")
	if err != nil {
		t.Fatal(err)
	}
	link, err := a.ResolveBusinessMessageLink(w.ctx(), whatsmeow.BusinessMessageLinkPrefix+code)
	if err != nil || link.JID != shop.JID() || link.Message != "I want to buy" || link.VerifiedName != "The Shop" {
		t.Errorf("link %+v: %v", link, err)
	}
	if _, err = a.ResolveBusinessMessageLink(w.ctx(), "nothing"); !errors.Is(err, whatsmeow.ErrBusinessMessageLinkNotFound) {
		t.Errorf("unknown link: %v", err)
	}
	own, err := a.GetContactQRLink(w.ctx(), false)
	if err != nil {
		t.Fatal(err)
	}
	if card, err := a.ResolveContactQRLink(w.ctx(), own); err != nil || card.JID != alice.JID() || card.Type != "contact" {
		t.Errorf("card %+v: %v", card, err)
	}
	if fresh, err := a.GetContactQRLink(w.ctx(), true); err != nil || fresh == own {
		t.Errorf("revoked link %s: %v", fresh, err)
	}
	if _, err = a.ResolveContactQRLink(w.ctx(), own); !errors.Is(err, whatsmeow.ErrContactQRLinkNotFound) {
		t.Errorf("revoked link: %v", err)
	}
	id, token, err := w.net.AddOrder(Order{Catalog: "c", Currency: "EUR", Products: []OrderProduct{{ID: "p", Name: "Pen", Price: 1500, Quantity: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if order, err := a.GetOrderDetails(w.ctx(), id, token); err != nil || order.Price.Total != 3000 || len(order.Products) != 1 || order.Products[0].Name != "Pen" {
		t.Errorf("order %+v: %v", order, err)
	}
	if _, err = a.GetOrderDetails(w.ctx(), id, "wrong"); !errors.Is(err, whatsmeow.ErrIQNotAuthorized) {
		t.Errorf("wrong token: %v", err)
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
	if _, err = alice.ask("spam", "set", types.ServerJID, spamOf(bob.LID())); err != nil {
		t.Error(err)
	}
	if list := w.net.SpamReports(); len(list) != 1 || list[0].About != bob.LID() || list[0].Messages[0] != "M1" {
		t.Errorf("reports %+v", list)
	}
	if _, err = alice.ask("spam", "set", types.ServerJID, spamOf(types.NewJID("1", types.HiddenUserServer))); err == nil {
		t.Error("reported nobody")
	}
}

func spamOf(jid types.JID) waBinary.Node {
	return waBinary.Node{Tag: "spam_list", Attrs: waBinary.Attrs{"spam_flow": "chat"}, Content: []waBinary.Node{
		{Tag: "message", Attrs: waBinary.Attrs{"from": jid, "id": "M1"}},
	}}
}
