package rest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wuzapiMore returns the cases of the operations beyond the document. Those whose requests and effects digigo has too are the same.
func wuzapiMore() []restCase {
	return slices.Concat(
		pick(digigoSession(), "POST /session/pairphone", "POST /session/proxy"), pick(digigoStorage(), "GET /session/s3/config", "DELETE /session/s3/config", "POST /session/s3/config", "POST /session/s3/test"),
		pick(digigoProfile(), "POST /user/presence"), pick(digigoNewsletter(), "GET /newsletter/list"), pick(digigoChat(), "POST /chat/delete"),
		pick(digigoGroup(), "POST /group/create", "POST /group/join", "POST /group/inviteinfo", "POST /group/leave", "POST /group/photo/remove", "POST /group/topic", "POST /group/announce",
			"POST /group/locked", "POST /group/ephemeral", "POST /group/updateparticipants"),
		pick(digigoUsers(), "GET /admin/users", "DELETE /admin/users/{id}", "DELETE /admin/users/{id}/full"),
		wuzapiConfiguration(), wuzapiWebhooks(), wuzapiPrivacy(), wuzapiInteractive(), wuzapiChats(), wuzapiJoining(), wuzapiUsers(),
	)
}

// pick returns the cases of operations.
func pick(cases []restCase, operations ...string) (picked []restCase) {
	for _, c := range cases {
		if slices.Contains(operations, c.operation) {
			picked = append(picked, c)
		}
	}
	return picked
}

const testHMACKey = "a-key-of-the-webhooks-with-40-characters"

// newHook gives the session a webhook in wuzapi's format and returns its path at the receiver.
func (w *restWorld) newHook(t *testing.T, s e2etest.Session, params object) (path string) {
	t.Helper()
	path = fmt.Sprintf("/hook/%d", w.NextNumber())
	w.Call(t, s, "webhook.update", e2etest.MergeObjects(object{"url": w.Receiver.URL + path, "events": []string{"Message"}, "active": true, "format": "wuzapi"}, params))
	return path
}

// checkSigned waits for a delivery with a text and checks that its signature is that of the key, or that there is none.
func (w *restWorld) checkSigned(t *testing.T, path, text, key string) {
	t.Helper()
	w.Receiver.AwaitRequest(t, path, text)
	requests := w.Receiver.RequestsTo(path)
	last, want := requests[len(requests)-1], ""
	if key != "" {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(last.Body)
		want = hex.EncodeToString(mac.Sum(nil))
	}
	if got := last.Header.Get("X-Hmac-Signature"); got != want {
		t.Errorf("the signature is %q instead of %q", got, want)
	}
}

