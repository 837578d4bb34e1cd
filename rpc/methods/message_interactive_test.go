package methods_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/sandbox"
)

// flowOf returns the params of a native-flow button of a message.
func flowOf(t *testing.T, m *waE2E.InteractiveMessage, n int) (name string, said result) {
	t.Helper()
	buttons := m.GetNativeFlowMessage().GetButtons()
	if len(buttons) <= n {
		t.Fatalf("%d buttons", len(buttons))
	}
	if err := json.Unmarshal([]byte(buttons[n].GetButtonParamsJSON()), &said); err != nil {
		t.Fatal(err)
	}
	return buttons[n].GetName(), said
}

var fourButtons = []params{
	{"type": "reply", "id": "yes", "label": "Yes & no"},
	{"type": "url", "label": "Site", "url": "https://a.example/x?y=1&z=2"},
	{"type": "call", "label": "Call", "phone": "+4930123456"},
	{"type": "copy", "label": "Copy", "code": "SAVE10"},
}

func TestButtonsGoOutAndAreAnswered(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	sent := alice.call("message.sendButtons", params{
		"to": bob.pn(), "text": "Which?", "title": "Choice", "footer": "small", "buttons": fourButtons,
	})
	id := sent["message_id"].(string)
	r := bob.awaitMessage(id)
	m := r.Message.GetInteractiveMessage()
	if m.GetBody().GetText() != "Which?" || m.GetHeader().GetTitle() != "Choice" || m.GetFooter().GetText() != "small" || m.GetHeader().GetHasMediaAttachment() {
		t.Errorf("got %v", m)
	}
	for n, want := range []struct {
		name string
		said result
	}{
		{"quick_reply", result{"display_text": "Yes & no", "id": "yes"}},
		{"cta_url", result{"display_text": "Site", "url": "https://a.example/x?y=1&z=2", "merchant_url": "https://a.example/x?y=1&z=2", "id": "2"}},
		{"cta_call", result{"display_text": "Call", "phone_number": "+4930123456", "id": "3"}},
		{"cta_copy", result{"display_text": "Copy", "copy_code": "SAVE10", "id": "4"}},
	} {
		if name, said := flowOf(t, m, n); name != want.name || !reflect.DeepEqual(said, want.said) {
			t.Errorf("button %d: %s %v", n, name, said)
		}
	}
	// Both sides store the same message, with its buttons.
	at := bob.eventually("it", "message.get", params{"message_id": id, "chat": alice.pn()}, func(result) bool { return true }).object("message")
	for who, stored := range map[string]result{"alice": sent.object("message"), "bob": at} {
		interactive := stored.object("interactive")
		buttons := interactive.list("buttons")
		if stored["type"] != "buttons" || stored["text"] != "Which?" || interactive["title"] != "Choice" || interactive["footer"] != "small" || len(buttons) != 4 {
			t.Fatalf("stored at %s: %v", who, stored)
		}
		if buttons[0]["id"] != "yes" || buttons[1]["url"] != "https://a.example/x?y=1&z=2" || buttons[2]["phone"] != "+4930123456" || buttons[3]["code"] != "SAVE10" {
			t.Errorf("buttons at %s: %v", who, buttons)
		}
	}
	pressed, err := bob.phone.Press(w.ctx(), r, "yes")
	if err != nil {
		t.Fatal(err)
	}
	answer := alice.eventually("the answer", "message.get", params{"message_id": pressed}, func(result) bool { return true }).object("message")
	if answer["type"] != "text" || answer["text"] != "Yes & no" || answer.object("selection")["kind"] != "button" || answer.object("selection")["id"] != "yes" {
		t.Errorf("answer: %v", answer)
	}
	if quoted := answer.object("quoted"); quoted["message_id"] != id || quoted["text"] != "Which?" {
		t.Errorf("it quotes %v", quoted)
	}
	if quoted := alice.call("message.getQuoted", params{"message_id": pressed}).object("message"); quoted["message_id"] != id || quoted["type"] != "buttons" {
		t.Errorf("quoted: %v", quoted)
	}
	if _, err := bob.phone.Press(w.ctx(), r, "2"); err == nil {
		t.Error("a link sent an answer")
	}
	// An answer is meaningless in another chat: it is forwarded as text. The question is forwarded unchanged.
	carol := w.join("carol", "4915100000003")
	for source, check := range map[string]func(*waE2E.Message) bool{
		pressed: func(m *waE2E.Message) bool { return m.GetExtendedTextMessage().GetText() == "Yes & no" },
		id: func(m *waE2E.Message) bool {
			return len(m.GetInteractiveMessage().GetNativeFlowMessage().GetButtons()) == 4 && m.GetInteractiveMessage().GetContextInfo().GetIsForwarded()
		},
	} {
		forwarded := alice.call("message.forward", params{"chat": bob.pn(), "message_id": source, "recipients": []string{carol.pn()}}).list("messages")
		if got := carol.awaitMessage(forwarded[0]["message_id"].(string)); !check(got.Message) {
			t.Errorf("forwarded: %v", got.Message)
		}
	}
}

