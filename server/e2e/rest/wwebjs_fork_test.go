package rest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wwebjsFork returns the cases of the operations that the fork has beyond the document.
func wwebjsFork() []restCase {
	return slices.Concat(wwebjsForkSessions(), wwebjsForkClient(), wwebjsForkChats(), wwebjsForkGroups(), wwebjsForkMessages(), wwebjsForkChannels())
}

func wwebjsForkSessions() []restCase {
	return []restCase{
		{operation: "GET /session/getSessions", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{as: admins(), calls: []restCall{{"session.list", nil}}, effect: func(t *testing.T, out outcome) {
				if out.rpc != nil {
					return
				}
				sessions, _ := out.at("result", "").([]any)
				for _, id := range []string{w.Caller.ID, w.Peer.ID} {
					if !slices.Contains(sessions, any(id)) {
						t.Errorf("%s is not in %v", id, sessions)
					}
				}
			}}
		}},
		{operation: "GET /session/stop/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.disconnect", nil}}, effect: func(t *testing.T, _ outcome) {
				w.AwaitState(t, s, "disconnected")
				if n := w.Devices(t, s); n != 1 {
					t.Errorf("the account has %d devices", n)
				}
			}}
		}},
		{operation: "POST /session/requestPairingCode/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": s.Number, "push_name": s.ID}, nil)
			return restAct{
				as: &s, values: resttest.Values{"phoneNumber": s.Number}, calls: []restCall{{"session.requestPairingCode", object{"phone": s.Number, "notify": true}}},
				effect: func(t *testing.T, out outcome) {
					code := strings.ReplaceAll(e2etest.TextOf(out.at("result", "0/code")), "-", "")
					if len(code) != 8 {
						t.Fatalf("the code is %q", code)
					}
					e2etest.MustCall(t, w.Server.Addr, "sandbox.enterPairingCode", object{"account": s.Number, "code": code[:4] + "-" + code[4:]}, nil)
					w.AwaitState(t, s, "connected")
				},
			}
		}},
	}
}

func wwebjsForkClient() []restCase {
	ofPeer := func(name, field, method, param, key, member string, list bool, want func(t *testing.T, w *restWorld) any) restCase {
		return restCase{operation: "POST /client/" + name + "/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			person := any(w.Peer.Number)
			if list {
				person = []string{w.Peer.Number}
			}
			wanted := want(t, w)
			return restAct{values: resttest.Values{field: outsideID(w.Peer.Number)}, calls: []restCall{{method, object{param: person}}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, key, wanted, out.at(key, ""))
				} else if out.at("", member) == nil {
					t.Errorf("%s is not in %v", member, out.rpc)
				}
			}}
		}}
	}
	formatted := func(member string) func(t *testing.T, w *restWorld) any {
		return func(t *testing.T, w *restWorld) any {
			return w.Call(t, w.Caller, "contact.formatNumber", object{"contact": w.Peer.Number})[member]
		}
	}
	return []restCase{
		{operation: "DELETE /client/deleteProfilePicture/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			w.Call(t, s, "profile.setPicture", object{"media": object{"base64": e2etest.JPEGFile(t, 7)}})
			return restAct{as: &s, calls: []restCall{{"profile.removePicture", nil}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "as the peer sees it", nil, w.pictureSeenByPeer(t, s.Number))
			}}
		}},
		{operation: "POST /client/resetState/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			since := w.Call(t, s, "session.getStatus", nil)["last_connected_at"]
			return restAct{as: &s, calls: []restCall{{"session.restart", nil}}, effect: func(t *testing.T, _ outcome) {
				if now := w.Call(t, s, "session.getStatus", nil); now["state"] != "connected" || now["last_connected_at"] == since {
					t.Errorf("the session did not connect again: %v", now)
				}
			}}
		}},
		{operation: "POST /client/getChats/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			number, _ := w.newChat(t)
			read, _ := w.newChat(t)
			w.Call(t, w.Caller, "chat.markRead", object{"chat": read})
			return restAct{
				values: resttest.Values{"searchOptions.since": 1_700_000_000, "searchOptions.unread": true}, calls: []restCall{{"chat.list", object{"unread": true, "since": "2023-11-14T22:13:20Z"}}},
				effect: func(t *testing.T, out outcome) {
					if out.rpc == nil && (withWID(out.at("chats", ""), outsideID(number)) == nil || withWID(out.at("chats", ""), outsideID(read)) != nil) {
						t.Errorf("the unread chats are %v", out.at("chats", ""))
					}
				},
			}
		}},
		ofPeer("getCountryCode", "number", "contact.formatNumber", "contact", "result", "0/country_code", false, formatted("country_code")),
		ofPeer("getFormattedNumber", "number", "contact.formatNumber", "contact", "result", "0/formatted_number", false, formatted("formatted_number")),
		ofPeer("getContactDeviceCount", "userId", "contact.getUserInfo", "contacts", "result", "0/users/0/devices/0", true, func(t *testing.T, w *restWorld) any { return w.Devices(t, w.Peer) + 1 }),
		{operation: "POST /client/getContactLidAndPhone/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			lid := w.lidOf(t, w.Peer.Number)
			return restAct{
				values: resttest.Values{"userIds": []string{outsideID(w.Peer.Number), lid}},
				calls:  []restCall{{"contact.resolveLid", object{"contact": w.Peer.Number}}},
				effect: func(t *testing.T, out outcome) {
					if out.rpc == nil {
						pair := object{"lid": lid, "pn": outsideID(w.Peer.Number)}
						e2etest.CheckSame(t, "data", []object{pair, pair}, out.at("data", ""))
					}
				},
			}
		}},
		historyCase("client"),
	}
}

