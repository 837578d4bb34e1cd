package rest

import (
	"fmt"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func wwebjsForkChannels() []restCase {
	of := func(operation, method, field string, follow bool, effect func(t *testing.T, w *restWorld, c channel, out outcome)) restCase {
		return channelCase(operation, method, follow, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
			act.values = resttest.Values{field: c.jid}
			act.effect = func(t *testing.T, out outcome) { effect(t, w, c, out) }
		})
	}
	role := func(want string) func(t *testing.T, w *restWorld, c channel, _ outcome) {
		return func(t *testing.T, w *restWorld, c channel, _ outcome) {
			e2etest.CheckSame(t, "newsletter", object{"role": want}, w.seen(t, c))
		}
	}
	muted := func(operation string, value bool) restCase {
		return channelCase(operation, "newsletter.setMuted", true, func(t *testing.T, w *restWorld, c channel, act *restAct) {
			w.Call(t, w.Caller, "newsletter.setMuted", object{"newsletter": c.jid, "muted": !value})
			act.values, act.calls[0].params["muted"] = resttest.Values{"chatId": c.jid}, value
			act.effect = func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "newsletter", object{"muted": value}, w.seen(t, c))
			}
		})
	}
	return []restCase{
		channelCase("GET /client/getChannels/{sessionId}", "newsletter.list", true, func(_ *testing.T, _ *restWorld, c channel, act *restAct) {
			act.values, act.calls[0].params = nil, nil
			act.effect = func(t *testing.T, out outcome) {
				if out.rpc != nil {
					return
				}
				want := object{"name": "Tides", "isChannel": true, "isReadOnly": true, "channelMetadata": object{"inviteCode": c.code, "membershipType": "subscriber"}}
				e2etest.CheckSame(t, "channel", want, withWID(out.at("result", ""), c.jid))
			}
		}),
		channelCase("POST /client/getChannelByInviteCode/{sessionId}", "newsletter.get", false, func(_ *testing.T, _ *restWorld, c channel, act *restAct) {
			act.values, act.calls[0].params = resttest.Values{"inviteCode": c.code}, object{"invite": c.code}
			act.effect = func(t *testing.T, out outcome) {
				out.is(t, "of the harbour", "result/description", "0/newsletter/description")
				if out.rpc == nil {
					out.is(t, c.jid, "result/id/_serialized", "")
				}
			}
		}),
		of("POST /client/subscribeToChannel/{sessionId}", "newsletter.follow", "channelId", false, role("subscriber")),
		of("POST /client/unsubscribeFromChannel/{sessionId}", "newsletter.unfollow", "channelId", true, role("guest")),
		of("POST /channel/getClassInfo/{sessionId}", "newsletter.get", "chatId", true, func(t *testing.T, _ *restWorld, c channel, out outcome) {
			out.is(t, "Tides", "channel/name", "0/newsletter/name")
			if out.rpc == nil {
				e2etest.CheckSame(t, "channel", object{"isMuted": false, "isReadOnly": true, "id": object{"_serialized": c.jid}}, out.at("channel", ""))
			}
		}),
		muted("POST /channel/mute/{sessionId}", true), muted("POST /channel/unmute/{sessionId}", false),
		channelCase("POST /channel/fetchMessages/{sessionId}", "newsletter.listMessages", true, func(t *testing.T, w *restWorld, c channel, act *restAct) {
			w.Call(t, w.Caller, "newsletter.react", object{"newsletter": c.jid, "server_id": c.post, "emoji": "🌊"})
			act.values = resttest.Values{"chatId": c.jid, "searchOptions": object{"limit": 5000, "fromMe": false}}
			act.effect = func(t *testing.T, out outcome) {
				out.is(t, "high", "messages/0/body", "0/messages/0/text")
				if out.rpc == nil {
					key := object{"id": c.messageID, "remote": c.jid, "fromMe": false, "_serialized": "false_" + c.jid + "_" + c.messageID}
					want := object{"id": key, "type": "chat", "from": c.jid, "to": outsideID(w.Caller.Number), "fromMe": false, "hasReaction": true, "hasMedia": false, "ack": 0}
					e2etest.CheckSame(t, "messages", []object{want}, out.at("messages", ""))
				}
			}
		}),
		channelCase("POST /channel/sendSeen/{sessionId}", "newsletter.listMessages", true, func(_ *testing.T, w *restWorld, c channel, act *restAct) {
			act.values = resttest.Values{"chatId": c.jid}
			act.calls = append(act.calls, restCall{"newsletter.markViewed", object{"newsletter": c.jid, "server_ids": []float64{c.post}}})
			act.effect = func(t *testing.T, _ outcome) {
				posts := w.Call(t, w.Caller, "newsletter.listMessages", object{"newsletter": c.jid})
				e2etest.CheckSame(t, "post", object{"views_count": 1}, e2etest.ValueAt(map[string]any(posts), "messages/0"))
			}
		}),
		{operation: "POST /channel/sendMessage/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			c := w.ownChannel(t)
			return restAct{
				values: resttest.Values{"chatId": c.jid, "contentType": "string", "content": "low"},
				calls:  []restCall{{"message.send", object{"to": c.jid, "content": object{"type": "text", "text": "low"}}}},
				effect: func(t *testing.T, out outcome) {
					posts := w.Call(t, w.Peer, "newsletter.listMessages", object{"newsletter": c.jid})
					e2etest.CheckSame(t, "as a follower sees it", object{"text": "low"}, e2etest.ValueAt(map[string]any(posts), "messages/0"))
					if out.rpc == nil {
						e2etest.CheckSame(t, "message", object{"body": "low", "fromMe": true, "to": c.jid}, out.at("message", ""))
					}
				},
			}
		}},
		{operation: "POST /client/createChannel/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "newsletter.acceptTerms", nil)
			name := fmt.Sprintf("Pier %d", w.NextNumber())
			return restAct{
				values: resttest.Values{"title": name, "options.description": "in all weathers"}, calls: []restCall{{"newsletter.create", object{"name": name, "description": "in all weathers"}}},
				effect: func(t *testing.T, out outcome) {
					made := e2etest.TextOf(out.at("result/nid/_serialized", "0/newsletter/newsletter"))
					shown := w.Call(t, w.Peer, "newsletter.get", object{"newsletter": made})["newsletter"]
					e2etest.CheckSame(t, "as the peer sees it", object{"name": name, "description": "in all weathers"}, shown)
				},
			}
		}},
		{operation: "POST /channel/sendChannelAdminInvite/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			c := w.ownChannel(t)
			return restAct{
				values: resttest.Values{"chatId": c.jid, "userId": outsideID(w.Peer.Number), "options.comment": "join us"},
				calls:  []restCall{{"newsletter.sendAdminInvite", object{"newsletter": c.jid, "contact": w.Peer.Number, "caption": "join us"}}},
				effect: func(t *testing.T, _ outcome) {
					testkit.Within(t, e2etest.FeedWait, "the invitation is accepted", func() bool {
						return e2etest.CallMethod(w.Network.Addr, "sandbox.acceptNewsletterInvite", object{"account": w.Peer.Number, "newsletter": c.jid}, nil) == nil
					})
				},
			}
		}},
	}
}

