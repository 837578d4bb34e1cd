package rest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// archive returns a webhook of the caller whose deliveries end as delivered or dead_letter.
func (w *restWorld) archive(t *testing.T, kind string) (webhookID string) {
	t.Helper()
	if w.Archives[kind] == "" {
		path := map[string]string{"delivered": "/taken", "dead_letter": e2etest.GonePath}[kind]
		made := w.Call(t, w.Caller, "webhook.create", object{"name": kind, "url": w.Receiver.URL + path, "events": []string{"Message"}})
		if w.Archives == nil {
			w.Archives = map[string]string{}
		}
		w.Archives[kind] = e2etest.TextOf(e2etest.ValueAt(map[string]any(made), "webhook/webhook_id"))
	}
	return w.Archives[kind]
}

// archived completes a delivery and returns its entry.
func (w *restWorld) archived(t *testing.T, kind string) (entry float64) {
	t.Helper()
	hook := w.archive(t, kind)
	newest := func() float64 {
		list := w.Call(t, w.Caller, "webhook.listDeliveries", object{"webhook_id": hook, "status": kind, "limit": 1})
		id, _ := e2etest.ValueAt(map[string]any(list), "deliveries/0/entry_id").(float64)
		return id
	}
	before := newest()
	w.Receive(t, w.Peer.Number, object{"type": "text", "text": "for the archive"})
	testkit.Within(t, e2etest.FeedWait, "a delivery ends as "+kind, func() bool { entry = newest(); return entry > before })
	return entry
}

// entries returns the number of entries that ofCaller selects.
func (w *restWorld) entries(t *testing.T, kind string) any {
	t.Helper()
	return w.Call(t, *admins(), "archive.list", nativeOfCaller(w, object{"status": kind}))["total"]
}

// replays returns how often an entry was replayed.
func (w *restWorld) replays(t *testing.T, entry float64) any {
	t.Helper()
	return e2etest.ValueAt(map[string]any(w.Call(t, *admins(), "archive.get", object{"entry_id": entry})), "entry/replay_count")
}

// hasEntry reports whether the archive has an entry.
func (w *restWorld) hasEntry(entry float64) bool {
	return e2etest.CallMethod(w.Server.Addr, "archive.get", object{"entry_id": entry}, nil) == nil
}

// ofCaller returns filters that select only the caller's entries.
func ofCaller(w *restWorld, more resttest.Values) resttest.Values {
	return resttest.Values{"user_id": w.Caller.ID, "transport": "webhook", "event_type": "Message"}.With(more)
}

func nativeOfCaller(w *restWorld, more object) object {
	return e2etest.MergeObjects(object{"session_ids": []string{w.Caller.ID}, "transport": "webhook", "event": "Message"}, more)
}

const dead = "dead_letter"

// onEntry returns a case about one entry.
func onEntry(operation, kind, field string, rest func(id float64) resttest.Values, call func(id float64) restCall, effect func(t *testing.T, w *restWorld, id float64, out outcome)) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		id := w.archived(t, kind)
		return restAct{
			as: admins(), values: resttest.Values{field: id}.With(rest(id)), calls: []restCall{call(id)},
			effect: func(t *testing.T, out outcome) { effect(t, w, id, out) },
		}
	}}
}

func nothingElse(float64) resttest.Values { return nil }

