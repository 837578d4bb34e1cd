package formats

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestLongTextsArriveWhole checks that every text that WhatsApp allows arrives whole at webhooks in the formats of other gateways, in any alphabet and
// in any field of a message. The native format truncates a text and marks it as truncated.
func TestLongTextsArriveWhole(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi", "-max-body", "4194304")
	formats := []string{"wuzapi", "wuzapi_json", "waakg", "wwebjs"}
	for _, format := range append([]string{"native"}, formats...) {
		w.Call(t, w.Caller, "webhook.create", object{"name": format, "url": w.Receiver.URL + "/" + format, "events": []string{"Message"}, "format": format})
	}
	chinese := strings.Repeat("长文本不能被截断", 22000/8)
	buttons := []object{{"id": "1", "label": "Yes"}}
	for _, c := range []struct {
		name, text string
		send       func(text string)
	}{
		{"65,536 letters", strings.Repeat("abcdefgh", 65536/8), nil},
		{"22,000 Chinese characters", chinese, nil},
		{"16,000 characters of four bytes", strings.Repeat("😀😁", 8000), nil},
		{"what JSON escapes", strings.Repeat("<a&b>\n\"\\", 60000/8), nil},
		{"just over what an event holds", strings.Repeat("x", 64<<10-300), nil},
		{"text of buttons", chinese + "b", func(text string) {
			w.Receive(t, w.Peer.Number, object{"type": "buttons", "text": text, "choices": buttons})
		}},
		{"text of a list", chinese + "l", func(text string) {
			w.Receive(t, w.Peer.Number, object{"type": "list", "text": text, "choices": buttons})
		}},
		{"new text of an edit", chinese + "e", func(text string) {
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "draft"})
			e2etest.MustCall(t, w.Network.Addr, "sandbox.edit", object{"account": w.Peer.Number, "chat": w.Caller.Number, "message_id": id, "text": text}, nil)
		}},
		{"a reply to a long text", chinese + "r", func(text string) {
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": chinese})
			w.Receive(t, w.Peer.Number, object{"type": "text", "text": text, "reply_to": id})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Each text has an ending of its own.
			text := c.text + " " + c.name + "."
			if len([]rune(text)) > 65536 {
				text = c.text
			}
			if c.send == nil {
				c.send = func(text string) { w.Receive(t, w.Peer.Number, object{"type": "text", "text": text}) }
			}
			c.send(text)
			for _, format := range formats {
				testkit.Within(t, e2etest.FeedWait, format+" has the whole text", func() bool {
					for _, r := range w.Receiver.RequestsTo("/" + format) {
						if holdsText(t, r.Body, text) {
							return true
						}
					}
					return false
				})
			}
			testkit.Within(t, e2etest.FeedWait, "native says that it was cut", func() bool {
				for _, r := range w.Receiver.RequestsTo("/native") {
					var event struct {
						Data struct {
							Text      string
							Truncated bool
						}
					}
					if json.Unmarshal(r.Body, &event) == nil && event.Data.Truncated && strings.HasPrefix(text, event.Data.Text) && len(r.Body) > 60<<10 {
						return true
					}
					if event.Data.Text == text {
						return true // it fits
					}
				}
				return false
			})
		})
	}
}

// holdsText reports whether a text is among the strings of a body, which is JSON or a form with JSON.
func holdsText(t *testing.T, body []byte, text string) bool {
	t.Helper()
	if form, err := url.ParseQuery(string(body)); err == nil && form.Get("jsonData") != "" {
		body = []byte(form.Get("jsonData"))
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	var holds func(value any) bool
	holds = func(value any) bool {
		switch v := value.(type) {
		case string:
			return v == text
		case map[string]any:
			for _, inner := range v {
				if holds(inner) {
					return true
				}
			}
		case []any:
			for _, inner := range v {
				if holds(inner) {
					return true
				}
			}
		}
		return false
	}
	return holds(value)
}
