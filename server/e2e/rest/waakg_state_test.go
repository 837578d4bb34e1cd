package rest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func waakgLabels(r *restRun) []waakgStep {
	w, id := r.w, "berths"
	stored := func(want object) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			list := map[string]any(w.Call(t, w.Caller, "label.list", nil))
			e2etest.CheckSame(t, "label", want, e2etest.ValueAt(list, "labels/label_id="+id))
		}
	}
	var steps []waakgStep
	create := waakgStep{"POST /labels/{s}", object{"name": "Urgent", "color": 3}, object{"success": true, "label": object{"name": "Urgent", "color": 3}, "data": object{"label": object{"name": "Urgent"}}}, func(t *testing.T, answer any) {
		id = e2etest.TextOf(e2etest.ValueAt(answer, "label/id"))
		stored(object{"name": "Urgent", "color": 3})(t, answer)
		for _, step := range steps {
			step.do = strings.ReplaceAll(step.do, "{label}", id)
			if step.body["labelIds"] != nil {
				step.body["labelIds"] = []string{id}
			}
			r.perform(t, w.Caller.Token, step)
		}
		r.perform(t, w.Caller.Token, waakgStep{"PUT /labels/{s}", object{"labels": []object{{"id": id, "name": "All", "color": 0}}}, object{"labels": []object{{"name": "All"}}}, stored(object{"name": "All", "color": 0})})
		r.perform(t, w.Caller.Token, waakgStep{"DELETE /labels/{s}/" + id, nil, object{"message": "Label deleted successfully"}, func(t *testing.T, answer any) {
			if left := e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "label.list", nil)), "labels/label_id="+id); left != nil {
				t.Errorf("the label is still there: %v", left)
			}
		}})
	}}
	on := func(want int) func(*testing.T, any) { return stored2(w, &id, want) }
	steps = []waakgStep{
		{"PUT /labels/{s}/{label}", object{"name": "Later", "color": 4}, object{"label": object{"name": "Later"}, "data": object{"color": 4}}, stored(object{"name": "Later", "color": 4})},
		{"PUT /labels/{s}/chat/{p}/labels", object{"labelIds": []string{}, "action": "add"}, object{"message": "Labels added to chat", "labels": []object{{"name": "Later"}}}, on(1)},
		{"GET /labels/{s}/chat/{p}/labels", nil, object{"labels": []object{{"name": "Later"}}, "data": object{"labels": []object{{"name": "Later"}}}}, nil},
		{"GET /labels/{s}", nil, object{"labels": []object{{"name": "Later", "_count": object{"chatLabels": 1}}}}, nil},
		{"GET /chats/{s}/by-label/{label}", nil, object{"label": object{"name": "Later"}, "chats": []string{w.Peer.JID()}, "count": 1}, nil},
		{"GET /chats/by-label/{label}", nil, object{"chats": []string{w.Peer.JID()}, "count": 1}, nil},
		{"GET /labels/{s}/chats", nil, object{"data": []object{{"chatJid": w.Peer.JID(), "labelName": "Later"}}}, nil},
		{"GET /labels/{s}/chats?labelId={label}", nil, object{"data": []object{{"chatJid": w.Peer.JID()}}}, nil},
		{"GET /labels/{s}/chats?jid={p}", nil, object{"data": []object{{"labelName": "Later"}}}, nil},
		{"PUT /labels/{s}/chat/{p}/labels", object{"labelIds": []string{}, "action": "remove"}, object{"message": "Labels removed from chat", "labels": []object{}}, on(0)},
	}
	return []waakgStep{create, {"DELETE /labels/{s}", nil, object{"success": true}, func(t *testing.T, _ any) {
		e2etest.CheckSame(t, "labels", []any{}, w.Call(t, w.Caller, "label.list", nil)["labels"])
	}}}
}

// stored2 returns an effect: a label is on a number of chats.
func stored2(w *restWorld, id *string, want int) func(*testing.T, any) {
	return func(t *testing.T, _ any) {
		list := map[string]any(w.Call(t, w.Caller, "label.list", nil))
		e2etest.CheckSame(t, "chats", want, e2etest.ValueAt(list, "labels/label_id="+*id+"/chat_count"))
	}
}