func digigoDead() []restCase {
	callOf := func(method string, more object) func(id float64) restCall {
		return func(id float64) restCall {
			return restCall{method, e2etest.MergeObjects(object{"entry_id": id, "status": dead}, more)}
		}
	}
	return []restCase{
		{operation: "GET /admin/dlq", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.archived(t, dead)
			return restAct{
				as: admins(), values: ofCaller(w, resttest.Values{"from_date": "2020-01-01T00:00:00Z", "limit": 2}),
				calls: []restCall{{"archive.list", nativeOfCaller(w, object{"status": dead, "limit": 2})}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, w.entries(t, dead), "total", "0/total")
					out.is(t, id, "events/0/id", "0/entries/0/entry_id")
					out.is(t, w.Caller.ID, "events/0/user_id", "0/entries/0/session_id")
				},
			}
		}},
		{operation: "DELETE /admin/dlq", prepare: func(t *testing.T, w *restWorld) restAct {
			w.archived(t, dead)
			return restAct{
				as: admins(), values: ofCaller(w, resttest.Values{"confirm": true}),
				calls: []restCall{{"archive.deleteMany", nativeOfCaller(w, object{"status": dead, "confirm": true, "limit": 1000})}},
				effect: func(t *testing.T, out outcome) {
					e2etest.CheckSame(t, "left", 0, w.entries(t, dead))
					if n, _ := out.at("deleted", "0/deleted_count").(float64); n < 1 {
						t.Errorf("%v were deleted", n)
					}
				},
			}
		}},
		{operation: "GET /admin/dlq/stats", prepare: func(t *testing.T, w *restWorld) restAct {
			w.archived(t, dead)
			return restAct{as: admins(), calls: []restCall{{"archive.getStats", object{"status": dead}}}, effect: func(t *testing.T, out outcome) {
				total := w.Call(t, *admins(), "archive.list", object{"status": dead})["total"]
				out.is(t, total, "stats/total_count", "0/total")
				out.is(t, total, "stats/by_transport/webhook", "0/by_transport/webhook")
				out.is(t, total, "stats/by_event_type/Message", "0/by_event/Message")
			}}
		}},
		onEntry("GET /admin/dlq/{id}", dead, "id", nothingElse, callOf("archive.get", nil), func(t *testing.T, w *restWorld, id float64, out outcome) {
			out.is(t, id, "event/id", "0/entry/entry_id")
			out.is(t, w.Caller.ID, "event/user_id", "0/entry/session_id")
			out.is(t, "answered 410 gone", "event/last_error", "0/entry/last_error")
		}),
		onEntry("DELETE /admin/dlq/{id}", dead, "id", nothingElse, callOf("archive.delete", nil), checkDeleted),
		{operation: "POST /admin/dlq/prune", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.archived(t, dead)
			return restAct{as: admins(), calls: []restCall{{"delivery.prune", nil}}, effect: func(t *testing.T, out outcome) {
				last, err := time.Parse(time.RFC3339, e2etest.TextOf(out.at("pruner_stats/last_prune_time", "0/last_run_at")))
				if err != nil || time.Since(last) > time.Minute {
					t.Errorf("the last run was at %v, %v", last, err)
				}
				if !w.hasEntry(id) {
					t.Error("a dead letter of now is gone")
				}
			}}
		}},
		onEntry("POST /admin/dlq/replay", dead, "id", func(float64) resttest.Values { return resttest.Values{"remove_after": false} }, callOf("archive.replay", nil), checkReplayed),
	}
}

// checkDeleted checks that one entry was deleted and no other.
func checkDeleted(t *testing.T, w *restWorld, id float64, _ outcome) {
	if w.hasEntry(id) {
		t.Error("the entry is still there")
	}
}

// checkReplayed checks that an entry is sent again.
func checkReplayed(t *testing.T, w *restWorld, id float64, _ outcome) {
	testkit.Within(t, e2etest.FeedWait, "the replay has ended", func() bool { n, _ := w.replays(t, id).(float64); return n == 1 })
}

func digigoArchive() []restCase {
	const taken = "delivered"
	callOf := func(method string) func(id float64) restCall {
		return func(id float64) restCall { return restCall{method, object{"entry_id": id}} }
	}
	return []restCase{
		{operation: "GET /admin/archive", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.archived(t, taken)
			return restAct{
				as: admins(), values: ofCaller(w, resttest.Values{"status": "success", "limit": 2}),
				calls: []restCall{{"archive.list", nativeOfCaller(w, object{"status": taken, "limit": 2})}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "0/id", "0/entries/0/entry_id")
					out.is(t, w.Caller.ID, "0/user_id", "0/entries/0/session_id")
				},
			}
		}},
		{operation: "DELETE /admin/archive", prepare: func(t *testing.T, w *restWorld) restAct {
			newest := w.archived(t, taken)
			return restAct{
				as: admins(), values: ofCaller(w, resttest.Values{"limit": 1000}),
				calls: []restCall{{"archive.deleteMany", nativeOfCaller(w, object{"status": taken, "confirm": true, "limit": 1000})}},
				effect: func(t *testing.T, _ outcome) {
					left := nativeOfCaller(w, object{"status": taken, "limit": 1000})
					for _, entry := range w.Call(t, *admins(), "archive.list", left)["entries"].([]any) {
						if id, _ := e2etest.ValueAt(entry, "entry_id").(float64); id <= newest { // deliveries of other cases may end meanwhile
							t.Errorf("entry %v is left", id)
						}
					}
				},
			}
		}},
		{operation: "GET /admin/archive/stats", prepare: func(t *testing.T, w *restWorld) restAct {
			w.archived(t, taken)
			w.archived(t, dead)
			return restAct{as: admins(), calls: []restCall{{"archive.getStats", nil}}, effect: func(t *testing.T, out outcome) {
				total := func(kind string) any {
					return w.Call(t, *admins(), "archive.list", object{"status": kind})["total"]
				}
				out.is(t, total(taken), "success_count", "0/by_status/delivered")
				out.is(t, total(dead), "dlq_count", "0/by_status/dead_letter")
				out.is(t, total(dead), "by_transport_status/webhook/dlq", "0/by_transport_status/webhook/dead_letter")
			}}
		}},
		onEntry("GET /admin/archive/{id}", taken, "id", nothingElse, callOf("archive.get"), func(t *testing.T, w *restWorld, id float64, out outcome) {
			out.is(t, id, "id", "0/entry/entry_id")
			out.is(t, w.Caller.ID, "user_id", "0/entry/session_id")
		}),
		onEntry("DELETE /admin/archive/{id}", taken, "id", nothingElse, callOf("archive.delete"), checkDeleted),
		onEntry("POST /admin/archive/replay", taken, "event_id", nothingElse, callOf("archive.replay"), checkReplayed),
	}
}

