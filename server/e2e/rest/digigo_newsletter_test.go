package rest

import (
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// channel is a newsletter of the shop with one post, or one of the caller without a post.
type channel struct {
	jid, code, messageID string
	post                 float64
}

// foreignChannel makes a newsletter of the shop; the caller follows it if asked.
func (w *restWorld) foreignChannel(t *testing.T, follow bool) (c channel) {
	t.Helper()
	var made struct {
		Newsletter string
		InviteCode string `json:"invite_code"`
	}
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createNewsletter", object{"account": w.Shop, "name": "Tides", "description": "of the harbour"}, &made)
	var post struct {
		MessageID string  `json:"message_id"`
		ServerID  float64 `json:"server_id"`
	}
	e2etest.MustCall(t, w.Network.Addr, "sandbox.postToNewsletter", object{"account": w.Shop, "newsletter": made.Newsletter, "text": "high"}, &post)
	if follow {
		w.Call(t, w.Caller, "newsletter.follow", object{"newsletter": made.Newsletter})
	}
	return channel{made.Newsletter, made.InviteCode, post.MessageID, post.ServerID}
}

// ownChannel makes a newsletter of the caller that the peer follows.
func (w *restWorld) ownChannel(t *testing.T) (c channel) {
	t.Helper()
	w.Call(t, w.Caller, "newsletter.acceptTerms", nil)
	made := w.Call(t, w.Caller, "newsletter.create", object{"name": "Own"})["newsletter"]
	c.jid = e2etest.TextOf(e2etest.ValueAt(made, "newsletter"))
	w.Call(t, w.Peer, "newsletter.follow", object{"newsletter": c.jid})
	return c
}

// seen returns a newsletter as the caller sees it.
func (w *restWorld) seen(t *testing.T, c channel) any {
	t.Helper()
	return w.Call(t, w.Caller, "newsletter.get", object{"newsletter": c.jid})["newsletter"]
}

// channelCase returns the case of an operation on a newsletter of the shop. prepare gets the world, the newsletter, and the act with the address and
// the call.
func channelCase(operation, method string, follow bool, prepare func(t *testing.T, w *restWorld, c channel, act *restAct)) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		c := w.foreignChannel(t, follow)
		act := restAct{values: resttest.Values{"jid": c.jid}, calls: []restCall{{method, object{"newsletter": c.jid}}}}
		prepare(t, w, c, &act)
		return act
	}}
}

// with adds a value to the request and a param to the call.
func (act *restAct) with(field, param string, value any) {
	act.values, act.calls[0].params[param] = act.values.With(resttest.Values{field: value}), value
}

// roleCase returns the case of following or unfollowing, by the address or by an invite.
func roleCase(operation, method string, follows, byInvite bool, role string) restCase {
	return channelCase(operation, method, follows, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
		if byInvite {
			act.values, act.calls[0].params = resttest.Values{}, object{}
			act.with("invite_code", "invite", c.code)
		}
		act.effect = func(t *testing.T, out outcome) {
			if byInvite && role == "subscriber" {
				out.is(t, c.jid, "jid", "0/newsletter")
			}
			e2etest.CheckSame(t, "newsletter", object{"role": role}, w.seen(t, c))
		}
	})
}