func TestButtonsCarryAFile(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	for _, test := range []struct {
		mime, kind, asked string
		data              []byte
	}{
		{"image/jpeg", "image", "", photo(t)},
		{"video/mp4", "video", "", clip()},
		{"application/pdf", "document", "", report()},
		{"image/jpeg", "document", "document", photo(t)},
	} {
		call := params{"to": bob.pn(), "media": params{"base64": dataURL(test.mime, test.data), "filename": "file.x"}, "buttons": fourButtons[:1]}
		if test.asked != "" {
			call["media_kind"] = test.asked
		}
		sent := alice.call("message.sendButtons", call)
		r := bob.awaitMessage(sent["message_id"].(string))
		bob.hasFile(r, test.data)
		header := r.Message.GetInteractiveMessage().GetHeader()
		is := map[string]bool{"image": header.GetImageMessage() != nil, "video": header.GetVideoMessage() != nil, "document": header.GetDocumentMessage() != nil}
		if !is[test.kind] || !header.GetHasMediaAttachment() {
			t.Errorf("%s as %s: %v", test.mime, test.kind, header)
		}
		stored := bob.eventually("it", "message.get", params{"message_id": r.ID, "chat": alice.pn()}, func(result) bool { return true }).object("message")
		if stored["type"] != "buttons" || stored.object("media")["size"] != float64(len(test.data)) || stored.object("media")["mime_type"] != test.mime {
			t.Errorf("stored: %v", stored)
		}
		file := bob.call("message.downloadMedia", params{"message_id": r.ID, "chat": alice.pn()}).object("media")
		if file["base64"] != dataURL(test.mime, test.data) {
			t.Errorf("%s differs when downloaded", test.kind)
		}
	}
}

func TestListGoesOutAndIsAnswered(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	sections := []params{
		{"title": "Hot", "rows": []params{{"id": "tea", "title": "Tea", "description": "green"}, {"title": "Coffee"}}},
		{"title": "Cold", "rows": []params{{"title": "Water"}}},
	}
	call := params{"to": bob.pn(), "text": "What?", "title": "Bar", "footer": "until 8", "button_text": "Choose", "sections": sections}
	sent := alice.call("message.sendList", call)
	r := bob.awaitMessage(sent["message_id"].(string))
	name, said := flowOf(t, r.Message.GetInteractiveMessage(), 0)
	if name != "single_select" || said["title"] != "Choose" || said.list("sections")[1].list("rows")[0]["id"] != "3" {
		t.Errorf("%s %v", name, said)
	}
	stored := bob.eventually("it", "message.get", params{"message_id": r.ID, "chat": alice.pn()}, func(result) bool { return true }).object("message")
	interactive := stored.object("interactive")
	if stored["type"] != "list" || stored["text"] != "What?" || interactive["button_text"] != "Choose" || interactive.list("sections")[0].list("rows")[0]["description"] != "green" {
		t.Errorf("stored: %v", stored)
	}
	chosen, err := bob.phone.Press(w.ctx(), r, "tea")
	if err != nil {
		t.Fatal(err)
	}
	answer := alice.eventually("the answer", "message.get", params{"message_id": chosen}, func(result) bool { return true }).object("message")
	if answer["text"] != "Tea" || answer.object("selection")["kind"] != "row" || answer.object("selection")["id"] != "tea" || answer.object("selection")["description"] != "green" {
		t.Errorf("answer: %v", answer)
	}
	call["as_text"] = true
	if got := bob.awaitMessage(alice.call("message.sendList", call)["message_id"].(string)); got.Text() != "*Bar*\n\nWhat?\n\n*Hot*\n1. Tea - green\n2. Coffee\n\n*Cold*\n3. Water\n\n_until 8_" {
		t.Errorf("as text: %q", got.Text())
	}
}

