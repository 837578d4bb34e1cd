package methods_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
)

func TestBadInteractiveIsRefused(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	reply := params{"type": "reply", "label": "A"}
	many := func(n int, item params) []params { return slices.Repeat([]params{item}, n) }
	row := params{"title": "R"}
	sections := []params{{"rows": []params{row}}}
	item := params{"name": "A", "quantity": 1, "price": 1}
	card := params{"text": "c", "buttons": []params{reply}}
	type bad struct {
		method, pointer string
		call            params
	}
	list := []bad{
		{"Buttons", "/text", params{"buttons": []params{reply}}},
		{"Buttons", "/text", params{"text": strings.Repeat("x", 4097), "buttons": []params{reply}}},
		{"Buttons", "/buttons", params{"text": "x", "buttons": []params{}}},
		{"Buttons", "/buttons", params{"text": "x", "buttons": many(11, reply)}},
		{"Buttons", "/buttons/0/label", params{"text": "x", "buttons": []params{{"type": "reply"}}}},
		{"Buttons", "/buttons/0/label", params{"text": "x", "buttons": []params{{"type": "reply", "label": strings.Repeat("x", 65)}}}},
		{"Buttons", "/buttons/0/type", params{"text": "x", "buttons": []params{{"type": "nuke", "label": "A"}}}},
		{"Buttons", "/buttons/0/type", params{"text": "x", "buttons": []params{{"label": "A"}}}},
		{"Buttons", "/buttons/1/id", params{"text": "x", "buttons": []params{{"type": "reply", "label": "A", "id": "i"}, {"type": "reply", "label": "B", "id": "i"}}}},
		{"Buttons", "/buttons/0/url", params{"text": "x", "buttons": []params{{"type": "url", "label": "A"}}}},
		{"Buttons", "/buttons/0/url", params{"text": "x", "buttons": []params{{"type": "url", "label": "A", "url": "javascript:alert(1)"}}}},
		{"Buttons", "/buttons/0/merchant_url", params{"text": "x", "buttons": []params{{"type": "url", "label": "A", "url": "https://a.example", "merchant_url": "ftp://a.example"}}}},
		{"Buttons", "/buttons/0/phone", params{"text": "x", "buttons": []params{{"type": "call", "label": "A"}}}},
		{"Buttons", "/buttons/0/phone", params{"text": "x", "buttons": []params{{"type": "call", "label": "A", "phone": "call me"}}}},
		{"Buttons", "/buttons/0/code", params{"text": "x", "buttons": []params{{"type": "copy", "label": "A"}}}},
		{"Buttons", "/buttons/0/pix", params{"text": "x", "buttons": []params{{"type": "pix"}}}},
		{"Buttons", "/buttons/0/pix/key_type", params{"text": "x", "buttons": []params{{"type": "pix", "pix": params{"key": "k", "key_type": "NAME", "merchant_name": "m"}}}}},
		{"Buttons", "/buttons/0/order", params{"text": "x", "buttons": []params{{"type": "review_and_pay"}}}},
		{"Buttons", "/buttons/0/order/items", params{"text": "x", "buttons": []params{{"type": "review_and_pay", "order": params{"reference_id": "r", "items": []params{}}}}}},
		{"Buttons", "/buttons/0/order/total_value", params{"text": "x", "buttons": []params{{"type": "review_and_pay", "order": params{"reference_id": "r", "items": []params{
			{"name": "n", "quantity": 1, "amount_value": 1, "amount_offset": 1000},
		}}}}}},
		{"Buttons", "/buttons/0/order/items", params{"text": "x", "buttons": []params{{"type": "review_and_pay", "order": params{"reference_id": "r", "items": many(100, params{
			"name": "n", "quantity": 1000000, "amount_value": 1000000000000,
		})}}}}},
		{"Buttons", "/media/base64", params{"media": params{"base64": "data:image/png;base64,AAAA"}, "buttons": []params{reply}}},
		{"Buttons", "/media_kind", params{"media": params{"base64": "data:image/png;base64,AAAA"}, "media_kind": "audio", "buttons": []params{reply}}},
		{"List", "/button_text", params{"text": "x", "sections": sections}},
		{"List", "/button_text", params{"text": "x", "sections": sections, "button_text": strings.Repeat("x", 21)}},
		{"List", "/sections", params{"text": "x", "sections": []params{}, "button_text": "b"}},
		{"List", "/sections/0/rows", params{"text": "x", "sections": []params{{"rows": []params{}}}, "button_text": "b"}},
		{"List", "/sections/0/rows", params{"text": "x", "sections": []params{{"rows": many(11, row)}}, "button_text": "b"}},
		{"List", "/sections/0/title", params{"text": "x", "sections": many(2, sections[0]), "button_text": "b"}},
		{"List", "/sections/0/rows/1/id", params{"text": "x", "sections": []params{{"rows": many(2, params{"title": "R", "id": "i"})}}, "button_text": "b"}},
		{"List", "/sections/0/rows/0/title", params{"text": "x", "sections": []params{{"rows": []params{{"title": " "}}}}, "button_text": "b"}},
		{"NativeFlow", "/buttons/0/name", params{"text": "x", "buttons": []params{{"name": ""}}}},
		{"NativeFlow", "/buttons/0/params", params{"text": "x", "buttons": []params{{"name": "n", "params": "{}"}}}},
		{"NativeFlow", "/buttons/0/params", params{"text": "x", "buttons": []params{{"name": "n", "params": params{"p": strings.Repeat("x", 17<<10)}}}}},
		{"NativeFlow", "/message_params", params{"text": "x", "message_params": []string{}, "buttons": []params{{"name": "n"}}}},
		{"NativeFlow", "/header/media/base64", params{"text": "x", "header": params{"media": params{"base64": "x"}}, "buttons": []params{{"name": "n"}}}},
		{"Carousel", "/cards", params{"text": "x", "cards": many(11, card)}},
		{"Carousel", "/cards/0/buttons", params{"text": "x", "cards": []params{{"text": "c", "buttons": many(4, reply)}}}},
		{"Carousel", "/cards/1/buttons/0/url", params{"text": "x", "cards": []params{card, {"text": "c", "buttons": []params{{"type": "url", "label": "A"}}}}}},
		{"Carousel", "/cards/0/media/base64", params{"text": "x", "cards": []params{{"text": "c", "buttons": []params{reply}, "media": params{"base64": "x"}}}}},
		{"Order", "/items", params{"items": []params{}}},
		{"Order", "/items/0/quantity", params{"items": []params{{"name": "A", "quantity": 0, "price": 1}}}},
		{"Order", "/items/0/price", params{"items": []params{{"name": "A", "quantity": 1, "price": -1}}}},
		{"Order", "/items/1/currency", params{"items": []params{item, {"name": "B", "quantity": 1, "price": 1, "currency": "EUR"}}}},
		{"Order", "/currency", params{"currency": "e€o", "items": []params{item}}},
		{"Order", "/items", params{"items": many(100, params{"name": "A", "quantity": 1000000, "price": 1000000000})}},
		{"Order", "/items/0/image_url", params{"items": []params{{"name": "A", "quantity": 1, "price": 1, "image_url": "http://127.0.0.1:1/x"}}}},
	}
	for _, test := range list {
		test.call["to"] = bob.pn()
		err := alice.refused(rpc.CodeInvalidParams, "message.send"+test.method, test.call)
		if details, _ := json.Marshal(err.Details); !strings.Contains(string(details), `"`+test.pointer+`"`) {
			t.Errorf("send%s: %s is not named: %s %s", test.method, test.pointer, err.Message, details)
		}
		delete(test.call, "to")
	}
	for _, to := range []string{"120363000000000001@newsletter", "status@broadcast"} {
		alice.refused(rpc.CodeNotSupported, "message.sendButtons", params{"to": to, "text": "x", "buttons": []params{reply}})
	}
	alice.refused(rpc.CodeNotSupported, "message.sendOrder", params{"to": "120363000000000001@g.us", "items": []params{item}})
	if got := bob.phone.Received(); len(got) != 0 {
		t.Errorf("bob got %v", got)
	}
}
