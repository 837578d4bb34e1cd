package methods_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/webhook"
	"github.com/waystation/waystation/transports/webhook/waakg"
	"github.com/waystation/waystation/transports/webhook/wuzapi"
	"github.com/waystation/waystation/transports/webhook/wwebjs"
)

// hooks are the webhooks of a world, permitted to connect to this machine.
func (w *world) hooks() (*webhook.Webhooks, *dispatch.Dispatcher) {
	w.t.Helper()
	g, err := guard.New(guard.Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		w.t.Fatal(err)
	}
	deliver, err := dispatch.Open(w.ctx(), w.db, w.journal, dispatch.Config{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := deliver.Close(context.Background()); err != nil {
			w.t.Errorf("close the dispatcher: %v", err)
		}
		g.Close()
	})
	events := map[string]bool{}
	for _, e := range bridge.EventTypes() {
		events[e.Name] = e.Volatile
	}
	hooks, err := webhook.Open(w.ctx(), w.db, deliver, webhook.Config{
		Key: make([]byte, 32), Events: events, Check: g.Check, MaxPerSession: 3,
		Transport: g.Client(guard.Limits{MaxBytes: 1 << 40}).Transport,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return hooks, deliver
}

// newHookWorld is a world with the methods of webhooks.
func newHookWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	hooks, deliver := w.hooks()
	methods.RegisterWebhook(w.calls, methods.Deps{Bridge: w.bridge, Webhooks: hooks, Deliveries: deliver})
	return w
}

type request struct {
	header http.Header
	body   string
}

// receiver records requests and answers with a status.
func receiver(t *testing.T, status int) (url string, got chan request) {
	t.Helper()
	got = make(chan request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, string(body)}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "thank you")
	}))
	t.Cleanup(server.Close)
	return server.URL + "/hook", got
}

func TestWebhook(t *testing.T) {
	w := newHookWorld(t)
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	url, got := receiver(t, http.StatusOK)

	hook := anna.call("webhook.get", nil).object("webhook")
	if hook["webhook_id"] != "default" || hook["active"] != false || hook["url"] != "" || hook["secret"] != nil || hook["created_at"] != nil {
		t.Errorf("at first: %v", hook)
	}
	hook = anna.call("webhook.update", params{"url": url, "events": []string{"Message"}, "secret": "a-secret-of-anna-0"}).object("webhook")
	if hook["active"] != true || hook["secret"] != "***" || hook["has_secret"] != true || hook["format"] != "native" {
		t.Errorf("set: %v", hook)
	}

	bert.call("message.sendText", params{"to": "15550100001", "text": "Hello"})
	r := <-got
	var event struct {
		Session, Type, ID string
		Offset            uint64
		Data              struct{ Text string }
	}
	if err := json.Unmarshal([]byte(r.body), &event); err != nil || event.Session != "anna" || event.Type != "Message" || event.Data.Text != "Hello" {
		t.Errorf("delivered %s", r.body)
	}
	if r.header.Get("X-Waystation-Event-Id") != event.ID || !strings.HasPrefix(r.header.Get("X-Waystation-Signature"), "v1=") {
		t.Errorf("headers %v", r.header)
	}
	page := anna.eventually("the delivery in the log", "webhook.listDeliveries", params{"status": "delivered"}, func(r result) bool { return len(r.list("deliveries")) == 1 })
	if d := page.list("deliveries")[0]; d["event_id"] != event.ID || d["response_status"] != 200.0 || d["attempts"] != 1.0 || d["last_error"] != nil {
		t.Errorf("log: %v", d)
	}
	if hook = anna.call("webhook.get", nil).object("webhook"); hook["last_status"] != 200.0 || hook["failures"] != 0.0 {
		t.Errorf("standing: %v", hook)
	}

	rotated := anna.call("webhook.rotateSecret", params{"keep_seconds": 60})
	if secret, _ := rotated["secret"].(string); len(secret) < 32 || rotated.object("webhook")["previous_secret_until"] == nil {
		t.Errorf("rotated: %v", rotated)
	}
	if given := anna.call("webhook.rotateSecret", params{"secret": "another-of-anna-00"}); given["secret"] != nil {
		t.Errorf("repeats what was given: %v", given)
	}
	trial := anna.call("webhook.test", nil)
	r = <-got
	if trial["delivered"] != true || trial["status"] != 200.0 || trial["response_body"] != "thank you" || r.header.Get("X-Waystation-Event") != "WebhookTest" {
		t.Errorf("trial: %v, %v", trial, r.header)
	}
	if signatures := strings.Split(r.header.Get("X-Waystation-Signature"), ","); len(signatures) != 2 {
		t.Errorf("signatures: %v", signatures)
	}
	if bert.call("webhook.get", nil).object("webhook")["url"] != "" {
		t.Error("it is also another session's")
	}
	anna.call("webhook.delete", nil)
	if hook = anna.call("webhook.get", nil).object("webhook"); hook["url"] != "" || hook["has_secret"] != false {
		t.Errorf("deleted: %v", hook)
	}
	bert.call("message.sendText", params{"to": "15550100001", "text": "Still there?"})
	anna.eventually("the message", "message.list", params{"chat": "15550100002"}, func(r result) bool { return len(r.list("messages")) == 2 })
	if len(got) != 0 {
		t.Errorf("delivered after the end: %v", <-got)
	}
}

