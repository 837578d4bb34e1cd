package rest

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// keyOf returns the serialised id of a message in a chat of two people.
func keyOf(fromMe bool, number, id string) string {
	return fmt.Sprintf("%t_%s_%s", fromMe, outsideID(number), id)
}

// onMessage returns the case of an operation on a message of the peer, or with mine on one to the peer. makeMessage returns its id; nil = a text.
func onMessage(operation, method string, mine bool, values resttest.Values, params object, makeMessage func(t *testing.T, w *restWorld) string, effect func(t *testing.T, w *restWorld, id string, out outcome)) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		id := ""
		switch {
		case makeMessage != nil:
			id = makeMessage(t, w)
		case mine:
			id = w.sent(t)
		default:
			id, _ = w.Receive(t, w.Peer.Number, object{"type": "text", "text": "hello"})
		}
		return restAct{
			values: values.With(resttest.Values{"chatId": outsideID(w.Peer.Number), "messageId": keyOf(mine, w.Peer.Number, id)}),
			calls:  []restCall{{method, e2etest.MergeObjects(object{"chat": w.Peer.Number, "message_id": id}, params)}},
			effect: func(t *testing.T, out outcome) { effect(t, w, id, out) },
		}
	}}
}

// received returns a function that receives a message of the peer. %s in its JSON form is the caller's address.
func received(proto string) func(t *testing.T, w *restWorld) string {
	return func(t *testing.T, w *restWorld) string {
		id, _ := w.Receive(t, w.Peer.Number, object{"type": "proto", "message": fmt.Sprintf(proto, w.Caller.JID())})
		return id
	}
}

