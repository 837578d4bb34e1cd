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

// groupAs returns a group as a session sees it.
func (w *restWorld) groupAs(t *testing.T, s e2etest.Session, group string) map[string]any {
	t.Helper()
	seen, _ := w.Call(t, s, "group.get", object{"group": group})["group"].(map[string]any)
	return seen
}

// invite returns the invite code of a group.
func (w *restWorld) invite(t *testing.T, account, group string) string {
	t.Helper()
	var invite struct{ Code string }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.getInviteCode", object{"account": account, "group": group}, &invite)
	return invite.Code
}

// groupChange returns the case of an operation that changes a group; want is the group as a member sees it afterwards.
func groupChange(path, method string, values resttest.Values, params, want object) restCase {
	return restCase{operation: "POST /group/" + path, prepare: func(t *testing.T, w *restWorld) restAct {
		group := w.NewGroup(t, "Quay", w.Peer.Number)
		return restAct{
			values: values.With(resttest.Values{"GroupJID": group}),
			calls:  []restCall{{method, e2etest.MergeObjects(params, object{"group": group})}},
			effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "as a member sees it", want, w.groupAs(t, w.Peer, group))
			},
		}
	}}
}

// digigoGroup returns the cases of groups; five operations have the requests of wuzapi.
func digigoGroup() []restCase {
	return slices.Concat(wuzapiGroup("image/jpeg", "groupJID"), []restCase{
		groupChange("topic", "group.setDescription", resttest.Values{"Topic": "Tide tables"}, object{"description": "Tide tables"}, object{"description": "Tide tables"}),
		groupChange("locked", "group.updateSettings", resttest.Values{"Locked": true}, object{"locked": true}, object{"locked": true}),
		groupChange("announce", "group.updateSettings", resttest.Values{"Announce": true}, object{"announce": true}, object{"announce": true}),
		groupChange("ephemeral", "group.updateSettings", resttest.Values{"Duration": "7d"}, object{"disappearing_seconds": 604800}, object{"disappearing_seconds": 604800}),
		{operation: "POST /group/create", prepare: func(_ *testing.T, w *restWorld) restAct {
			name, members := fmt.Sprintf("Dock %d", w.NextNumber()), []string{w.Peer.Number}
			return restAct{
				values: resttest.Values{"Name": name, "Participants": members},
				calls:  []restCall{{"group.create", object{"name": name, "participants": members}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "Participants/JID="+w.Caller.JID()+"/IsSuperAdmin", "0/group/participants/contact="+w.Caller.JID()+"/is_super_admin")
					seen := w.groupAs(t, w.Peer, e2etest.TextOf(out.at("JID", "0/group/group")))
					e2etest.CheckSame(t, "as a member sees it", object{"name": name}, seen)
				},
			}
		}},
		{operation: "POST /group/leave", prepare: func(t *testing.T, w *restWorld) restAct {
			group := w.NewGroup(t, "Left", w.Peer.Number)
			return restAct{
				values: resttest.Values{"GroupJID": group},
				calls:  []restCall{{"group.leave", object{"group": group}}},
				effect: func(t *testing.T, _ outcome) {
					testkit.Within(t, e2etest.FeedWait, "the caller has left", func() bool { return len(membersOf(t, w, group)) == 1 })
				},
			}
		}},
		{operation: "POST /group/photo/remove", prepare: func(t *testing.T, w *restWorld) restAct {
			group := w.NewGroup(t, "Faceless", w.Peer.Number)
			w.Call(t, w.Caller, "group.setPicture", object{"group": group, "media": object{"base64": e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 3))}})
			return restAct{
				values: resttest.Values{"GroupJID": group},
				calls:  []restCall{{"group.removePicture", object{"group": group}}},
				effect: func(t *testing.T, _ outcome) {
					if seen := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": group}); seen["url"] != nil {
						t.Errorf("a member sees %v", seen)
					}
				},
			}
		}},
		{operation: "POST /group/join", prepare: func(t *testing.T, w *restWorld) restAct {
			group, code := w.foreignGroup(t)
			return restAct{
				values: resttest.Values{"Code": "https://chat.whatsapp.com/" + code},
				calls:  []restCall{{"group.join", object{"invite": code}}},
				effect: func(t *testing.T, _ outcome) {
					testkit.Within(t, e2etest.FeedWait, "the caller is a member", func() bool { return len(membersOf(t, w, group)) == 2 })
				},
			}
		}},
		{operation: "POST /group/inviteinfo", prepare: func(t *testing.T, w *restWorld) restAct {
			group, code := w.foreignGroup(t)
			return restAct{
				values: resttest.Values{"Code": code},
				calls:  []restCall{{"group.getInviteInfo", object{"invite": code}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, group, "InviteInfo/GroupJID", "0/group/group")
					out.is(t, "Foreign", "InviteInfo/GroupName", "0/group/name")
				},
			}
		}},
		{operation: "POST /group/updateparticipants", prepare: func(t *testing.T, w *restWorld) restAct {
			group, phone := w.NewGroup(t, "Crew", w.Peer.Number), w.NewPhone(t)
			return restAct{
				values: resttest.Values{"GroupJID": group, "Action": "add", "Phone": []string{phone}},
				calls:  []restCall{{"group.updateParticipants", object{"group": group, "action": "add", "participants": []string{phone}}}},
				effect: func(t *testing.T, _ outcome) {
					e2etest.CheckSame(t, "member", false, e2etest.ValueAt(w.groupAs(t, w.Peer, group), "participants/contact="+e2etest.JIDOf(phone)+"/is_admin"))
				},
			}
		}},
	})
}

