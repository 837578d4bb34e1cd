package rest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// newCommunity makes a community of a session with linked groups and returns its announcement group, too.
func (w *restWorld) newCommunity(t *testing.T, s e2etest.Session, groups ...string) (community, announcements string) {
	t.Helper()
	made := w.Call(t, s, "community.create", object{"name": "Coast", "groups": append([]string{}, groups...)})
	return e2etest.TextOf(made["community"]), e2etest.TextOf(made["announcement_group"])
}

// communityOf compares the community of a group, as a member sees it.
func (w *restWorld) checkCommunityOf(t *testing.T, group string, want any) {
	t.Helper()
	if of := w.groupAs(t, w.Peer, group)["community"]; of != want {
		t.Errorf("the group is in %v, want %v", of, want)
	}
}

func digigoCommunity() []restCase {
	link := func(operation, method string, linked bool) restCase {
		return restCase{operation: "POST /community/" + operation, prepare: func(t *testing.T, w *restWorld) restAct {
			group, before := w.NewGroup(t, "Bay", w.Peer.Number), []string{}
			if linked {
				before = []string{group}
			}
			community, _ := w.newCommunity(t, w.Caller, before...)
			var want any = community
			if linked {
				want = nil
			}
			return restAct{
				values: resttest.Values{"parent_jid": community, "child_jid": group},
				calls:  []restCall{{method, object{"community": community, "group": group}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, community, "parent_jid", "0/community")
					w.checkCommunityOf(t, group, want)
				},
			}
		}}
	}
	listed := func(operation string) restCase {
		return restCase{operation: "POST /community/" + operation, prepare: func(t *testing.T, w *restWorld) restAct {
			group := w.NewGroup(t, "Bay", w.Peer.Number)
			community, announcements := w.newCommunity(t, w.Caller, group)
			return restAct{
				values: resttest.Values{"community_jid": community},
				calls:  []restCall{{"community.listGroups", object{"community": community}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, announcements, "linked_groups/0", "0/groups/0/group")
					out.is(t, group, "linked_groups/1", "0/groups/1/group")
				},
			}
		}}
	}
	return []restCase{
		link("link", "community.linkGroup", false), link("unlink", "community.unlinkGroup", true),
		listed("linked-groups"), listed("sub-groups"),
		{operation: "POST /community/create", prepare: func(t *testing.T, w *restWorld) restAct {
			name, group := fmt.Sprintf("Coast %d", w.NextNumber()), w.NewGroup(t, "Cove", w.Peer.Number)
			return restAct{
				values: resttest.Values{"name": name, "initial_groups": []string{group}},
				calls:  []restCall{{"community.create", object{"name": name, "description": "A community for our organization", "groups": []string{group}}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, []string{group}, "linked_groups", "0/linked_groups")
					community := e2etest.TextOf(out.at("community_jid", "0/community"))
					w.checkCommunityOf(t, group, community)
					e2etest.CheckSame(t, "the community", object{"name": name, "description": "A community for our organization", "is_community": true}, w.groupAs(t, w.Caller, community))
				},
			}
		}},
		{operation: "POST /community/announcement", prepare: func(t *testing.T, w *restWorld) restAct {
			group := w.NewGroup(t, "Reef", w.Peer.Number)
			community, announcements := w.newCommunity(t, w.Caller, group)
			text := fmt.Sprintf("Storm %d", w.NextNumber())
			return restAct{
				values: resttest.Values{"community_jid": community, "message": text},
				calls:  []restCall{{"community.sendAnnouncement", object{"community": community, "text": text, "every_group": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, 2, "sent_to_groups", "0/sent_count")
					for _, chat := range []string{group, announcements} {
						testkit.Within(t, e2etest.FeedWait, "the text is on a member's phone", func() bool { return w.hasText(t, w.Peer.Number, chat, text) })
					}
				},
			}
		}},
		{operation: "POST /community/requests", prepare: func(t *testing.T, w *restWorld) restAct {
			group, applicant := w.approvedGroup(t)
			return restAct{
				values: resttest.Values{"group_jid": group},
				calls:  []restCall{{"group.listJoinRequests", object{"group": group}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, e2etest.JIDOf(applicant), "requests/0/jid", "0/requests/0/contact")
					if at := out.at("requests/0/request_time", "0/requests/0/requested_at"); at == nil || at == 0.0 {
						t.Error("a request without a time")
					}
				},
			}
		}},
		{operation: "POST /community/requests/update", prepare: func(t *testing.T, w *restWorld) restAct {
			group, applicant := w.approvedGroup(t)
			return restAct{
				values: resttest.Values{"group_jid": group, "action": "approve", "participants": []string{applicant}},
				calls:  []restCall{{"group.updateJoinRequests", object{"group": group, "action": "approve", "participants": []string{applicant}}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, 1, "processed_count", "0/processed_count")
					if message := out.at("message", ""); out.rpc == nil && message != "Successfully approved 1 join request(s)" {
						t.Error(message)
					}
					e2etest.CheckSame(t, "member", false, e2etest.ValueAt(w.groupAs(t, w.Caller, group), "participants/contact="+e2etest.JIDOf(applicant)+"/is_admin"))
				},
			}
		}},
	}
}

// approvedGroup makes a group whose admins approve new members, and a request to join it.
func (w *restWorld) approvedGroup(t *testing.T) (group, applicant string) {
	t.Helper()
	group, applicant = w.NewGroup(t, "Club", w.Peer.Number), w.NewPhone(t)
	w.Call(t, w.Caller, "group.updateSettings", object{"group": group, "join_approval_required": true})
	e2etest.MustCall(t, w.Network.Addr, "sandbox.joinGroup", object{"account": applicant, "code": w.invite(t, w.Caller.Number, group)}, nil)
	return group, applicant
}

// hasText reports whether a phone has a text in a chat.
func (w *restWorld) hasText(t *testing.T, number, chat, text string) bool {
	t.Helper()
	var inbox struct{ Messages []map[string]any }
	e2etest.MustCall(t, w.Network.Addr, "sandbox.listMessages", object{"account": number, "type": "text"}, &inbox)
	return slices.ContainsFunc(inbox.Messages, func(m map[string]any) bool { return m["chat"] == chat && m["text"] == text })
}

// digigoCommunityErrors provokes the documented errors of communities.
func digigoCommunityErrors() []provocation {
	refused := object{"kind": "refuse_request", "tag": "iq", "code": 503, "times": -1}
	return []provocation{
		{"POST /community/*", "no session", withSession(func(_ *testing.T, w *restWorld) e2etest.Session { return w.Idle })},
		{"POST /community/create", "failed to create community", withFault(refused)},
		{"POST /community/announcement", "failed to send announcement", withFault(refused)},
		{"POST /community/announcement", "only community admins*", func(t *testing.T, p *provoked) { p.as = p.run.w.Peer }},
		{"POST /community/announcement", "community JID is required", withValue("community_jid", resttest.Absent)},
		{"POST /community/announcement", "message text is required", withValue("message", "")},
		{"POST /community/create", "community name is required", withValue("name", resttest.Absent)},
		{"POST /community/create", "invalid group JID*", withValue("initial_groups", []string{"no address"})},
		{"POST /community/*", "invalid parent JID format", withValue("parent_jid", "no address")},
		{"POST /community/*", "invalid community JID format", withValue("community_jid", "no address")},
		{"POST /community/*", "invalid group JID format", withValue("group_jid", "no address")},
		{"POST /community/*", "invalid action*", withValue("action", "ignore")},
		{"POST /community/*", "participants list is required", withValue("participants", resttest.Absent)},
	}
}
