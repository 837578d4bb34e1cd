package sandbox

import (
	"encoding/base64"
	"slices"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

func (h *groupHost) inviteRoutes() iqRoutes {
	return iqRoutes{
		"w:g2/get/invite":                       h.getInvite,
		"w:g2/set/invite":                       h.setInvite,
		"w:g2/set/accept":                       h.acceptInvitation,
		"w:g2/get/membership_approval_requests": h.listRequests,
		"w:g2/set/membership_requests_action":   h.decideRequests,
	}
}

// getInvite returns the link of a group to an admin (request to the group), or the group of a link to any account (request to the group server).
func (h *groupHost) getInvite(r *request) ([]waBinary.Node, error) {
	if to, _ := jidOf(r.node, "to"); to == types.GroupServerJID {
		g, err := h.byCode(text(r.child(), "code"))
		if err != nil {
			return nil, err
		}
		return []waBinary.Node{h.groupNode(g, false)}, nil
	}
	g, err := h.linkOwner(r)
	if err != nil {
		return nil, err
	}
	return []waBinary.Node{{Tag: "invite", Attrs: waBinary.Attrs{"code": g.code}}}, nil
}

// setInvite replaces the link of a group (request to the group), or joins the requester by a link (request to the group server).
func (h *groupHost) setInvite(r *request) ([]waBinary.Node, error) {
	if to, _ := jidOf(r.node, "to"); to == types.GroupServerJID {
		return h.joinByCode(r)
	}
	g, err := h.linkOwner(r)
	if err != nil {
		return nil, err
	}
	h.newCode(g)
	invite := waBinary.Node{Tag: "invite", Attrs: waBinary.Attrs{"code": g.code}}
	r.after(func() { h.notifyMembers(g, r.device.account, invite) })
	return []waBinary.Node{invite}, nil
}

// linkOwner returns the group whose link a member requests; members who are not admins get 401.
func (h *groupHost) linkOwner(r *request) (*group, error) {
	g, m, err := h.targetGroup(r, needMember)
	if err == nil && m.rank < rankAdmin {
		return nil, iqFail(401)
	}
	return g, err
}

// byCode returns the group of a link: 410 for a replaced link, 406 for an unknown one.
func (h *groupHost) byCode(code string) (*group, error) {
	if g := h.codes[code]; g != nil {
		return g, nil
	}
	for _, g := range h.list {
		if slices.Contains(g.revoked, code) {
			return nil, iqFail(410)
		}
	}
	return nil, iqFail(406)
}

// joinByCode joins an account to the group of a link, or records a join request if the group needs approval.
func (h *groupHost) joinByCode(r *request) ([]waBinary.Node, error) {
	g, err := h.byCode(text(r.child(), "code"))
	if err != nil {
		return nil, err
	}
	return h.join(r, g, "invite", []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid}}})
}

// join joins the requester to a group for a reason, or records a join request if the group needs approval.
func (h *groupHost) join(r *request, g *group, reason string, joined []waBinary.Node) ([]waBinary.Node, error) {
	own := r.device.account
	switch {
	case g.member(own) != nil:
		return nil, iqFail(409)
	case g.removed[own]:
		return nil, iqFail(401)
	case len(g.members) >= h.net.options.Limits.GroupMembers:
		return nil, iqFail(419)
	case g.approval:
		return h.requestToJoin(r, g)
	}
	r.after(func() { h.addMembers(g, own, reason, []*account{own}) })
	return joined, nil
}

// requestToJoin records a join request and notifies the admins.
func (h *groupHost) requestToJoin(r *request, g *group) ([]waBinary.Node, error) {
	own := r.device.account
	if !slices.ContainsFunc(g.requests, func(q joinRequest) bool { return q.account == own }) {
		if len(g.requests) >= h.net.options.Limits.GroupMembers {
			return nil, iqFail(419)
		}
		g.requests = append(g.requests, joinRequest{own, h.net.now()})
		r.after(func() {
			h.notifyAccounts(g, own, waBinary.Node{
				Tag: "created_membership_requests", Attrs: waBinary.Attrs{"request_method": "invite_link"},
				Content: []waBinary.Node{{Tag: "requested_user", Attrs: waBinary.Attrs{"jid": own.lid, "phone_number": own.pn}}},
			}, g.admins()...)
		})
	}
	return []waBinary.Node{{Tag: "membership_approval_request", Attrs: waBinary.Attrs{"jid": g.jid}}}, nil
}

func (g *group) admins() []*account {
	var list []*account
	for _, m := range g.members {
		if m.rank >= rankAdmin {
			list = append(list, m.account)
		}
	}
	return list
}

