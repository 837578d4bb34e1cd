package message

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

var (
	bob     = types.NewJID("15550000003", types.DefaultUserServer)
	team    = types.NewJID("120363000000000001", types.GroupServer)
	channel = types.NewJID("120363000000000002", types.NewsletterServer)
)

// newBuilder returns a builder without a connection or a file store. Its contact store has Bob's card; other people have no number there.
func newBuilder(to types.JID, content *Content) *Builder {
	return &Builder{To: to, Content: content, FindCard: func(_ context.Context, person types.JID) (string, *string, error) {
		if person == bob {
			return "Bob; the Builder", &bob.User, nil
		}
		return "No Number", nil, nil
	}}
}

// sendAndRead returns what the recipient of a content reads: it builds the message, encodes it as WhatsApp transports it, and describes it.
func sendAndRead(t *testing.T, b *Builder) *Message {
	t.Helper()
	built, err := b.Build(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", b.Content.Type, err)
	}
	raw, err := proto.Marshal(built)
	if err != nil {
		t.Fatal(err)
	}
	content := &waE2E.Message{}
	if err := proto.Unmarshal(raw, content); err != nil {
		t.Fatal(err)
	}
	return NewMessage(&types.MessageInfo{ID: "M1", MessageSource: types.MessageSource{Chat: b.To, Sender: bob}}, Innermost(content))
}

// checkPart compares the JSON form of a part with an expected JSON text.
func checkPart(t *testing.T, name string, part any, want string) {
	t.Helper()
	raw, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if json.Unmarshal(raw, &a) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%s: got %s\nwant %s", name, raw, want)
	}
}

func ptr[T any](v T) *T { return &v }

