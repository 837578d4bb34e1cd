package rest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// digigoCases returns the cases of the served operations of digigo.
func digigoCases() []restCase {
	return slices.Concat(digigoSession(), digigoUsers(), digigoSettings(), digigoWebhook(), digigoDead(), digigoArchive(), digigoMonitoring(), digigoStorage(), digigoRabbit(), digigoGlobals(), digigoSystem(), digigoChat(), digigoGroup(), digigoSends(), digigoCommunity(), digigoNewsletter(), digigoUser(), digigoStatus(), digigoBusiness())
}

// admins returns the caller of admin operations.
func admins() *e2etest.Session { return &e2etest.Session{Token: e2etest.AdminToken} }

// setting changes a setting of the caller until the test ends.
func (w *restWorld) setting(t *testing.T, name string, value any) {
	t.Helper()
	before := w.settings(t)[name]
	w.Call(t, w.Caller, "session.updateSettings", object{name: value})
	t.Cleanup(func() { w.Call(t, w.Caller, "session.updateSettings", object{name: before}) })
}

func (w *restWorld) settings(t *testing.T) map[string]any {
	t.Helper()
	settings, _ := w.Call(t, w.Caller, "session.getSettings", nil)["settings"].(map[string]any)
	return settings
}

// toggleCases returns the cases of a boolean setting.
func toggleCases(path, setting, key, shown string) []restCase {
	return []restCase{
		{operation: "POST " + path, prepare: func(t *testing.T, w *restWorld) restAct {
			w.setting(t, setting, false)
			return restAct{
				values: resttest.Values{"enabled": true},
				calls:  []restCall{{"session.updateSettings", object{setting: true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, key, "0/settings/"+setting)
					e2etest.CheckSame(t, "settings", object{setting: true}, w.settings(t))
				},
			}
		}},
		{operation: "GET " + path, prepare: func(t *testing.T, w *restWorld) restAct {
			w.setting(t, setting, true)
			return restAct{
				calls:  []restCall{{"session.getSettings", nil}},
				effect: func(t *testing.T, out outcome) { out.is(t, true, shown, "0/settings/"+setting) },
			}
		}},
	}
}

func digigoSettings() []restCase {
	all := slices.Concat(
		toggleCases("/session/skipmedia/config", "skip_media", "SkipMediaDownload", "UserSkipMediaDownload"),
		toggleCases("/session/skipgroups/config", "skip_groups", "SkipGroups", "UserSkipGroups"),
		toggleCases("/session/skipnewsletters/config", "skip_newsletters", "SkipNewsletters", "SkipNewsletters"),
		toggleCases("/session/skipbroadcasts/config", "skip_broadcasts", "SkipBroadcasts", "SkipBroadcasts"),
		toggleCases("/session/skipownmessages/config", "skip_own_messages", "SkipOwnMessages", "SkipOwnMessages"),
		toggleCases("/session/presence/config", "unavailable_after_connect", "AutoPresenceUnavailable", "AutoPresenceUnavailable"),
		toggleCases("/session/echo/api", "echo_api_messages", "EchoAPIMessages", "EchoAPIMessages"),
	)
	const message = "Write, please"
	calls := object{"reject_calls": true, "call_reject_reason": "unavailable", "call_reject_message": message}
	return append(all, []restCase{
		{operation: "POST /session/skipcalls/config", prepare: func(t *testing.T, w *restWorld) restAct {
			for name, value := range map[string]any{"reject_calls": false, "call_reject_reason": "busy", "call_reject_message": ""} {
				w.setting(t, name, value)
			}
			return restAct{
				values: resttest.Values{"reject_type": "unavailable", "reject_message": message},
				calls:  []restCall{{"session.updateSettings", calls}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, message, "RejectMessage", "0/settings/call_reject_message")
					out.is(t, "unavailable", "RejectType", "0/settings/call_reject_reason")
					e2etest.CheckSame(t, "settings", calls, w.settings(t))
				},
			}
		}},
		{operation: "GET /session/skipcalls/config", prepare: func(t *testing.T, w *restWorld) restAct {
			for name, value := range calls {
				w.setting(t, name, value)
			}
			return restAct{calls: []restCall{{"session.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "SkipCalls", "0/settings/reject_calls")
				out.is(t, message, "RejectMessage", "0/settings/call_reject_message")
				out.is(t, "unavailable", "RejectType", "0/settings/call_reject_reason")
			}}
		}},
		// Omitted flags keep their values.
		{operation: "POST /session/globaltransports/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.setting(t, "skip_global", []string{"webhook", "sqs"})
			after := []string{"amqp", "media_storage", "webhook"}
			return restAct{
				values: resttest.Values{"skipGlobalWebhook": resttest.Absent, "skipGlobalRabbitMQ": true, "skipGlobalS3": true},
				calls:  []restCall{{"session.updateSettings", object{"skip_global": after}}},
				effect: func(t *testing.T, _ outcome) {
					e2etest.CheckSame(t, "settings", object{"skip_global": after}, w.settings(t))
				},
			}
		}},
		{operation: "GET /session/globaltransports/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.setting(t, "skip_global", []string{"redis"})
			return restAct{calls: []restCall{{"session.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "flags", object{"skipGlobalRedis": true, "skipGlobalWebhook": false, "skipGlobalS3": false}, out.rest)
				} else {
					e2etest.CheckSame(t, "settings", []string{"redis"}, e2etest.ValueAt(out.rpc, "0/settings/skip_global"))
				}
			}}
		}},
	}...)
}

