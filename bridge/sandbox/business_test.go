package sandbox

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"
)

func TestBusinessMessagesCarryTheVerifiedName(t *testing.T) {
	w := newWorld(t, Options{})
	alice, carol := w.account("15550001", "Alice"), w.account("15550003", "Carol")
	shop, err := w.net.AddAccount(AccountOptions{Number: "15550002", PushName: "Shop", BusinessName: "Engines Ltd"})
	if err != nil {
		t.Fatal(err)
	}
	a := w.pair(alice)
	w.says(shop, alice.JID(), Text("offer"))
	if got := await(a, says("offer")); got.Info.VerifiedName.Details.GetVerifiedName() != "Engines Ltd" {
		t.Errorf("verified name %+v", got.Info.VerifiedName)
	}
	if evt := await[*events.BusinessName](a, nil); evt.NewBusinessName != "Engines Ltd" {
		t.Errorf("event %+v", evt)
	}
	w.says(carol, alice.JID(), Text("private"))
	if got := await(a, says("private")); got.Info.VerifiedName != nil {
		t.Error("a person has a verified name")
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
