package rest

import (
	"bytes"
	"fmt"
	"image/png"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// awaitAppState waits until the first synchronization of the app state of a session has ended: it would go on in a new connection.
func (w *restWorld) awaitAppState(t *testing.T, s e2etest.Session) {
	t.Helper()
	testkit.Within(t, e2etest.FeedWait, s.ID+" has its name", func() bool {
		return e2etest.CallMethod(w.Server.Addr, "presence.setAvailability", object{"session": s.ID, "available": false}, nil) == nil
	})
	w.Call(t, s, "sync.fetchAppState", nil)
}

// pairing returns a session with a QR code, until the test ends: codes change with time, which tests of all sessions would notice.
func (w *restWorld) pairing(t *testing.T) e2etest.Session {
	t.Helper()
	s := w.NewPairingSession(t)
	t.Cleanup(func() { w.Call(t, *admins(), "session.delete", object{"session": s.ID}) })
	return s
}

func digigoSession() []restCase {
	return []restCase{
		{operation: "POST /session/connect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewOfflineSession(t)
			url := w.Receiver.URL + "/connected"
			w.Call(t, s, "webhook.update", object{"url": url, "events": []string{"Receipt"}})
			return restAct{
				as: &s, values: resttest.Values{"Subscribe": []string{"Message", "Connected"}, "Immediate": false},
				calls: []restCall{{"webhook.update", object{"events": []string{"Message", "Connected"}}}, {"session.connect", object{"wait_seconds": 10}}},
				effect: func(t *testing.T, out outcome) {
					w.AwaitState(t, s, "connected")
					e2etest.CheckSame(t, "webhook", object{"url": url, "events": []string{"Message", "Connected"}}, w.Call(t, s, "webhook.get", nil)["webhook"])
					if out.rpc == nil {
						e2etest.CheckSame(t, "answer", object{"events": "Message,Connected", "webhook": url, "jid": w.Call(t, s, "session.getStatus", nil)["jid"]}, out.rest)
					}
				},
			}
		}},
		{operation: "POST /session/disconnect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.disconnect", nil}}, effect: func(t *testing.T, _ outcome) {
				if state, devices := w.State(t, s), w.Devices(t, s); state != "disconnected" || devices != 1 {
					t.Errorf("the session is %s, the account has %d devices", state, devices)
				}
			}}
		}},
		{operation: "POST /session/logout", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.logout", nil}}, effect: func(t *testing.T, _ outcome) {
				if n := w.Devices(t, s); n != 0 {
					t.Errorf("the account still has %d devices", n)
				}
			}}
		}},
		{operation: "GET /session/status", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			url := w.Receiver.URL + "/status"
			w.Call(t, s, "webhook.update", object{"url": url, "events": []string{"*"}})
			w.Call(t, s, "storage.updateSettings", w.storage())
			w.Call(t, s, "transport.updateSettings", w.broker())
			w.Call(t, s, "session.updateSettings", object{"skip_global": []string{"sqs"}, "skip_groups": true})
			return restAct{as: &s, calls: []restCall{{"session.get", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, s.ID, "id", "0/session/session_id")
				out.is(t, url, "webhook", "0/session/webhooks/0/url")
				out.is(t, "***", "s3_config/secret_key", "0/session/storage/secret_key")
				out.is(t, restBucket, "s3_config/bucket", "0/session/storage/bucket")
				out.is(t, "digigo", "rabbitmq_config/exchange", "0/session/transports/amqp/options/exchange")
				if out.rpc == nil {
					e2etest.CheckSame(t, "status", object{
						"connected": true, "loggedIn": true, "hasClient": true, "connectionHealth": "connected", "events": "All", "skip_groups": true, "skip_newsletters": false,
						"jid": w.Call(t, s, "session.getStatus", nil)["jid"], "globalTransportSkips": object{"skipGlobalSQS": true, "skipGlobalRedis": false}, "expiration": 0, "qrcode": "",
						"rabbitmq_config": object{"events": "Message", "exchange_arguments": object{}, "batch_timeout_ms": 100},
					}, out.rest)
				}
			}}
		}},
		{operation: "GET /session/qr", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.pairing(t)
			return restAct{as: &s, calls: []restCall{{"session.getQrCode", nil}}, effect: func(t *testing.T, out outcome) {
				kind, file := e2etest.FromDataURL(t, out.at("QRCode", "0/image"))
				if picture, err := png.Decode(bytes.NewReader(file)); err != nil || kind != "image/png" || picture.Bounds().Dx() < 100 {
					t.Fatalf("%s: %v", kind, err)
				}
				e2etest.MustCall(t, w.Server.Addr, "sandbox.scanQrCode", object{"account": s.Number, "session": s.ID}, nil)
				w.AwaitState(t, s, "connected")
				e2etest.CheckSame(t, "code", "", w.Call(t, s, "session.getQrCode", nil)["image"])
			}}
		}},
		{operation: "POST /session/pairphone", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": s.Number, "push_name": s.ID}, nil)
			return restAct{as: &s, values: resttest.Values{"Phone": s.Number}, calls: []restCall{{"session.requestPairingCode", object{"phone": s.Number}}}, effect: func(t *testing.T, out outcome) {
				e2etest.MustCall(t, w.Server.Addr, "sandbox.enterPairingCode", object{"account": s.Number, "code": out.at("LinkingCode", "0/code")}, nil)
				w.AwaitState(t, s, "connected")
			}}
		}},
		{operation: "POST /session/proxy", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			return restAct{
				as: &s, values: resttest.Values{"proxy_url": "socks5://user:secret@example.com:1080", "enable": true},
				calls: []restCall{{"session.setProxy", object{"enabled": true, "url": "socks5://user:secret@example.com:1080"}}},
				effect: func(t *testing.T, out outcome) {
					masked := "socks5://user:***@example.com:1080"
					out.is(t, masked, "ProxyURL", "0/url")
					e2etest.CheckSame(t, "proxy", object{"enabled": true, "url": masked}, e2etest.ValueAt(map[string]any(w.Call(t, s, "session.get", nil)), "session/proxy"))
				},
			}
		}},
		{operation: "POST /session/refresh", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			w.awaitAppState(t, s)
			since := w.Call(t, s, "session.getStatus", nil)["last_connected_at"]
			return restAct{
				as: &s, values: resttest.Values{"sync_app_state": true},
				calls: []restCall{{"session.restart", object{"sync_app_state": true, "check_prekeys": true, "refresh_privacy": true, "request_recovery": true}}},
				effect: func(t *testing.T, out outcome) {
					parts, _ := out.at("sync/app_state", "0/app_state").([]any)
					if len(parts) != 5 {
						t.Errorf("%d parts of the app state", len(parts))
					}
					out.is(t, true, "sync/prekeys/checked", "0/prekeys/checked")
					out.is(t, true, "sync/privacy_settings/fetched", "0/privacy/fetched")
					if now := w.Call(t, s, "session.getStatus", nil); now["state"] != "connected" || now["last_connected_at"] == since {
						t.Errorf("the session did not connect again: %v", now)
					}
				},
			}
		}},
	}
}

