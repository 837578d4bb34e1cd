package rest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// outsideID returns the id of a number in whatsapp-web.js.
func outsideID(number string) string { return number + "@c.us" }

// withWID returns the item of a list whose id has a serialised form.
func withWID(list any, id string) any {
	items, _ := list.([]any)
	for _, item := range items {
		if e2etest.ValueAt(item, "id/_serialized") == id {
			return item
		}
	}
	return nil
}

// wwebjsClient returns the cases of the client.
func wwebjsClient() []restCase {
	return slices.Concat(wwebjsAccount(), wwebjsChats(), wwebjsContacts(), wwebjsGroups(), wwebjsLabels())
}

func clientCase(name, method string, prepare func(t *testing.T, w *restWorld) (resttest.Values, object, func(t *testing.T, out outcome))) restCase {
	verb := "POST"
	if slices.Contains([]string{"getClassInfo", "getState", "getWWebVersion", "getChats", "getContacts"}, name) {
		verb = "GET"
	}
	return restCase{operation: verb + " /client/" + name + "/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
		values, params, effect := prepare(t, w)
		return restAct{values: values, calls: []restCall{{method, params}}, effect: effect}
	}}
}

func wwebjsAccount() []restCase {
	presence := func(name string, available bool) restCase {
		return clientCase(name, "presence.setAvailability", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			w.Call(t, w.Peer, "presence.setAvailability", object{"available": true})
			w.Call(t, w.Caller, "presence.setAvailability", object{"available": !available})
			feed := e2etest.FollowEvents(t, w.Server, w.Peer.ID)
			return nil, object{"available": available}, func(t *testing.T, _ outcome) {
				w.Call(t, w.Peer, "presence.subscribe", object{"contacts": []string{w.Caller.Number}}) // returns the present one
				state := map[bool]string{true: "available", false: "unavailable"}[available]
				feed.Await(t, "Presence", object{"state": state, "from": w.Caller.JID()})
			}
		})
	}
	return []restCase{
		clientCase("getClassInfo", "session.get", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return nil, nil, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					id := object{"server": "c.us", "user": w.Caller.Number, "_serialized": outsideID(w.Caller.Number)}
					e2etest.CheckSame(t, "info", object{"wid": id, "me": id}, out.at("sessionInfo", ""))
				}
				out.is(t, w.Call(t, w.Caller, "profile.get", nil)["push_name"], "sessionInfo/pushname", "0/session/push_name")
			}
		}),
		clientCase("getState", "session.getStatus", func(*testing.T, *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return nil, nil, func(t *testing.T, out outcome) { checkState(t, out, "CONNECTED") }
		}),
		clientCase("getWWebVersion", "session.getClientVersion", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return nil, nil, func(t *testing.T, out outcome) {
				out.is(t, w.Call(t, w.Caller, "session.getClientVersion", nil)["version"], "result", "0/version")
			}
		}),
		clientCase("setStatus", "profile.setAbout", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			about := fmt.Sprintf("afloat %d", w.NextNumber())
			return resttest.Values{"status": about}, object{"about": about}, func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "as the peer sees it", object{"about": about}, w.seenByPeer(t))
			}
		}),
		clientCase("setDisplayName", "profile.setName", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			name := fmt.Sprintf("Caller %d", w.NextNumber())
			return resttest.Values{"displayName": name}, object{"name": name}, func(t *testing.T, _ outcome) {
				testkit.Within(t, e2etest.FeedWait, "the name is set", func() bool { return w.Call(t, w.Caller, "profile.get", nil)["push_name"] == name })
			}
		}),
		{operation: "POST /client/setProfilePicture/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s, file := w.NewLinkedSession(t), e2etest.JPEGFile(t, 7)
			return restAct{
				as: &s, values: resttest.Values{"pictureMimetype": "image/jpeg", "pictureData": file}, calls: []restCall{{"profile.setPicture", object{"media": object{"base64": file}}}},
				effect: func(t *testing.T, _ outcome) {
					if w.pictureSeenByPeer(t, s.Number) == nil {
						t.Error("the peer sees no picture")
					}
				},
			}
		}},
		presence("sendPresenceAvailable", true), presence("sendPresenceUnavailable", false),
		clientCase("searchMessages", "message.search", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			text := fmt.Sprintf("needle%d https://example.com/a", w.NextNumber())
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": text})
			values := resttest.Values{"query": text[:9], "options.limit": 5, "options.page": 1, "options.chatId": outsideID(w.Peer.Number)}
			return values, object{"query": text[:9], "chat": w.Peer.Number, "limit": 5}, func(t *testing.T, out outcome) {
				out.is(t, text, "messages/0/body", "0/messages/0/text")
				if out.rpc == nil {
					e2etest.CheckSame(t, "message", object{
						"id":   object{"id": id, "fromMe": false, "remote": outsideID(w.Peer.Number), "_serialized": "false_" + outsideID(w.Peer.Number) + "_" + id},
						"from": outsideID(w.Peer.Number), "to": outsideID(w.Caller.Number), "type": "chat", "links": []object{{"link": "https://example.com/a"}},
					}, out.at("messages/0", ""))
				}
			}
		}),
	}
}