func waakgProfile(t *testing.T, r *restRun) []waakgStep {
	w := r.w
	about := fmt.Sprintf("moored %d", w.NextNumber())
	picture := e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 14))
	return []waakgStep{
		{"PUT /profile/{s}/name", object{"name": "Harbour master"}, object{"message": "Profile name updated"}, func(t *testing.T, _ any) {
			testkit.Within(t, e2etest.FeedWait, "the name is set", func() bool { return w.Call(t, w.Caller, "profile.get", nil)["push_name"] == "Harbour master" })
		}},
		{"PUT /profile/{s}/status", object{"status": about}, object{"message": "Profile status updated"}, func(t *testing.T, _ any) {
			e2etest.CheckSame(t, "as the peer sees it", object{"about": about}, w.seenByPeer(t))
		}},
		{"PUT /profile/{s}/picture", object{"image": picture}, object{"message": "Profile picture updated"}, func(t *testing.T, _ any) {
			if w.pictureSeenByPeer(t, w.Caller.Number) == nil {
				t.Error("the peer sees no picture")
			}
		}},
		{"GET /profile/{s}", nil, object{"success": true, "jid": w.Caller.JID(), "data": object{"pushname": "Harbour master", "status": about}}, nil},
		{"DELETE /profile/{s}/picture", nil, object{"message": "Profile picture removed"}, func(t *testing.T, _ any) {
			if seen := w.pictureSeenByPeer(t, w.Caller.Number); seen != nil {
				t.Errorf("the peer sees %v", seen)
			}
		}},
	}
}

func waakgWebhooks(r *restRun) []waakgStep {
	w := r.w
	hook := func(t *testing.T, id string) any {
		t.Helper()
		return e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "webhook.list", nil)), "webhooks/webhook_id="+id)
	}
	remove := func(path string) func(*testing.T, any) {
		return func(t *testing.T, answer any) {
			id := e2etest.TextOf(e2etest.ValueAt(answer, "data/id"))
			e2etest.CheckSame(t, "webhook", object{"name": "Mine", "format": "waakg", "active": true}, hook(t, id))
			w.Receive(t, w.Peer.Number, object{"type": "text", "text": "to the hook " + path})
			w.Receiver.AwaitRequest(t, "/waakg", "message.received")
			r.perform(t, w.Caller.Token, waakgStep{"PUT /webhooks/{s}/" + id, object{"name": "Yours", "isActive": false}, object{"id": id, "name": "Yours", "isActive": false}, func(t *testing.T, _ any) {
				e2etest.CheckSame(t, "webhook", object{"name": "Yours", "active": false}, hook(t, id))
			}})
			r.perform(t, w.Caller.Token, waakgStep{"DELETE " + path + id, nil, object{"success": true}, func(t *testing.T, _ any) {
				if left := hook(t, id); left != nil {
					t.Errorf("the webhook is still there: %v", left)
				}
			}})
		}
	}
	body := object{"name": "Mine", "url": w.Receiver.URL + "/waakg", "events": []string{"message.received"}, "secret": "0123456789abcdef"}
	return []waakgStep{
		{"POST /webhooks/{s}", body, object{"status": true, "data": object{"name": "Mine", "isActive": true}}, remove("/webhooks/{s}/")},
		{"POST /webhooks/{s}", body, object{"success": true}, remove("/webhooks/")},
		{"GET /webhooks/{s}", nil, object{"status": true}, nil},
	}
}

