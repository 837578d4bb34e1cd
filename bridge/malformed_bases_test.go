package bridge_test

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

type attrs = waBinary.Attrs

// cast has the addresses used in stanzas.
type cast struct {
	own, ownLID, other, otherLID, group, channel types.JID
	id                                           func() string // returns a new stanza id with each call
}

// receivable returns, by tag and type, one stanza of each kind that a connected session may receive and that does not
// end its connection.
func (c *cast) receivable() []waBinary.Node {
	now := unixText(1_700_000_000)
	key, blob := make([]byte, 32), make([]byte, 64)
	notification := func(kind string, from types.JID, content ...waBinary.Node) waBinary.Node {
		return node("notification", attrs{"type": kind, "from": from, "id": c.id(), "t": now}, content)
	}
	group := func(change waBinary.Node) waBinary.Node {
		n := notification("w:gp2", c.group, change)
		n.Attrs["participant"], n.Attrs["addressing_mode"], n.Attrs["notify"] = c.otherLID, "lid", "Bob"
		return n
	}
	member := node("participant", attrs{"jid": c.otherLID, "phone_number": c.other, "type": "admin"}, nil)
	info := node("group", attrs{"id": "123", "creator": c.otherLID, "creation": now, "subject": "s", "s_t": now, "s_o": c.otherLID, "size": "1", "addressing_mode": "lid"}, children(
		member, node("description", attrs{"id": "1", "participant": c.otherLID, "t": now}, children(node("body", nil, []byte("d")))),
		node("announcement", nil, nil), node("locked", nil, nil), node("ephemeral", attrs{"expiration": "86400"}, nil), node("member_add_mode", nil, []byte("all_member_add")),
		node("linked_parent", attrs{"jid": c.group}, nil), node("default_sub_group", nil, nil), node("parent", attrs{"default_membership_approval_mode": "request_required"}, nil),
		node("incognito", nil, nil), node("membership_approval_mode", nil, children(node("group_join", attrs{"state": "on"}, nil))), node("suspended", nil, nil),
	))
	message := func(from types.JID, content ...waBinary.Node) waBinary.Node {
		return node("message", attrs{"from": from, "id": c.id(), "t": now, "type": "text", "notify": "Bob", "sender_pn": c.other}, content)
	}
	enc := func(kind string) waBinary.Node { return node("enc", attrs{"v": "2", "type": kind, "count": "1"}, blob) }
	call := func(kind string) waBinary.Node {
		return node("call", attrs{"from": c.otherLID, "id": c.id(), "t": now, "platform": "android", "version": "2"}, children(
			node(kind, attrs{"call-id": "C", "call-creator": c.otherLID, "caller_pn": c.other, "media": "audio", "type": "group", "reason": "timeout"}, children(node("audio", attrs{"rate": "16000"}, nil)))))
	}
	receipt := func(kind string, content ...waBinary.Node) waBinary.Node {
		a := attrs{"from": c.otherLID, "id": c.id(), "t": now}
		if kind != "" {
			a["type"] = kind
		}
		return node("receipt", a, content)
	}
	mex := func(json string) waBinary.Node {
		return notification("mex", types.ServerJID, node("update", attrs{"op_name": "x"}, []byte(json)))
	}
	bundle := node("keys", nil, children(node("type", nil, []byte{5}), node("identity", nil, key),
		node("key", nil, children(node("id", nil, []byte{0, 0, 1}), node("value", nil, key))),
		node("skey", nil, children(node("id", nil, []byte{0, 0, 1}), node("value", nil, key), node("signature", nil, blob))), node("device-identity", nil, blob)))
	list := []waBinary.Node{
		notification("encrypt", types.ServerJID, node("count", attrs{"value": "100"}, nil)),
		notification("encrypt", c.otherLID, node("identity", nil, nil)),
		notification("server_sync", c.own, node("collection", attrs{"name": "regular", "version": "2"}, nil)),
		notification("account_sync", c.own, node("privacy", nil, children(node("category", attrs{"name": "last", "value": "all"}, nil)))),
		notification("account_sync", c.own, node("devices", attrs{"dhash": "2:x"}, children(node("device", attrs{"jid": c.own}, nil)))),
		notification("account_sync", c.own, node("picture", attrs{"id": "1"}, nil)),
		notification("account_sync", c.own, node("blocklist", attrs{"dhash": "1", "prev_dhash": "0", "action": "modify"}, children(node("item", attrs{"jid": c.otherLID, "action": "block"}, nil)))),
		notification("devices", c.other, node("add", attrs{"device_hash": "2:x", "device_lid_hash": "2:y"}, children(node("device", attrs{"jid": c.other, "lid": c.otherLID}, nil)))),
		notification("devices", c.other, node("remove", attrs{"device_hash": "2:x"}, children(node("device", attrs{"jid": c.other}, nil)))),
		notification("devices", c.other, node("update", attrs{"hash": "x"}, nil)),
		notification("fbid:devices", c.other, node("devices", attrs{"dhash": "x"}, children(node("device", attrs{"jid": c.other}, nil)))),
		notification("picture", c.otherLID, node("set", attrs{"jid": c.otherLID, "id": "1", "author": c.otherLID}, nil)),
		notification("picture", c.otherLID, node("delete", attrs{"jid": c.otherLID}, nil)),
		notification("mediaretry", c.own, node("rmr", attrs{"jid": c.otherLID, "from_me": "false", "participant": c.otherLID}, nil),
			node("encrypt", nil, children(node("enc_p", nil, blob), node("enc_iv", nil, make([]byte, 12))))),
		notification("mediaretry", c.own, node("rmr", attrs{"jid": c.otherLID, "from_me": "false"}, nil), node("error", attrs{"code": "2"}, nil)),
		notification("privacy_token", c.other, node("tokens", nil, children(node("token", attrs{"type": "trusted_contact", "t": now}, key)))),
		notification("link_code_companion_reg", types.ServerJID, node("link_code_companion_reg", attrs{"stage": "primary_hello"}, children(
			node("link_code_pairing_ref", nil, key), node("link_code_pairing_wrapped_primary_ephemeral_pub", nil, make([]byte, 80)), node("primary_identity_pub", nil, key)))),
		notification("newsletter", c.channel, node("live_updates", nil, children(node("messages", nil, nil), node("message", attrs{"server_id": "1", "id": "A", "type": "text", "t": now},
			children(node("plaintext", nil, []byte{10, 1, 65}), node("views_count", attrs{"count": "1"}, nil), node("reactions", nil, children(node("reaction", attrs{"code": "x", "count": "1"}, nil)))))))),
		mex(`{"data":{"xwa2_notify_newsletter_on_join":{"id":"1@newsletter"}}}`), mex(`{"data":{"xwa2_notify_newsletter_on_leave":{"id":"1@newsletter","role":"x"}}}`),
		mex(`{"data":{"xwa2_notify_newsletter_on_mute_change":{"id":"1@newsletter","mute":"ON"}}}`), mex(`{"data":{"xwa2_notify_account_reachout_timelock":{"is_active":true}}}`),
		mex(`{"data":{"xwa2_notify_newsletter_on_join":{}}}`), mex(`{"data":{"xwa2_notify_newsletter_on_join":{"id":"","thread_metadata":null,"state":null}}}`), mex(`[]`), mex(`{"data":[1]}`),
		notification("status", c.otherLID, node("set", nil, []byte("about"))),
		notification("passkey_prologue_request", types.ServerJID, node("passkey_request_options", nil, []byte(`{}`))),
		notification("crsc_continuation", types.ServerJID, node("primary_ephemeral_identity", nil, append([]byte{10, 32}, key...))),
		notification("business", c.other, node("verified_name", attrs{"v": "1"}, blob)), notification("disappearing_mode", c.other, node("disappearing_mode", attrs{"duration": "1", "t": now}, nil)),
		notification("server", types.ServerJID), notification("psa", types.ServerJID), notification("pay", types.ServerJID), notification("unknown", types.ServerJID),
		receipt(""), receipt("read"), receipt("played"), receipt("inactive"), receipt("sender"), receipt("peer_msg"), receipt("hist_sync"), receipt("server-error"), receipt("read-self"),
		receipt("read", node("list", nil, children(node("item", attrs{"id": "B"}, nil)))),
		receipt("retry", node("retry", attrs{"id": "R", "t": now, "count": "1", "v": "1"}, nil), node("registration", nil, []byte{0, 0, 0, 1}), bundle),
		node("receipt", attrs{"from": c.group, "id": c.id(), "t": now}, children(node("participants", attrs{"key": "K"}, children(node("user", attrs{"jid": c.otherLID, "t": now}, nil))))),
		message(c.otherLID, enc("pkmsg")), message(c.otherLID, enc("msg")), message(c.otherLID, enc("skmsg")), message(c.otherLID, enc("msmsg")), message(c.otherLID, enc("unknown")),
		message(c.otherLID, node("unavailable", attrs{"type": "view_once"}, nil)), message(c.otherLID, node("unavailable", attrs{"type": "view_once"}, nil), enc("msg")),
		message(c.otherLID, enc("msg"), node("verified_name", attrs{"v": "1"}, blob), node("bot", attrs{"edit": "inner", "edit_target_id": "A", "sender_timestamp_ms": now}, nil),
			node("meta", attrs{"target_id": "A", "target_sender_jid": c.otherLID, "target_chat_jid": c.other, "deprecated_lid_session": "true", "thread_msg_id": "A", "thread_msg_sender_jid": c.other}, nil), node("multicast", nil, nil)),
		message(types.NewJID("1", types.BotServer), enc("msmsg"), node("meta", attrs{"target_id": "A"}, nil), node("bot", attrs{"edit": "first"}, nil)),
		node("message", attrs{"from": c.group, "participant": c.otherLID, "participant_pn": c.other, "addressing_mode": "lid", "id": c.id(), "t": now, "type": "text"}, children(enc("skmsg"), enc("pkmsg"))),
		node("message", attrs{"from": c.own, "recipient": c.other, "peer_recipient_lid": c.otherLID, "id": c.id(), "t": now, "type": "text", "category": "peer"}, children(enc("msg"))),
		node("message", attrs{"from": types.StatusBroadcastJID, "participant": c.ownLID, "recipient": c.other, "id": c.id(), "t": now, "type": "text"}, children(enc("skmsg"),
			node("participants", nil, children(node("to", attrs{"jid": c.otherLID, "peer_recipient_pn": c.other}, nil))))),
		node("message", attrs{"from": c.channel, "id": c.id(), "server_id": "7", "t": now, "type": "text"}, children(node("plaintext", nil, []byte{10, 1, 65}), node("meta", attrs{"msg_edit_t": now, "original_msg_t": now}, nil))),
		node("status", attrs{"from": c.channel, "id": c.id(), "server_id": "7", "t": now}, children(node("plaintext", nil, []byte{10, 1, 65}))),
		node("appdata", attrs{"from": c.own, "id": c.id(), "t": now}, children(enc("msg"))),
		node("presence", attrs{"from": c.otherLID, "type": "unavailable", "last": now}, nil), node("presence", attrs{"from": c.otherLID, "last": "deny"}, nil),
		node("chatstate", attrs{"from": c.otherLID}, children(node("composing", attrs{"media": "audio"}, nil))),
		node("chatstate", attrs{"from": c.group, "participant": c.otherLID}, children(node("paused", nil, nil))),
		node("ib", attrs{"from": types.ServerJID}, children(node("downgrade_webclient", nil, nil), node("offline_preview", attrs{"count": "1", "appdata": "1", "message": "1", "notification": "1", "receipt": "1"}, nil),
			node("offline", attrs{"count": "1"}, nil), node("dirty", attrs{"type": "groups", "timestamp": now}, nil), node("edge_routing", nil, children(node("routing_info", nil, blob))))),
		node("iq", attrs{"from": types.ServerJID, "id": c.id(), "type": "set"}, children(node("pair-device", nil, children(node("ref", nil, []byte("ref")))))),
		node("iq", attrs{"from": types.ServerJID, "id": c.id(), "type": "set"}, children(node("pair-success", nil, children(node("device-identity", nil, blob), node("biz", attrs{"name": "x"}, nil),
			node("device", attrs{"jid": c.own, "lid": c.ownLID}, nil), node("platform", attrs{"name": "android"}, nil), node("client-props", nil, blob))))),
		node("iq", attrs{"from": types.ServerJID, "id": c.id(), "type": "get", "xmlns": "urn:xmpp:ping"}, nil), node("iq", attrs{"from": types.ServerJID, "id": c.id(), "type": "result"}, nil),
		node("success", attrs{"t": now, "props": "1", "location": "x"}, nil),
		node("ack", attrs{"class": "message", "id": c.id(), "from": c.otherLID, "error": "479", "phash": "2:x", "t": now}, nil), node("unknown", attrs{"id": "1"}, nil),
	}
	for _, kind := range []string{"offer", "offer_notice", "relaylatency", "accept", "preaccept", "transport", "terminate", "reject", "unknown"} {
		list = append(list, call(kind))
	}
	change := func(tag string, a attrs, content any) { list = append(list, group(node(tag, a, content))) }
	members := children(member)
	for _, tag := range []string{"add", "remove", "promote", "demote", "created_membership_requests", "revoked_membership_requests", "modify"} {
		change(tag, attrs{"prev_v_id": "1", "v_id": "2", "reason": "invite", "type": "x"}, members)
	}
	for _, tag := range []string{"locked", "unlocked", "announcement", "not_announcement", "not_ephemeral", "suspended", "unsuspended", "growth_locked", "growth_unlocked", "member_link_mode", "unknown"} {
		change(tag, attrs{"v_id": "2"}, nil)
	}
	change("delete", attrs{"reason": "admin"}, nil)
	change("subject", attrs{"subject": "s", "s_t": now, "s_o": c.otherLID}, nil)
	change("description", attrs{"id": "1", "prev": "0"}, children(node("body", nil, []byte("d"))))
	change("description", attrs{"id": "1"}, children(node("delete", nil, nil)))
	change("invite", attrs{"code": "abc"}, nil)
	change("ephemeral", attrs{"expiration": "86400"}, nil)
	change("membership_approval_mode", nil, children(node("group_join", attrs{"state": "on"}, nil)))
	change("link", attrs{"link_type": "sub_group"}, children(info))
	change("unlink", attrs{"unlink_type": "sub_group", "unlink_reason": "x"}, children(info))
	change("create", attrs{"type": "new", "reason": "invite", "key": "k"}, children(info))
	return list
}