// A receiver that refuses: a dead letter at once, and the next event follows.
func TestWebhookThatRefuses(t *testing.T) {
	w := newHookWorld(t)
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	url, got := receiver(t, http.StatusGone)
	id := anna.call("webhook.create", params{"name": "mine", "url": url, "events": []string{"Message"}}).object("webhook")["webhook_id"]
	if !slices.ContainsFunc(anna.call("webhook.list", nil).list("webhooks"), func(r result) bool { return r["webhook_id"] == id && r["name"] == "mine" }) {
		t.Error("it is not listed")
	}
	if trial := anna.call("webhook.test", params{"webhook_id": id}); trial["delivered"] != false || trial["status"] != 410.0 || trial["error"] == nil {
		t.Errorf("trial: %v", trial)
	}
	<-got
	for _, text := range []string{"one", "two"} {
		bert.call("message.sendText", params{"to": "15550100001", "text": text})
		<-got
	}
	page := anna.eventually("dead letters", "webhook.listDeliveries", params{"webhook_id": id, "status": "dead_letter"}, func(r result) bool { return len(r.list("deliveries")) == 2 })
	if d := page.list("deliveries")[0]; d["response_status"] != 410.0 || d["attempts"] != 1.0 || d["last_error"] != "answered 410 gone" {
		t.Errorf("dead letter: %v", d)
	}
	if hook := anna.call("webhook.get", params{"webhook_id": id}).object("webhook"); hook["active"] != true || hook["failures"] != 2.0 || hook["last_error"] != "answered 410 gone" {
		t.Errorf("standing: %v", hook)
	}
	bert.refused(rpc.CodeNotFound, "webhook.get", params{"webhook_id": id})
	bert.refused(rpc.CodeNotFound, "webhook.listDeliveries", params{"webhook_id": id})
}

// Rules that struct tags cannot express are checked: the error has the pointer of the field, and nothing changes.
func TestWebhookBadFields(t *testing.T) {
	w := newHookWorld(t)
	anna := w.join("anna", "15550100001")
	const good = "http://127.0.0.1:9/hook"
	anna.call("webhook.update", params{"url": good, "active": false})
	before := anna.call("webhook.list", nil)
	create := func(change params) params {
		p := params{"name": "mine", "url": good, "events": []string{"Message"}}
		for k, v := range change {
			p[k] = v
		}
		return p
	}
	for _, c := range []struct {
		method  string
		p       params
		pointer string
	}{
		{"webhook.create", create(params{"url": "hook"}), "/url"},
		{"webhook.create", create(params{"url": "http://10.1.2.3/"}), "/url"},
		{"webhook.create", create(params{"url": "http://user:pass@127.0.0.1/"}), "/url"},
		{"webhook.create", create(params{"url": good + strings.Repeat("x", 2048)}), "/url"},
		{"webhook.create", create(params{"url": ""}), "/url"},
		{"webhook.create", create(params{"name": ""}), "/name"},
		{"webhook.create", create(params{"events": []string{}}), "/events"},
		{"webhook.create", create(params{"events": []string{"*", "Nothing"}}), "/events/1"},
		{"webhook.create", create(params{"secret": "short"}), "/secret"},
		{"webhook.create", create(params{"secret": "***"}), "/secret"},
		{"webhook.create", create(params{"format": "yaml"}), "/format"},
		{"webhook.create", create(params{"body_token": strings.Repeat("t", 256)}), "/body_token"},
		{"webhook.create", create(params{"body_token": "***"}), "/body_token"},
		{"webhook.create", create(params{"active": "yes"}), "/active"},
		{"webhook.update", params{"url": "ftp://127.0.0.1/"}, "/url"},
		{"webhook.update", params{"events": []string{"message"}}, "/events/0"},
		{"webhook.update", params{"secret": strings.Repeat("s", 257)}, "/secret"},
		{"webhook.update", params{"url": "", "active": true}, "/active"},
		{"webhook.update", params{"name": ""}, "/name"},
		{"webhook.update", params{"webhook_id": ""}, "/webhook_id"},
		{"webhook.rotateSecret", params{"secret": "short"}, "/secret"},
		{"webhook.rotateSecret", params{"secret": ""}, "/secret"},
		{"webhook.rotateSecret", params{"secret": "***"}, "/secret"},
		{"webhook.rotateSecret", params{"keep_seconds": -1}, "/keep_seconds"},
		{"webhook.rotateSecret", params{"keep_seconds": 2592001}, "/keep_seconds"},
		{"webhook.listDeliveries", params{"limit": 0}, "/limit"},
		{"webhook.listDeliveries", params{"limit": 1001}, "/limit"},
		{"webhook.listDeliveries", params{"since_id": -1}, "/since_id"},
		{"webhook.listDeliveries", params{"status": "lost"}, "/status"},
		{"webhook.listDeliveries", params{"since": "yesterday"}, "/since"},
		{"webhook.test", params{"webhook_id": strings.Repeat("w", 65)}, "/webhook_id"},
	} {
		failed := anna.refused(rpc.CodeInvalidParams, c.method, c.p)
		details, _ := failed.Details.(map[string]any)
		fields, _ := details["fields"].(rpc.Fields)
		if len(fields) != 1 || fields[0].Pointer != c.pointer || fields[0].Problem == "" {
			t.Errorf("%s %v: bad fields %+v, want %s", c.method, c.p, fields, c.pointer)
		}
	}
	for _, method := range []string{"webhook.get", "webhook.update", "webhook.delete", "webhook.rotateSecret", "webhook.test", "webhook.listDeliveries"} {
		anna.refused(rpc.CodeNotFound, method, params{"webhook_id": "nothing"})
	}
	after := anna.call("webhook.list", nil)
	a, _ := json.Marshal(before)
	b, _ := json.Marshal(after)
	if string(a) != string(b) {
		t.Errorf("changed: %s, before %s", b, a)
	}
	for range 2 {
		anna.call("webhook.create", create(nil))
	}
	anna.refused(rpc.CodeConflict, "webhook.create", create(nil))
	anna.call("webhook.update", params{"url": ""})
	anna.refused(rpc.CodeConflict, "webhook.test", nil)
}

