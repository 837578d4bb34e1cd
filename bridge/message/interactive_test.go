package message

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// TestInteractiveContentIsReadAsItWasBuilt checks the buttons, lists and cards that a recipient reads.
func TestInteractiveContentIsReadAsItWasBuilt(t *testing.T) {
	action := func(kind string, a ButtonAction) AnyButton { return AnyButton{Type: kind, ButtonAction: a} }
	pix := &PixKey{Key: "a@example.com", KeyType: "EMAIL", MerchantName: "Shop"}
	const pixSetting = `[{"type":"pix_static_code","pix_static_code":{"merchant_name":"Shop","key":"a@example.com","key_type":"EMAIL"}}]`
	for name, c := range map[string]struct {
		content  Content
		wantJSON string // of the interactive part
	}{
		"reply buttons": {
			Content{Type: "buttons", Text: "Pick", Title: "T", Footer: "F", Buttons: []AnyButton{action("reply", ButtonAction{Label: "A"}), action("reply", ButtonAction{Label: "B", ID: "b"})}},
			`{"title":"T","subtitle":null,"footer":"F","button_text":null,"sections":[],"cards":[],
			 "buttons":[{"type":"reply","id":"1","label":"A"},{"type":"reply","id":"b","label":"B"}]}`,
		},
		"actions": {
			Content{Type: "buttons", Text: "Pick", Buttons: []AnyButton{
				action("url", ButtonAction{Label: "U", URL: "https://example.com/a"}), action("url", ButtonAction{Label: "V", MerchantURL: "https://example.com/b"}),
				action("call", ButtonAction{Label: "C", Phone: "+1 555 000 0003"}), action("call", ButtonAction{Label: "D", Phone: "110"}), action("copy", ButtonAction{Label: "E", Code: "X1"}),
			}},
			`{"title":null,"subtitle":null,"footer":null,"button_text":null,"sections":[],"cards":[],"buttons":[
			 {"type":"url","id":"1","label":"U","url":"https://example.com/a"},{"type":"url","id":"2","label":"V","url":"https://example.com/b"},
			 {"type":"call","id":"3","label":"C","phone":"+15550000003"},{"type":"call","id":"4","label":"D","phone":"110"},{"type":"copy","id":"5","label":"E","code":"X1"}]}`,
		},
		"pix": {
			Content{Type: "buttons", Text: "Pay", Buttons: []AnyButton{action("pix", ButtonAction{Pix: pix})}},
			`{"title":null,"subtitle":null,"footer":null,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"pix","id":null,"label":null,"name":"payment_info","params":
			 {"currency":"BRL","total_amount":{"value":0,"offset":100},"reference_id":"1","type":"physical-goods","order":{"status":"pending","subtotal":{"value":0,"offset":100},
			 "order_type":"ORDER","items":[{"retailer_id":"1","name":"","amount":{"value":0,"offset":100},"quantity":0}]},"payment_settings":` + pixSetting + `,"share_payment_status":false}}]}`,
		},
		"order to pay": {
			Content{Type: "buttons", Text: "Pay", Buttons: []AnyButton{action("review_and_pay", ButtonAction{Pix: pix, Order: &PaymentOrder{
				ReferenceID: "R", Currency: "EUR", Items: []PaymentItem{{Name: "Tea", Quantity: 2, AmountValue: 150}, {Name: "Cup", Quantity: 1, AmountValue: 99}},
			}})}},
			`{"title":null,"subtitle":null,"footer":null,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"review_and_pay","id":null,"label":null,"name":"review_and_pay","params":
			 {"currency":"EUR","total_amount":{"value":399,"offset":100},"reference_id":"R","type":"physical-goods","order":{"status":"pending","subtotal":{"value":399,"offset":100},
			 "order_type":"ORDER","items":[{"retailer_id":"1","name":"Tea","amount":{"value":150,"offset":100},"quantity":2},
			 {"retailer_id":"2","name":"Cup","amount":{"value":99,"offset":100},"quantity":1}]},"payment_settings":` + pixSetting + `,"share_payment_status":false}}]}`,
		},
		"order with a total of its own": {
			Content{Type: "buttons", Text: "Pay", Buttons: []AnyButton{action("review_and_pay", ButtonAction{Label: "L", Order: &PaymentOrder{
				ReferenceID: "R", TotalValue: ptr(int64(5)), AmountOffset: 1000, Items: []PaymentItem{{Name: "Tea", Quantity: 1, AmountValue: 150, AmountOffset: 10}},
			}})}},
			`{"title":null,"subtitle":null,"footer":null,"button_text":null,"sections":[],"cards":[],"buttons":[{"type":"review_and_pay","id":null,"label":"L","name":"review_and_pay","params":
			 {"display_text":"L","currency":"BRL","total_amount":{"value":5,"offset":1000},"reference_id":"R","type":"physical-goods","order":{"status":"pending","subtotal":{"value":5,"offset":1000},
			 "order_type":"ORDER","items":[{"retailer_id":"1","name":"Tea","amount":{"value":150,"offset":10},"quantity":1}]},"payment_settings":[],"share_payment_status":false}}]}`,
		},
		"list": {
			Content{Type: "list", Text: "Pick", Title: "T", ButtonText: "Open", Sections: []ListSection{
				{Title: "S1", Rows: []ListRow{{Title: "A", Description: "d"}, {Title: "B", ID: "b"}}}, {Title: "S2", Rows: []ListRow{{Title: "C"}}},
			}},
			`{"title":"T","subtitle":null,"footer":null,"button_text":"Open","buttons":[],"cards":[],"sections":[
			 {"title":"S1","rows":[{"id":"1","title":"A","description":"d"},{"id":"b","title":"B","description":null}]},{"title":"S2","rows":[{"id":"3","title":"C","description":null}]}]}`,
		},
		"native_flow": {
			Content{Type: "native_flow", Text: "Pick", Header: &FlowHeader{Title: "T", Subtitle: "S"}, Buttons: FlowButtons([]FlowButton{
				{Name: "mystery", Params: wa.JSONObject(`{"a":[1]}`)}, {Name: "quick_reply"},
			})},
			`{"title":"T","subtitle":"S","footer":null,"button_text":null,"sections":[],"cards":[],"buttons":[
			 {"type":"other","id":null,"label":null,"name":"mystery","params":{"a":[1]}},{"type":"reply","id":null,"label":null}]}`,
		},
		"carousel": {
			Content{Type: "carousel", Text: "Pick", Footer: "F", Cards: []Card{
				{Text: "one", Caption: "c", Buttons: []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}},
				{Text: "two", Buttons: []Button{{Type: "copy", ButtonAction: ButtonAction{Label: "B", Code: "X"}}}},
			}},
			`{"title":null,"subtitle":null,"footer":"F","button_text":null,"sections":[],"buttons":[],"cards":[
			 {"title":null,"text":"one","footer":"c","media":null,"buttons":[{"type":"reply","id":"1","label":"A"}]},
			 {"title":null,"text":"two","footer":null,"media":null,"buttons":[{"type":"copy","id":"1","label":"B","code":"X"}]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := sendAndRead(t, newBuilder(bob, &c.content))
			if got.Type != c.content.Type || text(got.Text) != c.content.Text {
				t.Errorf("type %q, text %q", got.Type, text(got.Text))
			}
			checkPart(t, name, got.Interactive, c.wantJSON)
		})
	}
}

// TestListAsText checks the numbered lines for apps that show no list.
func TestListAsText(t *testing.T) {
	got := sendAndRead(t, newBuilder(bob, &Content{Type: "list", AsText: true, Title: "T", Text: "Pick", Footer: "F", Sections: []ListSection{
		{Title: "S1", Rows: []ListRow{{Title: "A", Description: "d"}, {Title: "B"}}}, {Rows: []ListRow{{Title: "C"}}},
	}}))
	if want := "*T*\n\nPick\n\n*S1*\n1. A - d\n2. B\n\n3. C\n\n_F_"; got.Type != "text" || text(got.Text) != want {
		t.Errorf("%s %q, want %q", got.Type, text(got.Text), want)
	}
}

func TestFlowKeepsItsParameters(t *testing.T) {
	b := newBuilder(bob, &Content{
		Type: "native_flow", Text: "x", MessageVersion: 3, MessageParams: wa.JSONObject(`{"p":1}`), Buttons: []AnyButton{{Name: "n", Params: wa.JSONObject(`{"q":2}`)}, {Name: "m"}},
	})
	m, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	flow := m.GetInteractiveMessage().GetNativeFlowMessage()
	if flow.GetMessageVersion() != 3 || flow.GetMessageParamsJSON() != `{"p":1}` || flow.Buttons[0].GetButtonParamsJSON() != `{"q":2}` || flow.Buttons[1].GetButtonParamsJSON() != `{}` {
		t.Errorf("%v", flow)
	}
	if m.GetInteractiveMessage().Header != nil {
		t.Errorf("a header without content: %v", m.GetInteractiveMessage().Header)
	}
}

// TestFormsOfEarlierYears checks interactive messages in the forms that businesses still send.
func TestFormsOfEarlierYears(t *testing.T) {
	str := proto.String
	quick := &waE2E.HydratedTemplateButton{HydratedButton: &waE2E.HydratedTemplateButton_QuickReplyButton{
		QuickReplyButton: &waE2E.HydratedTemplateButton_HydratedQuickReplyButton{DisplayText: str("A"), ID: str("a")},
	}}
	link := &waE2E.HydratedTemplateButton{HydratedButton: &waE2E.HydratedTemplateButton_UrlButton{
		UrlButton: &waE2E.HydratedTemplateButton_HydratedURLButton{DisplayText: str("B"), URL: str("https://example.com")},
	}}
	call := &waE2E.HydratedTemplateButton{HydratedButton: &waE2E.HydratedTemplateButton_CallButton{
		CallButton: &waE2E.HydratedTemplateButton_HydratedCallButton{DisplayText: str("C"), PhoneNumber: str("+15550000003")},
	}}
	four := &waE2E.TemplateMessage_HydratedFourRowTemplate{
		HydratedContentText: str("body"), HydratedFooterText: str("F"), HydratedButtons: []*waE2E.HydratedTemplateButton{quick, link, call, {}},
		Title: &waE2E.TemplateMessage_HydratedFourRowTemplate_HydratedTitleText{HydratedTitleText: "T"},
	}
	const templateJSON = `{"title":"T","subtitle":null,"footer":"F","button_text":null,"sections":[],"cards":[],"buttons":[
		{"type":"reply","id":"a","label":"A"},{"type":"url","id":null,"label":"B","url":"https://example.com"},{"type":"call","id":null,"label":"C","phone":"+15550000003"},
		{"type":"other","id":null,"label":null}]}`
	flow := &waE2E.InteractiveMessage{Header: &waE2E.InteractiveMessage_Header{Title: str("only a title")}}
	for name, c := range map[string]struct {
		m                    *waE2E.Message
		kind, text, wantJSON string
	}{
		"buttons": {
			&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{
				ContentText: str("body"), FooterText: str("F"), Header: &waE2E.ButtonsMessage_Text{Text: "T"},
				Buttons: []*waE2E.ButtonsMessage_Button{
					{ButtonID: str("a"), ButtonText: &waE2E.ButtonsMessage_Button_ButtonText{DisplayText: str("A")}},
					{NativeFlowInfo: &waE2E.ButtonsMessage_Button_NativeFlowInfo{Name: str("cta_copy"), ParamsJSON: str(`{"display_text":"B","copy_code":"X"}`)}},
				},
			}}, "buttons", "body",
			`{"title":"T","subtitle":null,"footer":"F","button_text":null,"sections":[],"cards":[],"buttons":[{"type":"reply","id":"a","label":"A"},{"type":"copy","id":null,"label":"B","code":"X"}]}`,
		},
		"list": {
			&waE2E.Message{ListMessage: &waE2E.ListMessage{
				Title: str("T"), ButtonText: str("Open"), FooterText: str("F"),
				Sections: []*waE2E.ListMessage_Section{{Title: str("S"), Rows: []*waE2E.ListMessage_Row{{RowID: str("r"), Title: str("R"), Description: str("d")}}}},
			}}, "list", "T",
			`{"title":"T","subtitle":null,"footer":"F","button_text":"Open","buttons":[],"cards":[],"sections":[{"title":"S","rows":[{"id":"r","title":"R","description":"d"}]}]}`,
		},
		"hydrated template":    {&waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{HydratedTemplate: four}}, "buttons", "body", templateJSON},
		"four rows":            {&waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{Format: &waE2E.TemplateMessage_HydratedFourRowTemplate_{HydratedFourRowTemplate: four}}}, "buttons", "body", templateJSON},
		"template with a flow": {&waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{Format: &waE2E.TemplateMessage_InteractiveMessageTemplate{InteractiveMessageTemplate: flow}}}, "native_flow", "only a title", `{"title":"only a title","subtitle":null,"footer":null,"button_text":null,"sections":[],"cards":[],"buttons":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := NewMessage(&types.MessageInfo{}, c.m)
			if got.Type != c.kind || text(got.Text) != c.text {
				t.Errorf("type %q, text %q", got.Type, text(got.Text))
			}
			checkPart(t, name, got.Interactive, c.wantJSON)
		})
	}
}

