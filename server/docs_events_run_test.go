package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// preferredExamples says which event of a type becomes the example, where not the first one.
var preferredExamples = map[string]func(object) bool{
	"Message":       func(data object) bool { return data["from_me"] == false && data["type"] == "text" },
	"MessageStatus": func(data object) bool { return data["error"] == nil },
	"PairError":     func(object) bool { return true },
	"SessionState":  func(data object) bool { return data["state"] == "connecting" },
	"CallReject":    func(data object) bool { return data["automatic"] == true },
}

// exampleEvents causes events on the simulated network and returns the data of one of each type.
func exampleEvents(t *testing.T) map[string]object {
	s := startServer(t, "-allow-hosts", "127.0.0.1", "-sandbox-history-chunk", "10", "-governor-pause-min", "0", "-governor-pause-max", "0", "-calls-per-second", "10000", "-call-burst", "10000")
	client := dial(t, s.url("/v1/ws"), s.token, object{"filters": []any{object{"sessions": []string{"*"}, "include_volatile": true}}})
	const own, peer, other = "15550100001", "15550100002", "15550100003"
	try := func(method string, params object) object {
		t.Helper()
		reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, method, params)
		if reply.Error != nil {
			t.Logf("%s: %+v", method, reply.Error)
			return object{}
		}
		var result object
		_ = json.Unmarshal(reply.Result, &result)
		return result
	}
	on := func(params object) object { params["session"] = "demo"; return params }
	text := func(account, to, text string) object {
		return try("sandbox.send", object{"account": account, "to": to, "content": object{"type": "text", "text": text}})
	}
	for number, name := range map[string]string{own: "Shop", peer: "Peer", other: "Other"} {
		s.call("sandbox.createAccount", object{"number": number, "push_name": name})
	}
	try("sandbox.addHistory", object{"account": own, "chat": peer, "messages": []any{object{"text": "Long ago", "timestamp": "2026-01-01T00:00:00Z"}}})
	s.call("session.create", object{"session_id": "demo", "connect": true})
	testkit.Eventually(t, "pairing code", func() bool { return s.state("demo") == "pairing" })
	s.call("sandbox.scanQrCode", object{"account": own, "session": "demo"})
	testkit.Eventually(t, "connection", func() bool { return s.state("demo") == "connected" })

	text(peer, own, "Hello")
	sent, _ := try("message.sendText", on(object{"to": peer, "text": "Good morning"}))["message_id"].(string)
	try("sandbox.awaitMessage", object{"account": peer, "text": "Good morning"})
	try("sandbox.markRead", object{"account": peer, "message_ids": []string{sent}})
	try("schedule.create", on(object{"to": peer, "content": object{"type": "text", "text": "Your appointment is tomorrow"}, "send_at": "2026-01-01T00:00:00Z"}))
	job := try("message.sendBulk", on(object{"recipients": []string{peer, other}, "content": object{"type": "text", "text": "Closed on Monday"}, "delay_seconds": 0, "jitter_seconds": 0}))["job_id"]
	testkit.Eventually(t, "job", func() bool {
		state, _ := try("job.get", on(object{"job_id": job}))["job"].(object)
		return state["status"] == "completed"
	})
	try("presence.setAvailability", on(object{"available": true}))
	try("presence.subscribe", on(object{"contacts": []string{peer}}))
	try("sandbox.setPresence", object{"account": peer, "available": true})
	try("sandbox.setChatPresence", object{"account": peer, "chat": own, "state": "typing"})

	group, _ := try("sandbox.createGroup", object{"account": peer, "name": "Friends", "participants": []string{own}})["group"].(string)
	try("sandbox.updateGroup", object{"account": peer, "group": group, "name": "Old friends"})
	try("group.setPicture", on(object{"group": group, "media": object{"base64": onePixel}}))
	try("profile.setPicture", on(object{"media": object{"base64": onePixel}}))

	try("contact.save", on(object{"contact": peer, "full_name": "Peer Example"}))
	try("contact.setBlocked", on(object{"contacts": []string{other}, "blocked": true}))
	try("privacy.updateSettings", on(object{"last_seen": "contacts"}))
	try("profile.setName", on(object{"name": "Front desk"}))
	try("chat.setPinned", on(object{"chat": peer, "pinned": true}))
	try("chat.setMuted", on(object{"chat": peer, "muted": true, "duration_seconds": 3600}))
	try("chat.setArchived", on(object{"chat": peer, "archived": true}))
	try("chat.markUnread", on(object{"chat": peer}))
	try("message.setStarred", on(object{"chat": peer, "message_id": sent, "starred": true}))
	try("message.delete", on(object{"chat": peer, "message_id": sent, "for_everyone": false}))
	try("chat.clearMessages", on(object{"chat": peer}))
	try("chat.delete", on(object{"chat": peer}))

	try("session.updateSettings", on(object{"reject_calls": true}))
	call, _ := try("sandbox.startCall", object{"account": peer, "to": own})["call_id"].(string)
	try("sandbox.endCall", object{"account": peer, "to": own, "call_id": call})
	try("sandbox.restrictAccount", object{"account": own, "seconds": 3600})
	testkit.Eventually(t, "restriction", func() bool {
		try("schedule.create", on(object{"to": peer, "content": object{"type": "text", "text": "Later"}, "send_at": "2026-01-01T00:00:00Z"}))
		waiting, _ := try("schedule.list", on(object{}))["waiting"].(object)
		return waiting["reason"] == "reachout_timelock"
	})
	try("schedule.deleteAll", on(object{"confirm": true}))
	try("sandbox.changeIdentity", object{"account": peer})
	text(peer, own, "From the new phone")
	try("sandbox.injectFault", object{"kind": "undecryptable", "session": "demo"})
	text(other, own, "Cannot be read at first")

	newsletter, _ := try("sandbox.createNewsletter", object{"account": peer, "name": "News"})["newsletter"].(string)
	try("sandbox.followNewsletter", object{"account": own, "newsletter": newsletter})
	post, _ := try("sandbox.postToNewsletter", object{"account": peer, "newsletter": newsletter, "text": "News"})["server_id"].(float64)
	try("sandbox.reactToNewsletterPost", object{"account": other, "newsletter": newsletter, "server_id": post, "emoji": "+"})
	try("sandbox.followNewsletter", object{"account": own, "newsletter": newsletter, "follow": false})

	try("storage.updateSettings", on(object{
		"enabled": true, "endpoint": objectStorage(t), "bucket": "media", "access_key": "key", "secret_key": "secret", "path_style": true,
	}))
	try("sandbox.send", object{"account": peer, "to": own, "content": object{"type": "image", "base64": onePixel}})

	// The connection, and what ends it.
	try("session.disconnect", on(object{}))
	text(other, own, "While it was away")
	try("session.connect", on(object{"wait_seconds": 10}))
	testkit.Eventually(t, "reconnect", func() bool { return s.state("demo") == "connected" })
	for _, end := range []struct{ fault, state string }{
		{"stream_replaced", "replaced"}, {"client_outdated", "outdated"}, {"temporary_ban", "banned"}, {"stream_error", ""},
	} {
		try("sandbox.injectFault", object{"kind": end.fault, "session": "demo", "delay_seconds": 1})
		testkit.Eventually(t, end.fault, func() bool { return end.state == "" || s.state("demo") == end.state })
		try("sandbox.clearFaults", object{})
		try("session.connect", on(object{"wait_seconds": 10}))
		testkit.Eventually(t, "reconnect after "+end.fault, func() bool { return s.state("demo") == "connected" })
	}
	try("sandbox.injectFault", object{"kind": "refuse_login", "session": "demo", "code": 503})
	try("session.restart", on(object{}))
	try("session.connect", on(object{"wait_seconds": 10}))
	try("sandbox.unlinkDevice", object{"account": own})

	// A passkey, refused and accepted.
	try("sandbox.createAccount", object{"number": "15550100004", "passkey": object{}})
	try("session.create", object{"session_id": "keyed", "connect": true})
	testkit.Eventually(t, "code", func() bool { return s.state("keyed") == "pairing" })
	try("sandbox.scanQrCode", object{"account": "15550100004", "session": "keyed"})
	testkit.Eventually(t, "passkey step", func() bool {
		pairing, _ := s.call("session.getStatus", object{"session": "keyed"})["pairing"].(object)
		return pairing["step"] == "passkey"
	})
	for _, wrong := range []string{"signature", ""} {
		params := object{"account": "15550100004", "session": "keyed"}
		if wrong != "" {
			params["wrong"] = wrong
		}
		answer := try("sandbox.signPasskey", params)
		try("session.submitPasskey", object{"session": "keyed", "response": answer["response"], "confirm": "manual"})
	}
	return client.examples(2 * time.Second)
}

const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// examples reads events and signals until none has come for a time, and returns the data of one of each type.
func (c *socketClient) examples(quiet time.Duration) map[string]object {
	c.t.Helper()
	found := map[string]object{}
	take := func(frame object) {
		if method := frame["method"]; method == "event" || method == "signal" {
			collect(found, preferredExamples, frame["params"].(object))
		}
	}
	for _, frame := range c.held {
		take(frame)
	}
	for {
		ctx, cancel := context.WithTimeout(c.t.Context(), quiet)
		_, raw, err := c.ws.Read(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return found
		}
		if err != nil {
			c.t.Fatal(err)
		}
		var frame object
		if err := json.Unmarshal(raw, &frame); err != nil {
			c.t.Fatal(err)
		}
		take(frame)
	}
}
