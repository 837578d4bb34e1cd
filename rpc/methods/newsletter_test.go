package methods_test

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
)

// newsletter is a newsletter of an account that is no session, with one post.
func (w *world) newsletter(owner string) (made result, post result) {
	w.t.Helper()
	w.script("sandbox.createAccount", params{"number": owner})
	made = w.script("sandbox.createNewsletter", params{"account": owner, "name": "News", "description": "all of it", "picture": photo(w.t)})
	return made, w.script("sandbox.postToNewsletter", params{"account": owner, "newsletter": made["newsletter"], "text": "first"})
}

func TestNewsletterIsFoundFollowedAndMuted(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "15550100001")
	made, _ := w.newsletter("15550100002")
	channel, code := made["newsletter"], made["invite_code"].(string)

	seen := alice.call("newsletter.get", params{"newsletter": channel}).object("newsletter")
	for field, want := range map[string]any{
		"newsletter": channel, "name": "News", "description": "all of it", "subscriber_count": 1.0, "invite_code": code, "verified": false,
		"state": "active", "role": "guest", "muted": false, "reaction_mode": "all",
	} {
		if seen[field] != want {
			t.Errorf("%s = %v, want %v", field, seen[field], want)
		}
	}
	for _, field := range []string{"name_id", "name_set_at", "description_id", "description_set_at", "created_at", "picture_url", "preview_url"} {
		if seen[field] == nil {
			t.Errorf("%s is null", field)
		}
	}
	for _, invite := range []string{code, "https://whatsapp.com/channel/" + code, "https://www.whatsapp.com/channel/" + code + "/100"} {
		if seen := alice.call("newsletter.get", params{"invite": invite}).object("newsletter"); seen["newsletter"] != channel || seen["role"] != nil || seen["muted"] != nil {
			t.Errorf("by %s: %v", invite, seen)
		}
	}
	followed := func(n int) {
		t.Helper()
		if list := alice.call("newsletter.list", nil).list("newsletters"); len(list) != n || n > 0 && (list[0]["newsletter"] != channel || list[0]["role"] != "subscriber") {
			t.Errorf("list %v", list)
		}
	}
	followed(0)
	for _, ref := range []params{{"newsletter": channel}, {"invite": code}} {
		if r := alice.call("newsletter.follow", ref); r["newsletter"] != channel {
			t.Errorf("followed %v", r)
		}
		followed(1)
		for _, muted := range []bool{true, false} {
			alice.call("newsletter.setMuted", params{"newsletter": channel, "muted": muted})
			if seen := alice.call("newsletter.get", params{"newsletter": channel}).object("newsletter"); seen["muted"] != muted {
				t.Errorf("muted %v", seen)
			}
		}
		if r := alice.call("newsletter.unfollow", ref); r["newsletter"] != channel {
			t.Errorf("unfollowed %v", r)
		}
		followed(0)
	}
}

