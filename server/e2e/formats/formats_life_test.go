package formats

import (
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// causeEvents causes all events that the formats have, up to the end of the session's link.
func (w *formatWorld) causeEvents(t *testing.T) {
	w.pairByQR(t)
	e2etest.PairSession(t, w.server, w.network, "ben", "15550800002")
	ann, ben := newPerson(t, w.server, w.network, formatSession, formatNumber), newPerson(t, w.server, w.network, "ben", "15550800002")
	w.call(t, ann, "presence.subscribe", object{"contacts": []string{ben.number}})
	chat := &conversation{server: w.server, network: w.network, seed: 200}
	chat.exchange(t, ben, ann)
	chat.exchange(t, ann, ben)
	w.sendMessages(t, ann, ben)
	group := w.useGroup(t, ann, ben)
	w.changeGroup(t, ann, ben, group)
	w.changeChats(t, ann, ben, group)
	w.makeCalls(t, ann, ben)
	w.injectFaults(t, ann, ben)
	w.logOut(t, ann)
}

func (w *formatWorld) call(t *testing.T, as *person, method string, params object) (result object) {
	t.Helper()
	e2etest.MustCall(t, w.server.Addr, method, e2etest.MergeObjects(params, object{"session": as.session}), &result)
	return result
}

func (w *formatWorld) onPhone(t *testing.T, account, method string, params object) (result object) {
	t.Helper()
	e2etest.MustCall(t, w.network.Addr, "sandbox."+method, e2etest.MergeObjects(params, object{"account": account}), &result)
	return result
}

func (w *formatWorld) fault(t *testing.T, session string, fault object) {
	t.Helper()
	e2etest.MustCall(t, w.server.Addr, "sandbox.injectFault", e2etest.MergeObjects(fault, object{"session": session}), nil)
}

// pairByQR pairs the session by QR code and receives the history of the phone.
func (w *formatWorld) pairByQR(t *testing.T) {
	t.Helper()
	e2etest.MustCall(t, w.server.Addr, "session.connect", object{"session": formatSession}, nil)
	w.receiver.AwaitRequest(t, "/wwebjs", `"dataType":"qr"`)
	e2etest.MustCall(t, w.server.Addr, "sandbox.scanQrCode", object{"account": formatNumber, "session": formatSession}, nil)
	testkit.Within(t, e2etest.FeedWait, "the session is connected", func() bool { return e2etest.IsConnected(w.server, formatSession) })
}

// sendMessages sends the kinds of message that conversation does not.
func (w *formatWorld) sendMessages(t *testing.T, ann, ben *person) {
	t.Helper()
	text := func(text string) object { return object{"type": "text", "text": text} }
	first := e2etest.TextOf(w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "pass it on"})["message_id"])
	ann.feed.Await(t, "Message", object{"message_id": first})
	w.call(t, ann, "message.forward", object{"chat": ben.pn, "message_id": first, "recipients": []string{ben.pn}})
	w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "passed on", "forwarded": true})
	for _, as := range []*person{ann, ben} {
		w.call(t, as, "message.sendText", object{"to": map[*person]string{ann: ben.pn, ben: ann.pn}[as], "text": "soon gone", "disappearing_seconds": 86400})
	}
	w.call(t, ann, "message.sendText", object{"to": ben.pn, "text": "that is: at once", "reply_to": object{
		"message_id": w.call(t, ann, "message.sendText", object{"to": ben.pn, "text": "soon"})["message_id"],
	}})
	// From the phones: the account's own, and a status post.
	w.onPhone(t, ann.number, "send", object{"to": ben.pn, "content": text("from my phone")})
	ann.feed.Await(t, "Message", object{"text": "from my phone", "from_me": true})
	w.onPhone(t, ben.number, "send", object{"to": "status@broadcast", "content": text("a status")})
	ann.feed.Await(t, "Message", object{"text": "a status"})
	w.onPhone(t, ann.number, "send", object{"to": "status@broadcast", "content": text("my status")})
	ann.feed.Await(t, "Message", object{"text": "my status"})
	here := object{"type": "location", "latitude": 54.5, "longitude": 10.25, "name": "Harbour"}
	for _, from := range []*person{ann, ben} {
		to := map[*person]*person{ann: ben, ben: ann}[from]
		w.onPhone(t, from.number, "send", object{"to": to.pn, "content": here})
		loop := e2etest.TextOf(w.onPhone(t, from.number, "send", object{"to": to.pn, "content": object{"type": "gif", "base64": e2etest.MP4File(230), "mime_type": "video/mp4"}})["message_id"])
		ann.feed.Await(t, "Message", object{"message_id": loop})
	}
	w.onPhone(t, ann.number, "markRead", object{"message_ids": []string{first}})
	ann.feed.Await(t, "ReadReceipt", object{"message_ids": []string{first}, "from_me": true})
	for _, available := range []bool{false, true} {
		w.call(t, ben, "presence.setAvailability", object{"available": available})
	}
	ann.feed.Await(t, "Presence", object{"state": "unavailable"})
}