// chatChange returns the case of a change of a chat that the caller has; before changes it first.
func chatChange(name, method string, values resttest.Values, before, params, want object) restCase {
	return clientCase(name, method, func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
		number, _ := w.newChat(t)
		t.Cleanup(func() { w.Call(t, w.Caller, "chat.setPinned", object{"chat": number, "pinned": false}) }) // WhatsApp allows three
		if before != nil {
			w.Call(t, w.Caller, method, e2etest.MergeObjects(before, object{"chat": number}))
		}
		return values.With(resttest.Values{"chatId": outsideID(number)}), e2etest.MergeObjects(params, object{"chat": number}), func(t *testing.T, out outcome) {
			e2etest.CheckSame(t, "chat", want, w.chat(t, number))
			if want["pinned"] == true {
				w.Call(t, w.Caller, "chat.setPinned", object{"chat": number, "pinned": false})
			}
			for _, state := range []string{"pinned", "archived"} {
				if want[state] != nil {
					out.is(t, want[state], "result", "0/"+state)
				}
			}
		}
	})
}

func wwebjsChats() []restCase {
	end := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	muted := object{"muted": true, "until": end.Format(time.RFC3339)}
	shown := func(t *testing.T, w *restWorld, number, id string, chat any) {
		t.Helper()
		e2etest.CheckSame(t, "chat", object{
			"id": object{"user": number, "server": "c.us", "_serialized": outsideID(number)}, "isGroup": false, "unreadCount": 1, "isMuted": true, "muteExpiration": end.Unix(),
			"lastMessage": object{"id": object{"id": id, "fromMe": false}, "to": outsideID(w.Caller.Number)},
		}, chat)
	}
	newMuted := func(t *testing.T, w *restWorld) (number, id string) {
		number, id = w.newChat(t)
		w.Call(t, w.Caller, "chat.setMuted", e2etest.MergeObjects(muted, object{"chat": number}))
		return number, id
	}
	return []restCase{
		clientCase("getChats", "chat.list", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			number, id := newMuted(t, w)
			return nil, nil, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					shown(t, w, number, id, withWID(out.at("chats", ""), outsideID(number)))
				}
				out.is(t, 1, "chats/0/unreadCount", "0/chats/0/unread_count")
			}
		}),
		clientCase("getChatById", "chat.get", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			number, id := newMuted(t, w)
			return resttest.Values{"chatId": outsideID(number)}, object{"chat": number}, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					shown(t, w, number, id, out.at("chat", ""))
				}
				out.is(t, 1, "chat/unreadCount", "0/chat/unread_count")
			}
		}),
		clientCase("sendSeen", "chat.markRead", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			number, id := w.newChat(t)
			return resttest.Values{"chatId": outsideID(number)}, object{"chat": number}, func(t *testing.T, _ outcome) {
				w.Stanza(t, number, object{"tag": "receipt", "type": "read", "id": id})
				e2etest.CheckSame(t, "chat", object{"unread_count": 0}, w.chat(t, number))
			}
		}),
		chatChange("markChatUnread", "chat.markUnread", nil, nil, nil, object{"unread_count": 1}),
		chatChange("muteChat", "chat.setMuted", resttest.Values{"unmuteDate": end.Format(time.RFC3339)}, nil, muted, object{"muted": true, "muted_until": end.Format(time.RFC3339)}),
		chatChange("unmuteChat", "chat.setMuted", nil, object{"muted": true}, object{"muted": false}, object{"muted": false}),
		chatChange("pinChat", "chat.setPinned", nil, nil, object{"pinned": true}, object{"pinned": true}),
		chatChange("unpinChat", "chat.setPinned", nil, object{"pinned": true}, object{"pinned": false}, object{"pinned": false}),
		chatChange("archiveChat", "chat.setArchived", nil, nil, object{"archived": true}, object{"archived": true}),
		chatChange("unarchiveChat", "chat.setArchived", nil, object{"archived": true}, object{"archived": false}, object{"archived": false}),
	}
}