// wwebjsChannelForms checks own channels, channels without posts, and more posts than a call of a method returns.
func wwebjsChannelForms(t *testing.T, r *restRun) {
	w, path := r.w, func(name string) string { return "/channel/" + name + "/" + r.w.Caller.ID }
	fetch := func(c channel, options object, want []object) {
		t.Helper()
		r.checkAnswer(t, "POST", path("fetchMessages"), string(jsonOf(object{"chatId": c.jid, "searchOptions": options})), object{"messages": want})
	}
	own := w.ownChannel(t)
	fetch(own, object{}, []object{})
	r.checkAnswer(t, "POST", path("sendSeen"), string(jsonOf(object{"chatId": own.jid})), object{"success": true, "result": true})
	w.Call(t, w.Caller, "message.sendText", object{"to": own.jid, "text": "ours"})
	fetch(own, object{"fromMe": true}, []object{{"body": "ours", "fromMe": true, "from": outsideID(w.Caller.Number), "to": own.jid, "ack": 1}})
	fetch(own, object{"fromMe": false}, []object{})
	c := w.foreignChannel(t, true)
	fetch(c, object{"fromMe": true}, []object{})
	const pageOfMethod = 100
	want := []object{{"body": "high"}}
	for i := range pageOfMethod + 1 {
		text := fmt.Sprintf("tide %d", i)
		e2etest.MustCall(t, w.Network.Addr, "sandbox.postToNewsletter", object{"account": w.Shop, "newsletter": c.jid, "text": text}, nil)
		want = append(want, object{"body": text})
	}
	fetch(c, object{"limit": pageOfMethod + 5}, want)
	fetch(c, object{"limit": pageOfMethod + 1}, want[1:])
	fetch(c, object{"limit": 2}, want[len(want)-2:])
}