func digigoNewsletter() []restCase {
	picture := func(t *testing.T) string { return e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 5)) }
	listed := func(operation, place, name string) restCase {
		return channelCase(operation, "newsletter.list", true, func(_ *testing.T, _ *restWorld, c channel, act *restAct) {
			act.values, act.calls[0].params = nil, nil
			act.effect = func(t *testing.T, out outcome) {
				out.is(t, "Tides", place+"="+c.jid+"/"+name, "0/newsletters/newsletter="+c.jid+"/name")
			}
		})
	}
	counts := func(t *testing.T, w *restWorld, c channel, want object) {
		t.Helper()
		list := w.Call(t, w.Caller, "newsletter.listMessages", object{"newsletter": c.jid})
		e2etest.CheckSame(t, "counts", want, e2etest.ValueAt(map[string]any(list), "messages/0"))
	}
	noMedia := resttest.Rules{Absent: []string{"messages[].caption", "messages[].media", "updates[].caption", "updates[].media"}}
	messages := channelCase("POST /newsletter/messages", "newsletter.listMessages", true, func(_ *testing.T, _ *restWorld, c channel, act *restAct) {
		act.with("count", "limit", 5)
		act.with("before", "before_server_id", c.post+1)
		act.effect = func(t *testing.T, out outcome) {
			out.is(t, c.messageID, "messages/0/id", "0/messages/0/message_id")
			out.is(t, "high", "messages/0/text", "0/messages/0/text")
		}
	})
	updates := channelCase("POST /newsletter/message-updates", "newsletter.listMessageUpdates", true, func(t *testing.T, w *restWorld, c channel, act *restAct) {
		w.Call(t, w.Peer, "newsletter.follow", object{"newsletter": c.jid})
		w.Call(t, w.Peer, "newsletter.react", object{"newsletter": c.jid, "server_id": c.post, "emoji": "👍"})
		act.with("after", "after_server_id", c.post-1)
		act.effect = func(t *testing.T, out outcome) {
			out.is(t, c.post, "updates/0/server_id", "0/messages/0/server_id")
			out.is(t, object{"👍": 1}, "updates/0/reaction_counts", "0/messages/0/reaction_counts")
		}
	})
	messages.rules, updates.rules = noMedia, noMedia
	return []restCase{
		listed("GET /newsletter/list", "Newsletter/id", "thread_metadata/name/text"),
		listed("GET /newsletter/subscribed", "newsletters/jid", "name"),
		channelCase("POST /newsletter/info", "newsletter.get", false, func(_ *testing.T, _ *restWorld, c channel, act *restAct) {
			act.effect = func(t *testing.T, out outcome) {
				out.is(t, c.code, "invite_code", "0/newsletter/invite_code")
				out.is(t, "guest", "role", "0/newsletter/role")
				out.is(t, 1, "subscribers", "0/newsletter/subscriber_count")
			}
		}),
		roleCase("POST /newsletter/follow", "newsletter.follow", false, false, "subscriber"),
		roleCase("POST /newsletter/follow-invite", "newsletter.follow", false, true, "subscriber"),
		roleCase("POST /newsletter/unfollow", "newsletter.unfollow", true, false, "guest"),
		roleCase("POST /newsletter/unfollow-invite", "newsletter.unfollow", true, true, "guest"),
		channelCase("POST /newsletter/mute", "newsletter.setMuted", true, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
			act.with("mute", "muted", true)
			act.effect = func(t *testing.T, _ outcome) { e2etest.CheckSame(t, "newsletter", object{"muted": true}, w.seen(t, c)) }
		}),
		messages, updates,
		channelCase("POST /newsletter/reaction", "newsletter.react", true, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
			act.with("server_id", "server_id", c.post)
			act.with("reaction", "emoji", "🌊")
			act.effect = func(t *testing.T, _ outcome) { counts(t, w, c, object{"reaction_counts": object{"🌊": 1}}) }
		}),
		channelCase("POST /newsletter/mark-viewed", "newsletter.markViewed", true, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
			act.with("server_ids", "server_ids", []float64{c.post})
			act.effect = func(t *testing.T, _ outcome) { counts(t, w, c, object{"views_count": 1}) }
		}),
		channelCase("POST /newsletter/subscribe-live-updates", "newsletter.subscribeLiveUpdates", true, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
			act.effect = func(t *testing.T, out outcome) {
				out.is(t, 300, "duration", "0/duration_seconds")
				e2etest.MustCall(t, w.Network.Addr, "sandbox.viewNewsletterPosts", object{"account": w.Shop, "newsletter": c.jid, "server_ids": []float64{c.post}}, nil)
				counts(t, w, c, object{"views_count": 1})
			}
		}),
		{operation: "POST /newsletter/accept-tos", prepare: func(t *testing.T, w *restWorld) restAct {
			e2etest.MustCall(t, w.Network.Addr, "sandbox.setNewsletterTerms", object{"account": w.Caller.Number, "accepted": false}, nil)
			create := object{"session": w.Caller.ID, "name": "Terms"}
			if e2etest.CallMethod(w.Server.Addr, "newsletter.create", create, nil) == nil {
				t.Error("a newsletter was created without terms")
			}
			return restAct{calls: []restCall{{"newsletter.acceptTerms", nil}}, effect: func(t *testing.T, _ outcome) {
				w.Call(t, w.Caller, "newsletter.create", create)
			}}
		}},
		{operation: "POST /newsletter/create", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "newsletter.acceptTerms", nil)
			file := picture(t)
			return restAct{
				values: resttest.Values{"name": "Of the pier, in all weathers", "picture": file},
				calls:  []restCall{{"newsletter.create", object{"name": "Of the pier, in all weathers", "description": "A newsletter about interesting topics", "picture": object{"base64": file}}}},
				effect: func(t *testing.T, out outcome) {
					made := channel{jid: e2etest.TextOf(out.at("jid", "0/newsletter/newsletter"))}
					out.is(t, "Of the pier, in all weath", "name", "0/newsletter/name")
					seen := w.seen(t, made)
					e2etest.CheckSame(t, "newsletter", object{"role": "owner", "description": "A newsletter about interesting topics"}, seen)
					if e2etest.ValueAt(seen, "picture_url") == nil {
						t.Error("there is no picture")
					}
				},
			}
		}},
		{operation: "POST /newsletter/send", prepare: func(t *testing.T, w *restWorld) restAct {
			c, file := w.ownChannel(t), picture(t)
			return restAct{
				example: 2, values: resttest.Values{"jid": c.jid, "image": file, "caption": "low"},
				calls: []restCall{{"message.send", object{"to": c.jid, "content": object{"type": "image", "media": object{"base64": file}, "caption": "low"}}}},
				effect: func(t *testing.T, out outcome) {
					w.OnPhone(t, w.Peer.Number, e2etest.TextOf(out.at("id", "0/message_id")), object{"type": "image", "text": "low"})
				},
			}
		}},
		{operation: "POST /newsletter/admin-invite", prepare: func(t *testing.T, w *restWorld) restAct {
			c, file := w.ownChannel(t), picture(t)
			return restAct{
				values: resttest.Values{"phone": w.Peer.Number, "newsletter_jid": c.jid, "image": file, "caption": "join us", "name": "Pier"},
				calls: []restCall{{"newsletter.sendAdminInvite", object{
					"contact": w.Peer.Number, "newsletter": c.jid, "thumbnail": object{"base64": file}, "caption": "join us", "name": "Pier",
				}}},
				effect: func(t *testing.T, out outcome) {
					id := e2etest.TextOf(out.at("id", "0/message_id"))
					w.OnPhone(t, w.Peer.Number, id, object{"type": "newsletter_invite"})
					testkit.Within(t, e2etest.FeedWait, "the invitation is delivered", func() bool {
						message := w.Call(t, w.Caller, "message.get", object{"message_id": id})["message"]
						return e2etest.ValueAt(message, "status") == "delivered"
					})
					accepted := e2etest.CallMethod(w.Network.Addr, "sandbox.acceptNewsletterInvite", object{"account": w.Peer.Number, "newsletter": c.jid}, nil)
					if accepted != nil {
						t.Error(accepted)
					}
					if end, ok := out.at("expires_at", "").(float64); out.rpc == nil && (!ok || time.Until(time.Unix(int64(end), 0)) < 6*24*time.Hour) {
						t.Errorf("expires at %v", end)
					}
				},
			}
		}},
	}
}