func (g *group) dropJoinRequest(a *account) {
	g.requests = slices.DeleteFunc(g.requests, func(q joinRequest) bool { return q.account == a })
}

func (h *groupHost) listRequests(r *request) ([]waBinary.Node, error) {
	g, _, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	var list []waBinary.Node
	for _, q := range g.requests {
		list = append(list, waBinary.Node{Tag: "membership_approval_request", Attrs: waBinary.Attrs{
			"jid": q.account.lid, "phone_number": q.account.pn, "request_time": unix(q.at), "request_method": "invite_link",
		}})
	}
	return []waBinary.Node{{Tag: "membership_approval_requests", Content: list}}, nil
}

// decideRequests approves or rejects join requests.
func (h *groupHost) decideRequests(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	actions := r.child().GetChildren()
	if len(actions) != 1 || actions[0].Tag != "approve" && actions[0].Tag != "reject" {
		return nil, iqFail(400)
	}
	var decided []*account
	var nodes []waBinary.Node
	wanted := actions[0].GetChildrenByTag("participant")
	for i := range wanted {
		jid, _ := jidOf(&wanted[i], "jid")
		a := h.net.find(jid)
		if a == nil || !slices.ContainsFunc(g.requests, func(q joinRequest) bool { return q.account == a }) {
			nodes = append(nodes, failedParticipant(&wanted[i], 404))
			continue
		}
		if actions[0].Tag == "approve" && len(g.members)+len(decided) >= h.net.options.Limits.GroupMembers {
			nodes = append(nodes, failedParticipant(&wanted[i], 419))
			continue
		}
		decided = append(decided, a)
		nodes = append(nodes, participant(a))
	}
	r.after(func() {
		if actions[0].Tag == "approve" {
			h.addMembers(g, m.account, "linked_group_join", decided)
			return
		}
		for _, a := range decided {
			g.dropJoinRequest(a)
		}
	})
	return []waBinary.Node{{Tag: "membership_requests_action", Content: []waBinary.Node{{Tag: actions[0].Tag, Content: nodes}}}}, nil
}

// newInvitation creates the invitation for an account whose privacy settings forbid adding it directly.
func (h *groupHost) newInvitation(g *group, by, invited *account) waBinary.Node {
	for code, ticket := range g.invites {
		if ticket.invited == invited {
			delete(g.invites, code)
		}
	}
	code := base64.RawURLEncoding.EncodeToString(h.random.bytes(12))
	ticket := addRequest{admin: by, invited: invited, until: h.net.now().Add(addRequestLife)}
	g.invites[code] = ticket
	return waBinary.Node{Tag: "add_request", Attrs: waBinary.Attrs{"code": code, "expiration": unix(ticket.until)}}
}

// findInvitation returns the invitation that a stanza names: 404 for another group's or account's, 410 for an expired one.
func (h *groupHost) findInvitation(r *request, node *waBinary.Node) (*group, addRequest, error) {
	jid, _ := jidOf(r.node, "to")
	g := h.find(jid)
	if g == nil {
		return nil, addRequest{}, iqFail(404)
	}
	ticket, ok := g.invites[text(node, "code")]
	admin, _ := jidOf(node, "admin")
	if !ok || ticket.invited != r.device.account || h.net.find(admin) != ticket.admin {
		return nil, addRequest{}, iqFail(404)
	}
	if text(node, "expiration") != strconv.FormatInt(ticket.until.Unix(), 10) {
		return nil, addRequest{}, iqFail(400)
	}
	if h.net.now().After(ticket.until) {
		return nil, addRequest{}, iqFail(410)
	}
	return g, ticket, nil
}

// acceptInvitation joins the requester by an invitation.
func (h *groupHost) acceptInvitation(r *request) ([]waBinary.Node, error) {
	g, ticket, err := h.findInvitation(r, r.child())
	if err != nil {
		return nil, err
	}
	own := r.device.account
	if g.member(own) != nil {
		return nil, iqFail(409)
	}
	if len(g.members) >= h.net.options.Limits.GroupMembers {
		return nil, iqFail(419)
	}
	delete(g.invites, text(r.child(), "code"))
	r.after(func() { h.addMembers(g, ticket.admin, "invite", []*account{own}) })
	return []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid}}}, nil
}

// acceptNode is the request to join by an invite message of an admin.
func acceptNode(invite *waE2E.GroupInviteMessage, admin types.JID) waBinary.Node {
	return waBinary.Node{Tag: "accept", Attrs: waBinary.Attrs{
		"code": invite.GetInviteCode(), "expiration": strconv.FormatInt(invite.GetInviteExpiration(), 10), "admin": admin,
	}}
}
