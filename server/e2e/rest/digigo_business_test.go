package rest

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// openShop gives the shop a profile and returns a link to a chat with it.
func (w *restWorld) openShop(t *testing.T) (link string) {
	t.Helper()
	e2etest.MustCall(t, w.Network.Addr, "sandbox.setBusinessProfile", object{
		"account": w.Shop, "address": "1 Pier", "email": "shop@example.com", "business_hours_timezone": "Europe/Lisbon",
		"business_hours": []object{{"day_of_week": "mon", "mode": "specific_hours", "open_time": "540", "close_time": "1080"}},
		"categories":     []object{{"id": "133", "name": "Rope maker"}}, "profile_options": object{"cart_enabled": "true"},
	}, nil)
	var made struct{ Code string }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createMessageLink", object{"account": w.Shop, "text": "A rope, please"}, &made)
	return "https://wa.me/message/" + made.Code
}

// botOf returns the JID of the network's bot.
func (w *restWorld) botOf(t *testing.T) string {
	t.Helper()
	return e2etest.TextOf(e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "bot.list", nil)), "bots/0/contact"))
}

func digigoBusiness() []restCase {
	return []restCase{
		{operation: "POST /user/business/profile", prepare: func(t *testing.T, w *restWorld) restAct {
			w.openShop(t)
			return restAct{
				values: resttest.Values{"phone": w.Shop},
				calls:  []restCall{{"business.getProfile", object{"contact": w.Shop}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, "1 Pier", "address", "0/profile/address")
					out.is(t, "Rope maker", "categories/0/name", "0/profile/categories/0/name")
					out.is(t, "true", "profile_options/cart_enabled", "0/profile/profile_options/cart_enabled")
					if out.rpc == nil {
						e2etest.CheckSame(t, "hours", object{"day_of_week": "MONDAY", "mode": "OPEN", "open_time": "09:00", "close_time": "18:00"}, out.at("business_hours/0", ""))
					}
				},
			}
		}},
		{operation: "POST /business/resolve-link", prepare: func(t *testing.T, w *restWorld) restAct {
			link := w.openShop(t)
			return restAct{
				values: resttest.Values{"business_link": link},
				calls:  []restCall{{"business.resolveMessageLink", object{"link": link, "include_profile": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, "Shop Inc.", "business_name", "0/verified_name")
					out.is(t, e2etest.JIDOf(w.Shop), "business_jid", "0/contact")
					out.is(t, "shop@example.com", "email", "0/profile/email")
					out.is(t, "Rope maker", "category", "0/profile/categories/0/name")
				},
			}
		}},
		{operation: "POST /business/contact-qr", prepare: func(t *testing.T, w *restWorld) restAct {
			before := e2etest.TextOf(w.Call(t, w.Caller, "profile.createContactLink", nil)["url"])
			return restAct{
				values: resttest.Values{"phone": w.Caller.Number, "revoke": true},
				calls:  []restCall{{"profile.createContactLink", object{"revoke_previous": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "revoked_previous", "0/revoked_previous")
					url := e2etest.TextOf(out.at("qr_link", "0/url"))
					if now := w.Call(t, w.Caller, "profile.createContactLink", nil)["url"]; now != url || url == before || !strings.HasPrefix(url, "https://wa.me/qr/") {
						t.Errorf("%s, later %v, before %s", url, now, before)
					}
				},
			}
		}},
		{operation: "GET /business/bots", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{calls: []restCall{{"bot.list", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, "Sandbox Assistant", "bots/0/name", "0/bots/0/name")
				out.is(t, w.botOf(t), "bots/0/jid", "0/bots/0/contact")
			}}
		}},
		{operation: "POST /business/bot-profiles", prepare: func(t *testing.T, w *restWorld) restAct {
			bots := []string{w.botOf(t), w.Peer.JID()} // the other one is no bot
			return restAct{
				values: resttest.Values{"bot_jids": bots},
				calls:  []restCall{{"bot.listProfiles", object{"contacts": bots}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, bots[0], "profiles/0/jid", "0/profiles/0/contact")
					if command := out.at("profiles/0/commands/0/command", "0/profiles/0/commands/0/name"); strings.TrimPrefix(e2etest.TextOf(command), "/") != "help" {
						t.Errorf("command %v", command)
					}
					if out.at("profiles/1", "0/profiles/1") != nil {
						t.Error("a person has a bot's profile")
					}
				},
			}
		}},
		{operation: "POST /business/order/send", prepare: func(_ *testing.T, w *restWorld) restAct {
			items := []object{{"name": "Rope", "quantity": 2, "price": 19.5, "currency": "EUR"}, {"name": "Hook", "quantity": 1, "price": 0.25, "currency": "EUR"}}
			return restAct{
				values: resttest.Values{"phone": w.Shop, "items": items, "notes": "by noon"},
				calls:  []restCall{{"message.sendOrder", object{"to": w.Shop, "items": items, "notes": "by noon"}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, 39.25, "total_amount", "0/total_amount")
					out.is(t, 2, "items_count", "0/item_count")
					w.awaitOrder(t, w.Shop, e2etest.TextOf(out.at("order_id", "0/order_id")))
				},
			}
		}},
	}
}

// awaitOrder waits for an order message at a phone.
func (w *restWorld) awaitOrder(t *testing.T, number, id string) {
	t.Helper()
	var result struct{ Message map[string]any }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.awaitMessage", object{"account": number, "type": "order"}, &result)
	var inbox struct{ Messages []map[string]any }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.listMessages", object{"account": number, "type": "order"}, &inbox)
	for _, m := range inbox.Messages {
		if e2etest.ValueAt(m, "raw/orderMessage/orderID") == id {
			return
		}
	}
	t.Errorf("the phone has no order %q: %v", id, inbox.Messages)
}

// digigoBusinessErrors provokes the documented errors of businesses.
func digigoBusinessErrors() []provocation {
	refused := withFault(object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})
	return []provocation{
		{"POST /user/business/profile", "no session", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"POST /user/business/profile", "missing phone number in payload", withValue("phone", resttest.Absent)},
		{"POST /business/*", "phone number is required", withValue("phone", resttest.Absent)},
		{"POST /business/*", "business link is required", withValue("business_link", "")},
		{"POST /business/*", "bot JIDs are required", withValue("bot_jids", []string{})},
		{"POST /business/*", "order must contain*", withValue("items", []object{})},
		{"POST /business/*", "invalid order item format", withValue("items", []object{{"name": "Rope"}})},
		{"POST /business/*", "failed to send order message", withFault(object{"kind": "refuse_send", "code": 500, "times": -1})},
		{"* /business/*", "failed to *", refused},
	}
}