// digigoForms checks answers whose keys depend on the request; the document shows them beside its example.
func digigoForms(t *testing.T, r *restRun) {
	w := r.w
	delivered, refused := w.archived(t, "delivered"), w.archived(t, dead)
	w.checkNoBroker(t)
	for _, c := range []struct {
		what, method, path, body string
		want                     object
	}{
		{
			"archive: many", "POST", "/admin/archive/replay", `{"status":"success","user_id":"nobody"}`,
			object{"code": 200, "success": true, "replayed": 0, "failed": 0, "total": 0, "filter": object{"status": "success", "user_id": "nobody", "limit": 50}},
		},
		{
			"archive: dry run", "POST", "/admin/archive/replay", fmt.Sprintf(`{"event_id":%v,"dry_run":true}`, delivered),
			object{"code": 200, "success": true, "dry_run": true, "count": 1, "replayed": 0, "events": []object{{"id": delivered, "status": "success", "replay_count": 0}}},
		},
		{
			"dead letter: dry run", "POST", "/admin/dlq/replay", fmt.Sprintf(`{"id":%v,"dry_run":true}`, refused),
			object{"success": true, "dry_run": true, "event_id": refused, "transport": "webhook", "replay_count": 0},
		},
		{"dead letters: dry run", "DELETE", "/admin/dlq?transport=webhook&dry_run=true", "", object{"success": true, "dry_run": true, "deleted": w.entries(t, dead)}},
		{
			"all kinds", "GET", fmt.Sprintf("/admin/archive?user_id=%s&limit=1&offset=1", w.Caller.ID), "",
			object{"count": 1, "filter": object{"status": "", "limit": 1, "offset": 1}, "data": []object{{"user_id": w.Caller.ID}}},
		},
		{"no filter", "DELETE", "/admin/dlq?confirm=true", "", object{"fields": []object{{"field": "transport"}}}},
		{"reset", "PUT", "/webhook", `{}`, object{"code": 200, "success": true}},
		{"RabbitMQ that is not set up", "GET", "/session/rabbitmq/config", "", object{"data": object{"config": object{"enabled": false}, "stats": object{"active_queues": []string{}}}}},
		{"switched off as it is", "POST", "/session/rabbitmq/config", `{"enabled":false}`, object{"code": 200, "data": object{"Enabled": false}}},
		{"no address", "POST", "/session/rabbitmq/config", `{"enabled":false,"queue":"events"}`, object{"code": 400, "fields": []object{{"field": "url"}}}},
		{
			"which event", "POST", "/webhook", fmt.Sprintf(`{"webhook":"%s/all","events":["Message","Massage"]}`, w.Receiver.URL),
			object{"code": 400, "fields": []object{{"field": "events[1]", "problem": `is not an event ("Massage"); rpc.discover lists them under x-events`}}},
		},
		{"default text", "POST", "/session/skipcalls/config", `{"enabled":true}`, object{"data": object{"RejectMessage": "Sorry, I cannot take calls at the moment."}}},
		{"everything", "POST", "/webhook", fmt.Sprintf(`{"webhook":"%s/all","events":["Message","All"]}`, w.Receiver.URL), object{"data": object{"Events": []string{"All"}}}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.what == "default text" {
				w.setting(t, "reject_calls", false)
				w.setting(t, "call_reject_message", "")
			}
			r.checkAnswer(t, c.method, c.path, c.body, c.want)
		})
	}
	if n := w.replays(t, delivered); n != 0.0 {
		t.Errorf("a dry run replayed: %v", n)
	}
}

