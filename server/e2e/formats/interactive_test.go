package formats

import (
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

// interactiveKinds returns the messages with buttons and lists, and the order, which cannot be sent to groups.
func (c *conversation) interactiveKinds(t *testing.T) []message {
	list := []message{
		c.withFile("picture with a button", "message.sendButtons", "image/jpeg", "image/jpeg", e2etest.JPEGFile(t, c.seed+40),
			object{"text": "this one?", "buttons": []object{{"type": "reply", "label": "Yes"}}},
			object{"type": "buttons", "text": "this one?"}, object{"width": 320, "height": 200},
			object{"interactiveMessage": object{"header": object{"imageMessage": object{"width": 320}, "hasMediaAttachment": true}}}),
		{
			name: "buttons", method: "message.sendButtons",
			params: object{"text": "Wohin? ✓", "title": "Choose", "footer": "small", "buttons": []object{
				{"type": "reply", "id": "süd", "label": "South"}, {"type": "url", "label": "Map", "url": "https://a.example/?a=1&b=2"},
			}},
			want: object{"type": "buttons", "text": "Wohin? ✓", "interactive": object{"title": "Choose", "footer": "small", "buttons": []object{
				{"type": "reply", "id": "süd", "label": "South"}, {"type": "url", "id": "2", "label": "Map", "url": "https://a.example/?a=1&b=2"},
			}}},
			wire: object{"interactiveMessage": object{"body": object{"text": "Wohin? ✓"}, "nativeFlowMessage": object{"buttons": []object{
				{"name": "quick_reply"}, {"name": "cta_url"},
			}}}},
		},
		{
			name: "list", method: "message.sendList",
			params: object{"text": "What?", "button_text": "Choose", "sections": []object{{"rows": []object{{"id": "t", "title": "Tea"}, {"title": "Kaffee"}}}}},
			want: object{"type": "list", "text": "What?", "interactive": object{"button_text": "Choose", "sections": []object{{"rows": []object{
				{"id": "t", "title": "Tea"}, {"id": "2", "title": "Kaffee"},
			}}}}},
			wire: object{"interactiveMessage": object{"nativeFlowMessage": object{"buttons": []object{{"name": "single_select"}}}}},
		},
		{
			name: "native flow", method: "message.sendNativeFlow",
			params: object{"text": "Book", "buttons": []object{{"name": "open_webview", "params": object{"title": "Go"}}}},
			want: object{"type": "native_flow", "text": "Book", "interactive": object{"buttons": []object{
				{"type": "other", "name": "open_webview", "params": object{"title": "Go"}},
			}}},
			wire: object{"interactiveMessage": object{"nativeFlowMessage": object{"buttons": []object{{"name": "open_webview", "buttonParamsJSON": `{"title":"Go"}`}}}}},
		},
		{
			name: "carousel", method: "message.sendCarousel",
			params: object{"text": "Look", "cards": []object{{"text": "one", "caption": "best", "buttons": []object{{"type": "copy", "label": "Copy", "code": "C1"}}}}},
			want: object{"type": "carousel", "text": "Look", "interactive": object{"cards": []object{
				{"text": "one", "footer": "best", "buttons": []object{{"type": "copy", "code": "C1"}}},
			}}},
			wire: object{"interactiveMessage": object{"carouselMessage": object{"cards": []object{{"body": object{"text": "one"}}}}}},
		},
	}
	if c.group == "" {
		list = append(list, message{
			name: "order", method: "message.sendOrder", params: object{"items": []object{{"name": "Tea", "quantity": 2, "price": 1.25, "currency": "EUR"}}},
			want: object{"type": "order", "text": "2 x Tea: 2.5 EUR", "order": object{"item_count": 1, "total_amount": 2.5, "currency": "EUR"}},
			wire: object{"orderMessage": object{"totalAmount1000": "2500", "totalCurrencyCode": "EUR"}},
		})
	}
	return list
}

// carriesPress lets the other person press a button and choose from a list; each answer names its question.
func (c *conversation) carriesPress(t *testing.T, from, to *person, ids map[string]string) {
	for _, press := range []struct{ question, id, kind, text string }{{"buttons", "süd", "button", "South"}, {"list", "2", "row", "Kaffee"}} {
		var answer struct {
			MessageID string `json:"message_id"`
		}
		e2etest.MustCall(t, c.network.Addr, "sandbox.pressButton", object{"account": to.number, "message_id": ids[press.question], "button_id": press.id}, &answer)
		want := object{
			"type": "text", "text": press.text, "selection": object{"kind": press.kind, "id": press.id},
			"quoted": object{"message_id": ids[press.question]},
		}
		from.feed.Await(t, "Message", e2etest.MergeObjects(want, object{"message_id": answer.MessageID, "from_me": false, "pn": to.pn, "lid": to.lid}))
		to.feed.Await(t, "Message", e2etest.MergeObjects(want, object{"message_id": answer.MessageID, "from_me": true}))
		c.stored(t, from, to, answer.MessageID, want)
	}
	// The other direction: a business sends the question from its phone.
	var asked struct {
		MessageID string `json:"message_id"`
	}
	chat := from.number
	if c.group != "" {
		chat = c.group
	}
	e2etest.MustCall(t, c.network.Addr, "sandbox.send", object{"account": to.number, "to": chat, "content": object{
		"type": "list", "text": "When?", "footer": "daily", "choices": []object{{"id": "am", "label": "Morning", "description": "8 to 12"}},
	}}, &asked)
	from.feed.Await(t, "Message", object{
		"message_id": asked.MessageID, "type": "list", "text": "When?", "interactive": object{"footer": "daily", "sections": []object{
			{"rows": []object{{"id": "am", "title": "Morning", "description": "8 to 12"}}},
		}},
	})
}