func TestContentIsReadAsItWasBuilt(t *testing.T) {
	start := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	end := start.Add(time.Hour)
	for name, c := range map[string]struct {
		content  Content
		kind     string
		text     string
		part     func(*Message) any
		wantJSON string
	}{
		"text":       {Content{Type: "text", Text: "hello"}, "text", "hello", nil, ""},
		"blank text": {Content{Type: "text", Text: "  ", Verbatim: true}, "text", "  ", nil, ""},
		"text with a preview of its own": {
			Content{Type: "text", Text: "see https://example.com/a", Preview: &Preview{URL: "https://example.com/a", Title: "A"}}, "text", "see https://example.com/a", nil, "",
		},
		"location": {
			Content{Type: "location", Latitude: ptr(1.5), Longitude: ptr(-2.5), Name: "Cafe", Address: "Road 1"},
			"location", "",
			func(m *Message) any { return m.Location }, `{"latitude":1.5,"longitude":-2.5,"name":"Cafe","address":"Road 1","live":false}`,
		},
		"location at 0, 0": {
			Content{Type: "location", Latitude: ptr(0.0), Longitude: ptr(0.0)},
			"location", "",
			func(m *Message) any { return m.Location }, `{"latitude":0,"longitude":0,"name":null,"address":null,"live":false}`,
		},
		"vCard": {
			Content{Type: "contact", Contacts: []ContactCard{{Name: "Ada", VCard: "begin:vcard\nEND:VCARD"}}},
			"contact", "",
			func(m *Message) any { return m.Contacts }, `[{"name":"Ada","vcard":"begin:vcard\nEND:VCARD"}]`,
		},
		"vCard of another form": {
			Content{Type: "contact", Verbatim: true, Contacts: []ContactCard{{Name: "Ada", VCard: "no card"}}},
			"contact", "",
			func(m *Message) any { return m.Contacts }, `[{"name":"Ada","vcard":"no card"}]`,
		},
		"stored contact": {
			Content{Type: "contact", Contacts: []ContactCard{{Contact: "15550000003"}}},
			"contact", "", func(m *Message) any { return m.Contacts },
			`[{"name":"Bob; the Builder","vcard":"BEGIN:VCARD\nVERSION:3.0\nN:;Bob\\; the Builder;;;\nFN:Bob\\; the Builder\nTEL;type=CELL;waid=15550000003:+15550000003\nEND:VCARD"}]`,
		},
		"two contacts": {
			Content{Type: "contact", Contacts: []ContactCard{{Name: "A, B\r\nC\\", Contact: bob.String()}, {Name: "Ada", VCard: "BEGIN:VCARD"}}},
			"contact", "",
			func(m *Message) any { return m.Contacts },
			`[{"name":"A, B\r\nC\\","vcard":"BEGIN:VCARD\nVERSION:3.0\nN:;A\\, B\\nC\\\\;;;\nFN:A\\, B\\nC\\\\\nTEL;type=CELL;waid=15550000003:+15550000003\nEND:VCARD"},
			 {"name":"Ada","vcard":"BEGIN:VCARD"}]`,
		},
		"poll": {
			Content{Type: "poll", Question: "Tea?", Options: []string{"Yes", "No"}},
			"poll", "Tea?",
			func(m *Message) any { return m.Poll }, `{"question":"Tea?","options":[{"text":"Yes","vote_count":0},{"text":"No","vote_count":0}],"selectable_count":1}`,
		},
		"poll with any number of choices": {
			Content{Type: "poll", Question: "Tea?", Options: []string{"Yes", "No"}, SelectableCount: ptr(0)},
			"poll", "Tea?",
			func(m *Message) any { return m.Poll.SelectableCount }, `0`,
		},
		"poll with two choices": {
			Content{Type: "poll", Question: "Tea?", Options: []string{"Yes", "No"}, SelectableCount: ptr(2)},
			"poll", "Tea?",
			func(m *Message) any { return m.Poll.SelectableCount }, `2`,
		},
		"event": {
			Content{Type: "event", Name: "Party", Description: "Bring tea", StartAt: &start, EndAt: &end, Location: &EventLocation{Name: "Cafe", Latitude: ptr(1.0), Longitude: ptr(2.0)}},
			"event", "Party", func(m *Message) any { return m.Event },
			`{"name":"Party","description":"Bring tea","start_time":"2026-05-01T10:00:00Z","end_time":"2026-05-01T11:00:00Z",
			 "location":{"latitude":1,"longitude":2,"name":"Cafe","address":null,"live":false},"join_link":null,"cancelled":false,"responses":{"going":0,"not_going":0,"maybe":0}}`,
		},
		"cancelled event": {
			Content{Type: "event", Name: "Party", StartAt: &start, EndAt: &start, Canceled: true},
			"event", "Party",
			func(m *Message) any { return m.Event.Cancelled }, `true`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := sendAndRead(t, newBuilder(bob, &c.content))
			if got.Type != c.kind || text(got.Text) != c.text {
				t.Errorf("type %q, text %q", got.Type, text(got.Text))
			}
			if c.part != nil {
				checkPart(t, name, c.part(got), c.wantJSON)
			}
		})
	}
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// TestSecretsOfPollsAndEvents checks that messages whose answers are encrypted have a secret of their own each.
func TestSecretsOfPollsAndEvents(t *testing.T) {
	now := time.Now()
	seen := map[string]bool{}
	for range 2 {
		for _, content := range []Content{{Type: "poll", Question: "?", Options: []string{"a", "b"}}, {Type: "event", Name: "x", StartAt: &now}} {
			m, err := newBuilder(bob, &content).Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			secret := m.GetMessageContextInfo().GetMessageSecret()
			if len(secret) != 32 || seen[string(secret)] {
				t.Errorf("%s: secret of %d bytes, used before %v", content.Type, len(secret), seen[string(secret)])
			}
			seen[string(secret)] = true
		}
	}
}

