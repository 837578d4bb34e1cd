package rest

import (
	"encoding/base64"
	"slices"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wwebjsGroupCase returns the case of an operation on a new group with the peer. request prepares the group and returns the
// fields of the request besides its id, and the params of the call besides the group.
func wwebjsGroupCase(path, method string, request func(t *testing.T, w *restWorld, group string) (resttest.Values, object), effect func(t *testing.T, w *restWorld, group string, out outcome)) restCase {
	return restCase{operation: "POST /groupChat/" + path + "/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
		group := w.NewGroup(t, "Quay", w.Peer.Number)
		values, params := resttest.Values{}, object{}
		if request != nil {
			values, params = request(t, w, group)
		}
		return restAct{
			values: values.With(resttest.Values{"chatId": group}),
			calls:  []restCall{{method, e2etest.MergeObjects(params, object{"group": group})}},
			effect: func(t *testing.T, out outcome) { effect(t, w, group, out) },
		}
	}}
}

// wwebjsMembers returns the case of a change of the member that choose returns.
func wwebjsMembers(path, action string, choose func(t *testing.T, w *restWorld, group string) (number string), effect func(t *testing.T, w *restWorld, group, number string, out outcome)) restCase {
	chosen := ""
	return wwebjsGroupCase(path, "group.updateParticipants", func(t *testing.T, w *restWorld, group string) (resttest.Values, object) {
		chosen = choose(t, w, group)
		return resttest.Values{"contactIds": []string{chosen + "@c.us"}}, object{"action": action, "participants": []string{chosen}}
	}, func(t *testing.T, w *restWorld, group string, out outcome) { effect(t, w, group, chosen, out) })
}

// isAdmin checks the role of a member, as the peer sees it.
func isAdmin(want bool) func(t *testing.T, w *restWorld, group, number string, out outcome) {
	return func(t *testing.T, w *restWorld, group, number string, out outcome) {
		e2etest.CheckSame(t, "admin", want, e2etest.ValueAt(w.groupAs(t, w.Peer, group), "participants/contact="+e2etest.JIDOf(number)+"/is_admin"))
		if out.rpc == nil {
			members, _ := out.at("participants", "").([]any)
			shown := slices.IndexFunc(members, func(m any) bool { return e2etest.ValueAt(m, "id/_serialized") == number+"@c.us" })
			if shown < 0 || e2etest.ValueAt(members[shown], "isAdmin") != want {
				t.Errorf("the answer has %v", members)
			}
		}
	}
}

// wwebjsSetting returns the case of a property of a group; want is the group as a member sees it.
func wwebjsSetting(path, method string, values resttest.Values, params, want object) restCase {
	return wwebjsGroupCase(path, method, func(*testing.T, *restWorld, string) (resttest.Values, object) { return values, params },
		func(t *testing.T, w *restWorld, group string, out outcome) {
			e2etest.CheckSame(t, "as a member sees it", want, w.groupAs(t, w.Peer, group))
			if out.rpc == nil {
				e2etest.CheckSame(t, "result", true, out.at("result", ""))
			}
		})
}

// seesPicture checks whether the peer sees a picture of a group.
func seesPicture(want bool) func(t *testing.T, w *restWorld, group string, _ outcome) {
	return func(t *testing.T, w *restWorld, group string, _ outcome) {
		if seen := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": group}); (seen["url"] != nil) != want {
			t.Errorf("a member sees %v", seen)
		}
	}
}