func wuzapiConfiguration() []restCase {
	return []restCase{
		{operation: "GET /session/passkey-status", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			e2etest.MustCall(t, w.Network.Addr, "sandbox.createAccount", object{"number": s.Number, "passkey": object{}}, nil)
			e2etest.MustCall(t, w.Server.Addr, "session.connect", object{"session": s.ID}, nil)
			testkit.Within(t, e2etest.FeedWait, "the code is scanned", func() bool {
				return e2etest.CallMethod(w.Server.Addr, "sandbox.scanQrCode", object{"account": s.Number, "session": s.ID}, nil) == nil
			})
			testkit.Within(t, e2etest.FeedWait, "the passkey is waited for", func() bool {
				return e2etest.ValueAt(map[string]any(w.Call(t, s, "session.getStatus", nil)), "pairing/step") == "passkey"
			})
			t.Cleanup(func() { w.Call(t, *admins(), "session.delete", object{"session": s.ID}) })
			return restAct{as: &s, calls: []restCall{{"session.getStatus", nil}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "pending", true, out.at("passkeyPending", ""))
				}
				if challenge := e2etest.TextOf(out.at("publicKey/challenge", "0/pairing/public_key/challenge")); challenge == "" {
					t.Errorf("no challenge in %v", out)
				}
			}}
		}},
		{operation: "POST /session/history", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{values: resttest.Values{"history": 50}, calls: []restCall{{"session.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "history", 50, out.at("History", ""))
				}
				id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "kept"})
				e2etest.CheckSame(t, "kept", id, e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "message.list", object{"chat": w.Peer.Number, "limit": 1})), "messages/0/message_id"))
			}}
		}},
		{operation: "GET /session/history", prepare: func(t *testing.T, w *restWorld) restAct {
			feed := e2etest.FollowEvents(t, w.Server, w.Caller.ID)
			return restAct{
				values: resttest.Values{"chat_jid": w.Peer.JID(), "count": 20},
				calls:  []restCall{{"sync.requestChatHistory", object{"chat": w.Peer.JID(), "limit": 20}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, w.Peer.JID(), "chat_jid", "0/chat")
					out.is(t, 20, "count", "0/limit")
					feed.Await(t, "HistorySync", object{"sync_type": "ON_DEMAND", "request_id": out.at("request_id", "0/request_id")})
				},
			}
		}},
		{operation: "POST /session/hmac/config", prepare: func(t *testing.T, w *restWorld) restAct {
			path := w.newHook(t, w.Caller, object{"secret": ""})
			return restAct{
				values: resttest.Values{"hmac_key": testHMACKey}, calls: []restCall{{"webhook.update", object{"secret": testHMACKey}}},
				effect: func(t *testing.T, _ outcome) {
					id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "signed"})
					w.checkSigned(t, path, id, testHMACKey)
				},
			}
		}},
		{operation: "GET /session/hmac/config", prepare: func(t *testing.T, w *restWorld) restAct {
			w.newHook(t, w.Caller, object{"secret": testHMACKey})
			return restAct{calls: []restCall{{"webhook.get", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "configured", "0/webhook/has_secret")
			}}
		}},
		{operation: "DELETE /session/hmac/config", prepare: func(t *testing.T, w *restWorld) restAct {
			path := w.newHook(t, w.Caller, object{"secret": testHMACKey})
			return restAct{calls: []restCall{{"webhook.update", object{"secret": ""}}}, effect: func(t *testing.T, _ outcome) {
				id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "unsigned"})
				w.checkSigned(t, path, id, "")
			}}
		}},
	}
}

func wuzapiWebhooks() []restCase {
	return []restCase{
		{operation: "PUT /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			w.newHook(t, s, nil)
			path := fmt.Sprintf("/put/%d", w.NextNumber())
			url := w.Receiver.URL + path
			return restAct{
				as: &s, values: resttest.Values{"webhook": url, "events": []string{"ReadReceipt", "CallOffer"}},
				calls: []restCall{{"webhook.update", object{"url": url, "events": []string{"CallOffer", "ReadReceipt", "Receipt"}, "active": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, url, "WebhookURL", "0/webhook/url")
					if out.rpc == nil {
						e2etest.CheckSame(t, "events", []string{"ReadReceipt", "CallOffer"}, out.at("events", ""))
					}
					var call struct {
						ID string `json:"call_id"`
					}
					e2etest.MustCall(t, w.Network.Addr, "sandbox.startCall", object{"account": w.Peer.Number, "to": s.Number}, &call)
					w.Receiver.AwaitRequest(t, path, call.ID)
				},
			}
		}},
		{operation: "DELETE /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			w.newHook(t, s, nil)
			return restAct{as: &s, calls: []restCall{{"webhook.delete", nil}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "webhook", object{"url": "", "events": []string{}, "active": false}, w.Call(t, s, "webhook.get", nil)["webhook"])
			}}
		}},
	}
}

func (w *restWorld) blocked(t *testing.T) (list []string) {
	t.Helper()
	contacts, _ := w.Call(t, w.Caller, "contact.listBlocked", nil)["contacts"].([]any)
	for _, contact := range contacts {
		list = append(list, e2etest.TextOf(e2etest.ValueAt(contact, "contact")))
	}
	return list
}