// The format wuzapi reports typing under the phone number, as wuzapi does.
func TestWebhookInAnotherFormat(t *testing.T) {
	w := newHookWorld(t)
	anna, bert := w.join("anna", "15550100001"), w.join("bert", "15550100002")
	address, got := receiver(t, http.StatusOK)
	anna.call("webhook.update", params{"url": address, "format": "wuzapi", "events": []string{"ChatPresence", "Message"}, "body_token": "of-annas-receiver"})
	anna.call("presence.setAvailability", params{"available": true}) // WhatsApp sends typing only to available sessions
	bert.call("message.sendText", params{"to": "15550100001", "text": "Hello"})
	bert.call("presence.setChatState", params{"chat": "15550100001", "state": "composing"})
	seen := map[string]result{}
	for range 2 {
		r := <-got
		form, err := url.ParseQuery(r.body)
		var event result
		if err != nil || json.Unmarshal([]byte(form.Get("jsonData")), &event) != nil || form.Get("token") != "of-annas-receiver" {
			t.Fatalf("%s: %v", r.body, err)
		}
		seen[event["type"].(string)] = event.object("event")
	}
	if typing := seen["ChatPresence"]; typing["Chat"] != bert.pn() || typing["Sender"] != bert.pn() || typing["State"] != "composing" {
		t.Errorf("typing: %v", typing)
	}
	message := seen["Message"]
	if info := message.object("Info"); info["Chat"] != bert.pn() || info["Sender"] != bert.pn() || info["Type"] != "text" || message.object("Message")["conversation"] != "Hello" {
		t.Errorf("message: %v", message)
	}
}

// A session can be created with its webhook, which then gets all events.
func TestSessionWithWebhook(t *testing.T) {
	a := newAdmin(t)
	url, got := receiver(t, http.StatusOK)
	a.call("session.create", params{"session_id": "shop", "webhook": params{"url": url, "secret": "a-secret-of-the-shop", "files": "inline"}, "connect": true})
	first := <-got
	if first.header.Get("X-Waystation-Offset") != "1" || first.header.Get("X-Waystation-Session") != "shop" || first.header.Get("X-Waystation-Signature") == "" {
		t.Errorf("first: %v", first)
	}
	for _, s := range append(a.call("session.list", params{"full": true}).list("sessions"), a.call("session.get", params{"session": "shop"}).object("session")) {
		if hooks := s.list("webhooks"); len(hooks) != 1 || hooks[0]["url"] != url || hooks[0]["secret"] != "***" || hooks[0]["files"] != "inline" {
			t.Errorf("webhooks of the session: %v", hooks)
		}
	}
	if short := a.call("session.list", nil).list("sessions")[0]; short["webhooks"] != nil {
		t.Errorf("asked for less: %v", short)
	}
	a.call("session.delete", params{"session": "shop"})
	a.call("session.create", params{"session_id": "shop"})
	if hooks := a.call("session.get", params{"session": "shop"}).object("session").list("webhooks"); len(hooks) != 1 || hooks[0]["url"] != "" {
		t.Errorf("webhooks of another session of the same name: %v", hooks)
	}
}

// Formats that support only some events name existing events.
func TestFormatsKnowTheirEvents(t *testing.T) {
	var names []string
	for _, e := range bridge.EventTypes() {
		names = append(names, e.Name)
	}
	for format, types := range map[string][]string{"wuzapi": wuzapi.Types(), "waakg": waakg.Types(), "wwebjs": wwebjs.Types()} {
		for _, name := range types {
			if !slices.Contains(names, name) {
				t.Errorf("%s: there is no event %s", format, name)
			}
		}
	}
	if !slices.Equal(webhook.Formats(), []string{"native", "waakg", "wuzapi", "wuzapi_json", "wwebjs"}) {
		t.Errorf("the params of webhook.create and webhook.update do not list %v", webhook.Formats())
	}
}