func wwebjsMessage() []restCase {
	starred := func(operation string, value bool) restCase {
		star := func(t *testing.T, w *restWorld) string {
			id := w.sent(t)
			w.Call(t, w.Caller, "message.setStarred", object{"chat": w.Peer.Number, "message_id": id, "starred": !value})
			return id
		}
		return onMessage(operation, "message.setStarred", true, nil, object{"starred": value}, star, func(t *testing.T, w *restWorld, id string, _ outcome) {
			e2etest.CheckSame(t, "message", object{"starred": value}, w.Call(t, w.Caller, "message.get", object{"message_id": id})["message"])
		})
	}
	return []restCase{
		onMessage("POST /message/getClassInfo/{sessionId}", "message.get", false, nil, nil, nil, func(t *testing.T, w *restWorld, id string, out outcome) {
			out.is(t, "hello", "message/body", "0/message/text")
			out.is(t, id, "message/id/id", "0/message/message_id")
			if out.rpc == nil {
				e2etest.CheckSame(t, "message", object{"from": outsideID(w.Peer.Number), "to": outsideID(w.Caller.Number), "id": object{"_serialized": keyOf(false, w.Peer.Number, id)}}, out.at("message", ""))
			}
		}),
		onMessage("POST /message/delete/{sessionId}", "message.delete", true, resttest.Values{"everyone": true}, object{"for_everyone": true}, nil, func(t *testing.T, w *restWorld, id string, _ outcome) {
			w.awaitOnPhone(t, w.Peer.Number, "", object{"target": object{"action": "revoke", "message_id": id}})
		}),
		onMessage("POST /message/getMentions/{sessionId}", "message.listMentions", false, nil, nil, received(`{"extendedTextMessage":{"text":"@you","contextInfo":{"mentionedJID":["%s"]}}}`),
			func(t *testing.T, w *restWorld, _ string, out outcome) {
				out.is(t, w.Caller.Number, "contacts/0/id/user", "0/contacts/0/phone_number")
			}),
		onMessage("POST /message/getInfo/{sessionId}", "message.getReceipts", true, nil, nil, func(t *testing.T, w *restWorld) string {
			id := w.sent(t)
			e2etest.MustCall(t, w.Network.Addr, "sandbox.markRead", object{"account": w.Peer.Number, "message_ids": []string{id}}, nil)
			testkit.Within(t, e2etest.FeedWait, "the message is read", func() bool {
				return e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "message.getReceipts", object{"message_id": id})), "read/0") != nil
			})
			return id
		}, func(t *testing.T, w *restWorld, _ string, out outcome) {
			out.is(t, 0, "info/readRemaining", "0/read_remaining")
			if out.rpc == nil {
				e2etest.CheckSame(t, "reader", outsideID(w.Peer.Number), out.at("info/read/0/id/_serialized", ""))
			}
		}),
		onMessage("POST /message/getOrder/{sessionId}", "message.getOrder", false, nil, nil, func(t *testing.T, w *restWorld) string {
			var order struct {
				ID string `json:"message_id"`
			}
			e2etest.MustCall(t, w.Network.Addr, "sandbox.createOrder", object{"account": w.Peer.Number, "to": w.Caller.Number, "currency": "EUR", "products": []object{
				{"product_id": "p1", "name": "Rope", "price": 1.5, "quantity": 2, "image_url": "https://example.com/a.jpg"},
			}}, &order)
			testkit.Within(t, e2etest.FeedWait, "the order is stored", func() bool {
				return e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": w.Caller.ID, "message_id": order.ID}, nil) == nil
			})
			return order.ID
		}, func(t *testing.T, _ *restWorld, _ string, out outcome) {
			out.is(t, "Rope", "order/products/0/name", "0/order/products/0/name")
			if out.rpc == nil {
				e2etest.CheckSame(t, "order", object{"total": "3000", "currency": "EUR", "products": []object{{"price": "1500", "quantity": 2}}}, out.at("order", ""))
			}
		}),
		onMessage("POST /message/getPayment/{sessionId}", "message.getPayment", false, nil, nil,
			received(`{"requestPaymentMessage":{"amount1000":"12500","currencyCodeIso4217":"BRL","requestFrom":"%s","noteMessage":{"conversation":"rent"}}}`),
			func(t *testing.T, w *restWorld, id string, out outcome) {
				out.is(t, "rent", "payment/paymentNote", "0/payment/note")
				if out.rpc == nil {
					want := object{"paymentAmount1000": 12500, "paymentStatus": 11, "id": object{"_serialized": keyOf(false, w.Peer.Number, id)}}
					e2etest.CheckSame(t, "payment", want, out.at("payment", ""))
				}
			}),
		onMessage("POST /message/getQuotedMessage/{sessionId}", "message.getQuoted", false, nil, nil, func(t *testing.T, w *restWorld) string {
			original, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "the original"})
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "an answer", "reply_to": original})
			return id
		}, func(t *testing.T, _ *restWorld, _ string, out outcome) {
			out.is(t, "the original", "quotedMessage/body", "0/message/text")
		}),
		onMessage("POST /message/react/{sessionId}", "message.react", false, resttest.Values{"reaction": "👍"}, object{"emoji": "👍"}, nil, func(t *testing.T, w *restWorld, id string, _ outcome) {
			w.AwaitReaction(t, w.Peer.Number, id, "👍")
		}),
		starred("POST /message/star/{sessionId}", true), starred("POST /message/unstar/{sessionId}", false),
		{operation: "POST /message/forward/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "pass it on"})
			forward := w.NewPhone(t)
			return restAct{
				values: resttest.Values{"chatId": outsideID(w.Peer.Number), "messageId": id, "destinationChatId": outsideID(forward)},
				calls:  []restCall{{"message.forward", object{"chat": w.Peer.Number, "message_id": id, "recipients": []string{forward}}}},
				effect: func(t *testing.T, _ outcome) { w.awaitOnPhone(t, forward, "text", object{"text": "pass it on"}) },
			}
		}},
		{operation: "POST /message/downloadMedia/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			file := e2etest.JPEGFile(t, 1+w.NextNumber()%100)
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "image", "base64": file})
			return restAct{
				values: resttest.Values{"chatId": outsideID(w.Peer.Number), "messageId": id}, calls: []restCall{{"message.downloadMedia", object{"message_id": id}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, "image/jpeg", "messageMedia/mimetype", "0/media/mime_type")
					out.is(t, len(file), "messageMedia/filesize", "0/media/size")
					if out.rpc == nil {
						e2etest.CheckSame(t, "file", base64.StdEncoding.EncodeToString(file), out.at("messageMedia/data", ""))
					}
				},
			}
		}},
		{operation: "POST /localCallbackExample", prepare: func(_ *testing.T, w *restWorld) restAct {
			event := w.MessageID()
			return restAct{
				as:     &e2etest.Session{Token: w.Caller.Token},
				values: resttest.Values{"dataType": event, "data": object{"a": 1}},
				calls:  []restCall{{"webhook.receiveTest", object{"event": event, "data": object{"a": 1}}}},
				effect: func(t *testing.T, _ outcome) {
					tests := w.Call(t, e2etest.Session{}, "webhook.listReceivedTests", nil)
					e2etest.CheckSame(t, "data", object{"a": 1}, e2etest.ValueAt(map[string]any(tests), "tests/event="+event+"/data"))
				},
			}
		}},
	}
}