func wuzapiPrivacy() []restCase {
	block := func(path string, blocked bool) restCase {
		return restCase{operation: "POST /user/" + path, prepare: func(t *testing.T, w *restWorld) restAct {
			number, other := w.NewPhone(t), w.NewPhone(t)
			w.Call(t, w.Caller, "contact.setBlocked", object{"contacts": []string{other}, "blocked": true}) // the list is not empty
			w.Call(t, w.Caller, "contact.setBlocked", object{"contacts": []string{number}, "blocked": !blocked})
			return restAct{
				values: resttest.Values{"Phone": number}, calls: []restCall{{"contact.setBlocked", object{"contacts": []string{number}, "blocked": blocked}}},
				effect: func(t *testing.T, out outcome) {
					list := w.blocked(t)
					if slices.Contains(list, e2etest.JIDOf(number)) != blocked {
						t.Errorf("blocked are %v", list)
					}
					if out.rpc == nil {
						e2etest.CheckSame(t, "answer", object{"JID": e2etest.JIDOf(number), "Blocklist": list}, out.rest)
					}
				},
			}
		}}
	}
	return []restCase{
		{operation: "POST /user/presence/subscribe", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "presence.setAvailability", object{"available": true}) // others get no presence
			feed := e2etest.FollowEvents(t, w.Server, w.Caller.ID)
			return restAct{values: resttest.Values{"Phone": w.Peer.Number}, calls: []restCall{{"presence.subscribe", object{"contacts": []string{w.Peer.Number}}}}, effect: func(t *testing.T, _ outcome) {
				for _, available := range []bool{false, true} { // watchers get what changes
					w.Call(t, w.Peer, "presence.setAvailability", object{"available": available})
				}
				feed.Await(t, "Presence", object{"state": "available", "from": w.Peer.JID()})
			}}
		}},
		{operation: "GET /user/lid/{jid}", prepare: func(t *testing.T, w *restWorld) restAct {
			pair := w.Call(t, w.Caller, "contact.resolveLid", object{"contact": w.Peer.Number})
			return restAct{values: resttest.Values{"jid": w.Peer.Number}, calls: []restCall{{"contact.resolveLid", object{"contact": w.Peer.Number}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, pair["lid"], "lid", "0/lid")
				out.is(t, w.Peer.JID(), "jid", "0/contact")
			}}
		}},
		{operation: "GET /user/privacy", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "privacy.updateSettings", object{"group_add": "contacts"})
			return restAct{calls: []restCall{{"privacy.getSettings", nil}}, effect: func(t *testing.T, out outcome) { out.is(t, "contacts", "GroupAdd", "0/settings/group_add") }}
		}},
		{operation: "POST /user/privacy", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "privacy.updateSettings", object{"last_seen": "all"})
			return restAct{values: resttest.Values{"Name": "last", "Value": "none"}, calls: []restCall{{"privacy.updateSettings", object{"last_seen": "none"}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, "none", "LastSeen", "0/settings/last_seen")
				e2etest.CheckSame(t, "settings", object{"last_seen": "none"}, w.Call(t, w.Caller, "privacy.getSettings", nil)["settings"])
			}}
		}},
		block("block", true), block("unblock", false),
		{operation: "GET /user/blocklist", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			w.Call(t, w.Caller, "contact.setBlocked", object{"contacts": []string{number}, "blocked": true})
			return restAct{calls: []restCall{{"contact.listBlocked", nil}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil && !strings.Contains(fmt.Sprint(out.at("Blocklist", "")), e2etest.JIDOf(number)) {
					t.Errorf("blocked %v", out.rest)
				}
			}}
		}},
	}
}