func TestFlowCarouselAndOrderGoOut(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	picture := photo(t)
	at := func(id any) (sandbox.Received, result) {
		t.Helper()
		r := bob.awaitMessage(id.(string))
		return r, bob.eventually("it", "message.get", params{"message_id": r.ID, "chat": alice.pn()}, func(result) bool { return true }).object("message")
	}
	r, stored := at(alice.call("message.sendNativeFlow", params{
		"to": bob.pn(), "text": "Book", "message_version": 3, "message_params": params{"a": 1},
		"header":  params{"title": "T", "subtitle": "S", "media": params{"base64": dataURL("image/jpeg", picture)}},
		"buttons": []params{{"name": "open_webview", "params": params{"title": "Go", "n": json.Number("12345678901234567890")}}, {"name": "galaxy"}},
	})["message_id"])
	bob.hasFile(r, picture)
	flow := r.Message.GetInteractiveMessage().GetNativeFlowMessage()
	if flow.GetMessageVersion() != 3 || flow.GetMessageParamsJSON() != `{"a":1}` || flow.GetButtons()[1].GetButtonParamsJSON() != "{}" ||
		!strings.Contains(flow.GetButtons()[0].GetButtonParamsJSON(), "12345678901234567890") {
		t.Errorf("flow: %v", flow)
	}
	if button := stored.object("interactive").list("buttons")[0]; stored["type"] != "native_flow" || button["name"] != "open_webview" || button.object("params")["title"] != "Go" {
		t.Errorf("stored: %v", stored)
	}

	r, stored = at(alice.call("message.sendCarousel", params{"to": bob.pn(), "text": "Look", "cards": []params{
		{"text": "one", "caption": "best", "media": params{"base64": dataURL("image/jpeg", picture)}, "buttons": fourButtons[:2]},
		{"text": "two", "buttons": []params{{"type": "reply", "id": "second", "label": "Take"}}},
	}})["message_id"])
	cards := r.Message.GetInteractiveMessage().GetCarouselMessage().GetCards()
	if len(cards) != 2 || cards[0].GetHeader().GetImageMessage().GetFileLength() != uint64(len(picture)) || cards[1].Header != nil {
		t.Errorf("cards: %v", cards)
	}
	shown := stored.object("interactive").list("cards")
	if stored["type"] != "carousel" || shown[0].object("media")["size"] != float64(len(picture)) || shown[0]["footer"] != "best" || shown[1]["text"] != "two" {
		t.Errorf("stored: %v", stored)
	}
	chosen, err := bob.phone.Press(w.ctx(), r, "second")
	if err != nil {
		t.Fatal(err)
	}
	alice.eventually("the answer", "message.get", params{"message_id": chosen}, func(r result) bool { return r.object("message")["text"] == "Take" })

	order := alice.call("message.sendOrder", params{"to": bob.pn(), "notes": "by noon", "items": []params{
		{"name": "A", "quantity": 2, "price": 19.99}, {"name": "B", "quantity": 1, "price": 29.99, "currency": "usd"},
	}})
	r, stored = at(order["message_id"])
	if m := r.Message.GetOrderMessage(); m.GetTotalAmount1000() != 69970 || m.GetTotalCurrencyCode() != "USD" || m.GetItemCount() != 2 ||
		m.GetMessage() != "2 x A: 39.98 USD\n1 x B: 29.99 USD\nby noon" || m.GetOrderID() != order["order_id"] {
		t.Errorf("order: %v", m)
	}
	if order["total_amount"] != 69.97 || order["item_count"] != 2.0 || stored["type"] != "order" || stored.object("order")["total_amount"] != 69.97 {
		t.Errorf("%v, stored %v", order, stored)
	}
}

