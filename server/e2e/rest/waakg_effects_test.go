package rest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// waakgStep is a request of the caller, in whose path {s}, {p} and {g} stand for the session, the JID of the peer and a group, a part of the answer, and the effect.
type waakgStep struct {
	do     string // method and path
	body   object
	want   object
	effect func(t *testing.T, answer any)
}

// TestWaakg checks the effect of each operation of the dialect waakg that changes something, at the other side where there is one, and what the others answer.
func TestWaakg(t *testing.T) {
	r := waakg(t)
	for name, steps := range map[string][]waakgStep{
		"sends": waakgSends(t, r), "messages": waakgMessages(t, r), "chats": waakgChats(t, r), "groups": waakgGroups(t, r), "labels": waakgLabels(r), "profile": waakgProfile(t, r),
		"webhooks": waakgWebhooks(r), "sessions": waakgSessions(t, r),
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range steps {
				r.perform(t, r.w.Caller.Token, step)
			}
		})
	}
	t.Run("admin", func(t *testing.T) {
		for _, step := range waakgAdmin(t, r) {
			r.perform(t, e2etest.AdminToken, step)
		}
	})
	e2etest.CheckNetwork(t, r.w.Network)
}

// perform makes the request of a step and checks its answer and effect.
func (r *restRun) perform(t *testing.T, token string, step waakgStep) {
	t.Helper()
	t.Run(step.do, func(t *testing.T) {
		method, path, _ := strings.Cut(strings.NewReplacer("{s}", r.w.Caller.ID, "{p}", r.w.Peer.JID(), "{g}", r.w.Group).Replace(step.do), " ")
		path, query, _ := strings.Cut(path, "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		request := &resttest.Request{Method: method, Path: path, Query: values}
		if step.body != nil {
			request.Body = jsonOf(step.body)
		}
		answer := r.send(t, r.mounts[0], token, request)
		if answer.Status != 200 {
			t.Fatalf("%d %.300s", answer.Status, answer.Body)
		}
		if step.want != nil {
			e2etest.CheckSame(t, "answer", step.want, answer.JSON())
		}
		if step.effect != nil {
			step.effect(t, answer.JSON())
		}
	})
}

// onPeer returns an effect: the peer has got a message of a type, which the account sent after the step.
func (r *restRun) onPeer(kind string, want object) func(*testing.T, any) {
	return func(t *testing.T, _ any) { r.w.awaitOnPhone(t, r.w.Peer.Number, kind, want) }
}

func waakgSends(t *testing.T, r *restRun) []waakgStep {
	w, picture := r.w, e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 11))
	original, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "which berth?"})
	const to = "POST /messages/{s}/{p}/"
	ok := object{"status": true, "success": true}
	testkit.Within(t, e2etest.FeedWait, "the peer is a contact", func() bool {
		return e2etest.CallMethod(w.Server.Addr, "contact.save", object{"session": w.Caller.ID, "contact": w.Peer.Number, "full_name": "Peer"}, nil) == nil
	})
	return []waakgStep{
		{to + "send", object{"message": object{"text": "north pier"}, "mentions": []string{w.Peer.JID()}}, object{"status": true, "success": true, "message": "Message sent successfully", "data": object{
			"key": object{"remoteJid": w.Peer.JID(), "fromMe": true}, "message": object{"conversation": "north pier"}, "status": "PENDING",
		}}, r.onPeer("text", object{"text": "north pier", "mentions": []string{w.Peer.JID()}})},
		{to + "send", object{"message": object{"image": object{"url": picture}, "caption": "the pier"}}, ok, r.onPeer("image", object{"text": "the pier"})},
		{to + "send", object{"message": object{"location": object{"degreesLatitude": 1.5, "degreesLongitude": 2.5}}}, ok, r.onPeer("location", object{"location": object{"latitude": 1.5, "longitude": 2.5}})},
		{to + "send", object{"message": object{"poll": object{"name": "Which?", "values": []string{"a", "b"}}}}, ok, r.onPeer("poll", object{"poll": object{"question": "Which?"}})},
		{to + "send", object{"message": object{"sticker": e2etest.DataURL("image/webp", e2etest.WebPFile(t, 4))}}, ok, r.onPeer("sticker", object{})},
		{to + original + "/reply", object{"message": object{"text": "berth 4"}}, ok, r.onPeer("text", object{"text": "berth 4", "quoted": object{"message_id": original}})},
		{to + "reply", object{"messageId": original, "message": object{"text": "or berth 5"}}, ok, r.onPeer("text", object{"text": "or berth 5", "quoted": object{"message_id": original}})},
		{to + "media", object{"file": picture, "type": "image", "caption": "chart"}, ok, r.onPeer("image", object{"text": "chart"})},
		{to + "media", object{"file": picture, "type": "document"}, ok, r.onPeer("document", object{})},
		{to + "poll", object{"question": "Sail?", "options": []string{"yes", "no"}}, ok, r.onPeer("poll", object{"poll": object{"question": "Sail?"}})},
		{to + "location", object{"latitude": 3, "longitude": 4, "name": "Mole"}, ok, r.onPeer("location", object{"location": object{"name": "Mole"}})},
		{to + "contact", object{"contacts": []object{{"displayName": "Zoe", "vcard": "BEGIN:VCARD\nVERSION:3.0\nFN:Zoe\nEND:VCARD"}}}, ok, r.onPeer("contact", object{"contacts": []object{{"name": "Zoe"}}})},
		{to + "list", object{"title": "Ships", "options": []string{"tug", "ferry"}, "footer": "all"}, ok, r.onPeer("text", object{"text": "*Ships*\n\n1. tug\n2. ferry\n\n_all_"})},
		{to + "sticker", object{"file": picture, "pack": "Sea", "author": "Crew"}, ok, r.onPeer("sticker", object{})},
		{"POST /status/{s}/update", object{"content": "at sea", "backgroundColor": 4278190080, "font": 1}, ok, r.onPeer("text", object{"text": "at sea", "is_status": true})},
		{"POST /status/update", object{"sessionId": w.Caller.ID, "content": "waves", "type": "IMAGE", "mediaUrl": picture}, ok, r.onPeer("image", object{"text": "waves", "is_status": true})},
	}
}