func wuzapiInteractive() []restCase {
	send := func(operation, method, to string, values resttest.Values, params, want object) restCase {
		return restCase{operation: operation, prepare: func(_ *testing.T, w *restWorld) restAct {
			id := w.MessageID()
			return restAct{
				values: values.With(resttest.Values{to: w.Peer.Number, "Id": id, "ContextInfo": resttest.Absent}),
				calls:  []restCall{{method, e2etest.MergeObjects(params, object{"to": w.Peer.Number, "message_id": id})}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "Id", "0/message_id")
					w.OnPhone(t, w.Peer.Number, id, want)
				},
			}
		}}
	}
	buttons := []object{{"type": "reply", "label": "Yes", "id": "b1"}, {"type": "reply", "label": "No", "id": "b2"}}
	rows := func(title, text, id string) []object {
		return []object{{"title": "Drinks", "rows": []object{{"title": title, "description": text, "id": id}}}}
	}
	return []restCase{
		send("POST /chat/send/buttons", "message.sendButtons", "Phone", nil, object{"text": "Choose", "footer": "Below", "buttons": buttons},
			object{"type": "buttons", "text": "Choose", "interactive": object{"footer": "Below", "buttons": buttons}}),
		send("POST /chat/send/list", "message.sendList", "Phone", nil,
			object{"text": "Choose", "title": "Menu", "footer": "Below", "button_text": "Open", "sections": rows("Tea", "hot", "tea")},
			object{"type": "list", "text": "Choose"}),
		send("POST /chat/send/poll", "message.sendPoll", "Group", nil, object{"question": "When?", "options": []string{"now", "later"}, "selectable_count": 1},
			object{"type": "poll", "poll": object{"question": "When?", "selectable_count": 1}}),
		{operation: "POST /chat/send/edit", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.sent(t)
			shown := func() any {
				return e2etest.ValueAt(map[string]any(w.Call(t, w.Peer, "message.get", object{"message_id": id})), "message/text")
			}
			testkit.Within(t, e2etest.FeedWait, "the peer has the message", func() bool {
				return e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": w.Peer.ID, "message_id": id}, nil) == nil
			})
			return restAct{
				values: resttest.Values{"Phone": w.Peer.Number, "Id": id, "Body": "a better text", "ContextInfo": resttest.Absent, "ContextInfo.MentionedJID": resttest.Absent},
				calls:  []restCall{{"message.edit", object{"chat": w.Peer.Number, "message_id": id, "text": "a better text"}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "Id", "0/message_id")
					testkit.Within(t, e2etest.FeedWait, "the peer has the new text", func() bool { return shown() == "a better text" })
				},
			}
		}},
		downloadCase("sticker", object{"mime_type": "image/webp"}, e2etest.WebPFile),
	}
}

func wuzapiChats() []restCase {
	return []restCase{
		{operation: "GET /chat/history", prepare: func(t *testing.T, w *restWorld) restAct {
			number, _ := w.newChat(t)
			id, _ := w.Receive(t, number, object{"type": "text", "text": "the newest"})
			return restAct{
				values: resttest.Values{"chat_jid": e2etest.JIDOf(number), "limit": 2}, calls: []restCall{{"message.list", object{"chat": number, "limit": 2}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "0/message_id", "0/messages/1/message_id")
					out.is(t, "the newest", "0/text_content", "0/messages/1/text")
					out.is(t, "hello", "1/text_content", "0/messages/0/text")
				},
			}
		}},
		{operation: "POST /chat/archive", prepare: func(t *testing.T, w *restWorld) restAct {
			number, _ := w.newChat(t)
			return restAct{values: resttest.Values{"jid": e2etest.JIDOf(number), "archive": true}, calls: []restCall{{"chat.setArchived", object{"chat": number, "archived": true}}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "chat", object{"archived": true}, w.chat(t, number))
			}}
		}},
		{operation: "POST /chat/request-unavailable-message", prepare: func(_ *testing.T, w *restWorld) restAct {
			id, chat := fmt.Sprintf("REQUESTED%d", w.NextNumber()), w.Peer.JID()
			return restAct{
				values: resttest.Values{"Chat": chat, "Sender": chat, "ID": id},
				calls:  []restCall{{"sync.requestMessage", object{"chat": chat, "sender": chat, "message_id": id}}},
				effect: func(t *testing.T, out outcome) {
					w.Stanza(t, w.Caller.Number, object{"tag": "message", "id": out.at("request_id", "0/request_id")}) // fails if the phone did not get it
				},
			}
		}},
		{operation: "POST /call/reject", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			var call struct {
				ID string `json:"call_id"`
			}
			e2etest.MustCall(t, w.Network.Addr, "sandbox.startCall", object{"account": number, "to": w.Caller.Number}, &call)
			from := e2etest.JIDOf(number)
			return restAct{values: resttest.Values{"call_id": call.ID, "call_from": from}, calls: []restCall{{"call.reject", object{"call_id": call.ID, "from": from}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, call.ID, "CallID", "0/call_id")
				if xml := w.Stanza(t, number, object{"tag": "call"}); !strings.Contains(xml, "reject") || !strings.Contains(xml, call.ID) {
					t.Errorf("the phone has %s", xml)
				}
			}}
		}},
		{operation: "POST /status/set/text", prepare: func(_ *testing.T, w *restWorld) restAct {
			about := fmt.Sprintf("adrift %d", w.NextNumber())
			return restAct{values: resttest.Values{"Body": about}, calls: []restCall{{"profile.setAbout", object{"about": about}}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "as the peer sees it", object{"about": about}, w.seenByPeer(t))
			}}
		}},
	}
}

