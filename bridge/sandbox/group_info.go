package sandbox

import (
	"slices"
	"strconv"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func (h *groupHost) infoRoutes() iqRoutes {
	return iqRoutes{
		"w:g2/set/create":        h.createGroup,
		"w:g2/get/query":         h.getGroup,
		"w:g2/get/participating": h.listOwnGroups,
	}
}

// createGroup creates a group with the requester as its creator.
func (h *groupHost) createGroup(r *request) ([]waBinary.Node, error) {
	own, order := r.device.account, r.child()
	subject := text(order, "subject")
	if to, _ := jidOf(r.node, "to"); to != types.GroupServerJID {
		return nil, iqFail(400)
	}
	if subject == "" || utf8.RuneCountInString(subject) > maxSubject {
		return nil, iqFail(406)
	}
	draft, err := h.parseDraft(r, order)
	if err != nil {
		return nil, err
	}
	g := h.newGroup(own, subject)
	if g == nil {
		return nil, iqFail(419)
	}
	draft.apply(g)
	g.members = []*member{{own, rankCreator}}
	joined, failures := h.checkAdditions(g, own, order.GetChildrenByTag("participant"))
	for _, a := range joined {
		g.members = append(g.members, &member{a, rankMember})
	}
	if g.isParent {
		if err = h.newAnnouncementGroup(g); err != nil {
			h.deleteGroup(g)
			return nil, err
		}
	} else if g.parent != nil {
		g.parent.link(g)
	}
	reply := h.groupNode(g, true)
	reply.Content = append(reply.GetChildren(), failures...)
	r.after(func() {
		h.notifyMembers(g, own, waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{"type": "new"}, Content: []waBinary.Node{h.groupNode(g, true)}})
		h.notifyCommunity(g, own)
		h.joinCommunity(g, own, joined)
	})
	return []waBinary.Node{reply}, nil
}

// groupDraft has the settings of a request to create a group, without subject and members.
type groupDraft struct {
	announce, locked, approval, adminAdd bool
	ephemeral                            uint32
	community
}

func (d *groupDraft) apply(g *group) {
	g.announce, g.locked, g.approval, g.adminAdd, g.ephemeral, g.community = d.announce, d.locked, d.approval, d.adminAdd, d.ephemeral, d.community
}

// parseDraft parses a request to create a group. Unknown tags are recorded as violations; a real server would ignore them silently.
func (h *groupHost) parseDraft(r *request, order *waBinary.Node) (*groupDraft, error) {
	var d groupDraft
	for _, child := range order.GetChildren() {
		switch child.Tag {
		case "participant":
		case "announcement":
			d.announce = true
		case "locked":
			d.locked = true
		case "ephemeral":
			timer, ok := groupTimer(&child)
			if !ok {
				return nil, iqFail(400)
			}
			d.ephemeral = timer
		case "member_add_mode":
			mode, ok := adminAdds(&child)
			if !ok {
				return nil, iqFail(400)
			}
			d.adminAdd = mode
		case "membership_approval_mode":
			on, ok := approvalState(&child)
			if !ok {
				return nil, iqFail(400)
			}
			d.approval = on
		case "parent":
			d.isParent, d.defaultApproval = true, text(&child, "default_membership_approval_mode")
		case "linked_parent":
			jid, _ := jidOf(&child, "jid")
			parent, err := h.communityOf(jid, r.device.account)
			if err != nil {
				return nil, err
			}
			d.parent = parent
		default:
			h.net.records.recordUnknown("w:g2/set/create/"+child.Tag, r)
		}
	}
	return &d, nil
}

// groupTimers are the message timers that WhatsApp offers, in seconds.
var groupTimers = []uint32{0, 24 * 60 * 60, 7 * 24 * 60 * 60, 90 * 24 * 60 * 60}

func groupTimer(node *waBinary.Node) (uint32, bool) {
	value, err := strconv.ParseUint(text(node, "expiration"), 10, 32)
	return uint32(value), err == nil && slices.Contains(groupTimers, uint32(value))
}

func adminAdds(node *waBinary.Node) (adminsOnly, ok bool) {
	switch types.GroupMemberAddMode(content(node)) {
	case types.GroupMemberAddModeAdmin:
		return true, true
	case types.GroupMemberAddModeAllMember:
		return false, true
	}
	return false, false
}

func approvalState(node *waBinary.Node) (on, ok bool) {
	join := node.GetChildByTag("group_join")
	state := text(&join, "state")
	return state == "on", state == "on" || state == "off"
}

// getGroup returns the description of a group to a member or to an account with an invitation.
func (h *groupHost) getGroup(r *request) ([]waBinary.Node, error) {
	if ticket, ok := r.child().GetOptionalChildByTag("add_request"); ok {
		g, _, err := h.findInvitation(r, &ticket)
		if err != nil {
			return nil, err
		}
		return []waBinary.Node{h.groupNode(g, false)}, nil
	}
	jid, _ := jidOf(r.node, "to")
	g := h.find(jid)
	if g == nil {
		return nil, iqFail(404)
	}
	if g.member(r.device.account) == nil {
		return nil, iqFail(403)
	}
	return []waBinary.Node{h.hideNumbers(g, r.device.account, h.groupNode(g, true))}, nil
}

// listOwnGroups returns the groups that the requester is in.
func (h *groupHost) listOwnGroups(r *request) ([]waBinary.Node, error) {
	_, withMembers := r.child().GetOptionalChildByTag("participants")
	var list []waBinary.Node
	for _, g := range h.list {
		if g.member(r.device.account) != nil {
			list = append(list, h.hideNumbers(g, r.device.account, h.groupNode(g, withMembers)))
		}
	}
	return []waBinary.Node{{Tag: "groups", Content: list}}, nil
}