// useGroup creates a group and repeats the conversation in it.
func (w *formatWorld) useGroup(t *testing.T, ann, ben *person) (group string) {
	t.Helper()
	const carla = "15550800003"
	e2etest.MustCall(t, w.network.Addr, "sandbox.createAccount", object{"number": carla, "push_name": "Carla"}, nil)
	made := w.call(t, ben, "group.create", object{"name": "Harbour", "participants": []string{ann.pn, carla}})
	group = e2etest.TextOf(e2etest.ValueAt(map[string]any(made), "group/group"))
	ann.feed.Await(t, "JoinedGroup", object{"group": group})
	chat := &conversation{server: w.server, network: w.network, group: group, reader: carla, seed: 300}
	chat.exchange(t, ben, ann)
	chat.exchange(t, ann, ben)
	w.onPhone(t, carla, "changeIdentity", nil)
	ann.feed.Await(t, "IdentityChange", object{"pn": e2etest.JIDOf(carla)})
	w.onPhone(t, carla, "leaveGroup", object{"group": group})
	ann.feed.Await(t, "GroupInfo", object{"group": group, "left": []object{{"pn": e2etest.JIDOf(carla)}}})
	return group
}

func (w *formatWorld) changeGroup(t *testing.T, ann, ben *person, group string) {
	t.Helper()
	const dora, emil, fred = "15550800004", "15550800005", "15550800006"
	for _, number := range []string{dora, emil, fred} {
		e2etest.MustCall(t, w.network.Addr, "sandbox.createAccount", object{"number": number}, nil)
	}
	of := object{"group": group}
	change := func(method string, params, want object) {
		t.Helper()
		w.call(t, ben, method, e2etest.MergeObjects(of, params))
		ann.feed.Await(t, "GroupInfo", e2etest.MergeObjects(of, want))
	}
	for _, action := range []struct{ name, says string }{{"add", "joined"}, {"promote", "promoted"}, {"demote", "demoted"}, {"remove", "left"}} {
		change("group.updateParticipants", object{"action": action.name, "participants": []string{dora}}, object{action.says: []object{{"pn": e2etest.JIDOf(dora)}}})
	}
	change("group.setName", object{"name": "Lighthouse"}, object{"name": "Lighthouse"})
	change("group.setDescription", object{"description": "by the sea"}, object{"description": "by the sea"})
	change("group.updateSettings", object{"announce": true}, object{"announce": true})
	change("group.updateSettings", object{"announce": false}, object{"announce": false})
	change("group.updateSettings", object{"locked": true}, object{"locked": true})
	change("group.updateSettings", object{"disappearing_seconds": 86400}, object{"disappearing_seconds": 86400})
	change("group.updateParticipants", object{"action": "promote", "participants": []string{ann.pn}}, object{"promoted": []object{{"pn": e2etest.JIDOf(ann.number)}}})
	change("group.updateSettings", object{"join_approval_required": true}, object{"join_approval_required": true})
	code := w.call(t, ben, "group.getInviteLink", of)["code"]
	w.onPhone(t, fred, "joinGroup", object{"code": code}) // asks the admins, of whom ann is one
	ann.feed.Await(t, "GroupInfo", e2etest.MergeObjects(of, object{"join_request_method": "invite_link"}))
	change("group.updateSettings", object{"join_approval_required": false}, object{"join_approval_required": false})
	w.onPhone(t, emil, "joinGroup", object{"code": code})
	ann.feed.Await(t, "GroupInfo", e2etest.MergeObjects(of, object{"joined": []object{{"pn": e2etest.JIDOf(emil)}}, "join_reason": "invite"}))
	w.call(t, ben, "group.setPicture", e2etest.MergeObjects(of, object{"media": object{"base64": e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 9))}}))
	ann.feed.Await(t, "Picture", object{"jid": group})
}

