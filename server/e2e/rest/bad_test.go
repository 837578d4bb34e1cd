package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// snapshot returns the state that bad requests must not change: the server's data, and the messages and stanzas of the peer and the network.
func (w *restWorld) snapshot(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	note := func(name, addr, method string, params object) {
		var result json.RawMessage
		e2etest.MustCall(t, addr, method, params, &result)
		out[name] = e2etest.Uptime.ReplaceAllString(string(result), "")
	}
	for _, method := range []string{"chat.list", "group.list", "contact.list", "profile.get", "session.getSettings"} {
		note(method, w.Server.Addr, method, object{"session": w.Caller.ID})
	}
	note("sessions", w.Server.Addr, "session.list", object{"full": true})
	hook, _ := w.Call(t, w.Caller, "webhook.get", nil)["webhook"].(map[string]any)
	out["webhook"] = fmt.Sprint(hook["url"], hook["events"], hook["active"]) // the other fields depend on deliveries
	out["group's picture"] = e2etest.TextOf(w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": w.Group})["picture_id"])
	for name, number := range map[string]string{"peer": w.Peer.Number, "shop": w.Shop, "own phone": w.Caller.Number} {
		note(name, w.Network.Addr, "sandbox.listMessages", object{"account": number})
	}
	return out
}

func (w *restWorld) unchanged(t *testing.T, before map[string]string) {
	t.Helper()
	for name, now := range w.snapshot(t) {
		if now != before[name] {
			t.Errorf("%s changed\nfrom %s\nto   %s", name, before[name], now)
		}
	}
}

// checkBadRequests sends all bad requests of each case.
func (r *restRun) checkBadRequests(t *testing.T) {
	used, total := map[string]bool{}, 0
	acts := map[string]restAct{}
	for _, c := range r.cases {
		if o := r.operation(t, c.operation); o.Body != nil || len(o.Params) > 0 {
			acts[c.operation] = c.prepare(t, r.w)
		}
	}
	before := r.w.snapshot(t)
	for _, c := range r.cases {
		act, ok := acts[c.operation]
		if !ok {
			continue
		}
		t.Run(c.operation, func(t *testing.T) {
			o := r.operation(t, c.operation)
			fields, err := o.BadRequests(act.example, act.values, r.outOfRange)
			if err != nil {
				t.Fatal(err)
			}
			bodies, err := o.BadBodies(act.example, act.values)
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range slices.Concat(fields, bodies) {
				if key := r.reasonTolerated(o, bad); key != "" {
					used[key] = true
					continue
				}
				total++
				r.checkBadRequest(t, r.w.who(act), bad)
			}
		})
	}
	for key, reason := range r.tolerated {
		if !used[key] || reason == "" {
			t.Errorf("no bad request is %q, or there is no reason", key)
		}
	}
	r.w.unchanged(t, before)
	t.Logf("%d bad requests", total)
	e2etest.CheckNetwork(t, r.w.Network)
}

func (r *restRun) reasonTolerated(o *resttest.Operation, bad resttest.BadRequest) string {
	for key := range r.tolerated {
		operation, what, _ := strings.Cut(key, ": ")
		if matches(operation, o.Name()) && matches(what, strings.TrimSpace(bad.Field+" "+bad.What)) {
			return key
		}
	}
	return ""
}

// checkBadRequest sends one bad request and expects 400 and the name of the wrong field.
func (r *restRun) checkBadRequest(t *testing.T, who e2etest.Session, bad resttest.BadRequest) {
	t.Helper()
	answer := r.send(t, r.mounts[0], who.Token, bad.Request)
	what := fmt.Sprintf("%s %s: %.120s", bad.Field, bad.What, bad.Request.Body)
	if answer.Status != http.StatusBadRequest || answer.ContentType() != "application/json" {
		t.Errorf("%s: status %d: %.300s", what, answer.Status, answer.Body)
		return
	}
	body, _ := answer.JSON().(map[string]any)
	if _, enveloped := body["code"]; e2etest.TextOf(body["error"]) == "" || body["success"] == true || enveloped && body["success"] != false {
		t.Errorf("%s: %s", what, answer.Body)
	}
	if !r.names(body, bad.Field) {
		t.Errorf("%s: not named in %.300s", what, answer.Body)
	}
}