func TestTextIsStyled(t *testing.T) {
	m, err := newBuilder(bob, &Content{Type: "text", Text: "hello", BackgroundColor: "#FF102030", TextColor: "#80ffffff", Font: 5}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := m.GetExtendedTextMessage()
	if text.GetBackgroundArgb() != 0xFF102030 || text.GetTextArgb() != 0x80FFFFFF || text.GetFont() != 5 {
		t.Errorf("%v", text)
	}
}

// TestOnlyPlainTextsAreSimplified checks that a text is shortened only if it loses nothing.
func TestOnlyPlainTextsAreSimplified(t *testing.T) {
	plain := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("x")}}
	if Simplify(plain); plain.GetConversation() != "x" || plain.ExtendedTextMessage != nil {
		t.Errorf("plain text: %v", plain)
	}
	for name, rich := range map[string]*waE2E.ExtendedTextMessage{
		"context": {ContextInfo: &waE2E.ContextInfo{}}, "link": {MatchedText: proto.String("l")}, "background": {BackgroundArgb: proto.Uint32(1)},
		"colour": {TextArgb: proto.Uint32(1)}, "font": {Font: waE2E.ExtendedTextMessage_FontType(1).Enum()},
	} {
		m := &waE2E.Message{ExtendedTextMessage: rich}
		if Simplify(m); m.ExtendedTextMessage == nil || m.Conversation != nil {
			t.Errorf("%s is lost: %v", name, m)
		}
	}
	image := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{}}
	if Simplify(image); image.Conversation != nil || image.ImageMessage == nil {
		t.Errorf("image: %v", image)
	}
}