// historyCase returns the case of a request for older messages of a chat.
func historyCase(group string) restCase {
	return restCase{operation: "POST /" + group + "/syncHistory/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
		feed := e2etest.FollowEvents(t, w.Server, w.Caller.ID)
		w.Receive(t, w.Peer.Number, object{"type": "text", "text": "the newest"})
		return restAct{
			values: resttest.Values{"chatId": outsideID(w.Peer.Number)}, calls: []restCall{{"sync.requestChatHistory", object{"chat": w.Peer.Number}}},
			effect: func(t *testing.T, _ outcome) { feed.Await(t, "HistorySync", object{"sync_type": "ON_DEMAND"}) },
		}
	}}
}

func wwebjsForkChats() []restCase {
	return []restCase{
		onChat("POST /chat/sendSeen/{sessionId}", "chat.markRead", nil, nil, func(t *testing.T, w *restWorld, number string, _ outcome) {
			w.Stanza(t, number, object{"tag": "receipt"})
			e2etest.CheckSame(t, "chat", object{"unread_count": 0}, w.chat(t, number))
		}),
		{operation: "POST /chat/markUnread/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			number, _ := w.newChat(t)
			w.Call(t, w.Caller, "chat.markRead", object{"chat": number})
			return restAct{values: resttest.Values{"chatId": outsideID(number)}, calls: []restCall{{"chat.markUnread", object{"chat": number}}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "chat", object{"unread_count": -1}, w.chat(t, number))
			}}
		}},
		historyCase("chat"),
		{operation: "POST /chat/getLabels/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s, id := w.business(t), w.labelledChat(t)
			return restAct{as: &s, values: resttest.Values{"chatId": outsideID(w.Peer.Number)}, calls: []restCall{{"label.listForChat", object{"chat": w.Peer.Number}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, id, "labels/id="+id+"/id", "0/labels/label_id="+id+"/label_id")
			}}
		}},
		{operation: "POST /chat/changeLabels/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s, old, id := w.business(t), w.labelledChat(t), w.newLabel(t)
			return restAct{
				as: &s, values: resttest.Values{"chatId": outsideID(w.Peer.Number), "labelIds": []string{id}},
				calls: []restCall{{"label.updateChats", object{"chats": []string{w.Peer.Number}, "label_ids": []string{id}, "action": "replace"}}},
				effect: func(t *testing.T, _ outcome) {
					w.labelOnPhone(t, id, object{"chats": []string{w.Peer.JID()}})
					w.labelOnPhone(t, old, object{"chats": []string{}})
				},
			}
		}},
		{operation: "POST /contact/getCommonGroups/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			group := w.NewGroup(t, "Common", w.Peer.Number)
			return restAct{values: resttest.Values{"contactId": outsideID(w.Peer.Number)}, calls: []restCall{{"group.listCommon", object{"contact": w.Peer.Number}}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil && e2etest.ValueAt(out.rest, "result/_serialized="+group) == nil {
					t.Errorf("%s is not in %v", group, out.rest)
				}
			}}
		}},
	}
}

func wwebjsForkGroups() []restCase {
	decide := func(path, action, text string, member bool) restCase {
		return restCase{operation: "POST /groupChat/" + path + "/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			group, applicant := w.approvedGroup(t)
			return restAct{
				values: resttest.Values{"chatId": group, "options": object{"requesterIds": []string{outsideID(applicant)}, "sleep": nil}},
				calls:  []restCall{{"group.updateJoinRequests", object{"group": group, "action": action, "participants": []string{applicant}}}},
				effect: func(t *testing.T, out outcome) {
					if out.rpc == nil {
						e2etest.CheckSame(t, "result", []object{{"requesterId": outsideID(applicant), "message": text}}, out.at("result", ""))
					}
					if is := e2etest.ValueAt(w.groupAs(t, w.Peer, group), "participants/contact="+e2etest.JIDOf(applicant)) != nil; is != member {
						t.Errorf("member: %t", is)
					}
					e2etest.CheckSame(t, "left", []any{}, w.Call(t, w.Caller, "group.listJoinRequests", object{"group": group})["requests"])
				},
			}
		}}
	}
	return []restCase{
		{operation: "POST /groupChat/getGroupMembershipRequests/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			group, applicant := w.approvedGroup(t)
			return restAct{values: resttest.Values{"chatId": group}, calls: []restCall{{"group.listJoinRequests", object{"group": group}}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "requester", outsideID(applicant), out.at("result/0/id/_serialized", ""))
				}
			}}
		}},
		decide("approveGroupMembershipRequests", "approve", "Approved successfully", true),
		decide("rejectGroupMembershipRequests", "reject", "Rejected successfully", false),
	}
}