// TestFileAboveAnInteractiveMessage checks that the file of a header is described like that of a message with this file, in each form of header.
func TestFileAboveAnInteractiveMessage(t *testing.T) {
	str := proto.String
	image, video, document := &waE2E.ImageMessage{Mimetype: str("image/jpeg"), Width: proto.Uint32(7)}, &waE2E.VideoMessage{Mimetype: str("video/mp4"), Seconds: proto.Uint32(8)}, &waE2E.DocumentMessage{Mimetype: str("text/plain"), FileName: str("a.txt")}
	flow := func(h *waE2E.InteractiveMessage_Header) *waE2E.InteractiveMessage {
		return &waE2E.InteractiveMessage{Header: h, Body: &waE2E.InteractiveMessage_Body{Text: str("body")}}
	}
	template := func(h *waE2E.TemplateMessage_HydratedFourRowTemplate) *waE2E.Message {
		h.HydratedContentText = str("body")
		return &waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{HydratedTemplate: h}}
	}
	old := func(b *waE2E.ButtonsMessage) *waE2E.Message {
		b.ContentText = str("body")
		return &waE2E.Message{ButtonsMessage: b}
	}
	imageHeader := flow(&waE2E.InteractiveMessage_Header{Media: &waE2E.InteractiveMessage_Header_ImageMessage{ImageMessage: image}})
	videoHeader := flow(&waE2E.InteractiveMessage_Header{Media: &waE2E.InteractiveMessage_Header_VideoMessage{VideoMessage: video}})
	documentHeader := flow(&waE2E.InteractiveMessage_Header{Media: &waE2E.InteractiveMessage_Header_DocumentMessage{DocumentMessage: document}})
	for want, forms := range map[string][]*waE2E.Message{
		"image/jpeg": {
			{InteractiveMessage: imageHeader},
			template(&waE2E.TemplateMessage_HydratedFourRowTemplate{Title: &waE2E.TemplateMessage_HydratedFourRowTemplate_ImageMessage{ImageMessage: image}}),
			old(&waE2E.ButtonsMessage{Header: &waE2E.ButtonsMessage_ImageMessage{ImageMessage: image}}),
			{TemplateMessage: &waE2E.TemplateMessage{Format: &waE2E.TemplateMessage_InteractiveMessageTemplate{InteractiveMessageTemplate: imageHeader}}},
		},
		"video/mp4": {
			{InteractiveMessage: videoHeader},
			template(&waE2E.TemplateMessage_HydratedFourRowTemplate{Title: &waE2E.TemplateMessage_HydratedFourRowTemplate_VideoMessage{VideoMessage: video}}),
			old(&waE2E.ButtonsMessage{Header: &waE2E.ButtonsMessage_VideoMessage{VideoMessage: video}}),
		},
		"text/plain": {
			{InteractiveMessage: documentHeader},
			template(&waE2E.TemplateMessage_HydratedFourRowTemplate{Title: &waE2E.TemplateMessage_HydratedFourRowTemplate_DocumentMessage{DocumentMessage: document}}),
			old(&waE2E.ButtonsMessage{Header: &waE2E.ButtonsMessage_DocumentMessage{DocumentMessage: document}}),
		},
	} {
		for i, m := range forms {
			got := NewMessage(&types.MessageInfo{}, m)
			if got.Media == nil || text(got.Media.MimeType) != want || text(got.Text) != "body" || got.Interactive == nil || got.Type == TypeImage {
				t.Errorf("%s, form %d: %+v", want, i, got)
			}
		}
	}
	card := cardOf(videoHeader)
	if card.Media == nil || card.Media.Keys.DurationSeconds != 8 || text(card.Text) != "body" {
		t.Errorf("card: %+v", card)
	}
	if HeaderFile(&waE2E.Message{InteractiveMessage: flow(nil)}) != nil || HeaderFile(&waE2E.Message{Conversation: str("x")}) != nil {
		t.Error("a message without a header has a file")
	}
}

