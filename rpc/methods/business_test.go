package methods_test

import (
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

func TestBusinessAndBots(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	shop, err := w.network.AddAccount(sandbox.AccountOptions{Number: "15550100003", PushName: "Shop", BusinessName: "Shop Inc."})
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.SetBusinessProfile(sandbox.BusinessProfile{Email: "shop@example.com", Categories: []sandbox.BusinessCategory{{ID: "1", Name: "Ropes"}}}); err != nil {
		t.Fatal(err)
	}
	code, err := shop.MessageLink("A rope, please")
	if err != nil {
		t.Fatal(err)
	}
	profile := alice.call("business.getProfile", params{"contact": "15550100003"}).object("profile")
	if profile["email"] != "shop@example.com" || profile["address"] != nil || profile.list("categories")[0]["name"] != "Ropes" {
		t.Errorf("profile %v", profile)
	}
	alice.refused(rpc.CodeNotFound, "business.getProfile", params{"contact": bob.pn()})
	for _, link := range []string{code, "https://wa.me/message/" + code, "http://api.whatsapp.com/message/" + code + "?x=1"} {
		target := alice.call("business.resolveMessageLink", params{"link": link})
		if _, has := target["profile"]; has || target["message"] != "A rope, please" || target["verified_name"] != "Shop Inc." || target["contact"] != shop.JID().String() {
			t.Errorf("%s: %v", link, target)
		}
	}
	alice.refused(rpc.CodeInvalidParams, "business.resolveMessageLink", params{"link": "https://example.com/" + code})
	alice.refused(rpc.CodeNotFound, "business.resolveMessageLink", params{"link": "AAAAAAAAAAAAAA"})

	bots := alice.call("bot.list", params{}).list("bots")
	if len(bots) != 1 || bots[0]["name"] != "Sandbox Assistant" || bots[0]["persona_id"] == "" {
		t.Fatalf("bots %v", bots)
	}
	profiles := alice.call("bot.listProfiles", params{"contacts": []any{bots[0]["contact"], bob.pn()}}).list("profiles")
	if len(profiles) != 1 || profiles[0]["is_default"] != true || profiles[0]["picture_url"] != nil || profiles[0].list("commands")[0]["name"] != "help" {
		t.Errorf("profiles %v", profiles)
	}
}

func TestSandboxOrdersFromBusiness(t *testing.T) {
	w := newWorld(t)
	shop := w.join("shop", "15550100001")
	const customer = "15550100002"
	w.script("sandbox.createAccount", params{"number": customer})
	rope := params{"product_id": "7", "name": "Rope", "price": 19.5, "quantity": 2}
	made := w.script("sandbox.createOrder", params{"account": customer, "to": shop.pn(), "currency": "eur", "products": []params{rope}, "notes": "by noon"})
	shop.eventually("the order", "message.get", params{"message_id": made["message_id"]}, func(r result) bool {
		order := r.object("message").object("order")
		return order["order_id"] == made["order_id"] && order["token"] == made["token"] && order["total_amount"] == 39.0 && order["currency"] == "EUR" &&
			r.object("message")["text"] == "2 x Rope: 39 EUR\nby noon"
	})
	for field, p := range map[string]params{
		"/to":                  {"account": customer, "to": "x y", "currency": "EUR", "products": []params{rope}},
		"/currency":            {"account": customer, "to": shop.pn(), "currency": "EURO", "products": []params{rope}},
		"/products":            {"account": customer, "to": shop.pn(), "currency": "EUR", "products": []params{}},
		"/products/0/quantity": {"account": customer, "to": shop.pn(), "currency": "EUR", "products": []params{{"product_id": "7", "name": "Rope", "price": 1, "quantity": 0}}},
	} {
		if _, failed := w.tryScript("sandbox.createOrder", p); failed == nil || failed.Code != rpc.CodeInvalidParams {
			t.Errorf("%s: %v", field, failed)
		}
	}
}