// removeLater deletes a session that a request creates when the test ends.
func (w *restWorld) removeLater(t *testing.T, name string) {
	t.Cleanup(func() {
		list, _ := w.Call(t, *admins(), "session.list", object{"limit": 1000})["sessions"].([]any)
		for _, item := range list {
			if e2etest.TextOf(e2etest.ValueAt(item, "name")) == name {
				w.Call(t, *admins(), "session.delete", object{"session": e2etest.ValueAt(item, "session_id")})
			}
		}
	})
}

func (w *restWorld) checkGone(t *testing.T, s e2etest.Session, devices int) {
	t.Helper()
	if e2etest.CallMethod(w.Server.Addr, "session.get", object{"session": s.ID}, nil) == nil {
		t.Error("the session is still there")
	}
	if n := w.Devices(t, s); n != devices {
		t.Errorf("the account has %d devices instead of %d", n, devices)
	}
}

func digigoUsers() []restCase {
	return []restCase{
		{operation: "GET /admin/users", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.pairing(t)
			return restAct{as: admins(), calls: []restCall{{"session.list", object{"full": true, "include_qr_code": true, "limit": 1000}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "id="+w.Caller.ID+"/loggedIn", "0/sessions/session_id="+w.Caller.ID+"/status/logged_in")
				out.is(t, w.Call(t, w.Caller, "session.getStatus", nil)["jid"], "id="+w.Caller.ID+"/jid", "0/sessions/session_id="+w.Caller.ID+"/jid")
				if kind, _ := e2etest.FromDataURL(t, out.at("id="+s.ID+"/qrcode", "0/sessions/session_id="+s.ID+"/qr_code/image")); kind != "image/png" {
					t.Errorf("code %s", kind)
				}
			}}
		}},
		{operation: "GET /admin/users/{id}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			w.Call(t, s, "transport.updateSettings", w.broker())
			w.Call(t, s, "storage.updateSettings", w.storage())
			return restAct{as: admins(), values: resttest.Values{"id": s.ID}, calls: []restCall{{"session.get", object{"session": s.ID}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, s.ID, "0/id", "0/session/session_id")
				out.is(t, "digigo", "0/rabbitmq_config/exchange", "0/session/transports/amqp/options/exchange")
				out.is(t, restBucket, "0/s3_config/bucket", "0/session/storage/bucket")
				out.is(t, false, "0/connected", "0/session/status/connected")
			}}
		}},
		{operation: "POST /admin/users", prepare: createUser},
		{operation: "DELETE /admin/users/{id}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{as: admins(), values: resttest.Values{"id": s.ID}, calls: []restCall{{"session.delete", object{"session": s.ID, "logout": false}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, s.ID, "id", "0/session_id")
				w.checkGone(t, s, 1)
			}}
		}},
		{operation: "DELETE /admin/users/{id}/full", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			jid := w.Call(t, s, "session.getStatus", nil)["jid"]
			return restAct{as: admins(), values: resttest.Values{"id": s.ID}, calls: []restCall{{"session.delete", object{"session": s.ID, "purge": true}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, jid, "jid", "0/jid")
				out.is(t, s.ID, "name", "0/name")
				w.checkGone(t, s, 0)
			}}
		}},
		{operation: "GET /admin/instances/status", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			return restAct{
				as: admins(), values: resttest.Values{"ids": w.Caller.ID + "," + s.ID, "include_total": true, "limit": 10, "offset": 0},
				calls: []restCall{{"session.list", object{"session_ids": []string{w.Caller.ID, s.ID}, "include_total": true, "include_qr_code": true}}},
				effect: func(t *testing.T, out outcome) {
					list, _ := out.rest.([]any)
					if out.rpc != nil {
						list, _ = out.at("", "0/sessions").([]any)
					}
					if len(list) != 2 {
						t.Errorf("%d sessions", len(list))
					}
					out.is(t, true, "id="+w.Caller.ID+"/loggedIn", "0/sessions/session_id="+w.Caller.ID+"/status/logged_in")
					out.is(t, false, "id="+s.ID+"/loggedIn", "0/sessions/session_id="+s.ID+"/status/logged_in")
					if out.rpc == nil {
						e2etest.CheckSame(t, "instance", object{"connectionHealth": "no_client", "hasClient": false, "source": "database", "qrcode_text": ""}, e2etest.ValueAt(out.rest, "id="+s.ID))
						e2etest.CheckSame(t, "instance", object{"connectionHealth": "connected", "hasClient": true, "source": "runtime"}, e2etest.ValueAt(out.rest, "id="+w.Caller.ID))
					}
				},
			}
		}},
	}
}