// changeChats changes chats, contacts and names on another own device.
func (w *formatWorld) changeChats(t *testing.T, ann, ben *person, group string) {
	t.Helper()
	const other = "ann-desk"
	e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": other}, nil)
	e2etest.MustCall(t, w.server.Addr, "session.connect", object{"session": other}, nil)
	testkit.Within(t, e2etest.FeedWait, "the QR code is there and scanned", func() bool {
		return e2etest.CallMethod(w.server.Addr, "sandbox.scanQrCode", object{"account": ann.number, "session": other}, nil) == nil
	})
	testkit.Within(t, e2etest.FeedWait, "the other device is connected", func() bool { return e2etest.IsConnected(w.server, other) })
	desk := &person{session: other, number: ann.number, pn: ann.pn, lid: ann.lid, feed: e2etest.FollowEvents(t, w.server, other)}
	desk.feed.Await(t, "AppStateSyncComplete", object{"name": "regular_low"})
	w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "from the answer to this he learns of the new device"})
	sent := e2etest.TextOf(w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "for both devices"})["message_id"])
	for _, p := range []*person{ann, desk} {
		p.feed.Await(t, "Message", object{"message_id": sent})
	}
	chat := object{"chat": ben.pn}
	change := func(method string, params object, event string) {
		t.Helper()
		w.call(t, desk, method, params)
		ann.feed.Await(t, event, object{})
	}
	change("contact.save", object{"contact": ben.pn, "full_name": "Benjamin", "first_name": "Ben"}, "Contact")
	for _, chat := range []string{ben.pn, group} {
		for _, archived := range []bool{true, false} {
			w.call(t, desk, "chat.setArchived", object{"chat": chat, "archived": archived})
		}
	}
	ann.feed.Await(t, "Archive", object{"chat": group, "archived": false})
	change("chat.markUnread", chat, "MarkChatAsRead")
	change("message.delete", e2etest.MergeObjects(chat, object{"message_id": sent, "for_everyone": false}), "DeleteForMe")
	own := e2etest.TextOf(w.call(t, desk, "message.sendText", object{"to": ben.pn, "text": "not for long"})["message_id"])
	ann.feed.Await(t, "Message", object{"message_id": own})
	w.call(t, desk, "message.delete", e2etest.MergeObjects(chat, object{"message_id": own, "for_everyone": false}))
	ann.feed.Await(t, "DeleteForMe", object{"message_id": own})
	change("chat.delete", chat, "DeleteChat")
	change("contact.setBlocked", object{"contacts": []string{"15550800004"}, "blocked": true}, "Blocklist")
	change("profile.setName", object{"name": formatSession}, "PushNameSetting")
	change("privacy.updateSettings", object{"last_seen": "contacts"}, "PrivacySettings")
	w.call(t, ben, "profile.setAbout", object{"about": "at sea"})
	ann.feed.Await(t, "UserAbout", object{})
	w.call(t, ben, "profile.setName", object{"name": "Ben the sailor"})
	w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "call me so"})
	ann.feed.Await(t, "PushName", object{})
	w.call(t, desk, "session.logout", nil) // the following faults affect one device only
}