func TestPreviewOfTheCallerIsKept(t *testing.T) {
	const link = "https://example.com/a"
	m, err := newBuilder(bob, &Content{Type: "text", Text: "see " + link, Preview: &Preview{URL: link, Title: "A", Description: "D"}}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := m.GetExtendedTextMessage(); got.GetMatchedText() != link || got.GetTitle() != "A" || got.GetDescription() != "D" || got.JPEGThumbnail != nil {
		t.Errorf("%v", got)
	}
	if m, err = newBuilder(bob, &Content{Type: "text", Text: "no link", LinkPreview: true}).Build(t.Context()); err != nil || m.GetExtendedTextMessage().MatchedText != nil {
		t.Errorf("a text without a link: %v, %v", m, err)
	}
}

// badContents are contents that cannot be sent, with the field that the error names.
func badContents() map[string]struct {
	field   string
	content Content
} {
	now := time.Now()
	before := now.Add(-time.Second)
	long := strings.Repeat("ä", 70_000)
	button := []AnyButton{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}
	flow := []AnyButton{{Name: "cta_url"}}
	with := func(a ButtonAction, kind string) Content {
		if a.Label == "" {
			a.Label = "L"
		}
		return Content{Type: "buttons", Text: "x", Buttons: []AnyButton{{Type: kind, ButtonAction: a}}}
	}
	pix := &PixKey{Key: "k", KeyType: "EMAIL", MerchantName: "M"}
	item := PaymentItem{Name: "Tea", Quantity: 1, AmountValue: 100}
	rows := func(rows ...ListRow) Content {
		return Content{Type: "list", Text: "x", ButtonText: "Open", Sections: []ListSection{{Rows: rows}}}
	}
	card := func(c Card) Content { return Content{Type: "carousel", Text: "x", Cards: []Card{c}} }
	cardButtons := []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}
	order := func(items ...OrderItem) Content { return Content{Type: "order", Items: items} }
	return map[string]struct {
		field   string
		content Content
	}{
		"no type":           {"type", Content{}},
		"unknown type":      {"type", Content{Type: "reaction"}},
		"no text":           {"text", Content{Type: "text"}},
		"blank text":        {"text", Content{Type: "text", Text: " \n"}},
		"no verbatim text":  {"text", Content{Type: "text", Verbatim: true}},
		"colour":            {"background_color", Content{Type: "text", Text: "x", BackgroundColor: "FF102030"}},
		"short colour":      {"text_color", Content{Type: "text", Text: "x", TextColor: "#102030"}},
		"no hexadecimal":    {"text_color", Content{Type: "text", Text: "x", TextColor: "#GG102030"}},
		"foreign preview":   {"preview/url", Content{Type: "text", Text: "x", Preview: &Preview{URL: "https://example.com"}}},
		"no latitude":       {"latitude", Content{Type: "location", Longitude: ptr(1.0)}},
		"no longitude":      {"longitude", Content{Type: "location", Latitude: ptr(1.0)}},
		"no contacts":       {"contacts", Content{Type: "contact"}},
		"empty card":        {"contacts/0/vcard", Content{Type: "contact", Contacts: []ContactCard{{}}}},
		"card and contact":  {"contacts/0/contact", Content{Type: "contact", Contacts: []ContactCard{{Name: "A", VCard: "BEGIN:VCARD", Contact: bob.String()}}}},
		"no vCard":          {"contacts/1/vcard", Content{Type: "contact", Contacts: []ContactCard{{Contact: bob.String()}, {Name: "A", VCard: "x"}}}},
		"nameless card":     {"contacts/0/name", Content{Type: "contact", Contacts: []ContactCard{{VCard: "BEGIN:VCARD"}}}},
		"group as contact":  {"contacts/0/contact", Content{Type: "contact", Contacts: []ContactCard{{Contact: team.String()}}}},
		"unknown number":    {"contacts/0/contact", Content{Type: "contact", Contacts: []ContactCard{{Contact: "100000000000002@lid"}}}},
		"no question":       {"question", Content{Type: "poll", Question: " ", Options: []string{"a", "b"}}},
		"one option":        {"options", Content{Type: "poll", Question: "?", Options: []string{"a"}}},
		"blank option":      {"options/1", Content{Type: "poll", Question: "?", Options: []string{"a", " "}}},
		"option twice":      {"options/2", Content{Type: "poll", Question: "?", Options: []string{"a", "b", "a"}}},
		"too selectable":    {"selectable_count", Content{Type: "poll", Question: "?", Options: []string{"a", "b"}, SelectableCount: ptr(3)}},
		"nameless event":    {"name", Content{Type: "event", StartAt: &now}},
		"endless event":     {"start_at", Content{Type: "event", Name: "x"}},
		"event backwards":   {"end_at", Content{Type: "event", Name: "x", StartAt: &now, EndAt: &before}},
		"no media":          {"media", Content{Type: "image"}},
		"no video":          {"media", Content{Type: "video"}},
		"no audio":          {"media", Content{Type: "audio"}},
		"no voice note":     {"media", Content{Type: "audio", VoiceNote: true}},
		"no document":       {"media", Content{Type: "document", Verbatim: true}},
		"no sticker":        {"media", Content{Type: "sticker"}},
		"note with caption": {"caption", Content{Type: "video", VideoNote: true, Caption: "x"}},

		"buttons without text":      {"text", Content{Type: "buttons", Buttons: button}},
		"long text":                 {"text", Content{Type: "buttons", Text: long, Buttons: button}},
		"long title":                {"title", Content{Type: "buttons", Text: "x", Title: long[:600], Buttons: button}},
		"long footer":               {"footer", Content{Type: "buttons", Text: "x", Footer: long[:600], Buttons: button}},
		"no buttons":                {"buttons", Content{Type: "buttons", Text: "x"}},
		"eleven buttons":            {"buttons", Content{Type: "buttons", Text: "x", Buttons: make([]AnyButton, 11)}},
		"button without type":       {"buttons/0/type", Content{Type: "buttons", Text: "x", Buttons: flow}},
		"unknown button":            {"buttons/0/type", with(ButtonAction{}, "dance")},
		"no label":                  {"buttons/0/label", Content{Type: "buttons", Text: "x", Buttons: []AnyButton{{Type: "url", ButtonAction: ButtonAction{Label: " "}}}}},
		"id twice":                  {"buttons/1/id", Content{Type: "buttons", Text: "x", Buttons: append([]AnyButton{{Type: "reply", ButtonAction: ButtonAction{ID: "2", Label: "A"}}}, button...)}},
		"no url":                    {"buttons/0/url", with(ButtonAction{}, "url")},
		"other scheme":              {"buttons/0/url", with(ButtonAction{URL: "ftp://example.com"}, "url")},
		"no host":                   {"buttons/0/url", with(ButtonAction{URL: "https://"}, "url")},
		"no url at all":             {"buttons/0/url", with(ButtonAction{URL: "http://%zz"}, "url")},
		"other fallback":            {"buttons/0/merchant_url", with(ButtonAction{URL: "https://example.com", MerchantURL: "mailto:a@example.com"}, "url")},
		"no phone":                  {"buttons/0/phone", with(ButtonAction{}, "call")},
		"phone of letters":          {"buttons/0/phone", with(ButtonAction{Phone: "call me"}, "call")},
		"phone of 21 digits":        {"buttons/0/phone", with(ButtonAction{Phone: strings.Repeat("1", 21)}, "call")},
		"no code":                   {"buttons/0/code", with(ButtonAction{}, "copy")},
		"no pix":                    {"buttons/0/pix", with(ButtonAction{}, "pix")},
		"no pix key":                {"buttons/0/pix/key", with(ButtonAction{Pix: &PixKey{KeyType: "CPF", MerchantName: "M"}}, "pix")},
		"no merchant":               {"buttons/0/pix/merchant_name", with(ButtonAction{Pix: &PixKey{Key: "k", KeyType: "CPF"}}, "pix")},
		"kind of key":               {"buttons/0/pix/key_type", with(ButtonAction{Pix: &PixKey{Key: "k", KeyType: "IBAN", MerchantName: "M"}}, "pix")},
		"no order":                  {"buttons/0/order", with(ButtonAction{Pix: pix}, "review_and_pay")},
		"no reference":              {"buttons/0/order/reference_id", with(ButtonAction{Order: &PaymentOrder{Items: []PaymentItem{item}}}, "review_and_pay")},
		"nothing to pay":            {"buttons/0/order/items", with(ButtonAction{Order: &PaymentOrder{ReferenceID: "R"}}, "review_and_pay")},
		"offsets differ":            {"buttons/0/order/total_value", with(ButtonAction{Order: &PaymentOrder{ReferenceID: "R", AmountOffset: 1000, Items: []PaymentItem{item}}}, "review_and_pay")},
		"too much to pay":           {"buttons/0/order/items", with(ButtonAction{Order: &PaymentOrder{ReferenceID: "R", Items: []PaymentItem{{Name: "x", Quantity: 1_000_000, AmountValue: 1_000_000_000_000}}}}, "review_and_pay")},
		"pix of an order":           {"buttons/0/pix/key", with(ButtonAction{Pix: &PixKey{}, Order: &PaymentOrder{ReferenceID: "R", Items: []PaymentItem{item}}}, "review_and_pay")},
		"list without text":         {"text", Content{Type: "list", ButtonText: "Open", Sections: []ListSection{{Rows: []ListRow{{Title: "A"}}}}}},
		"no sections":               {"sections", Content{Type: "list", Text: "x", ButtonText: "Open"}},
		"eleven sections":           {"sections", Content{Type: "list", Text: "x", ButtonText: "Open", Sections: make([]ListSection, 11)}},
		"no label of a list":        {"button_text", Content{Type: "list", Text: "x", Sections: []ListSection{{Rows: []ListRow{{Title: "A"}}}}}},
		"long label of a list":      {"button_text", Content{Type: "list", Text: "x", ButtonText: long[:50], Sections: []ListSection{{Rows: []ListRow{{Title: "A"}}}}}},
		"no rows":                   {"sections/0/rows", rows()},
		"eleven rows":               {"sections/0/rows", rows(make([]ListRow, 11)...)},
		"row without title":         {"sections/0/rows/1/title", rows(ListRow{Title: "A"}, ListRow{Title: " "})},
		"long title of a row":       {"sections/0/rows/0/title", rows(ListRow{Title: long[:50]})},
		"long id of a row":          {"sections/0/rows/0/id", rows(ListRow{Title: "A", ID: long[:402]})},
		"long description of a row": {"sections/0/rows/0/description", rows(ListRow{Title: "A", Description: long[:146]})},
		"row twice":                 {"sections/0/rows/1/id", rows(ListRow{Title: "A", ID: "2"}, ListRow{Title: "B"})},
		"untitled section": {"sections/1/title", Content{Type: "list", Text: "x", ButtonText: "Open", Sections: []ListSection{
			{Title: "S", Rows: []ListRow{{Title: "A"}}}, {Rows: []ListRow{{Title: "B"}}},
		}}},
		"long title of a section": {"sections/0/title", Content{Type: "list", Text: "x", AsText: true, Sections: []ListSection{{Title: long[:50], Rows: []ListRow{{Title: "A"}}}}}},

		"flow without text":         {"text", Content{Type: "native_flow", Buttons: flow}},
		"long footer of a flow":     {"footer", Content{Type: "native_flow", Text: "x", Footer: long[:600], Buttons: flow}},
		"flow without buttons":      {"buttons", Content{Type: "native_flow", Text: "x"}},
		"flow of eleven":            {"buttons", Content{Type: "native_flow", Text: "x", Buttons: make([]AnyButton, 11)}},
		"nameless flow button":      {"buttons/0/name", Content{Type: "native_flow", Text: "x", Buttons: button}},
		"long parameters":           {"buttons/0/params", Content{Type: "native_flow", Text: "x", Buttons: []AnyButton{{Name: "n", Params: wa.JSONObject(long)}}}},
		"long message parameters":   {"message_params", Content{Type: "native_flow", Text: "x", Buttons: flow, MessageParams: wa.JSONObject(long)}},
		"carousel without text":     {"text", Content{Type: "carousel", Cards: []Card{{Text: "x", Buttons: cardButtons}}}},
		"no cards":                  {"cards", Content{Type: "carousel", Text: "x"}},
		"eleven cards":              {"cards", Content{Type: "carousel", Text: "x", Cards: make([]Card, 11)}},
		"card without text":         {"cards/0/text", card(Card{Buttons: cardButtons})},
		"card with a long text":     {"cards/0/text", card(Card{Text: long, Buttons: cardButtons})},
		"card with a long caption":  {"cards/0/caption", card(Card{Text: "x", Caption: long[:600], Buttons: cardButtons})},
		"card without buttons":      {"cards/0/buttons", card(Card{Text: "x"})},
		"card with four buttons":    {"cards/0/buttons", card(Card{Text: "x", Buttons: make([]Button, 4)})},
		"card with an empty button": {"cards/0/buttons/0/type", card(Card{Text: "x", Buttons: make([]Button, 1)})},

		"no items":         {"items", Content{Type: "order"}},
		"101 items":        {"items", order(make([]OrderItem, 101)...)},
		"nameless item":    {"items/0/name", order(OrderItem{Quantity: 1})},
		"no quantity":      {"items/0/quantity", order(OrderItem{Name: "x"})},
		"negative price":   {"items/1/price", order(OrderItem{Name: "x", Quantity: 1}, OrderItem{Name: "y", Quantity: 1, Price: -1})},
		"too large a sum":  {"items", order(OrderItem{Name: "x", Quantity: 1_000_000, Price: 1_000_000_000})},
		"currency":         {"currency", Content{Type: "order", Currency: "E1R", Items: []OrderItem{{Name: "x", Quantity: 1}}}},
		"own currency":     {"items/0/currency", order(OrderItem{Name: "x", Quantity: 1, Currency: "euro"})},
		"other currencies": {"items/1/currency", order(OrderItem{Name: "x", Quantity: 1, Currency: "EUR"}, OrderItem{Name: "y", Quantity: 1})},
	}
}