// wwebjsGroup returns the cases of /groupChat.
func wwebjsGroup() []restCase {
	peer := func(_ *testing.T, w *restWorld, _ string) string { return w.Peer.Number }
	count := func(want int) func(*testing.T, *restWorld, string, string, outcome) {
		return func(t *testing.T, w *restWorld, group, _ string, _ outcome) {
			e2etest.CheckSame(t, "members", want, len(membersOf(t, w, group)))
		}
	}
	return []restCase{
		wwebjsGroupCase("getClassInfo", "group.get", nil, func(t *testing.T, w *restWorld, group string, out outcome) {
			out.is(t, group, "chat/groupMetadata/id/_serialized", "0/group/group")
			out.is(t, "Quay", "chat/groupMetadata/subject", "0/group/name")
			if out.rpc == nil {
				e2etest.CheckSame(t, "chat", object{"name": "Quay", "isGroup": true, "id": object{"_serialized": group}}, out.at("chat", ""))
				e2etest.CheckSame(t, "owner", w.Caller.Number+"@c.us", out.at("chat/groupMetadata/owner/_serialized", ""))
			}
		}),
		wwebjsMembers("addParticipants", "add", func(t *testing.T, w *restWorld, _ string) string { return w.NewPhone(t) }, func(t *testing.T, w *restWorld, group, number string, out outcome) {
			isAdmin(false)(t, w, group, number, out)
			if out.rpc == nil {
				e2etest.CheckSame(t, "result", object{"code": 200, "isInviteV4Sent": false}, out.at("result/"+number+"@c.us", ""))
			}
		}),
		wwebjsMembers("removeParticipants", "remove", peer, count(1)),
		wwebjsMembers("promoteParticipants", "promote", peer, isAdmin(true)),
		wwebjsMembers("demoteParticipants", "demote", func(t *testing.T, w *restWorld, group string) string {
			w.Call(t, w.Caller, "group.updateParticipants", object{"group": group, "action": "promote", "participants": []string{w.Peer.Number}})
			return w.Peer.Number
		}, isAdmin(false)),
		wwebjsGroupCase("getInviteCode", "group.getInviteLink", nil, func(t *testing.T, w *restWorld, group string, out outcome) {
			out.is(t, w.invite(t, w.Caller.Number, group), "inviteCode", "0/code")
		}),
		wwebjsGroupCase("revokeInvite", "group.resetInviteLink", func(t *testing.T, w *restWorld, group string) (resttest.Values, object) {
			w.invite(t, w.Caller.Number, group) // creates the first one
			return resttest.Values{}, object{}
		}, func(t *testing.T, w *restWorld, group string, out outcome) {
			now := w.invite(t, w.Caller.Number, group)
			out.is(t, now, "newInviteCode", "0/code")
			out.is(t, now, "result", "0/code")
			if e2etest.CallMethod(w.Network.Addr, "sandbox.joinGroup", object{"account": w.NewPhone(t), "code": now}, nil) != nil {
				t.Error("the new code is not usable")
			}
		}),
		wwebjsGroupCase("leave", "group.leave", nil, func(t *testing.T, w *restWorld, group string, _ outcome) {
			testkit.Within(t, e2etest.FeedWait, "the caller has left", func() bool { return len(membersOf(t, w, group)) == 1 })
		}),
		wwebjsSetting("setSubject", "group.setName", resttest.Values{"subject": "Jetty"}, object{"name": "Jetty"}, object{"name": "Jetty"}),
		wwebjsSetting("setDescription", "group.setDescription", resttest.Values{"description": "Tides"}, object{"description": "Tides"}, object{"description": "Tides"}),
		wwebjsSetting("setInfoAdminsOnly", "group.updateSettings", resttest.Values{"adminsOnly": true}, object{"locked": true}, object{"locked": true}),
		wwebjsSetting("setMessagesAdminsOnly", "group.updateSettings", resttest.Values{"adminsOnly": true}, object{"announce": true}, object{"announce": true}),
		wwebjsGroupCase("setPicture", "group.setPicture", func(t *testing.T, w *restWorld, _ string) (resttest.Values, object) {
			picture := base64.StdEncoding.EncodeToString(e2etest.JPEGFile(t, 1+w.NextNumber()%100))
			return resttest.Values{"pictureMimetype": "image/jpeg", "pictureData": picture}, object{"media": object{"base64": picture, "mime_type": "image/jpeg"}}
		}, seesPicture(true)),
		wwebjsGroupCase("deletePicture", "group.removePicture", func(t *testing.T, w *restWorld, group string) (resttest.Values, object) {
			w.Call(t, w.Caller, "group.setPicture", object{"group": group, "media": object{"base64": e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 3))}})
			return resttest.Values{}, object{}
		}, seesPicture(false)),
	}
}

// wwebjsGroupForms checks what the document describes in words only: the names of the fork, members that WhatsApp refuses,
// and switches without a value.
func wwebjsGroupForms(t *testing.T, r *restRun) {
	const unknown = "15550609999"
	group, phone := r.w.NewGroup(t, "Forms", r.w.Peer.Number), r.w.NewPhone(t)
	for _, c := range []struct {
		path         string
		values, want object
	}{
		{"addParticipants", object{"participantIds": []string{phone + "@c.us"}}, object{"success": true, "result": object{phone + "@c.us": object{"code": 200}}}},
		{"removeParticipants", object{"contactIds": []string{unknown + "@c.us"}}, object{"success": true, "result": object{"status": 404}}},
		{"setInfoAdminsOnly", object{"adminsOnly": false}, object{"success": true, "result": true}},
		{"setMessagesAdminsOnly", object{}, object{"success": true, "result": true}},
		{"setDescription", object{"description": ""}, object{"success": true, "chat": object{"isGroup": true}}},
		{"setPicture", object{"pictureMimeType": "image/jpeg", "pictureData": base64.StdEncoding.EncodeToString(e2etest.JPEGFile(t, 4))}, object{"result": true}},
	} {
		r.checkAnswer(t, "POST", "/groupChat/"+c.path+"/"+r.w.Caller.ID, string(jsonOf(e2etest.MergeObjects(c.values, object{"chatId": group}))), c.want)
	}
	e2etest.CheckSame(t, "as a member sees it", object{"locked": false, "announce": true, "description": nil}, r.w.groupAs(t, r.w.Peer, group))
}
