package message

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

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
