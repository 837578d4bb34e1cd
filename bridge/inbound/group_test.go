package inbound

import (
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// TestGroupEvents checks the events about groups and pictures.
func TestGroupEvents(t *testing.T) {
	change := func(set func(evt *events.GroupInfo)) *events.GroupInfo {
		evt := &events.GroupInfo{JID: team, Timestamp: at, Sender: &adaLID, SenderPN: &ada, Notify: "w:gp2"}
		set(evt)
		return evt
	}
	raw := func(tag string, attrs waBinary.Attrs, content any) *events.GroupInfo {
		return change(func(evt *events.GroupInfo) {
			evt.UnknownChanges = []*waBinary.Node{{Tag: tag, Attrs: attrs, Content: content}}
		})
	}
	carol := []waBinary.Node{{Tag: "participant", Attrs: waBinary.Attrs{"jid": carolLID}}, {Tag: "participant"}}
	checkFamily(t, groupFamily, []sample{
		{"name and description", change(func(evt *events.GroupInfo) {
			evt.Name, evt.Topic = &types.GroupName{Name: "Team"}, &types.GroupTopic{Topic: "about us", TopicID: "T1"}
		})},
		{"description deleted", change(func(evt *events.GroupInfo) { evt.Topic = &types.GroupTopic{TopicID: "T2", TopicDeleted: true} })},
		{"settings", change(func(evt *events.GroupInfo) {
			link := "https://chat.whatsapp.com/code"
			evt.Locked, evt.Announce, evt.Ephemeral = &types.GroupLocked{IsLocked: true}, &types.GroupAnnounce{IsAnnounce: true}, &types.GroupEphemeral{DisappearingTimer: 86400}
			evt.NewInviteLink, evt.Suspended = &link, true
		})},
		{"approval that cannot be read", change(func(evt *events.GroupInfo) { evt.MembershipApprovalMode = &types.GroupMembershipApprovalMode{} })},
		{"links", change(func(evt *events.GroupInfo) {
			evt.Link, evt.Unlink = &types.GroupLinkChange{Group: types.GroupLinkTarget{JID: team}}, &types.GroupLinkChange{Group: types.GroupLinkTarget{JID: team}}
		})},
		{"members", change(func(evt *events.GroupInfo) {
			evt.Join, evt.Leave, evt.JoinReason = []types.JID{bob, carolLID}, []types.JID{ada}, "invite"
			evt.ParticipantVersionID, evt.PrevParticipantVersionID = "2", "1"
		})},
		{"admins", change(func(evt *events.GroupInfo) { evt.Promote, evt.Demote = []types.JID{bob}, []types.JID{adaLID} })},
		{"deleted", change(func(evt *events.GroupInfo) { evt.Delete = &types.GroupDelete{Deleted: true, DeleteReason: "admin"} })},
		{"without actor", &events.GroupInfo{JID: team, Timestamp: at, Unsuspended: true}},
		{"join requests", raw("created_membership_requests", waBinary.Attrs{"request_method": "invite_link"}, carol)},
		{"withdrawn join requests", raw("revoked_membership_requests", nil, carol)},
		{"growth locked", raw("growth_locked", waBinary.Attrs{"type": "invite", "expiration": "1767323045"}, nil)},
		{"growth unlocked", raw("growth_unlocked", nil, nil)},
		{"who may share the link", raw("member_link_mode", nil, []byte("admin_link"))},
		{"who may add members", raw("member_add_mode", nil, []byte("all_member_add"))},
		{"changed number", raw("modify", nil, []waBinary.Node{{Tag: "participant", Attrs: waBinary.Attrs{"jid": adaLID, "phone_number": ada}}})},
		{"unknown change", raw("glitter", nil, nil)},
		{"joined", &events.JoinedGroup{Type: "new", Reason: "invite", CreateKey: "K1", Sender: &ada, GroupInfo: types.GroupInfo{
			JID: team, GroupName: types.GroupName{Name: "Team", NameSetAt: at}, OwnerJID: ada, GroupCreated: at,
			Participants: []types.GroupParticipant{{JID: ada, PhoneNumber: ada, LID: adaLID, IsAdmin: true, IsSuperAdmin: true}, {JID: own, PhoneNumber: own}},
		}}},
		{"picture of a person", &events.Picture{JID: adaLID, Author: adaLID, Timestamp: at, PictureID: "P1"}},
		{"picture of a group removed", &events.Picture{JID: team, Author: bob, Timestamp: at, Remove: true}},
	})
}