func waakgSessions(t *testing.T, r *restRun) []waakgStep {
	w := r.w
	state := func(want string) func(*testing.T, any) {
		return func(t *testing.T, _ any) { w.AwaitState(t, w.Caller, want) }
	}
	return []waakgStep{
		{"PATCH /sessions/{s}/settings", object{"config": object{"rejectCalls": true}}, object{"data": object{"config": object{"readReceipts": false, "rejectCalls": true}}}, func(t *testing.T, _ any) {
			e2etest.CheckSame(t, "settings", object{"reject_calls": true, "send_read_receipts": false}, w.settings(t))
		}},
		{"PATCH /sessions/{s}/settings", object{"config": object{"readReceipts": true}}, object{"status": true}, func(t *testing.T, _ any) {
			e2etest.CheckSame(t, "settings", object{"reject_calls": false, "send_read_receipts": true}, w.settings(t))
		}},
		{"GET /sessions/{s}/settings", nil, object{"data": object{"config": object{"readReceipts": true, "rejectCalls": false}}}, nil},
		{"GET /sessions/{s}", nil, object{"status": true, "sessionId": w.Caller.ID, "hasInstance": true, "data": object{"status": "CONNECTED", "me": object{}}}, nil},
		{"GET /sessions", nil, nil, func(t *testing.T, answer any) {
			list, _ := answer.([]any)
			if len(list) != 1 || e2etest.ValueAt(list[0], "sessionId") != w.Caller.ID || e2etest.ValueAt(list[0], "status") != "Connected" {
				t.Errorf("the sessions are %v", answer)
			}
		}},
		{"GET /system/monitor/{s}", nil, object{"data": object{"status": "CONNECTED", "ping": "Online"}}, nil},
		{"POST /sessions/{s}/stop", nil, object{"message": "Session stoped successfully"}, state("disconnected")},
		{"GET /system/monitor/{s}", nil, object{"message": "Session is not connected", "data": object{"status": "STOPPED", "ping": "Offline"}}, nil},
		{"POST /sessions/{s}/start", nil, object{"message": "Session started successfully"}, state("connected")},
		{"POST /sessions/{s}/restart", nil, object{"message": "Session restarted successfully"}, state("connected")},
	}
}

// waakgAdmin returns the steps of admins, with sessions of their own.
func waakgAdmin(t *testing.T, r *restRun) []waakgStep {
	w := r.w
	linked, out := w.NewLinkedSession(t), w.NewLinkedSession(t)
	pairing := w.NewPairingSession(t)
	const made = "made-by-akg"
	w.removeLater(t, made)
	return []waakgStep{
		{"POST /sessions", object{"name": "Made", "sessionId": made}, object{"status": true, "name": "Made", "data": object{"sessionId": made}}, func(t *testing.T, _ any) {
			testkit.Within(t, e2etest.FeedWait, "a QR code", func() bool {
				return e2etest.TextOf(w.Call(t, e2etest.Session{ID: made}, "session.getQrCode", nil)["code"]) != ""
			})
		}},
		{"GET /sessions/" + made + "/qr", nil, object{"success": true, "data": object{"success": true}}, func(t *testing.T, answer any) {
			if !strings.HasPrefix(e2etest.TextOf(e2etest.ValueAt(answer, "base64")), "data:image/png;base64,") {
				t.Errorf("the answer has %v", answer)
			}
		}},
		{"POST /sessions/" + pairing.ID + "/pair", object{"phoneNumber": pairing.Number}, object{"message": "Pairing code generated"}, func(t *testing.T, answer any) {
			code := e2etest.TextOf(e2etest.ValueAt(answer, "data/pairingCode"))
			e2etest.MustCall(t, w.Network.Addr, "sandbox.enterPairingCode", object{"account": pairing.Number, "code": code}, nil)
			w.AwaitState(t, pairing, "connected")
		}},
		{"POST /sessions/" + out.ID + "/logout", nil, object{"message": "Session logouted successfully"}, func(t *testing.T, _ any) {
			testkit.Within(t, e2etest.FeedWait, "the account has no device", func() bool { return w.Devices(t, out) == 0 })
		}},
		{"DELETE /sessions/" + linked.ID + "/settings", nil, object{"message": "Session deleted successfully"}, func(t *testing.T, _ any) { w.checkGone(t, linked, 0) }},
		{"POST /settings/system", object{"appName": "Akg", "timezone": "Asia/Jakarta"}, object{"status": true, "appName": "Akg", "data": object{"id": "default", "timezone": "Asia/Jakarta"}}, nil},
		{"GET /settings/system", nil, object{"success": true, "appName": "Akg", "data": object{"appName": "Akg", "enableRegistration": false}}, nil},
		{"POST /settings/system", object{"appName": "Waystation", "timezone": "UTC"}, object{"appName": "Waystation"}, nil},
		{"GET /docs", nil, object{"openapi": "3.1.0", "info": object{}}, nil},
		{"POST /notifications", object{"title": "Maintenance", "message": "soon", "type": "WARNING", "broadcast": true}, object{"status": true, "message": "Notifications broadcasted successfully", "data": object{}}, nil},
		{"PATCH /notifications/read", nil, object{"message": "Notifications marked as read"}, nil},
		{"DELETE /notifications/delete?id=unknown", nil, object{"message": "Notification deleted"}, nil},
		{"GET /system/monitor", nil, object{"status": true, "data": object{"process": object{}, "cpu": object{}}}, nil},
	}
}