func TestSelections(t *testing.T) {
	str := proto.String
	about := &waE2E.ContextInfo{StanzaID: str("Q1"), Participant: str(bob.String())}
	flow := func(name, params string) *waE2E.Message {
		return &waE2E.Message{InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{
			ContextInfo: about, Body: &waE2E.InteractiveResponseMessage_Body{Text: str("chosen")},
			InteractiveResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage_{
				NativeFlowResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage{Name: str(name), ParamsJSON: str(params)},
			},
		}}
	}
	for name, c := range map[string]struct {
		m        *waE2E.Message
		wantJSON string
	}{
		"old button": {
			&waE2E.Message{ButtonsResponseMessage: &waE2E.ButtonsResponseMessage{
				SelectedButtonID: str("a"), Response: &waE2E.ButtonsResponseMessage_SelectedDisplayText{SelectedDisplayText: "chosen"}, ContextInfo: about,
			}}, `{"kind":"button","id":"a","description":null,"name":null,"params":null}`,
		},
		"template": {
			&waE2E.Message{TemplateButtonReplyMessage: &waE2E.TemplateButtonReplyMessage{SelectedID: str("a"), SelectedDisplayText: str("chosen"), ContextInfo: about}},
			`{"kind":"button","id":"a","description":null,"name":null,"params":null}`,
		},
		"old list": {
			&waE2E.Message{ListResponseMessage: &waE2E.ListResponseMessage{
				Title: str("chosen"), Description: str("d"), SingleSelectReply: &waE2E.ListResponseMessage_SingleSelectReply{SelectedRowID: str("r")}, ContextInfo: about,
			}}, `{"kind":"row","id":"r","description":"d","name":null,"params":null}`,
		},
		"button":        {flow("quick_reply", `{"id":"a"}`), `{"kind":"button","id":"a","description":null,"name":null,"params":null}`},
		"row":           {flow("menu_options", `{"id":"r","description":"d"}`), `{"kind":"row","id":"r","description":"d","name":null,"params":null}`},
		"row by select": {flow("single_select", `{"id":"r"}`), `{"kind":"row","id":"r","description":null,"name":null,"params":null}`},
		"form":          {flow("flow", `{"a":1}`), `{"kind":"flow","id":null,"description":null,"name":"flow","params":{"a":1}}`},
		"no object":     {flow("quick_reply", `[1]`), `{"kind":"flow","id":null,"description":null,"name":"quick_reply","params":null}`},
		"wrong id":      {flow("quick_reply", `{"id":1}`), `{"kind":"flow","id":null,"description":null,"name":"quick_reply","params":{"id":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := NewMessage(&types.MessageInfo{}, c.m)
			if got.Type != TypeText || text(got.Text) != "chosen" || got.Quoted == nil || got.Quoted.MessageID != "Q1" {
				t.Errorf("%+v", got)
			}
			checkPart(t, name, got.Selection, c.wantJSON)
		})
	}
}

// TestReceivedParametersAreKeptOnlyAsObjects checks which JSON of a peer is put into events unchanged.
func TestReceivedParametersAreKeptOnlyAsObjects(t *testing.T) {
	deep := strings.Repeat(`{"a":`, wa.MaxRawDepth/2) + "1" + strings.Repeat("}", wa.MaxRawDepth/2)
	for params, kept := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, deep: true,
		``: false, `[]`: false, `"a"`: false, `null`: false, `{"a":1`: false, `{"a":"\u0000"}`: false, "{\"a\":\"\xff\"}": false, `{"b":` + deep + `}`: false,
	} {
		if got := objectOf(params); (got != nil) != kept || got != nil && !json.Valid(got) {
			t.Errorf("%.60s: %.60s", params, got)
		}
	}
}

func TestBusinessNodes(t *testing.T) {
	flow := func(name string) *waE2E.Message {
		return &waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{
			NativeFlowMessage: &waE2E.InteractiveMessage_NativeFlowMessage{Buttons: []*flowButton{{Name: proto.String(name)}}},
		}}}
	}
	for _, c := range []struct {
		name  string
		to    types.JID
		m     *waE2E.Message
		tags  string
		money string
	}{
		{"text", bob, &waE2E.Message{Conversation: proto.String("x")}, "", ""},
		{"buttons to a person", bob, flow("quick_reply"), "bot biz", ""},
		{"buttons to a LID", types.NewJID("100000000000003", types.HiddenUserServer), flow("quick_reply"), "bot biz", ""},
		{"buttons to a group", team, flow("quick_reply"), "biz", ""},
		{"carousel", bob, &waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{}}, "bot biz", ""},
		{"payment", bob, flow("review_and_pay"), "bot biz", "order_details"},
		{"pix to a group", team, flow("payment_info"), "biz", "payment_info"},
		{"in an envelope", team, &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: flow("review_order")}}, "biz", "order_status"},
	} {
		var tags []string
		var biz waBinary.Node
		for _, n := range BusinessNodes(c.to, c.m) {
			tags, biz = append(tags, n.Tag), n
		}
		if got := strings.Join(tags, " "); got != c.tags {
			t.Errorf("%s: nodes %q, want %q", c.name, got, c.tags)
		}
		if c.tags == "" {
			continue
		}
		if name, _ := biz.Attrs["native_flow_name"].(string); name != c.money {
			t.Errorf("%s: announced as %q, want %q", c.name, name, c.money)
		}
		inner := biz.GetChildByTag("interactive", "native_flow")
		if mixed := inner.Attrs["name"] == "mixed"; mixed == (c.money != "") {
			t.Errorf("%s: %v", c.name, biz)
		}
	}
}

// A message with any labels and parameters of buttons can be shown.
func FuzzFlowMessage(f *testing.F) {
	for _, seed := range [][3]string{
		{"quick_reply", `{"display_text":"A","id":"1"}`, "hello"},
		{"single_select", `{"title":"t","sections":[{"title":"s","rows":[{"id":"1","title":"R"}]}]}`, ""},
		{"payment_info", `{"a":{"b":[1]}}`, "pay"},
		{"cta_url", `{"url":1}`, "x"},
		{"", "", ""},
		{"odd", `{"a":[[[[[[]]]]]]}`, "\xff"},
		{"single_select", `null`, "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, name, params, text string) {
		flow := &waE2E.InteractiveMessage_NativeFlowMessage{Buttons: []*flowButton{{Name: &name, ButtonParamsJSON: &params}}}
		answer := &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage{Name: &name, ParamsJSON: &params}
		for _, content := range []*waE2E.Message{
			{InteractiveMessage: &waE2E.InteractiveMessage{
				Body:               &waE2E.InteractiveMessage_Body{Text: &text},
				InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: flow},
			}},
			{InteractiveMessage: &waE2E.InteractiveMessage{InteractiveMessage: &waE2E.InteractiveMessage_CarouselMessage_{
				CarouselMessage: &waE2E.InteractiveMessage_CarouselMessage{Cards: []*waE2E.InteractiveMessage{
					{InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: flow}}, {},
				}},
			}}},
			{InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{
				InteractiveResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage_{NativeFlowResponseMessage: answer},
			}},
		} {
			m := NewMessage(&types.MessageInfo{ID: "X"}, content)
			if m.Type == TypeUnknown {
				t.Errorf("%v has no type", content)
			}
			raw, err := json.Marshal(m)
			if err != nil || !utf8.Valid(raw) {
				t.Errorf("%q: %v", raw, err)
			}
			var again Message
			if err := json.Unmarshal(raw, &again); err != nil {
				t.Errorf("%s: %v", raw, err)
			}
		}
	})
}
