package formats

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestWebhookMessageBytesBoundsWholeMessages sets webhook-message-bytes to its minimum: a webhook in the format of another gateway
// gets a text up to that size whole, even if its event has a truncated one, and a longer text truncated as in the event.
func TestWebhookMessageBytesBoundsWholeMessages(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi", "-webhook-message-bytes", "65536")
	formats := []string{"wuzapi_json", "wwebjs"}
	for _, format := range formats {
		w.Call(t, w.Caller, "webhook.create", object{"name": format, "url": w.Receiver.URL + "/" + format, "events": []string{"Message"}, "format": format})
	}
	const within, beyond = 50_000, 65_500 // letters, of which beyond is more than the bound with the rest of the data
	for mark, length := range map[string]int{"w": within, "b": beyond} {
		text := "first " + mark + strings.Repeat(mark, length)
		w.Receive(t, w.Peer.Number, object{"type": "text", "text": text})
		for _, format := range formats {
			testkit.Within(t, e2etest.FeedWait, format+" has the message", func() bool {
				for _, r := range w.Receiver.RequestsTo("/" + format) {
					if !strings.Contains(string(r.Body), "first "+mark) {
						continue
					}
					if whole := holdsText(t, r.Body, text); whole != (length == within) {
						t.Fatalf("%s: a text of %d letters arrived whole: %t", format, length, whole)
					}
					return true
				}
				return false
			})
		}
	}
}