func newsletterErrors() []provocation {
	const group = "120363000000000001@g.us"
	return []provocation{
		{"* /newsletter/*", "no session", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"", "invalid newsletter ID", withValue("jid", group)},
		{"", "invalid JID", withValue("jid", group)},
		{"", "name is required", withValue("name", resttest.Absent)},
		{"", "no message content provided", withValue("image", resttest.Absent)},
		{"", "error getting info", withValue("invite_code", "AAAA")},
		{"", "phone, newsletter_jid, image, caption and name are required", withValue("caption", resttest.Absent)},
	}
}

// errorBody returns the answer to an error as an object; errors of newsletters are a text, or have it in message.
func errorBody(answer any) map[string]any {
	if text, ok := answer.(string); ok {
		return map[string]any{"error": text, "only_text": true}
	}
	body, _ := answer.(map[string]any)
	if text := body["message"]; body != nil && body["error"] == nil && text != nil {
		body["error"] = text
	}
	return body
}

// textNames reports whether an error that is only a text names a field.
func textNames(answer map[string]any, field string) bool {
	text := strings.ToLower(e2etest.TextOf(answer["error"]))
	for name, documented := range map[string]string{"invalid newsletter id": "jid", "invalid jid": "jid", "no message content provided": "image"} {
		if text == name && field == documented {
			return true
		}
	}
	return strings.Contains(text, strings.ToLower(field))
}