func TestBadContentIsRefusedByField(t *testing.T) {
	for name, c := range badContents() {
		m, err := newBuilder(bob, &c.content).Build(t.Context())
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || e.Field != c.field || m != nil {
			t.Errorf("%s: %v, %v; want a bad %s", name, m, err, c.field)
		}
	}
}

// TestContentIsRefusedByChat checks contents that WhatsApp does not deliver to some kinds of chats.
func TestContentIsRefusedByChat(t *testing.T) {
	button := []AnyButton{{Type: "reply", Name: "quick_reply", ButtonAction: ButtonAction{Label: "A"}}}
	sections := []ListSection{{Rows: []ListRow{{Title: "A"}}}}
	for _, content := range []Content{
		{Type: "buttons", Text: "x", Buttons: button},
		{Type: "native_flow", Text: "x", Buttons: button},
		{Type: "list", Text: "x", ButtonText: "Open", Sections: sections},
		{Type: "carousel", Text: "x", Cards: []Card{{Text: "x", Buttons: []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}}}},
	} {
		for _, to := range []types.JID{channel, types.StatusBroadcastJID} {
			_, err := newBuilder(to, &content).Build(t.Context())
			var e *wa.Error
			if !errors.As(err, &e) || e.Reason != wa.ReasonNotSupported || e.Field != "to" {
				t.Errorf("%s to %s: %v", content.Type, to, err)
			}
		}
		if _, err := newBuilder(team, &content).Build(t.Context()); err != nil {
			t.Errorf("%s to a group: %v", content.Type, err)
		}
	}
	if _, err := newBuilder(channel, &Content{Type: "list", Text: "x", AsText: true, Sections: sections}).Build(t.Context()); err != nil {
		t.Errorf("a list as text to a newsletter: %v", err)
	}
	for _, to := range []types.JID{team, channel, types.StatusBroadcastJID} {
		_, err := newBuilder(to, &Content{Type: "order", Items: []OrderItem{{Name: "x", Quantity: 1}}}).Build(t.Context())
		if wa.ReasonOf(err) != wa.ReasonNotSupported {
			t.Errorf("an order to %s: %v", to, err)
		}
	}
	for _, kind := range []string{"image", "video", "audio"} {
		_, err := newBuilder(channel, &Content{Type: kind, ViewOnce: true}).Build(t.Context())
		var e *wa.Error
		if !errors.As(err, &e) || e.Field != "view_once" {
			t.Errorf("%s that opens once, to a newsletter: %v", kind, err)
		}
	}
}