func TestNewsletterPostsAreReadAndReactedTo(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "15550100001")
	made, post := w.newsletter("15550100002")
	channel, number := made["newsletter"], post["server_id"].(float64)
	for _, text := range []string{"second", "third"} {
		w.script("sandbox.postToNewsletter", params{"account": "15550100002", "newsletter": channel, "text": text})
	}
	alice.call("newsletter.follow", params{"newsletter": channel})

	list := alice.call("newsletter.listMessages", params{"newsletter": channel, "limit": 2, "before_server_id": number + 2}).list("messages")
	if len(list) != 2 || list[0]["text"] != "first" || list[1]["text"] != "second" || list[0]["type"] != "text" || list[0]["message_id"] != post["message_id"] {
		t.Errorf("page %v", list)
	}
	if all := alice.call("newsletter.listMessages", params{"newsletter": channel}).list("messages"); len(all) != 3 {
		t.Errorf("all %v", all)
	}
	if r := alice.call("newsletter.subscribeLiveUpdates", params{"newsletter": channel}); r["duration_seconds"] != 300.0 {
		t.Errorf("live %v", r)
	}
	began := time.Now()
	counts := func(views, likes any) {
		t.Helper()
		changed := alice.call("newsletter.listMessageUpdates", params{"newsletter": channel, "since": began.Add(-time.Minute)}).list("messages")
		i := slices.IndexFunc(changed, func(m result) bool { return m["server_id"] == number })
		if i < 0 || changed[i]["views_count"] != views || changed[i].object("reaction_counts")["👍"] != likes {
			t.Errorf("changed %v", changed)
		}
	}
	if r := alice.call("newsletter.react", params{"newsletter": channel, "server_id": number, "emoji": "👍"}); r["server_id"] != number {
		t.Errorf("reacted %v", r)
	}
	counts(0.0, 1.0)
	alice.call("newsletter.markViewed", params{"newsletter": channel, "server_ids": []any{number, number + 1}})
	counts(1.0, 1.0)
	alice.call("newsletter.react", params{"newsletter": channel, "server_id": number, "emoji": ""})
	counts(1.0, nil)
	if after := alice.call("newsletter.listMessageUpdates", params{"newsletter": channel, "after_server_id": number}).list("messages"); len(after) != 2 {
		t.Errorf("after the first: %v", after)
	}
	if none := alice.call("newsletter.listMessageUpdates", params{"newsletter": channel, "since": began.Add(time.Hour)}).list("messages"); len(none) != 0 {
		t.Errorf("of the future: %v", none)
	}
	alice.refused(rpc.CodeNotFound, "newsletter.react", params{"newsletter": channel, "server_id": 999, "emoji": "👍"})
	w.network.ClearRecords() // of the refused reaction
}

func TestNewsletterIsCreatedAndGetsAnAdmin(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
	picture := params{"base64": base64.StdEncoding.EncodeToString(photo(t))}
	create := params{"name": "  A name of more than twenty-five characters", "description": "tides", "picture": picture}
	alice.refused(rpc.CodeForbidden, "newsletter.create", create)
	if r := alice.call("newsletter.acceptTerms", nil); r["accepted"] != true {
		t.Errorf("accepted %v", r)
	}
	made := alice.call("newsletter.create", create).object("newsletter")
	channel := made["newsletter"]
	if made["name"] != "A name of more than twent" || made["description"] != "tides" || made["role"] != "owner" || made["picture_url"] == nil {
		t.Errorf("made %v", made)
	}
	for _, p := range []params{{}, {"name": "Shown", "caption": "join us", "thumbnail": picture}} {
		p["newsletter"], p["contact"] = channel, bob.pn()
		sent := alice.call("newsletter.sendAdminInvite", p)
		if at, err := time.Parse(time.RFC3339, sent["expires_at"].(string)); err != nil || time.Until(at) < 6*24*time.Hour || sent["contact"] != bob.pn() {
			t.Errorf("sent %v: %v", sent, err)
		}
		bob.eventually("the invitation", "message.get", params{"message_id": sent["message_id"], "include_raw": true}, func(r result) bool {
			message := r.object("message")
			invite, raw := message.object("newsletter_invite"), message.object("raw").object("newsletterAdminInviteMessage")
			name := p["name"]
			if name == nil {
				name = made["name"]
			}
			return message["type"] == "newsletter_invite" && invite["newsletter"] == channel && invite["admin"] == true && invite["name"] == name &&
				invite["expires_at"] == sent["expires_at"] && raw["caption"] == p["caption"] && raw["JPEGThumbnail"] != nil
		})
	}
	w.script("sandbox.acceptNewsletterInvite", params{"account": bob.pn(), "newsletter": channel})
	if seen := bob.call("newsletter.get", params{"newsletter": channel}).object("newsletter"); seen["role"] != "admin" {
		t.Errorf("bob sees %v", seen)
	}
	bob.call("message.sendText", params{"to": channel, "text": "by the second admin"})
	bob.refused(rpc.CodeForbidden, "newsletter.sendAdminInvite", params{"newsletter": channel, "contact": alice.pn()})
	alice.refused(rpc.CodeNotFound, "newsletter.sendAdminInvite", params{"newsletter": channel, "contact": "15550109999"})
	w.script("sandbox.setNewsletterTerms", params{"account": alice.pn(), "accepted": false})
	alice.refused(rpc.CodeForbidden, "newsletter.create", create)
}

