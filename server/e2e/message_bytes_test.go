package e2e

import (
	"strings"
	"testing"
)

// TestWebhookMessageBytesBoundsWholeMessages sets webhook-message-bytes to its minimum: a webhook in the format of another gateway
// gets a text up to that size whole, even if its event has a truncated one, and a longer text truncated as in the event.
func TestWebhookMessageBytesBoundsWholeMessages(t *testing.T) {
	w := startRestWorld(t, "wuzapi", "-webhook-message-bytes", "65536")
	formats := []string{"wuzapi_json", "wwebjs"}
	for _, format := range formats {
		w.call(t, w.caller, "webhook.create", object{"name": format, "url": w.receiver.url + "/" + format, "events": []string{"Message"}, "format": format})
	}
	const within, beyond = 50_000, 65_500 // letters, of which beyond is more than the bound with the rest of the data
	for mark, length := range map[string]int{"w": within, "b": beyond} {
		text := "first " + mark + strings.Repeat(mark, length)
		w.receive(t, w.peer.number, object{"type": "text", "text": text})
		for _, format := range formats {
			eventually(t, feedWait, format+" has the message", func() bool {
				for _, r := range w.receiver.of("/" + format) {
					if !strings.Contains(string(r.body), "first "+mark) {
						continue
					}
					if whole := holdsText(t, r.body, text); whole != (length == within) {
						t.Fatalf("%s: a text of %d letters arrived whole: %t", format, length, whole)
					}
					return true
				}
				return false
			})
		}
	}
}