func wwebjsContacts() []restCase {
	saved := func(t *testing.T, w *restWorld) (number string) {
		number = w.NewPhone(t)
		w.Call(t, w.Caller, "contact.save", object{"contact": number, "full_name": "Nora Quay", "first_name": "Nora"})
		return number
	}
	shown := func(t *testing.T, number string, contact any) {
		t.Helper()
		e2etest.CheckSame(t, "contact", object{
			"id": object{"_serialized": outsideID(number)}, "number": number, "name": "Nora Quay", "shortName": "Nora", "isMyContact": true, "isUser": true, "isGroup": false, "isMe": false, "type": "in",
		}, contact)
	}
	return []restCase{
		clientCase("getContacts", "contact.list", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			number := saved(t, w)
			return nil, nil, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					shown(t, number, withWID(out.at("contacts", ""), outsideID(number)))
				}
			}
		}),
		clientCase("getContactById", "contact.get", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			number := saved(t, w)
			return resttest.Values{"contactId": outsideID(number)}, object{"contact": number}, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					shown(t, number, out.at("contact", ""))
				}
				out.is(t, "Nora Quay", "contact/name", "0/contact/full_name")
			}
		}),
		clientCase("getBlockedContacts", "contact.listBlocked", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			number := w.NewPhone(t)
			w.Call(t, w.Caller, "contact.setBlocked", object{"contacts": []string{number}, "blocked": true})
			return nil, nil, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "contact", object{"number": number, "isBlocked": true}, withWID(out.at("blockedContacts", ""), outsideID(number)))
				}
			}
		}),
		clientCase("getProfilePicUrl", "contact.getProfilePicture", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"contactId": outsideID(w.Peer.Number)}, object{"contact": w.Peer.Number}, func(t *testing.T, out outcome) {
				out.is(t, w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": w.Peer.Number})["url"], "result", "0/url")
			}
		}),
		clientCase("isRegisteredUser", "contact.checkRegistered", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"number": outsideID(w.Peer.Number)}, object{"numbers": []string{w.Peer.Number}}, func(t *testing.T, out outcome) {
				out.is(t, true, "result", "0/results/0/registered")
			}
		}),
		clientCase("getNumberId", "contact.checkRegistered", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"number": w.Peer.Number}, object{"numbers": []string{w.Peer.Number}}, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "id", outsideID(w.Peer.Number), out.at("result/_serialized", ""))
				}
			}
		}),
		clientCase("getCommonGroups", "group.listCommon", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"contactId": outsideID(w.Peer.Number)}, object{"contact": w.Peer.Number}, func(t *testing.T, out outcome) {
				if !strings.Contains(fmt.Sprint(out.at("groups", "0/groups")), w.Group) {
					t.Errorf("groups %v", out)
				}
			}
		}),
	}
}