// TestErrorOfTheContactStoreIsReturned checks that a card without a readable contact fails with the reason of the store.
func TestErrorOfTheContactStoreIsReturned(t *testing.T) {
	b := newBuilder(bob, &Content{Type: "contact", Contacts: []ContactCard{{Contact: "15550000004"}}})
	b.FindCard = func(context.Context, types.JID) (string, *string, error) {
		return "", nil, wa.StorageError("the contact could not be read", errors.New("closed"))
	}
	if _, err := b.Build(t.Context()); wa.ReasonOf(err) != wa.ReasonStorage {
		t.Errorf("got %v", err)
	}
}

func TestOrderHasTheSumOfItsItems(t *testing.T) {
	m, err := newBuilder(bob, &Content{Type: "order", Currency: "eur", Notes: "quickly", Items: []OrderItem{
		{Name: "Tea", Quantity: 3, Price: 1.115}, {Name: "Cup", Quantity: 1, Price: 2},
	}}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := m.GetOrderMessage()
	if got.GetTotalAmount1000() != 5345 || got.GetTotalCurrencyCode() != "EUR" || got.GetItemCount() != 2 || got.GetSellerJID() != bob.String() || got.GetOrderID() == "" {
		t.Errorf("%v", got)
	}
	if token, err := base64.StdEncoding.DecodeString(got.GetToken()); err != nil || len(token) != 32 {
		t.Errorf("token %q: %v", got.GetToken(), err)
	}
	if want := "3 x Tea: 3.345 EUR\n1 x Cup: 2 EUR\nquickly"; got.GetMessage() != want {
		t.Errorf("text %q, want %q", got.GetMessage(), want)
	}
	read := NewMessage(&types.MessageInfo{}, m)
	checkPart(t, "order", read.Order, `{"order_id":`+strconv.Quote(got.GetOrderID())+`,"token":`+strconv.Quote(got.GetToken())+`,"item_count":2,"total_amount":5.345,"currency":"EUR"}`)
	if read.Type != "order" || text(read.Text) != got.GetMessage() {
		t.Errorf("read as %+v", read)
	}
	if m, err = newBuilder(bob, &Content{Type: "order", Items: []OrderItem{{Name: "Tea", Quantity: 1}}}).Build(t.Context()); err != nil || m.GetOrderMessage().GetTotalCurrencyCode() != "USD" {
		t.Errorf("without a currency: %v, %v", m, err)
	}
}