func digigoWebhook() []restCase {
	arrives := func(t *testing.T, w *restWorld, path string) {
		t.Helper()
		id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "for the webhook"})
		w.Receiver.AwaitRequest(t, path, id)
	}
	change := func(operation, rest string) restCase {
		return restCase{operation: operation, prepare: func(_ *testing.T, w *restWorld) restAct {
			path := fmt.Sprintf("/set/%d", w.NextNumber())
			url, events := w.Receiver.URL+path, []string{"Message", "Connected"}
			return restAct{
				values: resttest.Values{"webhookurl": url, "events": events},
				calls:  []restCall{{"webhook.update", object{"url": url, "events": events, "active": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, url, rest, "0/webhook/url")
					out.is(t, events, "Events", "0/webhook/events")
					arrives(t, w, path)
				},
			}
		}}
	}
	return []restCase{
		change("POST /webhook", "WebhookURL"),
		change("PUT /webhook", "Webhook"),
		{operation: "GET /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			url := fmt.Sprintf("%s/get/%d", w.Receiver.URL, w.NextNumber())
			w.Call(t, w.Caller, "webhook.update", object{"url": url, "events": []string{"ReadReceipt"}})
			return restAct{calls: []restCall{{"webhook.get", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, url, "webhook", "0/webhook/url")
				out.is(t, []string{"ReadReceipt"}, "subscribe", "0/webhook/events")
			}}
		}},
		{operation: "DELETE /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "webhook.update", object{"url": w.Receiver.URL + "/deleted", "events": []string{"Message"}})
			return restAct{calls: []restCall{{"webhook.delete", nil}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "webhook", object{"url": "", "active": false}, w.Call(t, w.Caller, "webhook.get", nil)["webhook"])
			}}
		}},
	}
}

func digigoSystem() []restCase {
	return []restCase{
		{
			operation: "GET /health",
			prepare: func(_ *testing.T, w *restWorld) restAct {
				return restAct{as: &e2etest.Session{}, calls: []restCall{{"server.getHealth", nil}}, effect: func(t *testing.T, out outcome) {
					out.is(t, "healthy", "status", "0/status")
					if out.rpc == nil {
						e2etest.CheckSame(t, "services/database/status", "up", out.at("services/database/status", ""))
						return
					}
					out.is(t, "healthy", "", "0/services/database/status")
					connected, _ := w.Call(t, *admins(), "session.list", object{"state": "connected"})["sessions"].([]any)
					out.is(t, len(connected), "", "0/services/sessions/figures/connected")
					out.is(t, "connected", "", "0/transports/amqp/state")
				}}
			},
		},
		{
			operation: "GET /admin/license/info",
			prepare: func(*testing.T, *restWorld) restAct {
				return restAct{as: admins(), calls: []restCall{{"server.getLicense", nil}}, effect: func(t *testing.T, out outcome) {
					out.is(t, 10000, "max_instances", "0/max_sessions")
					out.is(t, true, "valid", "0/valid")
				}}
			},
		},
	}
}
