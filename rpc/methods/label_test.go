package methods_test

import (
	"slices"
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// shop adds a WhatsApp Business account with a connected session.
func (w *world) shop(name, number string) *member {
	w.t.Helper()
	phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: number, PushName: name, BusinessName: "Shop Inc.", Platform: "smba"})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.link(name, phone)
}

// labelOf returns a label of a list by its id.
func labelOf(labels []result, id string) result {
	if i := slices.IndexFunc(labels, func(l result) bool { return l["label_id"] == id }); i >= 0 {
		return labels[i]
	}
	return nil
}

// The same calls work on both kinds of account; only on a business account the phone and other devices see them.
func TestLabels(t *testing.T) {
	w := newWorld(t)
	bob := w.join("bob", "15550300002")
	for _, business := range []bool{false, true} {
		join, name, number := w.join, "local", "15550300003"
		if business {
			join, name, number = w.shop, "shop", "15550300004"
		}
		m := join(name, number)
		sent := m.call("message.sendText", params{"to": bob.pn(), "text": "an offer"})["message_id"]
		first := m.call("label.create", params{"name": "New order", "color": 3}).object("label")
		if first["label_id"] != "1" || first["color_hex"] != "#DFAEF0" || first["synced"] != business || first["chat_count"] != 0.0 {
			t.Errorf("business %v: created %v", business, first)
		}
		second := m.call("label.create", params{"name": "Paid", "label_id": "label_1703123456"}).object("label")["label_id"]
		m.refused(rpc.CodeConflict, "label.create", params{"name": "Paid", "label_id": second})
		if next := m.call("label.create", params{"name": "Third"}).object("label"); next["label_id"] != "2" {
			t.Errorf("next id: %v", next)
		}
		if changed := m.call("label.update", params{"label_id": second, "name": "Paid up", "color": 19}).object("label"); changed["name"] != "Paid up" || changed["color"] != 19.0 {
			t.Errorf("changed: %v", changed)
		}
		put := m.call("label.updateChats", params{"chats": []string{bob.pn()}, "label_ids": []any{"1", second, "99"}, "action": "add"})
		if ids := put.list("chats")[0].texts("label_ids"); len(ids) != 2 || !slices.Equal(put.texts("skipped_label_ids"), []string{"99"}) {
			t.Errorf("added: %v", put)
		}
		if ids := m.call("chat.get", params{"chat": bob.pn()}).object("chat").texts("label_ids"); len(ids) != 2 {
			t.Errorf("the chat has %v", ids)
		}
		if chats := m.call("label.listChats", params{"label_id": "1"}); chats["total"] != 1.0 || chats.list("chats")[0]["chat"] != bob.pn() || chats.object("label")["chat_count"] != 1.0 {
			t.Errorf("chats of the label: %v", chats)
		}
		if labels := m.call("label.listForChat", params{"chat": bob.lid()}).list("labels"); len(labels) != 2 {
			t.Errorf("labels by the chat's LID: %v", labels)
		}
		marked := m.call("label.updateMessages", params{"chat": bob.pn(), "message_ids": []any{sent}, "label_ids": []any{"2"}, "action": "add"})
		if ids := marked.list("messages")[0].texts("label_ids"); !slices.Equal(ids, []string{"2"}) {
			t.Errorf("message: %v", marked)
		}
		read := map[string]result{
			"message.get":    m.call("message.get", params{"message_id": sent}).object("message"),
			"message.list":   m.call("message.list", params{"chat": bob.lid()}).list("messages")[0],
			"message.search": m.call("message.search", params{"query": "offer"}).list("messages")[0],
			"chat.get":       m.call("chat.get", params{"chat": bob.pn()}).object("chat").object("last_message"),
			"chat.list":      m.call("chat.list", nil).list("chats")[0].object("last_message"),
		}
		for name, found := range read {
			if found["message_id"] != sent || !slices.Equal(found.texts("label_ids"), []string{"2"}) {
				t.Errorf("%s: %v", name, found)
			}
		}
		on := w.phoneLabels(m)
		if business && (len(on) != 3 || len(labelOf(on, "1").texts("chats")) != 1 || !slices.Equal(labelOf(on, "2").texts("message_ids"), []string{sent.(string)})) || !business && len(on) > 0 {
			t.Errorf("business %v: on the phone: %v", business, on)
		}
		replaced := m.call("label.updateChats", params{"chats": []string{bob.pn()}, "label_ids": []any{"2"}, "action": "replace"})
		if ids := replaced.list("chats")[0].texts("label_ids"); !slices.Equal(ids, []string{"2"}) {
			t.Errorf("replaced: %v", replaced)
		}
		m.call("label.updateChats", params{"chats": []string{bob.lid()}, "label_ids": []any{"2"}, "action": "remove"})
		if labels := m.call("label.listForChat", params{"chat": bob.pn()}).list("labels"); len(labels) != 0 {
			t.Errorf("after remove: %v", labels)
		}
		m.call("label.delete", params{"label_id": "1"})
		m.refused(rpc.CodeNotFound, "label.get", params{"label_id": "1"})
		m.refused(rpc.CodeInvalidParams, "label.deleteAll", params{"confirm": false})
		if gone := m.call("label.deleteAll", params{"confirm": true}); gone["deleted_count"] != 2.0 || len(m.call("label.list", nil).list("labels")) != 0 {
			t.Errorf("deleted: %v", gone)
		}
		if left := w.phoneLabels(m); len(left) != 0 {
			t.Errorf("left on the phone: %v", left)
		}
	}
}

func (w *world) phoneLabels(m *member) []result {
	w.t.Helper()
	return w.script("sandbox.listLabels", params{"account": m.pn()}).list("labels")
}

// Labels of the phone reach the store with patches, and with a complete read if the session links later.
func TestLabelsOfThePhone(t *testing.T) {
	w := newWorld(t)
	bob, shop := w.join("bob", "15550300012"), w.shop("shop", "15550300013")
	w.script("sandbox.setLabel", params{"account": shop.pn(), "label_id": "5", "name": "Lead", "color": 2})
	w.script("sandbox.assignLabel", params{"account": shop.pn(), "label_id": "5", "chat": bob.pn()})
	shop.eventually("the label on the chat", "label.listForChat", params{"chat": bob.pn()}, func(r result) bool {
		labels := r.list("labels")
		return len(labels) == 1 && labels[0]["name"] == "Lead" && labels[0]["synced"] == true
	})
	w.script("sandbox.setLabel", params{"account": shop.pn(), "label_id": "5", "name": "Customer", "color": 7})
	w.script("sandbox.assignLabel", params{"account": shop.pn(), "label_id": "5", "chat": bob.pn(), "labeled": false})
	shop.eventually("the new name", "label.get", params{"label_id": "5"}, func(r result) bool {
		label := r.object("label")
		return label["name"] == "Customer" && label["color"] == 7.0 && label["chat_count"] == 0.0
	})
	second := w.link("second", shop.phone)
	second.eventually("the label on a new device", "label.list", nil, func(r result) bool { return labelOf(r.list("labels"), "5")["name"] == "Customer" })
	w.script("sandbox.setLabel", params{"account": shop.pn(), "label_id": "5", "name": "Customer", "deleted": true})
	for _, m := range []*member{shop, second} {
		m.eventually("the deletion", "label.list", nil, func(r result) bool { return len(r.list("labels")) == 0 })
	}
	if _, failed := w.tryScript("sandbox.setLabel", params{"account": bob.pn(), "label_id": "1", "name": "x"}); failed == nil || failed.Code != rpc.CodeConflict {
		t.Errorf("a label of an account without a business: %v", failed)
	}
}