// createUser creates a session with all settings in one request.
func createUser(t *testing.T, w *restWorld) restAct {
	number := w.NextNumber()
	name, token := fmt.Sprintf("user %d", number), fmt.Sprintf("the-token-of-user-%d", number)
	w.removeLater(t, name)
	url, proxy := fmt.Sprintf("%s/user/%d", w.Receiver.URL, number), "socks5://user:secret@example.com:1080"
	values := resttest.Values{
		"name": name, "token": token, "webhook": url, "events": "Message, Connected", "skipGroups": true, "skipCalls": true, "callRejectType": "unavailable",
		"globalTransportSkips.skipGlobalSQS": true, "proxyConfig.proxyURL": proxy, "rabbitmqConfig.url": w.Rabbit, "rabbitmqConfig.exchange": "digigo.users", "rabbitmqConfig.connection_pool_size": 1,
		"rabbitmqConfig.queue_arguments": object{"x-overflow": "reject-publish"}, "s3Config.public_url": "",
	}
	for field, value := range w.storage() {
		values["s3Config."+field] = value
	}
	for _, twin := range []string{"accessKey", "secretKey", "pathStyle", "publicUrl", "mediaDelivery", "retentionDays", "disableAcl"} {
		values["s3Config."+twin] = resttest.Absent
	}
	broker := w.broker()
	delete(broker, "transport")
	return restAct{
		as: admins(), values: values,
		calls: []restCall{{"session.create", object{
			"name": name, "token": token, "webhook": object{"url": url, "events": []string{"Message", "Connected"}}, "storage": w.storage(), "transports": object{"amqp": broker},
			"settings": object{"skip_groups": true, "reject_calls": true, "call_reject_reason": "unavailable", "skip_global": []string{"sqs"}}, "proxy": object{"enabled": true, "url": proxy},
			"client_profile": object{"os_name": "Mac OS 10"},
		}}},
		effect: func(t *testing.T, out outcome) {
			out.is(t, token, "token", "0/token")
			s := e2etest.Session{ID: e2etest.TextOf(out.at("id", "0/session/session_id"))}
			e2etest.CheckSame(t, "session", object{
				"name": name, "proxy": object{"enabled": true, "url": "socks5://user:***@example.com:1080"}, "client_profile": object{"os_name": "Mac OS 10"},
				"settings": object{"skip_groups": true, "reject_calls": true, "call_reject_reason": "unavailable", "skip_global": []string{"sqs"}},
				"storage":  object{"enabled": true, "bucket": restBucket, "endpoint": w.Bucket}, "transports": object{"amqp": object{"enabled": true}},
			}, w.Call(t, s, "session.get", nil)["session"])
			e2etest.CheckSame(t, "webhook", object{"url": url, "events": []string{"Message", "Connected"}, "active": true}, w.Call(t, s, "webhook.get", nil)["webhook"])
			e2etest.CheckSame(t, "storage", object{"ok": true}, map[string]any(w.Call(t, s, "storage.test", nil)))
		},
	}
}
