package rest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// ownSecret is part of the texts that only the calling session may read.
const ownSecret = "own-secret-7f3a"

// checkIsolation sends the valid request of each case with the token of another session: nothing of the session that the request is for may be
// answered or changed. acts has the requests with fields; the others are as documented.
func (r *restRun) checkIsolation(t *testing.T, acts map[string]restAct) {
	w := r.w
	owners := w.withSecrets(t, acts)
	before := w.snapshotOwned(t, owners)
	var outsider e2etest.Session
	sent := 0
	for _, c := range r.cases {
		if c.stream != nil {
			continue
		}
		if outsider.ID == "" || w.State(t, outsider) != "connected" { // operations of the outsider end its own connection
			outsider = w.NewLinkedSession(t)
		}
		o, act := r.operation(t, c.operation), acts[c.operation]
		request, err := o.Request(act.example, r.valuesOf(o, act))
		if err != nil {
			t.Fatal(err)
		}
		if act.alter != nil {
			act.alter(request)
		}
		answer := r.send(t, r.mounts[0], outsider.Token, request)
		sent++
		if text := string(answer.Body); strings.Contains(text, ownSecret) || slices.ContainsFunc(owners, func(s e2etest.Session) bool { return strings.Contains(text, s.Token) }) {
			t.Errorf("%s: another session reads %.300s", c.operation, text)
		}
		if o.Auth == "admin" && answer.Status < 400 || o.Auth == "user" && r.foreign != nil && !r.forAnySession(o) && !r.foreign(answer) {
			t.Errorf("%s: another session is answered %d %.300s", c.operation, answer.Status, answer.Body)
		}
	}
	for name, now := range w.snapshotOwned(t, owners) {
		if now != before[name] {
			t.Errorf("%s changed\nfrom %s\nto   %s", name, before[name], now)
		}
	}
	t.Logf("%d requests for %d sessions of other tokens", sent, len(owners))
}

// forAnySession reports whether an operation is about the server and not about a session, so that each token is admitted.
func (r *restRun) forAnySession(o *resttest.Operation) bool {
	return slices.Contains(r.ofServer, o.Name())
}

// valuesOf returns the values of a request, which is for the caller's session if it was not prepared.
func (r *restRun) valuesOf(o *resttest.Operation, act restAct) resttest.Values {
	if act.values != nil {
		return act.values
	}
	values := resttest.Values{}
	for _, p := range o.Params {
		switch {
		case p.In == "path" && (p.Path == "session_id" || p.Path == "sessionId"):
			values[p.Path] = r.w.Caller.ID
		case p.In == "path" && p.Example == nil:
			values[p.Path] = "none"
		}
	}
	return values
}

// withSecrets gives the caller texts that no other session may read, and returns the sessions that acts are for.
func (w *restWorld) withSecrets(t *testing.T, acts map[string]restAct) []e2etest.Session {
	t.Helper()
	w.Call(t, w.Caller, "webhook.update", object{"url": w.Receiver.URL + "/" + ownSecret, "active": true})
	w.Receive(t, w.Shop, object{"type": "text", "text": ownSecret})
	w.NewGroup(t, ownSecret, w.Peer.Number)
	w.Call(t, w.Caller, "contact.save", object{"contact": w.Shop, "full_name": ownSecret})
	owners := []e2etest.Session{w.Caller, w.Idle}
	for _, act := range acts {
		if act.as != nil && act.as.ID != "" && !slices.Contains(owners, *act.as) {
			owners = append(owners, *act.as)
		}
	}
	return owners
}

// snapshotOwned returns the state of sessions, and of their chats on the phones of other people, that requests of another session must not change.
func (w *restWorld) snapshotOwned(t *testing.T, owners []e2etest.Session) map[string]string {
	t.Helper()
	out := map[string]string{}
	note := func(name, addr, method string, params object) {
		var result json.RawMessage
		if err := e2etest.CallMethod(addr, method, params, &result); err != nil {
			out[name] = "refused"
			return
		}
		out[name] = e2etest.Uptime.ReplaceAllString(string(result), "")
	}
	for _, s := range owners {
		for _, method := range []string{"chat.list", "contact.list", "label.list", "storage.getSettings", "transport.getSettings"} {
			note(s.ID+" "+method, w.Server.Addr, method, object{"session": s.ID})
		}
		var settings, hook struct {
			Settings json.RawMessage
			Webhook  map[string]any
		}
		e2etest.MustCall(t, w.Server.Addr, "session.getSettings", object{"session": s.ID}, &settings)
		e2etest.MustCall(t, w.Server.Addr, "webhook.get", object{"session": s.ID}, &hook)
		out[s.ID+" settings"] = string(settings.Settings)
		out[s.ID+" webhook"] = fmt.Sprint(hook.Webhook["url"], hook.Webhook["events"], hook.Webhook["active"])
	}
	note("groups", w.Server.Addr, "group.list", object{"session": w.Caller.ID})
	note("profile", w.Server.Addr, "profile.get", object{"session": w.Caller.ID})
	note("status", w.Server.Addr, "session.getStatus", object{"session": w.Caller.ID})
	for name, number := range map[string]string{"peer": w.Peer.Number, "shop": w.Shop} {
		for _, chat := range []string{w.Caller.JID(), w.Group} {
			note("messages of the "+name+" in "+chat, w.Network.Addr, "sandbox.listMessages", object{"account": number, "chat": chat})
		}
	}
	note("messages of the own phone", w.Network.Addr, "sandbox.listMessages", object{"account": w.Caller.Number})
	return out
}