func wuzapiJoining() []restCase {
	return []restCase{
		groupChange("joinapprovalmode", "group.updateSettings", resttest.Values{"mode": true}, object{"join_approval_required": true}, object{"join_approval_required": true}),
		{operation: "GET /group/requestparticipants", prepare: func(t *testing.T, w *restWorld) restAct {
			group, applicant := w.approvedGroup(t)
			return restAct{values: resttest.Values{"groupJID": group}, calls: []restCall{{"group.listJoinRequests", object{"group": group}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, e2etest.JIDOf(applicant), "0/JID", "0/requests/0/contact")
			}}
		}},
		{operation: "POST /group/updaterequestparticipants", prepare: func(t *testing.T, w *restWorld) restAct {
			group, applicant := w.approvedGroup(t)
			return restAct{
				values: resttest.Values{"GroupJID": group, "Action": "approve", "Phone": []string{applicant}},
				calls:  []restCall{{"group.updateJoinRequests", object{"group": group, "action": "approve", "participants": []string{applicant}}}},
				effect: func(t *testing.T, _ outcome) {
					e2etest.CheckSame(t, "member", false, e2etest.ValueAt(w.groupAs(t, w.Caller, group), "participants/contact="+e2etest.JIDOf(applicant)+"/is_admin"))
				},
			}
		}},
	}
}

// storageOfUser returns the fields of a user's object storage in a request.
func (w *restWorld) storageOfUser() resttest.Values {
	return resttest.Values{
		"s3Config.enabled": true, "s3Config.endpoint": w.Bucket, "s3Config.region": "us-east-1", "s3Config.bucket": restBucket, "s3Config.accessKey": "key", "s3Config.secretKey": "hunter2hunter2",
		"s3Config.pathStyle": true, "s3Config.publicURL": "", "s3Config.mediaDelivery": "base64", "s3Config.retentionDays": 0,
	}
}

const proxyOfUser, maskedProxy = "socks5://user:secret@example.com:1080", "socks5://user:***@example.com:1080"

// checkUser compares a session with the fields of a request that creates or changes it.
func (w *restWorld) checkUser(t *testing.T, s e2etest.Session, name, url string) {
	t.Helper()
	e2etest.CheckSame(t, "session", object{
		"name": name, "proxy": object{"enabled": true, "url": maskedProxy}, "storage": object{"enabled": true, "bucket": restBucket, "endpoint": w.Bucket}, "settings": object{"dialect": "wuzapi"},
	}, w.Call(t, s, "session.get", nil)["session"])
	e2etest.CheckSame(t, "webhook", object{"url": url, "events": []string{"Message", "ReadReceipt", "Receipt"}, "active": true, "has_secret": true}, w.Call(t, s, "webhook.get", nil)["webhook"])
}

func wuzapiUsers() []restCase {
	hook := func(url string) object {
		return object{"url": url, "events": []string{"Message", "ReadReceipt", "Receipt"}, "secret": testHMACKey, "format": "wuzapi"}
	}
	return []restCase{
		{operation: "GET /admin/users/{id}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			w.newHook(t, s, object{"secret": testHMACKey})
			w.Call(t, s, "storage.updateSettings", w.storage())
			return restAct{as: admins(), values: resttest.Values{"id": s.ID}, calls: []restCall{{"session.get", object{"session": s.ID}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, s.ID, "0/id", "0/session/session_id")
				out.is(t, restBucket, "0/s3_config/bucket", "0/session/storage/bucket")
				out.is(t, true, "0/hmac_configured", "0/session/webhooks/0/has_secret")
				out.is(t, false, "0/connected", "0/session/status/connected")
				if out.rpc == nil {
					e2etest.CheckSame(t, "events", "Message", out.at("0/events", ""))
				}
			}}
		}},
		{operation: "POST /admin/users", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NextNumber()
			name, token, url := fmt.Sprintf("wuzapi user %d", number), fmt.Sprintf("token-%d-of-wuzapi", number), fmt.Sprintf("%s/user/%d", w.Receiver.URL, number)
			w.removeLater(t, name)
			return restAct{
				as: admins(), values: w.storageOfUser().With(resttest.Values{"name": name, "token": token, "webhook": url, "proxyConfig.proxyURL": proxyOfUser}),
				calls: []restCall{{"session.create", object{
					"name": name, "token": token, "webhook": hook(url), "storage": w.storage(), "proxy": object{"enabled": true, "url": proxyOfUser}, "settings": object{"dialect": "wuzapi"},
				}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, token, "token", "0/token")
					w.checkUser(t, e2etest.Session{ID: e2etest.TextOf(out.at("id", "0/session/session_id"))}, name, url)
				},
			}
		}},
		{operation: "PUT /admin/users/{id}", prepare: func(t *testing.T, w *restWorld) restAct {
			s, number := w.NewSession(t), w.NextNumber()
			name, token, url := fmt.Sprintf("wuzapi user %d", number), fmt.Sprintf("token-%d-of-wuzapi", number), fmt.Sprintf("%s/user/%d", w.Receiver.URL, number)
			return restAct{
				as: admins(), values: w.storageOfUser().With(resttest.Values{"id": s.ID, "name": name, "token": token, "webhook": url, "proxyConfig.proxyURL": proxyOfUser}),
				calls: []restCall{{"session.update", object{
					"session": s.ID, "name": name, "token": token, "webhook": e2etest.MergeObjects(hook(url), object{"active": true}), "storage": w.storage(), "proxy": object{"enabled": true, "url": proxyOfUser},
				}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, s.ID, "id", "0/session/session_id")
					w.checkUser(t, s, name, url)
				},
			}
		}},
	}
}

