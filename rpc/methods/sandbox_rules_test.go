package methods_test

import (
	"encoding/json"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/sandboxmethods"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// script calls a sandbox method as an administrator; the call must succeed.
func (w *world) script(method string, p params) result {
	w.t.Helper()
	r, failed := w.tryScript(method, p)
	if failed != nil {
		w.t.Fatalf("%s: %v %v", method, failed, failed.Details)
	}
	return r
}

func (w *world) tryScript(method string, p params) (result, *rpc.Error) {
	w.t.Helper()
	calls := rpc.NewRegistry(rpc.Options{})
	calls.MapError = shared.MapError
	sandboxmethods.Register(calls, sandboxmethods.Deps{Network: w.network, Bridge: w.bridge})
	raw, err := json.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, failed := calls.Call(w.ctx(), &rpc.Call{Principal: rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}}, method, raw)
	if failed != nil {
		return nil, failed
	}
	var r result
	if err := json.Unmarshal(answer, &r); err != nil {
		w.t.Fatalf("%s answered %s: %v", method, answer, err)
	}
	return r, nil
}

func TestSandboxScriptsNewsletters(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "15550100001")
	const owner = "15550100002"
	w.script("sandbox.createAccount", params{"number": owner})
	made := w.script("sandbox.createNewsletter", params{"account": owner, "name": "News", "picture": photo(t)})
	channel := made["newsletter"]
	if made["picture_id"] == nil || made["invite_code"] == "" {
		t.Errorf("made %v", made)
	}
	w.script("sandbox.followNewsletter", params{"account": alice.pn(), "newsletter": channel})
	post := w.script("sandbox.postToNewsletter", params{"account": owner, "newsletter": channel, "text": "frist"})
	id := post["message_id"]
	shows := func(what string, right func(result) bool) {
		t.Helper()
		alice.eventually(what, "message.get", params{"chat": channel, "message_id": id}, func(r result) bool { return right(r.object("message")) })
	}
	shows("the post", func(m result) bool { return m["text"] == "frist" && m["server_id"] == post["server_id"] })
	w.script("sandbox.editNewsletterPost", params{"account": owner, "newsletter": channel, "message_id": id, "text": "first"})
	shows("the edit", func(m result) bool { return m["text"] == "first" && m["edited_at"] != nil })
	w.script("sandbox.reactToNewsletterPost", params{"account": alice.pn(), "newsletter": channel, "server_id": post["server_id"], "emoji": "👍"})
	w.script("sandbox.revokeNewsletterPost", params{"account": owner, "newsletter": channel, "message_id": id})
	shows("the revocation", func(m result) bool { return m["text"] == nil && m["deleted_at"] != nil })

	picture := alice.call("contact.getProfilePicture", params{"contact": channel})
	preview := alice.call("contact.getProfilePicture", params{"contact": channel, "preview": true})
	if picture["picture_id"] != made["picture_id"] || preview["picture_id"] != made["picture_id"] || picture["url"] == preview["url"] {
		t.Errorf("picture %v, preview %v", picture, preview)
	}
	w.script("sandbox.setNewsletterPicture", params{"account": owner, "newsletter": channel})
	if gone := alice.call("contact.getProfilePicture", params{"contact": channel}); gone["url"] != nil {
		t.Errorf("removed picture %v", gone)
	}
	for name, p := range map[string]params{
		"a group":        {"account": owner, "newsletter": "120363000000000001@g.us", "text": "x"},
		"no newsletter":  {"account": owner, "newsletter": "1@newsletter", "text": "x"},
		"not the owner":  {"account": alice.pn(), "newsletter": channel, "text": "x"},
		"without a text": {"account": owner, "newsletter": channel, "text": ""},
	} {
		if _, failed := w.tryScript("sandbox.postToNewsletter", p); failed == nil {
			t.Errorf("%s: posted", name)
		}
	}
	w.network.ClearRecords()
}