func TestPaymentButtons(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "4915100000001"), w.join("bob", "4915100000002")
	pix := params{"key": "me@shop.example", "key_type": "EMAIL", "merchant_name": "Shop"}
	send := func(button params) (string, result) {
		t.Helper()
		r := bob.awaitMessage(alice.call("message.sendButtons", params{"to": bob.pn(), "text": "Pay", "buttons": []params{button}})["message_id"].(string))
		return flowOf(t, r.Message.GetInteractiveMessage(), 0)
	}
	name, said := send(params{"type": "pix", "label": "Pay", "pix": pix})
	if code := said.list("payment_settings")[0].object("pix_static_code"); name != "payment_info" || code["key"] != "me@shop.example" || code["key_type"] != "EMAIL" {
		t.Errorf("%s %v", name, said)
	}
	items := []params{{"name": "Ear", "quantity": 2, "amount_value": 500}, {"name": "Eye", "quantity": 1, "amount_value": 99}}
	name, said = send(params{"type": "review_and_pay", "pix": pix, "order": params{"reference_id": "R-1", "items": items}})
	if name != "review_and_pay" || said.object("total_amount")["value"] != 1099.0 || said["currency"] != "BRL" || said["reference_id"] != "R-1" || len(said.object("order").list("items")) != 2 {
		t.Errorf("%s %v", name, said)
	}
	// The server does not check the requested sum.
	_, said = send(params{"type": "review_and_pay", "order": params{"reference_id": "R-2", "total_value": 1000, "currency": "EUR", "items": items}})
	if said.object("total_amount")["value"] != 1000.0 || said["currency"] != "EUR" {
		t.Errorf("%v", said)
	}
}

func TestInteractiveInAGroup(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.join("alice", "4915100000001"), w.join("bob", "4915100000002"), w.join("carol", "4915100000003")
	group := alice.call("group.create", params{"name": "Crew", "participants": []string{bob.pn(), carol.pn()}}).object("group")["group"].(string)
	bob.awaitGroupChange(group, "create", nil)
	carol.awaitGroupChange(group, "create", nil)
	id := alice.call("message.send", params{"to": group, "content": params{"type": "buttons", "text": "In?", "buttons": fourButtons[:1]}})["message_id"].(string)
	pressed, err := carol.phone.Press(w.ctx(), carol.awaitMessage(id), "yes")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*member{alice, bob} {
		m.eventually("the answer", "message.get", params{"message_id": pressed}, func(r result) bool {
			answer := r.object("message")
			return answer["sender"] == carol.pn() && answer.object("selection")["id"] == "yes" && answer.object("quoted")["message_id"] == id
		})
	}
}