func wwebjsGroups() []restCase {
	cases := []restCase{
		clientCase("createGroup", "group.create", func(_ *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			name := fmt.Sprintf("Dock %d", w.NextNumber())
			values := resttest.Values{"name": name, "participants": []string{outsideID(w.Peer.Number)}}
			return values, object{"name": name, "participants": []string{w.Peer.Number}}, func(t *testing.T, out outcome) {
				group := e2etest.TextOf(out.at("response/gid/_serialized", "0/group/group"))
				e2etest.CheckSame(t, "as a member sees it", object{"name": name}, w.groupAs(t, w.Peer, group))
				if out.rpc == nil {
					e2etest.CheckSame(t, "members", object{
						outsideID(w.Peer.Number): object{"statusCode": 200, "isGroupCreator": false}, outsideID(w.Caller.Number): object{"isGroupCreator": true},
					}, out.at("response/participants", ""))
				}
			}
		}),
		clientCase("acceptInvite", "group.join", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			group, code := w.foreignGroup(t)
			return resttest.Values{"inviteCode": code}, object{"invite": code}, func(t *testing.T, out outcome) {
				out.is(t, group, "acceptInvite", "0/group")
				testkit.Within(t, e2etest.FeedWait, "the caller is a member", func() bool { return len(membersOf(t, w, group)) == 2 })
			}
		}),
		clientCase("getInviteInfo", "group.getInviteInfo", func(t *testing.T, w *restWorld) (resttest.Values, object, func(*testing.T, outcome)) {
			group, code := w.foreignGroup(t)
			return resttest.Values{"inviteCode": code}, object{"invite": code}, func(t *testing.T, out outcome) {
				out.is(t, group, "inviteInfo/id/_serialized", "0/group/group")
				out.is(t, "Foreign", "inviteInfo/subject", "0/group/name")
				if out.rpc == nil {
					e2etest.CheckSame(t, "owner", outsideID(w.Shop), out.at("inviteInfo/owner/_serialized", ""))
				}
			}
		}),
	}
	cases[len(cases)-1].rules.Absent = []string{"inviteInfo.participants[]"} // WhatsApp shows others no members
	return cases
}

// labelledChat makes a label and puts it on the chat of the business with the peer.
func (w *restWorld) labelledChat(t *testing.T) (id string) {
	t.Helper()
	id = w.newLabel(t)
	w.Call(t, w.business(t), "message.sendText", object{"to": w.Peer.Number, "text": "a chat"})
	w.Call(t, w.business(t), "label.updateChats", object{"chats": []string{w.Peer.Number}, "label_ids": []string{id}, "action": "add"})
	return id
}

func wwebjsLabels() []restCase {
	ofBusiness := func(name, method string, prepare func(w *restWorld, id string) (resttest.Values, object, func(t *testing.T, out outcome))) restCase {
		c := restCase{operation: "POST /client/" + name + "/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.business(t)
			values, params, effect := prepare(w, w.labelledChat(t))
			return restAct{as: &s, values: values, calls: []restCall{{method, params}}, effect: effect}
		}}
		return c
	}
	return []restCase{
		ofBusiness("getLabels", "label.list", func(_ *restWorld, id string) (resttest.Values, object, func(*testing.T, outcome)) {
			return nil, nil, func(t *testing.T, out outcome) {
				out.is(t, "Lead", "labels/id="+id+"/name", "0/labels/label_id="+id+"/name")
			}
		}),
		ofBusiness("getLabelById", "label.get", func(_ *restWorld, id string) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"labelId": id}, object{"label_id": id}, func(t *testing.T, out outcome) { out.is(t, "Lead", "label/name", "0/label/name") }
		}),
		ofBusiness("getChatLabels", "label.listForChat", func(w *restWorld, id string) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"chatId": outsideID(w.Peer.Number)}, object{"chat": w.Peer.Number}, func(t *testing.T, out outcome) {
				out.is(t, "Lead", "chatLabels/id="+id+"/name", "0/labels/label_id="+id+"/name")
			}
		}),
		ofBusiness("getChatsByLabelId", "label.listChats", func(w *restWorld, id string) (resttest.Values, object, func(*testing.T, outcome)) {
			return resttest.Values{"labelId": id}, object{"label_id": id}, func(t *testing.T, out outcome) {
				if out.rpc == nil {
					e2etest.CheckSame(t, "chat", outsideID(w.Peer.Number), out.at("chats/0/id/_serialized", ""))
				}
			}
		}),
		ofBusiness("addOrRemoveLabels", "label.updateChats", func(w *restWorld, id string) (resttest.Values, object, func(*testing.T, outcome)) {
			values := resttest.Values{"labelIds": []string{id}, "chatIds": []string{outsideID(w.Peer.Number)}}
			return values, object{"label_ids": []string{id}, "chats": []string{w.Peer.Number}, "action": "replace"}, func(t *testing.T, _ outcome) {
				w.labelOnPhone(t, id, object{"chats": []string{w.Peer.JID()}})
			}
		}),
	}
}