func wwebjsForkMessages() []restCase {
	return []restCase{
		onMessage("POST /message/edit/{sessionId}", "message.edit", true, resttest.Values{"content": "corrected"}, object{"text": "corrected"}, nil, func(t *testing.T, w *restWorld, id string, out outcome) {
			w.awaitOnPhone(t, w.Peer.Number, "", object{"target": object{"action": "edit", "message_id": id}})
			if out.rpc == nil {
				e2etest.CheckSame(t, "message", object{"body": "corrected", "fromMe": true, "id": object{"id": id}}, out.at("message", ""))
			}
		}),
		{operation: "POST /message/getContact/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "hello"})
			return restAct{
				values: resttest.Values{"chatId": outsideID(w.Peer.Number), "messageId": id},
				calls:  []restCall{{"contact.get", object{"contact": w.Peer.Number}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, w.Peer.Number, "contact/number", "0/contact/phone_number")
				},
			}
		}},
		onMessage("POST /message/getReactions/{sessionId}", "message.get", true, nil, nil, func(t *testing.T, w *restWorld) string {
			id := w.sent(t)
			w.Call(t, w.Caller, "message.react", object{"chat": w.Peer.Number, "message_id": id, "emoji": "👍"})
			w.Call(t, w.Peer, "message.react", object{"chat": w.Caller.Number, "message_id": id, "emoji": "🎉"})
			testkit.Within(t, e2etest.FeedWait, "both reactions are stored", func() bool {
				return e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "message.get", object{"message_id": id})), "message/reactions/1") != nil
			})
			return id
		}, func(t *testing.T, w *restWorld, id string, out outcome) {
			if out.rpc != nil {
				return
			}
			key := object{"_serialized": keyOf(true, w.Peer.Number, id)}
			for emoji, mine := range map[string]bool{"👍": true, "🎉": false} {
				sender := w.Peer.Number
				if mine {
					sender = w.Caller.Number
				}
				want := object{"hasReactionByMe": mine, "aggregateEmoji": emoji, "senders": []object{{"senderId": outsideID(sender), "reaction": emoji, "msgId": key}}}
				e2etest.CheckSame(t, emoji, want, e2etest.ValueAt(out.rest, "result/id="+emoji))
			}
		}),
		{
			operation: "POST /message/downloadMediaAsData/{sessionId}",
			prepare: func(t *testing.T, w *restWorld) restAct {
				id, _ := w.Receive(t, w.Peer.Number, object{"type": "image", "base64": e2etest.JPEGFile(t, 1+w.NextNumber()%100)})
				return restAct{values: resttest.Values{"chatId": outsideID(w.Peer.Number), "messageId": id}, effect: func(*testing.T, outcome) {}}
			},
			stream: func(t *testing.T, r *restRun, mount string) {
				file := e2etest.JPEGFile(t, 1+r.w.NextNumber()%100)
				id, _ := r.w.Receive(t, r.w.Peer.Number, object{"type": "image", "base64": file})
				o := r.operation(t, "POST /message/downloadMediaAsData/{sessionId}")
				request, err := o.Request(0, resttest.Values{"sessionId": r.w.Caller.ID, "chatId": outsideID(r.w.Peer.Number), "messageId": id})
				if err != nil {
					t.Fatal(err)
				}
				answer := r.send(t, mount, r.w.Caller.Token, request)
				if answer.Status != 200 || answer.ContentType() != "image/jpeg" || !bytes.Equal(answer.Body, file) {
					t.Errorf("%d %v %.100q", answer.Status, answer.Header, answer.Body)
				}
			},
		},
	}
}

func wwebjsForkErrors() []provocation {
	return []provocation{
		{"POST /channel/*", "Channel not Found", withValue("chatId", "120363999999999999@newsletter")},
		{"POST /channel/sendMessage/*", "invalid contentType", withValue("contentType", "Fax")},
		{"POST /channel/*", "The chat is not a channel", withValue("chatId", "15550600003@c.us")},
		{"POST /message/downloadMediaAsData/*", "Message media not found", func(t *testing.T, p *provoked) {
			id, _ := p.run.w.Receive(t, p.run.w.Peer.Number, object{"type": "text", "text": "no file"})
			p.values = p.values.With(resttest.Values{"messageId": id})
		}},
		{"POST /message/downloadMediaAsData/*", "<exception text>", withFault(object{"kind": "media_download", "code": 404, "times": -1})},
		{"POST /message/edit/*", "<exception text>", withFault(object{"kind": "refuse_send", "code": 403, "times": -1})},
	}
}