// Older forms that businesses still send, and the answers to them.
func TestOlderFormsAreUnderstood(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "4915100000001")
	shop, err := w.network.AddAccount(sandbox.AccountOptions{Number: "4915100000009", PushName: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	uploaded, err := shop.Upload(sandbox.Media{Kind: sandbox.Image, Data: photo(t)})
	if err != nil {
		t.Fatal(err)
	}
	choice := func(text string) *waE2E.ButtonsMessage_Button {
		return &waE2E.ButtonsMessage_Button{ButtonID: proto.String("id-" + text), ButtonText: &waE2E.ButtonsMessage_Button_ButtonText{DisplayText: &text}}
	}
	for name, test := range map[string]struct {
		content sandbox.Content
		kind    string
		press   string
		answer  string
	}{
		"buttons": {&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{
			ContentText: proto.String("hello"), FooterText: proto.String("foot"), Buttons: []*waE2E.ButtonsMessage_Button{choice("A"), choice("B")},
			Header: &waE2E.ButtonsMessage_ImageMessage{ImageMessage: uploaded.ImageMessage},
		}}, "buttons", "id-B", "B"},
		"template": {&waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{HydratedTemplate: &waE2E.TemplateMessage_HydratedFourRowTemplate{
			HydratedContentText: proto.String("hello"), HydratedFooterText: proto.String("foot"),
			Title: &waE2E.TemplateMessage_HydratedFourRowTemplate_ImageMessage{ImageMessage: uploaded.ImageMessage},
			HydratedButtons: []*waE2E.HydratedTemplateButton{
				{HydratedButton: &waE2E.HydratedTemplateButton_UrlButton{UrlButton: &waE2E.HydratedTemplateButton_HydratedURLButton{DisplayText: proto.String("go"), URL: proto.String("https://a.example")}}},
				{HydratedButton: &waE2E.HydratedTemplateButton_QuickReplyButton{QuickReplyButton: &waE2E.HydratedTemplateButton_HydratedQuickReplyButton{DisplayText: proto.String("B"), ID: proto.String("q")}}},
			},
		}}}, "buttons", "q", "B"},
		"list": {&waE2E.Message{ListMessage: &waE2E.ListMessage{
			Title: proto.String("menu"), Description: proto.String("hello"), FooterText: proto.String("foot"), ButtonText: proto.String("open"),
			ListType: waE2E.ListMessage_SINGLE_SELECT.Enum(),
			Sections: []*waE2E.ListMessage_Section{{Title: proto.String("s"), Rows: []*waE2E.ListMessage_Row{{RowID: proto.String("r"), Title: proto.String("B")}}}},
		}}, "list", "r", "B"},
		"today's buttons": {sandbox.Buttons("hello", "foot", sandbox.Choice{ID: "x", Label: "B"}), "buttons", "x", "B"},
		"today's list":    {sandbox.List("hello", "foot", "open", sandbox.Choice{ID: "y", Label: "B", Description: "bee"}), "list", "y", "B"},
	} {
		id, err := shop.Send(w.ctx(), alice.phone.JID(), test.content)
		if err != nil {
			t.Fatal(err)
		}
		stored := alice.eventually(name, "message.get", params{"message_id": id}, func(result) bool { return true }).object("message")
		if stored["type"] != test.kind || stored["text"] != "hello" || stored.object("interactive")["footer"] != "foot" {
			t.Errorf("%s: %v", name, stored)
		}
		if stored["media"] != nil {
			if file := alice.call("message.downloadMedia", params{"message_id": id}).object("media"); file["base64"] != dataURL("image/jpeg", photo(t)) {
				t.Errorf("%s: the picture differs", name)
			}
		} else if slices.Contains([]string{"buttons", "template"}, name) {
			t.Errorf("%s has lost its picture: %v", name, stored)
		}
		question, err := alice.phone.Await(w.ctx(), func(r sandbox.Received) bool { return r.ID == id })
		if err != nil {
			t.Fatal(err)
		}
		pressed, err := alice.phone.Press(w.ctx(), question, test.press)
		if err != nil {
			t.Fatal(err)
		}
		answer := alice.eventually("answer to "+name, "message.get", params{"message_id": pressed}, func(result) bool { return true }).object("message")
		if answer["text"] != test.answer || answer["type"] != "text" || answer.object("selection")["id"] != test.press || answer.object("quoted")["text"] != "hello" {
			t.Errorf("answer to %s: %v", name, answer)
		}
	}
}
