package sandbox

import (
	"errors"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
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

// An order without a catalogue behind it is known to the network with the products that its text lists.
func TestOrderOfAMessage(t *testing.T) {
	w := newWorld(t, Options{})
	alice, shop := w.account("15550001", "Alice"), w.account("15550009", "Shop")
	a := w.pair(alice)
	order := func(id, token, body string, count int32, total int64) *waE2E.Message {
		return &waE2E.Message{OrderMessage: &waE2E.OrderMessage{
			OrderID: &id, Token: &token, Message: &body, ItemCount: &count, TotalAmount1000: &total, TotalCurrencyCode: proto.String("EUR"),
		}}
	}
	received := func(sent string) {
		t.Helper()
		if _, err := shop.Await(w.ctx(), func(r Received) bool { return r.ID == sent }); err != nil {
			t.Fatal(err)
		}
	}
	received(a.send(shop.JID(), order("O1", "secret", "3 x Tea: 3.345 EUR\n1 x 2 x Cup: large: 2 EUR\n1 x not: 5 EUR", 2, 5345)))
	got, err := a.GetOrderDetails(w.ctx(), "O1", "secret")
	if err != nil {
		t.Fatal(err)
	}
	want := []types.OrderProduct{
		{ID: "1", Name: "Tea", Price: 1115, Currency: "EUR", Quantity: 3}, {ID: "2", Name: "2 x Cup: large", Price: 2000, Currency: "EUR", Quantity: 1},
	}
	if got.Price.Total != 5345 || got.Price.Currency != "EUR" || !slices.Equal(got.Products, want) || got.CreatedAt.IsZero() {
		t.Errorf("order %+v", got)
	}
	// Another message with the id of a known order does not replace it.
	received(a.send(shop.JID(), order("O1", "other", "1 x Tea: 1 EUR", 1, 1000)))
	if _, err = a.GetOrderDetails(w.ctx(), "O1", "other"); !errors.Is(err, whatsmeow.ErrIQNotAuthorized) {
		t.Errorf("token of another message: %v", err)
	}
	for id, broken := range map[string]*waE2E.Message{
		"sum":      order("sum", "x", "3 x Tea: 3.345 EUR", 1, 1),
		"count":    order("count", "x", "3 x Tea: 3.345 EUR", 2, 3345),
		"many":     order("many", "x", "3 x Tea: 3.345 EUR", 1<<30, 3345),
		"currency": order("currency", "x", "3 x Tea: 3.345 USD", 1, 3345),
		"fraction": order("fraction", "x", "3 x Tea: 1 EUR", 1, 1000),
		"none":     order("none", "x", "0 x Tea: 0 EUR", 1, 0),
		"token":    order("token", "", "1 x Tea: 1 EUR", 1, 1000),
		"text":     order("text", "x", "Tea please", 1, 1000),
	} {
		received(a.send(shop.JID(), broken))
		if _, err = a.GetOrderDetails(w.ctx(), id, "x"); !errors.Is(err, whatsmeow.ErrIQNotFound) {
			t.Errorf("order with a wrong %s: %v", id, err)
		}
	}
}

func TestPhoneSendsOrder(t *testing.T) {
	w := newWorld(t, Options{})
	alice, shop := w.account("15550001", "Alice"), w.account("15550009", "Shop")
	b := w.pair(shop)
	message, id, token, err := alice.SendOrder(w.ctx(), shop.JID(), Order{Catalog: "c", Currency: "EUR", Products: []OrderProduct{
		{ID: "p", Name: "Pen", Price: 1500, Quantity: 2, ImageURL: "https://example.com/pen.jpg"},
	}}, "soon")
	if err != nil {
		t.Fatal(err)
	}
	got := await(b, func(e *events.Message) bool { return e.Info.ID == message }).Message.GetOrderMessage()
	if got.GetOrderID() != id || got.GetToken() != token || got.GetTotalAmount1000() != 3000 || got.GetMessage() != "2 x Pen: 3 EUR\nsoon" {
		t.Errorf("message %v", got)
	}
	order, err := b.GetOrderDetails(w.ctx(), got.GetOrderID(), got.GetToken())
	if err != nil || order.CatalogID != "c" || order.Products[0].ImageURL != "https://example.com/pen.jpg" {
		t.Errorf("order %+v: %v", order, err)
	}
	if _, _, _, err = alice.SendOrder(w.ctx(), shop.JID(), Order{}, ""); !errors.Is(err, ErrEmptyOrder) {
		t.Errorf("empty order: %v", err)
	}
}