func waakgMessages(t *testing.T, r *restRun) []waakgStep {
	w := r.w
	theirs, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "lanterns lit"})
	file := e2etest.JPEGFile(t, 12)
	picture, _ := w.Receive(t, w.Peer.Number, object{"type": "image", "base64": file})
	mine, edited := w.sent(t), w.sent(t)
	stored := func(id string, want object) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			e2etest.CheckSame(t, "message", want, w.Call(t, w.Caller, "message.get", object{"message_id": id})["message"])
		}
	}
	const at = "/messages/{s}/{p}/"
	stray := e2etest.TextOf(w.Call(t, w.Caller, "media.upload", object{"media": object{"base64": e2etest.DataURL("image/jpeg", file)}})["media_id"])
	return []waakgStep{
		{"GET /media", nil, object{"success": true}, func(t *testing.T, answer any) {
			e2etest.CheckSame(t, "file", object{"type": "image", "sessionId": w.Caller.ID, "url": "/api/media/" + stray}, e2etest.ValueAt(answer, "data/files/name="+stray))
		}},
		{"GET /media/" + stray, nil, nil, nil},
		{
			"DELETE /media",
			object{"filenames": []string{stray, stray, "a..b", "other-1.jpg"}},
			object{"data": object{"deleted": 1, "failed": 3, "errors": []string{"Not found: " + stray, "Invalid filename: a..b", "Forbidden: other-1.jpg"}}},
			func(t *testing.T, _ any) {
				if err := e2etest.CallMethod(w.Server.Addr, "media.get", object{"session": w.Caller.ID, "media_id": stray}, nil); err == nil {
					t.Error("the file is still there")
				}
			},
		},
		{"POST " + at + theirs + "/react", object{"emoji": "👍"}, object{"success": true, "message": "Reaction sent"}, func(t *testing.T, _ any) { w.AwaitReaction(t, w.Peer.Number, theirs, "👍") }},
		{"POST " + at + theirs + "/react", object{"emoji": ""}, object{"message": "Reaction removed"}, func(t *testing.T, _ any) { w.AwaitReaction(t, w.Peer.Number, theirs, "") }},
		{"POST " + at + theirs + "/star", object{"star": true}, object{"message": "Message starred"}, stored(theirs, object{"starred": true})},
		{"POST " + at + theirs + "/star", object{"star": false}, object{"message": "Message unstarred"}, stored(theirs, object{"starred": false})},
		{"PATCH " + at + edited, object{"text": "new text"}, object{"status": true}, func(t *testing.T, _ any) {
			w.awaitOnPhone(t, w.Peer.Number, "", object{"target": object{"action": "edit", "message_id": edited}})
		}},
		{
			"POST /messages/{s}/forward",
			object{"fromJid": w.Peer.JID(), "messageId": theirs, "toJids": []string{w.Peer.JID()}},
			object{"message": "Message forwarded to 1 recipient(s)"},
			r.onPeer("text", object{"text": "lanterns lit", "forwarded": true}),
		},
		{"DELETE " + at + mine, nil, object{"message": "Message deleted for everyone"}, func(t *testing.T, _ any) {
			w.awaitOnPhone(t, w.Peer.Number, "", object{"target": object{"action": "revoke", "message_id": mine}})
		}},
		{"GET /messages/{s}/search?q=lanterns&limit=1", nil, object{"data": []object{{"content": "lanterns lit", "remoteJid": w.Peer.JID()}}, "pagination": object{"total": 2, "page": 1, "limit": 1, "pages": 2}}, nil},
		{"GET /chat/{s}/{p}", nil, object{"status": true}, func(t *testing.T, answer any) {
			e2etest.CheckSame(t, "row", object{"content": "lanterns lit", "fromMe": false, "type": "TEXT", "status": "DELIVERED"}, e2etest.ValueAt(answer, "data/keyId="+theirs))
		}},
		{"GET /messages/{s}/download/" + picture + "/media", nil, nil, func(t *testing.T, _ any) {
			answer := r.send(t, r.mounts[0], w.Caller.Token, &resttest.Request{Method: "GET", Path: "/messages/" + w.Caller.ID + "/download/" + picture + "/media"})
			if string(answer.Body) != string(file) || answer.ContentType() != "image/jpeg" || !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%v: %d bytes", answer.Header, len(answer.Body))
			}
		}},
	}
}