func TestNewsletterRefusals(t *testing.T) {
	w := newWorld(t)
	alice := w.join("alice", "15550100001")
	const channel, unknown, group = "120363400000000001@newsletter", "1@newsletter", "120363000000000001@g.us"
	for name, c := range map[string]struct {
		method  string
		params  params
		code    int
		pointer string
	}{
		"neither":          {"newsletter.get", params{}, rpc.CodeInvalidParams, "/newsletter"},
		"both":             {"newsletter.follow", params{"newsletter": channel, "invite": "A"}, rpc.CodeInvalidParams, "/invite"},
		"group":            {"newsletter.get", params{"newsletter": group}, rpc.CodeInvalidParams, "/newsletter"},
		"other link":       {"newsletter.get", params{"invite": "https://example.com/channel/A"}, rpc.CodeInvalidParams, "/invite"},
		"link of a group":  {"newsletter.get", params{"invite": "https://chat.whatsapp.com/A"}, rpc.CodeInvalidParams, "/invite"},
		"bad code":         {"newsletter.unfollow", params{"invite": "A B"}, rpc.CodeInvalidParams, "/invite"},
		"unknown":          {"newsletter.get", params{"newsletter": unknown}, rpc.CodeNotFound, ""},
		"unknown code":     {"newsletter.follow", params{"invite": "AAAA"}, rpc.CodeNotFound, ""},
		"unknown posts":    {"newsletter.listMessages", params{"newsletter": unknown}, rpc.CodeNotFound, ""},
		"unknown live":     {"newsletter.subscribeLiveUpdates", params{"newsletter": unknown}, rpc.CodeNotFound, ""},
		"not followed":     {"newsletter.unfollow", params{"newsletter": unknown}, rpc.CodeNotFound, ""},
		"long page":        {"newsletter.listMessages", params{"newsletter": channel, "limit": 101}, rpc.CodeInvalidParams, "/limit"},
		"no posts":         {"newsletter.markViewed", params{"newsletter": channel, "server_ids": []any{}}, rpc.CodeInvalidParams, "/server_ids"},
		"post 0":           {"newsletter.markViewed", params{"newsletter": channel, "server_ids": []any{0}}, rpc.CodeInvalidParams, "/server_ids/0"},
		"reaction to 0":    {"newsletter.react", params{"newsletter": channel, "server_id": 0, "emoji": "x"}, rpc.CodeInvalidParams, "/server_id"},
		"no name":          {"newsletter.create", params{"name": "   "}, rpc.CodeInvalidParams, "/name"},
		"no picture":       {"newsletter.create", params{"name": "x", "picture": params{"base64": "AAAA"}}, rpc.CodeInvalidParams, "/picture"},
		"odd notice":       {"newsletter.acceptTerms", params{"notice_id": "x"}, rpc.CodeInvalidParams, "/notice_id"},
		"invited a group":  {"newsletter.sendAdminInvite", params{"newsletter": channel, "contact": group}, rpc.CodeInvalidParams, "/contact"},
		"invited to group": {"newsletter.sendAdminInvite", params{"newsletter": group, "contact": "15550100002"}, rpc.CodeInvalidParams, "/newsletter"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := alice.refused(c.code, c.method, c.params)
			details, _ := refused.Details.(map[string]any)
			fields, _ := details["fields"].(rpc.Fields)
			if c.pointer != "" && (len(fields) != 1 || fields[0].Pointer != c.pointer) {
				t.Errorf("fields %v", details)
			}
		})
	}
}