func wwebjsClientErrors() []provocation {
	return []provocation{{"POST /client/getLabelById/*", "<exception text>", withValue("labelId", "999")}}
}

// wwebjsClientForms checks answers that the catalogue has in words only.
func wwebjsClientForms(t *testing.T, r *restRun) {
	w, caller := r.w, r.w.Caller
	post := func(name string, body, want object) any {
		t.Helper()
		answer := r.send(t, r.mounts[0], caller.Token, &resttest.Request{Method: "POST", Path: "/client/" + name + "/" + caller.ID, Body: jsonOf(body)})
		e2etest.CheckSame(t, name, want, answer.JSON())
		return answer.JSON()
	}
	const unknown = "15550609999"
	post("getNumberId", object{"number": unknown}, object{"success": true, "result": nil})
	post("isRegisteredUser", object{"number": unknown}, object{"success": true, "result": false})
	if answer := post("getProfilePicUrl", object{"contactId": outsideID(w.Stranger)}, object{"success": true}); len(answer.(map[string]any)) != 1 {
		t.Errorf("without a picture %v", answer)
	}
	post("getLabelById", object{"labelId": "999"}, object{"success": false, "error": "there is no such label"})
	group := e2etest.TextOf(e2etest.ValueAt(post("createGroup", object{"title": "Titled", "participants": outsideID(w.Peer.Number), "options": object{"isAnnounce": true, "messageTimer": 86400}}, object{"success": true}), "response/gid/_serialized"))
	e2etest.CheckSame(t, "group", object{"name": "Titled", "announce": true, "disappearing_seconds": 86400}, w.groupAs(t, w.Peer, group))
	post("getChatById", object{"chatId": group}, object{"chat": object{"isGroup": true, "name": "Titled", "groupMetadata": object{"subject": "Titled", "announce": true}}})
	number, _ := w.newChat(t)
	until := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	for _, date := range []any{until.Unix(), until.UnixMilli(), fmt.Sprint(until.UnixMilli()), until.Format("2006-01-02T15:04:05")} {
		post("muteChat", object{"chatId": outsideID(number), "unmuteDate": date}, object{"success": true})
		e2etest.CheckSame(t, fmt.Sprint("muted until ", date), object{"muted": true, "muted_until": until.Format(time.RFC3339)}, w.chat(t, number))
	}
	post("muteChat", object{"chatId": outsideID(number), "unmuteDate": ""}, object{"success": true})
	e2etest.CheckSame(t, "muted without end", object{"muted": true, "muted_until": nil}, w.chat(t, number))
	post("getChatById", object{"chatId": outsideID(number)}, object{"chat": object{"isMuted": true, "muteExpiration": -1}})
	var pins []string
	for range 4 {
		pin, _ := w.newChat(t)
		pins = append(pins, pin)
		post("pinChat", object{"chatId": outsideID(pin)}, object{"success": true, "result": len(pins) < 4})
	}
	for _, pin := range pins[:3] {
		post("unpinChat", object{"chatId": outsideID(pin)}, object{"success": true, "result": false})
	}
	w.Fault(t, caller, object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1})
	post("createGroup", object{"name": "Refused"}, object{"success": true, "response": "CreateGroupError: An unknown error occupied while creating a group"})
}
