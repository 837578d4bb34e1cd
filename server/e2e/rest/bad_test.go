package rest

import (
	"cmp"
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

// checkBadInput sends all bad requests of each case, and the good requests of all cases with the token of another session.
func (r *restRun) checkBadInput(t *testing.T) {
	acts := r.actsWithFields(t)
	t.Run("bad requests", func(t *testing.T) { r.checkBadRequests(t, acts) })
	t.Run("other sessions", func(t *testing.T) { r.checkIsolation(t, acts) })
}

// actsWithFields prepares the cases whose requests can be bad.
func (r *restRun) actsWithFields(t *testing.T) map[string]restAct {
	t.Helper()
	acts := map[string]restAct{}
	for _, c := range r.cases {
		if r.hasFields(r.operation(t, c.operation)) {
			acts[c.operation] = c.prepare(t, r.w)
		}
	}
	return acts
}

// hasFields reports whether requests for an operation can be bad.
func (r *restRun) hasFields(o *resttest.Operation) bool {
	return o.Body != nil || slices.ContainsFunc(o.Params, func(p *resttest.Field) bool { return p.In == "query" || r.badPaths[p.Name()] != nil })
}

// checkBadRequests sends all bad requests of each case, whose valid requests are acts.
func (r *restRun) checkBadRequests(t *testing.T, acts map[string]restAct) {
	used, covered, total := map[string]bool{}, map[string]bool{}, 0
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
			paths, err := o.BadPaths(act.example, act.values, r.badPaths)
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range slices.Concat(fields, paths, bodies) {
				if key := r.reasonTolerated(o, bad); key != "" {
					used[key] = true
					continue
				}
				total++
				covered[c.operation+" "+bad.Field] = true
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
	t.Logf("%d bad requests for %d fields and bodies of %d operations", total, len(covered), len(acts))
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

// checkBadRequest sends one bad request and expects the dialect's answer to it.
func (r *restRun) checkBadRequest(t *testing.T, who e2etest.Session, bad resttest.BadRequest) {
	t.Helper()
	answer := r.send(t, r.mounts[0], who.Token, bad.Request)
	refuses := r.refuses
	if refuses == nil {
		refuses = refusesBadRequest
	}
	if problem := refuses(r, answer, bad); problem != "" {
		t.Errorf("%s %s: %.120s: the answer %s: %d %.300s", bad.Field, bad.What, bad.Request.Body, problem, answer.Status, answer.Body)
	}
}

// refusesBadRequest returns what is wrong with an answer that must have the status 400 and name the wrong field in JSON.
func refusesBadRequest(r *restRun, answer *resttest.Answer, bad resttest.BadRequest) string {
	if bad.Field == "" && r.brokenBody != "" && answer.Status == http.StatusBadRequest && answer.ContentType() == r.brokenBody {
		return ""
	}
	if answer.Status != http.StatusBadRequest || answer.ContentType() != "application/json" {
		return "is not 400 in JSON"
	}
	body := errorBody(answer.JSON())
	if _, enveloped := body["code"]; errorText(body) == "" || body["success"] == true || enveloped && body["success"] != false {
		return "is not in the form of errors"
	}
	if !r.names(body, bad.Field) {
		return "does not name the field"
	}
	return ""
}

// errorText returns the text of an error, which some documented answers have in data or in an object.
func errorText(body map[string]any) string {
	return cmp.Or(e2etest.TextOf(body["error"]), e2etest.TextOf(body["data"]), e2etest.TextOf(e2etest.ValueAt(body, "error/message")))
}
