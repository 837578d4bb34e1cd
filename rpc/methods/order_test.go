package methods_test

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

func TestOrderBehindAMessage(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	id, orderID, _, err := bob.phone.SendOrder(w.ctx(), alice.phone.JID(), sandbox.Order{Currency: "EUR", Products: []sandbox.OrderProduct{
		{ID: "p1", Name: "Rope", Price: 1500, Quantity: 3, ImageURL: "https://example.com/rope.jpg"}, {ID: "p2", Name: "Sail", Price: 99, Quantity: 1},
	}}, "")
	if err != nil {
		t.Fatal(err)
	}
	order := alice.eventually("the order", "message.getOrder", params{"message_id": id}, func(result) bool { return true }).object("order")
	products := order.list("products")
	if order["order_id"] != orderID || order["currency"] != "EUR" || order["subtotal"] != "4.599" || order["total"] != "4.599" || order["created_at"] == nil || len(products) != 2 {
		t.Fatalf("order %v", order)
	}
	if p := products[0]; p["product_id"] != "p1" || p["name"] != "Rope" || p["price"] != "1.5" || p["quantity"] != 3.0 || p["thumbnail_url"] != "https://example.com/rope.jpg" || p["thumbnail_id"] == nil {
		t.Errorf("product %v", p)
	}
	if p := products[1]; p["price"] != "0.099" || p["thumbnail_url"] != nil || p["thumbnail_id"] != nil {
		t.Errorf("product %v", p)
	}
	text := alice.call("message.sendText", params{"to": bob.pn(), "text": "thanks"})["message_id"]
	for _, method := range []string{"message.getOrder", "message.getPayment"} {
		for _, value := range alice.call(method, params{"message_id": text, "chat": bob.pn()}) {
			if value != nil {
				t.Errorf("%s of a text: %v", method, value)
			}
		}
		alice.refused(rpc.CodeNotFound, method, params{"message_id": "NOTHING"})
	}
	forged, err := bob.phone.Send(w.ctx(), alice.phone.JID(), &waE2E.Message{OrderMessage: &waE2E.OrderMessage{OrderID: proto.String("1"), Token: proto.String("x")}})
	if err != nil {
		t.Fatal(err)
	}
	alice.eventually("the forged order", "message.get", params{"message_id": forged}, func(result) bool { return true })
	alice.refused(rpc.CodeNotFound, "message.getOrder", params{"message_id": forged})
}

func TestPaymentBehindAMessage(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	payment := func(content *waE2E.Message) result {
		t.Helper()
		id, err := bob.phone.Send(w.ctx(), alice.phone.JID(), content)
		if err != nil {
			t.Fatal(err)
		}
		found := alice.eventually("the payment", "message.getPayment", params{"message_id": id}, func(result) bool { return true }).object("payment")
		if found["timestamp"] == nil || found["transaction_status"] != nil || found["from_me"] != false {
			t.Errorf("payment %v", found)
		}
		return found
	}
	note := &waE2E.Message{Conversation: proto.String("rent")}
	request := payment(&waE2E.Message{RequestPaymentMessage: &waE2E.RequestPaymentMessage{
		Amount1000: proto.Uint64(12500), CurrencyCodeIso4217: proto.String("BRL"), RequestFrom: proto.String(alice.pn()), NoteMessage: note,
	}})
	if request["amount"] != "12.5" || request["currency"] != "BRL" || request["receiver"] != alice.pn() || request["status"] != "waiting" || request["note"] != "rent" {
		t.Errorf("request %v", request)
	}
	key := &waCommon.MessageKey{ID: proto.String(request["payment_id"].(string)), FromMe: proto.Bool(true), RemoteJID: proto.String(alice.pn())}
	for name, c := range map[string]struct {
		content *waE2E.Message
		status  any
	}{
		"transfer": {&waE2E.Message{SendPaymentMessage: &waE2E.SendPaymentMessage{RequestMessageKey: key}}, nil},
		"decline":  {&waE2E.Message{DeclinePaymentRequestMessage: &waE2E.DeclinePaymentRequestMessage{Key: key}}, "rejected"},
		"cancel":   {&waE2E.Message{CancelPaymentRequestMessage: &waE2E.CancelPaymentRequestMessage{Key: key}}, "cancelled"},
	} {
		if p := payment(c.content); p["payment_id"] != request["payment_id"] || p["amount"] != "12.5" || p["currency"] != "BRL" || p["note"] != "rent" || p["status"] != c.status {
			t.Errorf("%s: %v", name, p)
		}
	}
	unknown := payment(&waE2E.Message{SendPaymentMessage: &waE2E.SendPaymentMessage{NoteMessage: note, RequestMessageKey: &waCommon.MessageKey{ID: proto.String("GONE")}}})
	if unknown["payment_id"] != "GONE" || unknown["amount"] != nil || unknown["note"] != "rent" || unknown["status"] != nil {
		t.Errorf("transfer for an unknown request: %v", unknown)
	}
}