func (w *formatWorld) makeCalls(t *testing.T, ann, ben *person) {
	t.Helper()
	for _, video := range []bool{false, true} {
		ringing := w.onPhone(t, ben.number, "startCall", object{"to": ann.pn, "video": video})
		ann.feed.Await(t, "CallOffer", object{"call_id": ringing["call_id"]})
		w.onPhone(t, ben.number, "endCall", object{"to": ann.pn, "call_id": ringing["call_id"]})
		ann.feed.Await(t, "CallTerminate", object{"call_id": ringing["call_id"]})
	}
}

// injectFaults causes faults from which the session recovers.
func (w *formatWorld) injectFaults(t *testing.T, ann, ben *person) {
	t.Helper()
	w.fault(t, ann.session, object{"kind": "refuse_send", "code": 403})
	_ = e2etest.CallMethod(w.server.Addr, "message.sendText", object{"session": ann.session, "to": ben.pn, "text": "refused"}, nil)
	ann.feed.Await(t, "MessageStatus", object{"status": "failed"})
	w.fault(t, ann.session, object{"kind": "undecryptable", "tag": "message"})
	w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "spoilt"})
	ann.feed.Await(t, "UndecryptableMessage", object{})
	ann.feed.Await(t, "Message", object{"text": "spoilt"})

	w.awaitReconnect(t)
	e2etest.MustCall(t, w.server.Addr, "sandbox.cut", object{"session": ann.session}, nil)
	ann.feed.Await(t, "Disconnected", object{"reason": "connection_lost"})
	w.awaitReconnect(t)
	w.call(t, ann, "session.disconnect", nil)
	ann.feed.Await(t, "Disconnected", object{"reason": "stopped"})
	w.call(t, ben, "message.sendText", object{"to": ann.pn, "text": "while you were away"})
	w.fault(t, ann.session, object{"kind": "refuse_login", "code": 418})
	_ = e2etest.CallMethod(w.server.Addr, "session.connect", object{"session": ann.session}, nil)
	ann.feed.Await(t, "ConnectFailure", object{})
	w.reconnect(t)
	ann.feed.Await(t, "OfflineSyncPreview", object{})
	for _, end := range []struct{ kind, event string }{{"stream_replaced", "StreamReplaced"}, {"client_outdated", "ClientOutdated"}, {"temporary_ban", "TemporaryBan"}} {
		w.fault(t, ann.session, object{"kind": end.kind, "delay_seconds": 1})
		ann.feed.Await(t, end.event, object{})
		e2etest.MustCall(t, w.network.Addr, "sandbox.clearFaults", object{}, nil)
		w.reconnect(t)
	}
}

// awaitReconnect waits until the session has reconnected automatically.
func (w *formatWorld) awaitReconnect(t *testing.T) {
	t.Helper()
	testkit.Within(t, e2etest.FeedWait, "the session is connected", func() bool { return e2etest.IsConnected(w.server, formatSession) })
}

// reconnect connects the session again; a ban may refuse that for a while.
func (w *formatWorld) reconnect(t *testing.T) {
	t.Helper()
	testkit.Within(t, e2etest.FeedWait, "the session is connected again", func() bool {
		_ = e2etest.CallMethod(w.server.Addr, "session.connect", object{"session": formatSession, "wait_seconds": 1}, nil)
		return e2etest.IsConnected(w.server, formatSession)
	})
}

// logOut unlinks the session and waits until every receiver has the event.
func (w *formatWorld) logOut(t *testing.T, ann *person) {
	t.Helper()
	w.onPhone(t, ann.number, "unlinkDevice", nil)
	ann.feed.Await(t, "LoggedOut", object{})
	for path, last := range map[string]string{
		"/wwebjs": `"reason":"LOGOUT"`, "/waakg": `"LOGGED_OUT"`, "/wuzapi": "LoggedOut", "/wuzapi_json": `"LoggedOut"`, "/native": `"LoggedOut"`,
	} {
		w.receiver.AwaitRequest(t, path, last)
	}
}