func waakgChats(t *testing.T, r *restRun) []waakgStep {
	w := r.w
	number, id := w.newChat(t)
	jid := e2etest.JIDOf(number)
	chat := func(want object) func(*testing.T, any) {
		return func(t *testing.T, _ any) { e2etest.CheckSame(t, "chat", want, w.chat(t, number)) }
	}
	blocked := func(want bool) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			if slices.Contains(w.blocked(t), jid) != want {
				t.Errorf("blocked are %v", w.blocked(t))
			}
		}
	}
	seen := func(tag, text string) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			if xml := w.Stanza(t, number, object{"tag": tag}); !strings.Contains(xml, text) {
				t.Errorf("the phone has %s", xml)
			}
		}
	}
	at := "PUT /chat/{s}/" + jid + "/"
	return []waakgStep{
		{at + "archive", object{"archive": true}, object{"message": "Chat archived"}, chat(object{"archived": true})},
		{at + "archive", object{"archive": false}, object{"message": "Chat unarchived"}, chat(object{"archived": false})},
		{at + "mute", object{"mute": true, "duration": 3600}, object{"message": "Chat muted"}, chat(object{"muted": true})},
		{at + "mute", object{"mute": false}, object{"message": "Chat unmuted"}, chat(object{"muted": false})},
		{at + "pin", object{"pin": true}, object{"message": "Chat pinned"}, chat(object{"pinned": true})},
		{at + "pin", object{"pin": false}, object{"message": "Chat unpinned"}, chat(object{"pinned": false})},
		{at + "read", object{"messageIds": []string{id}}, object{"message": "Messages marked as read"}, seen("receipt", id)},
		{"POST /chat/{s}/" + jid + "/presence", object{"presence": "composing"}, object{"message": "Presence 'composing' sent to " + jid}, seen("chatstate", "composing")},
		{"POST /chat/{s}/" + jid + "/presence", object{"presence": "available"}, object{"success": true}, nil},
		{"POST /chat/{s}/{p}/profile-picture", nil, object{"success": true, "jid": w.Peer.JID()}, func(t *testing.T, answer any) {
			if e2etest.TextOf(e2etest.ValueAt(answer, "profilePicUrl")) == "" {
				t.Errorf("the answer has no picture: %v", answer)
			}
		}},
		{"POST /chat/{s}/" + jid + "/profile-picture", nil, object{"profilePicUrl": nil, "message": "No profile picture found"}, nil},
		{"POST /chat/{s}/check", object{"numbers": []string{number, "15550609998"}}, object{
			"results": []object{{"number": number, "exists": true, "jid": jid}, {"exists": false}}, "data": object{"results": []object{{"exists": true}, {"exists": false}}},
		}, nil},
		{"POST /contacts/{s}/" + jid + "/block", nil, object{"message": "Contact blocked successfully"}, blocked(true)},
		{"POST /contacts/{s}/" + jid + "/unblock", nil, object{"message": "Contact unblocked successfully"}, blocked(false)},
		{"GET /contacts/{s}?limit=1&page=1", nil, object{"status": true, "meta": object{"page": 1, "limit": 1}}, nil},
		{"GET /chat/{s}", nil, nil, func(t *testing.T, answer any) {
			list, _ := answer.([]any)
			if !slices.ContainsFunc(list, func(c any) bool { return e2etest.ValueAt(c, "jid") == jid }) {
				t.Errorf("no chat with %s in %v", jid, answer)
			}
		}},
	}
}