func wwebjsMessageErrors() []provocation {
	unsent := withFault(object{"kind": "refuse_send", "code": 403, "times": -1})
	return []provocation{
		{"POST /message/*", "Message not Found", withValue("messageId", "NOTHING")},
		{"POST /chat/get*", "Chat not Found", withValue("chatId", "120363999999999999@g.us")},
		{"POST /client/sendMessage/*", "contentType invalid, must be *", withValue("contentType", "Fax")},
		{"POST /message/reply/*", "contentType invalid, must be *", body(`{"contentType":"Fax"}`)},
		{"", "invalid media options", withValue("options", object{"media": object{}})},
		{"POST /client/sendMessage/*", "<exception text>", unsent},
		{"POST /message/delete/*", "<exception text>", unsent},
		{"POST /message/downloadMedia/*", "<exception text>", withFault(object{"kind": "media_download", "code": 404, "times": -1})},
		{"POST /message/forward/*", "<exception text>", unsent},
		{"POST /message/react/*", "<exception text>", unsent},
		{"POST /message/reply/*", "<exception text>", unsent},
	}
}

func wwebjsMessageUnprovoked() map[string]string {
	const kept = "the answer is stored here, so that only the database could fail"
	const notRead = "the chat is not read, and may be one without messages"
	return map[string]string{
		"POST /chat/clear*: Chat not Found":                             notRead,
		"POST /chat/delete/*: Chat not Found":                           notRead,
		"POST /chat/fetchMessages/*: Chat not Found":                    notRead,
		"POST /chat/sendState*: Chat not Found":                         notRead,
		"POST /chat/getC*: <exception text>":                            kept,
		"POST /chat/fetchMessages/*: <exception text>":                  kept,
		"POST /message/getClassInfo/*: <exception text>":                kept,
		"POST /message/getInfo/*: <exception text>":                     kept,
		"POST /message/getMentions/*: <exception text>":                 kept,
		"POST /message/getPayment/*: <exception text>":                  kept,
		"POST /message/getQuotedMessage/*: <exception text>":            kept,
		"POST /chat/clearState/*: <exception text>":                     "WhatsApp does not answer chat states",
		"POST /chat/sendState*: <exception text>":                       "WhatsApp does not answer chat states",
		"POST /client/sendMessage/*: invalid contentType":               "the text of the other server for the same error",
		"POST /localCallbackExample: <exception text>":                  "an event is kept in memory, which does not fail",
		"POST /localCallbackExample: You can't make any more requests*": "the contract test provokes it; a server would need a rate that disturbs the other cases",
	}
}
