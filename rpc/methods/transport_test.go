package methods_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// outlets are the outlets of a world, and the webhooks and the dispatcher below them.
func (w *world) outlets() (o *outlets.Outlets, hooks *webhook.Webhooks, deliver *dispatch.Dispatcher) {
	w.t.Helper()
	w.t.Cleanup(func() { // after the dispatcher
		if err := o.Close(context.Background()); err != nil {
			w.t.Errorf("close the outlets: %v", err)
		}
	})
	hooks, deliver = w.hooks()
	events := map[string]bool{}
	for _, e := range bridge.EventTypes() {
		events[e.Name] = e.Volatile
	}
	o, err := outlets.Open(w.ctx(), w.db, deliver, hooks, outlets.Config{Key: make([]byte, 32), Events: events})
	if err != nil {
		w.t.Fatal(err)
	}
	return o, hooks, deliver
}

// unreachableURL is an address without a listener.
const unreachableURL = "redis://me:hunter2@127.0.0.1:1/"

func TestTransportSettings(t *testing.T) {
	a := newAdmin(t)
	made := a.call("session.create", params{"session_id": "one", "transports": params{"redis": params{"url": unreachableURL, "options": params{"stream": "all"}}}})
	if made["token"] == "" {
		t.Errorf("created %v", made)
	}
	on := func(more params) params {
		p := params{"session": "one", "transport": "redis"}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	got := a.call("transport.getSettings", on(nil))
	settings := got.object("settings")
	if settings["enabled"] != true || settings["url"] != "redis://me:***@127.0.0.1:1/" || settings.object("options")["stream"] != "all" || settings["created_at"] == nil {
		t.Errorf("settings %v", settings)
	}
	a.call("session.create", params{"session_id": "none"})
	full := a.call("session.get", params{"session": "one"}).object("session")
	if shown := full.object("transports").object("redis"); !reflect.DeepEqual(shown, settings) || full["client_profile"] != nil {
		t.Errorf("the session shows %v, not %v", full, settings)
	}
	for _, listed := range a.call("session.list", params{"full": true}).list("sessions") {
		if (listed.object("transports")["redis"] != nil) != (listed["session_id"] == "one") {
			t.Errorf("listed %v", listed)
		}
	}
	if stats := got.object("stats"); stats["published_count"] != 0.0 || stats["active_queues"] != 0.0 || stats["last_published_at"] != nil {
		t.Errorf("stats %v", stats)
	}
	updated := a.call("transport.updateSettings", on(params{
		"url": "redis://me:***@127.0.0.1:1/", "events": []string{"Message"}, "options": params{"stream": nil, "channel": "c"},
	})).object("settings")
	if updated.object("options")["channel"] != "c" || updated.object("options")["stream"] != "" || updated["format"] != "native" {
		t.Errorf("settings %v", updated)
	}
	trial := a.call("transport.test", on(nil))
	if trial["ok"] != false || trial["error"] == nil || trial.object("details")["port"] != 1.0 || strings.Contains(trial["error"].(string), "hunter2") {
		t.Errorf("trial %v", trial)
	}
	if gone := a.call("transport.deleteSettings", on(nil)); gone["transport"] != "redis" {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"transport.getSettings", "transport.deleteSettings", "transport.test"} {
		a.refused(rpc.CodeNotFound, "/transport", method, on(nil))
	}
}

func TestTransportBadInput(t *testing.T) {
	a := newAdmin(t)
	a.call("session.create", params{"session_id": "one"})
	for _, method := range []string{"transport.getSettings", "transport.updateSettings", "transport.deleteSettings", "transport.test"} {
		a.refused(rpc.CodeInvalidParams, "/transport", method, params{"session": "one"})
		a.refused(rpc.CodeInvalidParams, "/transport", method, params{"session": "one", "transport": "fax"})
		a.refused(rpc.CodeNotSupported, "", method, params{"session": "one", "transport": "websocket"})
		a.refused(rpc.CodeNotFound, "", method, params{"session": "two", "transport": "redis"})
	}
	for pointer, p := range map[string]params{
		"/url":                         {},
		"/events/0":                    {"url": unreachableURL, "events": []string{"Mesage"}},
		"/events":                      {"url": unreachableURL, "events": []string{}},
		"/format":                      {"url": unreachableURL, "format": "wuzapi"},
		"/options/colour":              {"url": unreachableURL, "options": params{"colour": "red"}},
		"/options/max_len":             {"url": unreachableURL, "options": params{"max_len": "many"}},
		"/options/stream":              {"url": unreachableURL, "options": params{"stream": "{nobody}"}},
		"/options/tls_ca_file":         {"url": unreachableURL, "options": params{"tls_ca_file": "/etc/passwd"}},
		"/options":                     {"url": unreachableURL, "options": "x"},
		"/enabled":                     {"url": unreachableURL, "enabled": "yes"},
		"/nonsense":                    {"url": unreachableURL, "nonsense": 1},
		"/transports/redis/events/0":   nil,
		"/transports/fax":              nil,
		"/transports/redis/options/x~": nil,
	} {
		switch pointer {
		case "/transports/redis/events/0":
			a.refused(rpc.CodeInvalidParams, pointer, "session.create", params{"transports": params{"redis": params{"url": unreachableURL, "events": []string{"x"}}}})
		case "/transports/fax":
			a.refused(rpc.CodeInvalidParams, pointer, "session.create", params{"transports": params{"fax": params{"url": unreachableURL}}})
		case "/transports/redis/options/x~":
			a.refused(rpc.CodeInvalidParams, "", "session.create", params{"transports": params{"redis": params{"url": unreachableURL, "options": params{"x~": 1}}}})
		default:
			p["session"], p["transport"] = "one", "redis"
			a.refused(rpc.CodeInvalidParams, pointer, "transport.updateSettings", p)
		}
	}
}

func TestGlobalTransports(t *testing.T) {
	a := newAdmin(t)
	all := []string{"redis", "webhook", "websocket"}
	url, got := receiver(t, 200)
	a.reload = func(ctx context.Context) error {
		return a.outletsInUse.SetGlobals(ctx, outlets.Globals{
			Webhook: &webhook.Global{URL: url + "?key=hunter2", Events: []string{"All"}, Format: webhook.FormatNative},
			Brokers: map[string]outlets.Settings{"redis": {Enabled: true, URL: unreachableURL, Events: []string{"Message"}}},
		})
	}
	if stats := a.call("transport.getGlobalStats", nil); stats["enabled"] != false {
		t.Errorf("stats %v", stats)
	}
	reloaded := a.call("transport.reloadGlobal", nil).object("transports")
	for _, name := range all {
		if on := reloaded.object(name)["enabled"]; on != (name != "websocket") {
			t.Errorf("%s: %v", name, on)
		}
	}
	config := a.call("transport.getGlobalSettings", nil)
	hook := config.object("transports").object("webhook")
	if hook["url"] != url || hook["timeout_seconds"] != 15.0 || hook["max_retries"] != 3.0 || hook["max_concurrency"] != 50.0 || config.object("environment")["GLOBAL_X"] != "what" {
		t.Errorf("settings %v", config)
	}
	tested := a.call("transport.testGlobal", nil).object("transports")
	if hook := tested.object("webhook"); hook["ok"] != true || hook["http_status"] != 200.0 {
		t.Errorf("trial %v", hook)
	}
	if redis := tested.object("redis"); redis["ok"] != false || redis["connection_status"] != "disconnected" || redis["error"] == nil {
		t.Errorf("trial %v", redis)
	}
	<-got
	sent := a.call("transport.sendTestEvent", params{"event": "AdminTest", "session_id": "nobody", "data": params{"a": 1}})
	if sent["session_token"] != "nobody" || !slices.Equal(sent["transports"].([]any), []any{"webhook"}) || len(sent["errors"].([]any)) != 1 {
		t.Errorf("sent %v", sent)
	}
	var event struct {
		Session, Type string
		Data          map[string]any
	}
	select {
	case r := <-got:
		if err := json.Unmarshal([]byte(r.body), &event); err != nil || event.Session != "nobody" || event.Type != "AdminTest" || event.Data["a"] != 1.0 {
			t.Errorf("%s, %v", r.body, err)
		}
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	a.refused(rpc.CodeInvalidParams, "/data", "transport.sendTestEvent", params{"data": []int{1}})
	a.refused(rpc.CodeInvalidParams, "/event", "transport.sendTestEvent", params{"event": strings.Repeat("x", 65)})
	a.reload = func(context.Context) error { return errors.New("global-redis-url must be set") }
	a.refused(rpc.CodeConflict, "", "transport.reloadGlobal", nil)
	for _, method := range []string{
		"transport.getGlobalSettings", "transport.getGlobalStats", "transport.testGlobal", "transport.reloadGlobal", "transport.sendTestEvent",
	} {
		_, failed := a.calls.Call(a.ctx(), &rpc.Call{Principal: rpc.Principal{Kind: rpc.ScopeSession, ID: "session:x", Session: "x"}}, method, nil)
		if failed == nil || failed.Code != rpc.CodeForbidden {
			t.Errorf("%s by a session: %v", method, failed)
		}
	}
}

// globalDeps are those of a world's global transports.
func (a *admin) globalDeps() methods.GlobalDeps {
	return methods.GlobalDeps{
		Reload: func(ctx context.Context) error { return a.reload(ctx) }, Variables: map[string]string{"GLOBAL_X": "what"},
		Policy: dispatch.Policy{AttemptTimeout: 15 * time.Second, MaxAttempts: 4},
	}
}