// digigoNewsletterForms checks the answers that the document describes in words only.
func digigoNewsletterForms(t *testing.T, r *restRun) {
	w, own := r.w, r.w.ownChannel(t)
	c := w.foreignChannel(t, true)
	post := func(path string, fields, want object) {
		t.Helper()
		r.checkAnswer(t, "POST", "/newsletter/"+path, string(jsonOf(fields)), want)
	}
	post("mute", object{"jid": c.jid, "mute": false}, object{"success": true, "message": "Notifications unmuted successfully"})
	post("reaction", object{"jid": c.jid, "server_id": c.post, "reaction": ""}, object{"message": "Reaction sent successfully"})
	post("create", object{"description": "x"}, object{"success": false, "message": "name is required"})
	for field, file := range map[string]string{
		"document": e2etest.DataURL("application/pdf", e2etest.PDFFile(3)), "audio": e2etest.DataURL("audio/ogg", e2etest.OpusFile(3)),
		"video": e2etest.DataURL("video/mp4", e2etest.MP4File(3)), "message": "a text",
	} {
		post("send", object{"jid": own.jid, field: file}, object{"success": true})
	}
	testkit.Within(t, e2etest.FeedWait, "the posts are on the phone", func() bool {
		var inbox struct{ Messages []map[string]any }
		e2etest.MustCall(t, w.Network.Addr, "sandbox.listMessages", object{"account": w.Peer.Number, "chat": own.jid}, &inbox)
		kinds := map[any]bool{}
		for _, m := range inbox.Messages {
			kinds[m["type"]] = true
		}
		return len(kinds) == 4
	})
	for body, want := range map[string]string{
		string(jsonOf(object{"jid": own.jid, "message": "x", "image": "y"})): `"image does not go with message"`,
		string(jsonOf(object{"jid": w.Peer.JID(), "message": "x"})):          `"invalid newsletter ID"`,
		string(jsonOf(object{"jid": own.jid, "document": "data:,####"})):     `"document `,
	} {
		answer := r.send(t, r.mounts[0], w.Caller.Token, &resttest.Request{Method: "POST", Path: "/newsletter/send", Body: []byte(body)})
		if answer.Status != 400 || !strings.HasPrefix(string(answer.Body), want) {
			t.Errorf("%d %s, want %s", answer.Status, answer.Body, want)
		}
	}
}