// wuzapiMoreErrors returns the provocations of errors beyond the document; refused is the fault of refused requests.
func wuzapiMoreErrors(refused object) []provocation {
	return []provocation{
		{"* /admin/*", "HMAC key must be *", withValue("hmacKey", "short")},
		{"", "HMAC key must be *", withValue("hmac_key", "short")},
		{"", "Invalid event type", withValue("events", "Message,Nothing")},
		{"", "No fields to update", body(`{"nothing":1}`)},
		{"", "User not found", withValue("id", "unknown")},
		{"", "User with this token already exists", func(t *testing.T, p *provoked) { withValue("token", p.run.w.Caller.Token)(t, p) }},
		{"", "History cannot be negative", withValue("history", -1)},
		{"PUT /webhook", "Could not update webhook: *", body(`{"webhook":`)},
		{"", "Invalid presence type*", withValue("type", "busy")},
		{"POST /chat/request-unavailable-message", "Missing Chat in Payload", withValue("Chat", resttest.Absent)},
		{"POST /chat/request-unavailable-message", "Missing Sender in Payload", withValue("Sender", resttest.Absent)},
		{"POST /chat/request-unavailable-message", "Missing ID in Payload", withValue("ID", resttest.Absent)},
		{"POST /chat/request-unavailable-message", "Invalid Chat JID format", withValue("Chat", "no address")},
		{"POST /chat/request-unavailable-message", "Invalid Sender JID format", withValue("Sender", "no address")},
		{"", "Invalid jid format", withValue("jid", "no address")},
		{"", "LID not found for this number", withValue("jid", "15550699998")},
		{"", "Invalid Chat JID format", withValue("jid", "no address")},
		{"", "Invalid privacy setting name or value", withValue("Name", "shoe size")},
		{"", "Could not parse Group", withValue("Group", "no address")},
		{"", "Could not parse chat_jid", withValue("chat_jid", "no address")},
		{"", "Could not parse call_from", withValue("call_from", "no address")},
		{"", "Could not parse Participant Phone", withValue("Participants", []string{"no address"})},
		{"GET /group/requestparticipants", "Could not parse Group JID", withValue("groupJID", "no address")},
		{"POST /chat/send/buttons", "Missing Title in Payload", withValue("Body", resttest.Absent)},
		{"", "Error sending status message: *", withFault(refused)},
		{"", "S3 connection test failed: *", func(t *testing.T, p *provoked) {
			p.run.w.Call(t, p.run.w.Caller, "storage.updateSettings", object{"bucket": "nothing"})
		}},
		{"* /group/*", "Failed to *", withFault(refused)},
		{"* /user/*", "Failed to * privacy setting*", withFault(refused)},
		{"* /user/*", "Failed to * blocklist: *", withFault(refused)},
		{"GET /newsletter/list", "Failed to get newsletter list: *", withFault(refused)},
		{"POST /chat/archive", "Failed to archive chat: *", withFault(refused)},
	}
}
