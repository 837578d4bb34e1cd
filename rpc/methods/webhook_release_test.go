package methods_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A webhook whose receiver fails shows its pending delivery; after a good webhook.test the held events are sent at once.
func TestWebhookTestReleasesHeldEvents(t *testing.T) {
	w := newHookWorld(t)
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	var broken atomic.Bool
	broken.Store(true)
	var received atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		if r.Header.Get("X-Waystation-Event") == "Message" {
			received.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	anna.call("webhook.update", params{"url": server.URL + "/hook", "events": []string{"Message"}})
	bert.call("message.sendText", params{"to": "15550100001", "text": "Hello"})
	page := anna.eventually("the pending delivery", "webhook.listDeliveries", nil, func(r result) bool {
		pending := r.list("pending")
		return len(pending) == 1 && pending[0]["attempts"].(float64) > 0 && pending[0]["response_status"] == 503.0
	})
	if d := page.list("pending")[0]; d["event"] != "Message" || d["last_error"] == nil || d["replay"] != false || page["total"] != 0.0 {
		t.Errorf("pending: %v", page)
	}
	if page := bert.call("webhook.listDeliveries", nil); len(page.list("pending")) != 0 {
		t.Errorf("another session sees %v", page)
	}
	if trial := anna.call("webhook.test", nil); trial["delivered"] != false {
		t.Fatalf("trial: %v", trial)
	}
	broken.Store(false)
	began := time.Now()
	if trial := anna.call("webhook.test", nil); trial["delivered"] != true {
		t.Fatalf("trial: %v", trial)
	}
	anna.eventually("nothing pending", "webhook.listDeliveries", nil, func(r result) bool {
		return len(r.list("pending")) == 0 && r["total"] == 1.0
	})
	if n := received.Load(); n != 1 {
		t.Errorf("%d messages arrived", n)
	}
	t.Logf("sent %v after the test", time.Since(began))
}
