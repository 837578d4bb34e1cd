package inbound

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/wa"
)

var groupFamily = family{on(onGroupInfo), on(onJoinedGroup), on(onPicture)}

// onGroupInfo emits the changes of a group. The data has only the members that changed.
func onGroupInfo(t *Translation, evt *events.GroupInfo) error {
	data := fields{
		"group": evt.JID.String(), "chat": evt.JID.String(), "timestamp": evt.Timestamp.UTC(), "notify": wa.OrNull(evt.Notify),
		"sender":                          optionalJID(evt.Sender),
		"participant_version_id":          wa.OrNull(evt.ParticipantVersionID),
		"previous_participant_version_id": wa.OrNull(evt.PrevParticipantVersionID),
	}
	if err := t.actor(data, evt.Sender, evt.SenderPN); err != nil {
		return err
	}
	t.approvalMode(evt)
	groupChanges(data, evt)
	if err := t.moreChanges(data, evt); err != nil {
		return err
	}
	for name, jids := range map[string][]types.JID{
		"joined": evt.Join, "left": evt.Leave, "promoted": evt.Promote, "demoted": evt.Demote,
	} {
		if len(jids) == 0 {
			continue
		}
		people, err := t.people(jids)
		if err != nil {
			return err
		}
		data[name] = people
	}
	if len(evt.Join) > 0 {
		data["join_reason"] = wa.OrNull(evt.JoinReason)
	}
	if err := t.Emit("GroupInfo", evt.Timestamp, "", []string{evt.JID.String()}, data); err != nil {
		return err
	}
	if len(evt.Join) > 0 {
		t.answer(t.service.conn.PlanWelcome(t.ctx, evt))
	}
	return t.projectGroup(evt)
}

// approvalTimeout bounds the query of approvalMode: the following events wait for its answer.
const approvalTimeout = 5 * time.Second

// approvalMode asks WhatsApp whether admins must approve new members: whatsmeow reports every change of that setting
// the same way, regardless of the new value. Without an answer the event omits the setting.
func (t *Translation) approvalMode(evt *events.GroupInfo) {
	if evt.MembershipApprovalMode == nil {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, approvalTimeout)
	defer cancel()
	info, err := t.cli.GetGroupInfo(ctx, evt.JID)
	if err != nil {
		t.service.log().Warn("how a group admits members could not be read after a change", "error", err)
		evt.MembershipApprovalMode = nil
		return
	}
	evt.MembershipApprovalMode.IsJoinApprovalRequired = info.IsJoinApprovalRequired
}

func groupChanges(data fields, evt *events.GroupInfo) {
	if evt.Name != nil {
		data["name"] = evt.Name.Name
	}
	if evt.Topic != nil {
		data["description"], data["description_id"] = evt.Topic.Topic, wa.OrNull(evt.Topic.TopicID)
		if evt.Topic.TopicDeleted {
			data["description"] = nil
		}
	}
	if evt.Locked != nil {
		data["locked"] = evt.Locked.IsLocked
	}
	if evt.Announce != nil {
		data["announce"] = evt.Announce.IsAnnounce
	}
	if evt.Ephemeral != nil {
		data["disappearing_seconds"] = evt.Ephemeral.DisappearingTimer
	}
	if evt.MembershipApprovalMode != nil {
		data["join_approval_required"] = evt.MembershipApprovalMode.IsJoinApprovalRequired
	}
	if evt.Delete != nil {
		data["deleted"], data["delete_reason"] = evt.Delete.Deleted, wa.OrNull(evt.Delete.DeleteReason)
	}
	if evt.Link != nil {
		data["linked_group"] = evt.Link.Group.JID.String()
	}
	if evt.Unlink != nil {
		data["unlinked_group"] = evt.Unlink.Group.JID.String()
	}
	if evt.NewInviteLink != nil {
		data["invite_code"] = strings.TrimPrefix(*evt.NewInviteLink, whatsmeow.InviteLinkPrefix)
	}
	if evt.Suspended || evt.Unsuspended {
		data["suspended"] = evt.Suspended
	}
}

func onJoinedGroup(t *Translation, evt *events.JoinedGroup) error {
	group, err := groups.FromInfo(t.ctx, t.cli.Store, &evt.GroupInfo)
	if err != nil {
		return err
	}
	data := fields{
		"group": evt.JID.String(), "chat": evt.JID.String(), "reason": wa.OrNull(evt.Reason), "type": wa.OrNull(evt.Type), "create_key": wa.OrNull(evt.CreateKey),
		"sender": optionalJID(evt.Sender), "notify": wa.OrNull(evt.Notify), "name": group.Name, "group_info": group,
	}
	if err = t.actor(data, evt.Sender, evt.SenderPN); err != nil {
		return err
	}
	if err = t.Emit("JoinedGroup", time.Time{}, "", []string{evt.JID.String()}, data); err != nil {
		return err
	}
	return t.projectJoined(group)
}

func onPicture(t *Translation, evt *events.Picture) error {
	data := fields{
		"chat": evt.JID.ToNonAD().String(), "author": wa.JIDOrNull(evt.Author), "timestamp": evt.Timestamp.UTC(),
		"removed": evt.Remove, "picture_id": wa.OrNull(evt.PictureID),
	}
	about := evt.JID
	if !wa.IsPerson(about) {
		about = evt.Author
	}
	if _, err := t.who(data, about); err != nil {
		return err
	}
	chats, err := t.chatAddresses(evt.JID, types.EmptyJID)
	if err != nil {
		return err
	}
	if err = t.name(data); err != nil {
		return err
	}
	data["jid"] = data["chat"] // the person of the picture
	return t.Emit("Picture", evt.Timestamp, "", chats, data)
}

// actor adds the person behind a change.
func (t *Translation) actor(data fields, sender, pn *types.JID) error {
	var jids []types.JID
	for _, jid := range []*types.JID{sender, pn} {
		if jid != nil {
			jids = append(jids, *jid)
		}
	}
	_, err := t.who(data, jids...)
	return err
}

// eventPerson is one of several people in an event.
type eventPerson struct {
	Contact    string  `json:"contact"`
	PN         *string `json:"pn"`
	LID        *string `json:"lid"`
	ContactKey *string `json:"contact_key"`
}

func (t *Translation) people(jids []types.JID) ([]eventPerson, error) {
	out := make([]eventPerson, 0, len(jids))
	for _, jid := range jids {
		p, err := t.Person(jid)
		if err != nil {
			return nil, err
		}
		key, err := t.key(p)
		if err != nil {
			return nil, err
		}
		out = append(out, eventPerson{Contact: p.Address().String(), PN: wa.JIDOrNull(p.PN), LID: wa.JIDOrNull(p.LID), ContactKey: wa.OrNull(key)})
	}
	return out, nil
}

func optionalJID(jid *types.JID) *string {
	if jid == nil {
		return nil
	}
	return wa.JIDOrNull(*jid)
}