// foreignGroup makes a group without the caller and returns its invite code, too.
func (w *restWorld) foreignGroup(t *testing.T) (group, code string) {
	t.Helper()
	var made struct{ Group string }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.createGroup", object{"account": w.Shop, "name": "Foreign", "participants": []string{}}, &made)
	return made.Group, w.invite(t, w.Shop, made.Group)
}

func membersOf(t *testing.T, w *restWorld, group string) []string {
	t.Helper()
	var list struct{ Participants []string }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.listMembers", object{"group": group}, &list)
	return list.Participants
}

// digigoGroupForms checks the answers that the document describes in words only.
func digigoGroupForms(t *testing.T, r *restRun) {
	const unknown, notThere = "15550609999", "the person is not in the group or not on WhatsApp"
	group, phone := r.w.NewGroup(t, "Forms", r.w.Peer.Number), r.w.NewPhone(t)
	said := func(text string) object { return object{"code": 200, "data": object{"Details": text}} }
	for _, c := range []struct {
		path         string
		values, want object
	}{
		{"updateparticipants", object{"Action": "add", "Phone": phone}, said("Added to the group")},
		{"updateparticipants", object{"Action": "promote", "Phone": []string{phone}}, said("Promoted to admin")},
		{"updateparticipants", object{"Action": "demote", "Phone": []string{phone}}, said("Demoted from admin")},
		{"updateparticipants", object{"Action": "remove", "Phone": []string{phone, unknown}}, object{"data": object{"Refused": []object{{"Error": notThere}}}}},
		{"updateparticipants", object{"Action": "remove", "Phone": []string{unknown}}, object{"code": 500, "success": false, "error": notThere}},
		{"ephemeral", object{"Duration": "off"}, said("Disappearing timer set successfully")},
	} {
		r.checkAnswer(t, "POST", "/group/"+c.path, string(jsonOf(e2etest.MergeObjects(c.values, object{"GroupJID": group}))), c.want)
	}
	before := r.w.invite(t, r.w.Caller.Number, group)
	r.checkAnswer(t, "GET", "/group/invitelink?reset=true&groupJID="+group, "", object{"success": true})
	if now := r.w.invite(t, r.w.Caller.Number, group); now == before {
		t.Error("the invite code did not change")
	}
	whole := r.send(t, r.mounts[0], r.w.Caller.Token, &resttest.Request{Method: "GET", Path: "/group/list"})
	short := r.send(t, r.mounts[0], r.w.Caller.Token, &resttest.Request{Method: "GET", Path: "/group/list", Query: url.Values{"ignoreParticipants": {"true"}}})
	if !strings.Contains(string(whole.Body), "Participants") || strings.Contains(string(short.Body), `"Participants"`) || !strings.Contains(string(short.Body), group) {
		t.Errorf("%.300s\nand without participants %.300s", whole.Body, short.Body)
	}
	foreign, code := r.w.foreignGroup(t)
	e2etest.MustCall(t, r.w.Network.Addr, "sandbox.updateGroup", object{"account": r.w.Shop, "group": foreign, "join_approval_required": true}, nil)
	r.checkAnswer(t, "POST", "/group/join", `{"code":"`+code+`"}`, said("Request to join sent, an admin has to approve it"))
}