// checkAnswer compares the answer to a request, whose path may have a query.
func (r *restRun) checkAnswer(t *testing.T, method, path, body string, want object) {
	t.Helper()
	token := r.w.Caller.Token
	if strings.HasPrefix(path, "/admin/") {
		token = e2etest.AdminToken
	}
	path, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	answer := r.send(t, r.mounts[0], token, &resttest.Request{Method: method, Path: path, Query: values, Body: []byte(body)})
	e2etest.CheckSame(t, path+" "+body, want, answer.JSON())
}

// TestRootDialect checks that the session's setting selects digigo or wuzapi at the root, and the prefix below it: a session gets no answer of the other
// dialect, also at paths that its own lacks. Admins get those of the dialect that has the path.
func TestRootDialect(t *testing.T) {
	network, root := e2etest.StartSandbox(t)
	for _, c := range []struct{ flag, setting, key, format string }{
		{"", "", "WebhookURL", "native"},
		{"", "wuzapi", "webhook", "wuzapi"},
		{"wuzapi", "", "webhook", "wuzapi"},
		{"wuzapi", "digigo", "WebhookURL", "native"},
	} {
		t.Run(c.flag+"/"+c.setting, func(t *testing.T) {
			dir, flags, dialect := t.TempDir(), []string{}, cmp.Or(c.setting, c.flag, "digigo")
			if c.flag != "" {
				flags = []string{"-root-dialect", c.flag}
			}
			server := e2etest.StartServer(t, testkit.FreeAddress(t), network, root, dir, filepath.Join(dir, "waystation.db"), flags...)
			settings := object{}
			if c.setting != "" {
				settings["dialect"] = c.setting
			}
			var created struct{ Token string }
			e2etest.MustCall(t, server.Addr, "session.create", object{"session_id": "s", "settings": settings}, &created)
			ask := func(method, path, body string) *resttest.Answer {
				caller := resttest.Client{HTTP: e2etest.Client, Base: "http://" + server.Addr, Header: http.Header{"Token": {created.Token}}}
				answer, err := caller.Do(t.Context(), &resttest.Request{Method: method, Path: path, Body: []byte(body)})
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			const body = `{"webhookurl":"https://93.184.216.34/hook","events":["Message"]}`
			e2etest.CheckSame(t, "answer", object{"data": object{c.key: "https://93.184.216.34/hook"}}, ask("POST", "/webhook", body).JSON())
			var hook object
			e2etest.MustCall(t, server.Addr, "webhook.get", object{"session": "s"}, &hook)
			e2etest.CheckSame(t, "webhook", object{"format": c.format}, hook["webhook"])
			e2etest.CheckSame(t, "under a prefix", object{"data": object{"webhook": "https://93.184.216.34/hook"}}, ask("POST", "/wuzapi/webhook", body).JSON())
			e2etest.CheckSame(t, "under the other", object{"data": object{"WebhookURL": "https://93.184.216.34/hook"}}, ask("POST", "/digigo/webhook", body).JSON())
			const template = `{"Phone":"15550100002","Content":"a","Footer":"b","Buttons":[{"DisplayText":"c","Type":"quickreply"}]}`
			alone := func(of string, method, path, body string, want object) {
				t.Helper()
				e2etest.CheckSame(t, of+"'s alone below its prefix", want, ask(method, "/"+of+path, body).JSON())
				answer := ask(method, path, body)
				if of == dialect {
					e2etest.CheckSame(t, of+"'s alone", want, answer.JSON())
				} else if answer.Status != http.StatusNotFound {
					t.Errorf("%s's alone: %d %.200s", of, answer.Status, answer.Body)
				}
			}
			alone("wuzapi", "POST", "/chat/send/template", template, object{"error": "No session"})
			alone("wuzapi", "GET", "/user/blocklist", "", object{"error": "No session"})
			alone("digigo", "GET", "/session/skipgroups/config", "", object{"data": object{"UserSkipGroups": false}})
			if health := ask("GET", "/health", ""); health.Status != http.StatusOK {
				t.Errorf("a public path: %d %.200s", health.Status, health.Body)
			}
			status := object{"data": object{"connected": false, "loggedIn": false}}
			if c.format == "wuzapi" {
				status = object{"error": "No session"}
			}
			e2etest.CheckSame(t, "of both", status, ask("GET", "/session/status", "").JSON())
			for _, path := range []string{"/admin/users", "/admin/instances/status"} {
				admin := resttest.Client{HTTP: e2etest.Client, Base: "http://" + server.Addr, Header: http.Header{"Authorization": {e2etest.AdminToken}}}
				if answer, err := admin.Do(t.Context(), &resttest.Request{Method: "GET", Path: path}); err != nil || answer.Status != http.StatusOK {
					t.Errorf("%s of an admin: %v %v", path, answer, err)
				}
			}
		})
	}
}