func waakgGroups(t *testing.T, r *restRun) []waakgStep {
	w := r.w
	group := w.NewGroup(t, "Jetty", w.Peer.Number)
	added, left := w.NewPhone(t), w.NewGroup(t, "Left", w.Peer.Number)
	leftToo := w.NewGroup(t, "Left too", w.Peer.Number)
	_, code := w.foreignGroup(t)
	member := func(want object) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			e2etest.CheckSame(t, "as a member sees it", want, w.groupAs(t, w.Peer, group))
		}
	}
	members := func(group string, want int) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			testkit.Within(t, e2etest.FeedWait, fmt.Sprint(want, " members"), func() bool { return len(membersOf(t, w, group)) == want })
		}
	}
	picture := func(want bool) func(*testing.T, any) {
		return func(t *testing.T, _ any) {
			if seen := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": group}); (seen["url"] != nil) != want {
				t.Errorf("a member sees %v", seen)
			}
		}
	}
	at, jid := "/groups/{s}/"+group+"/", e2etest.JIDOf(added)
	file := e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 13))
	setting := func(name string, want object) waakgStep {
		return waakgStep{"PUT " + at + "settings", object{"setting": name}, object{"success": true, "setting": name, "message": "Group setting '" + name + "' updated successfully"}, member(want)}
	}
	return []waakgStep{
		{
			"POST /groups/{s}/create",
			object{"subject": "Dock", "participants": []string{w.Peer.JID()}},
			object{"success": true, "group": object{"subject": "Dock"}, "data": object{"group": object{"size": 2}}},
			func(t *testing.T, answer any) {
				e2etest.CheckSame(t, "as a member sees it", object{"name": "Dock"}, w.groupAs(t, w.Peer, e2etest.TextOf(e2etest.ValueAt(answer, "group/id"))))
			},
		},
		{"PUT " + at + "subject", object{"subject": "Quay"}, object{"success": true, "subject": "Quay"}, member(object{"name": "Quay"})},
		{"PUT /groups/" + group + "/subject", object{"sessionId": w.Caller.ID, "subject": "Wharf"}, object{"subject": "Wharf"}, member(object{"name": "Wharf"})},
		{"PUT " + at + "description", object{"description": "Tides"}, object{"description": "Tides"}, member(object{"description": "Tides"})},
		{"PUT " + at + "description", object{}, object{"description": nil, "message": "Group description removed"}, member(object{"description": nil})},
		{"PUT " + at + "members", object{"action": "add", "participants": []string{jid}}, object{"message": "Successfully added participants", "result": []object{{"status": "200", "jid": jid}}}, members(group, 3)},
		{
			"PUT " + at + "members",
			object{"action": "promote", "participants": []string{jid}},
			object{"message": "Successfully promoteed participants"},
			func(t *testing.T, _ any) {
				e2etest.CheckSame(t, "admin", true, e2etest.ValueAt(w.groupAs(t, w.Peer, group), "participants/contact="+jid+"/is_admin"))
			},
		},
		{"PUT " + at + "members", object{"action": "remove", "participants": []string{jid}}, object{"message": "Successfully removeed participants"}, members(group, 2)},
		setting("announcement", object{"announce": true}), setting("not_announcement", object{"announce": false}), setting("locked", object{"locked": true}), setting("unlocked", object{"locked": false}),
		{"PUT " + at + "ephemeral", object{"expiration": 86400}, object{"expiration": 86400, "expirationLabel": "1 day", "message": "Disappearing messages enabled"}, member(object{"disappearing_seconds": 86400})},
		{"PUT " + at + "ephemeral", object{"expiration": 0}, object{"expirationLabel": "off", "message": "Disappearing messages disabled"}, member(object{"disappearing_seconds": 0})},
		{"PUT " + at + "picture", object{"file": file}, object{"status": true}, picture(true)},
		{"DELETE " + at + "picture", nil, object{"message": "Group picture removed successfully"}, picture(false)},
		{"GET " + at + "invite", nil, object{"success": true}, func(t *testing.T, answer any) {
			e2etest.CheckSame(t, "code", w.invite(t, w.Caller.Number, group), e2etest.ValueAt(answer, "inviteCode"))
		}},
		{"PUT " + at + "invite", nil, object{"success": true}, func(t *testing.T, answer any) {
			e2etest.CheckSame(t, "code", w.invite(t, w.Caller.Number, group), e2etest.ValueAt(answer, "newInviteCode"))
		}},
		{"GET /groups/{s}/" + group, nil, object{"id": group, "subject": "Wharf", "size": 2, "owner": w.Caller.JID()}, nil},
		{"GET /groups/{s}", nil, nil, func(t *testing.T, answer any) {
			list, _ := answer.([]any)
			if !slices.ContainsFunc(list, func(g any) bool { return e2etest.ValueAt(g, "id") == group }) {
				t.Errorf("no group %s in %v", group, answer)
			}
		}},
		{"POST /groups/{s}/invite/accept", object{"inviteCode": code}, object{"success": true}, func(t *testing.T, answer any) {
			members(e2etest.TextOf(e2etest.ValueAt(answer, "groupJid")), 2)(t, answer)
		}},
		{"POST /groups/{s}/" + left + "/leave", nil, object{"message": "Successfully left the group"}, members(left, 1)},
		{"POST /groups/" + leftToo + "/leave", object{"sessionId": w.Caller.ID}, object{"success": true}, members(leftToo, 1)},
	}
}
