package sandbox

import (
	"slices"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func (h *groupHost) memberRoutes() iqRoutes {
	return iqRoutes{
		"w:g2/set/add":     h.handleAdd,
		"w:g2/set/remove":  h.handleRemove,
		"w:g2/set/promote": func(r *request) ([]waBinary.Node, error) { return h.changeRank(r, rankAdmin) },
		"w:g2/set/demote":  func(r *request) ([]waBinary.Node, error) { return h.changeRank(r, rankMember) },
		"w:g2/set/leave":   h.handleLeave,
	}
}

// failedParticipant returns the participant node of a request with an error code.
func failedParticipant(node *waBinary.Node, code int, children ...waBinary.Node) waBinary.Node {
	out := waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": node.Attrs["jid"], "error": strconv.Itoa(code)}}
	if len(children) > 0 {
		out.Content = children
	}
	return out
}

// checkAdditions checks which of the requested accounts may be added to a group. It returns them and the refusals, without changing the membership.
func (h *groupHost) checkAdditions(g *group, by *account, wanted []waBinary.Node) (joined []*account, failures []waBinary.Node) {
	for i := range wanted {
		node := &wanted[i]
		jid, _ := jidOf(node, "jid")
		a := h.net.find(jid)
		switch {
		case a == nil:
			failures = append(failures, failedParticipant(node, 404))
		case a == by || slices.Contains(joined, a):
		case g.member(a) != nil:
			failures = append(failures, failedParticipant(node, 409))
		case len(g.members)+len(joined) >= h.net.options.Limits.GroupMembers:
			failures = append(failures, failedParticipant(node, 419))
		case !a.mayBeAddedBy(by):
			failures = append(failures, failedParticipant(node, 403, h.newInvitation(g, by, a)))
		default:
			joined = append(joined, a)
		}
	}
	return joined, failures
}

// addMembers makes accounts members: existing members are notified of the new ones, and the new ones get the description of the group.
func (h *groupHost) addMembers(g *group, by *account, reason string, newcomers []*account) {
	if len(newcomers) == 0 {
		return
	}
	before, previous := g.memberAccounts(), g.memberID()
	g.memberVersion++
	var nodes []waBinary.Node
	for _, a := range newcomers {
		g.members = append(g.members, &member{a, rankMember})
		g.dropJoinRequest(a)
		delete(g.removed, a)
		nodes = append(nodes, participant(a))
	}
	change := waBinary.Node{Tag: "add", Attrs: waBinary.Attrs{"prev_v_id": previous, "v_id": g.memberID()}, Content: nodes}
	create := waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{}, Content: []waBinary.Node{h.groupNode(g, true)}}
	if reason != "" {
		change.Attrs["reason"], create.Attrs["reason"] = reason, reason
	}
	h.notifyAccounts(g, by, change, before...)
	h.notifyAccounts(g, by, create, newcomers...)
	h.joinCommunity(g, by, newcomers)
}

func (g *group) memberAccounts() []*account {
	list := make([]*account, len(g.members))
	for i, m := range g.members {
		list[i] = m.account
	}
	return list
}

func (h *groupHost) handleAdd(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdder)
	if err != nil {
		return nil, err
	}
	joined, failures := h.checkAdditions(g, m.account, r.child().GetChildrenByTag("participant"))
	var nodes []waBinary.Node
	for _, a := range joined {
		nodes = append(nodes, participant(a))
	}
	r.after(func() { h.addMembers(g, m.account, "", joined) })
	return []waBinary.Node{{Tag: "add", Content: append(nodes, failures...)}}, nil
}

func (h *groupHost) handleRemove(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	var gone []*account
	var nodes []waBinary.Node
	wanted := r.child().GetChildrenByTag("participant")
	for i := range wanted {
		jid, _ := jidOf(&wanted[i], "jid")
		switch other := g.member(h.net.find(jid)); {
		case other == nil:
			nodes = append(nodes, failedParticipant(&wanted[i], 404))
		case other == m || other.rank == rankCreator:
			nodes = append(nodes, failedParticipant(&wanted[i], 406))
		default:
			gone = append(gone, other.account)
			nodes = append(nodes, participant(other.account))
		}
	}
	r.after(func() {
		for _, a := range gone {
			g.removed[a] = true
		}
		h.removeMembers(g, m.account, gone)
	})
	return []waBinary.Node{{Tag: "remove", Content: nodes}}, nil
}

// removeMembers ends memberships and notifies members and former members.
func (h *groupHost) removeMembers(g *group, by *account, gone []*account) {
	if len(gone) == 0 {
		return
	}
	previous := g.memberID()
	g.memberVersion++
	var nodes []waBinary.Node
	for _, a := range gone {
		nodes = append(nodes, participant(a))
		if g.past = append(g.past, pastMember{account: a, at: h.net.now(), left: a == by}); len(g.past) > h.net.options.Limits.GroupMembers {
			g.past = g.past[1:]
		}
	}
	g.members = slices.DeleteFunc(g.members, func(m *member) bool { return slices.Contains(gone, m.account) })
	h.notifyMembers(g, by, waBinary.Node{Tag: "remove", Attrs: waBinary.Attrs{"prev_v_id": previous, "v_id": g.memberID()}, Content: nodes}, gone...)
	if len(g.members) == 0 {
		h.deleteGroup(g)
		return
	}
	if !slices.ContainsFunc(g.members, func(m *member) bool { return m.rank >= rankAdmin }) {
		h.setRank(g, by, rankAdmin, g.members[:1]) // a group is never without an admin
	}
	if g.isParent {
		for _, sub := range slices.Clone(g.subGroups) {
			inSub := slices.DeleteFunc(slices.Clone(gone), func(a *account) bool { return sub.member(a) == nil })
			h.removeMembers(sub, by, inSub)
		}
	}
}

// setRank promotes or demotes members and notifies all members.
func (h *groupHost) setRank(g *group, by *account, to rank, chosen []*member) {
	if len(chosen) == 0 {
		return
	}
	tag := "promote"
	if to == rankMember {
		tag = "demote"
	}
	previous := g.memberID()
	g.memberVersion++
	var nodes []waBinary.Node
	for _, m := range chosen {
		m.rank = to
		nodes = append(nodes, participant(m.account))
	}
	h.notifyMembers(g, by, waBinary.Node{Tag: tag, Attrs: waBinary.Attrs{"prev_v_id": previous, "v_id": g.memberID()}, Content: nodes})
}

func (h *groupHost) changeRank(r *request, to rank) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	var chosen []*member
	var nodes []waBinary.Node
	wanted := r.child().GetChildrenByTag("participant")
	for i := range wanted {
		jid, _ := jidOf(&wanted[i], "jid")
		other := g.member(h.net.find(jid))
		switch {
		case other == nil:
			nodes = append(nodes, failedParticipant(&wanted[i], 404))
			continue
		case other.rank == rankCreator:
			nodes = append(nodes, failedParticipant(&wanted[i], 406))
			continue
		case other.rank != to:
			chosen = append(chosen, other)
		}
		nodes = append(nodes, participant(other.account))
	}
	r.after(func() { h.setRank(g, m.account, to, chosen) })
	return []waBinary.Node{{Tag: r.child().Tag, Content: nodes}}, nil
}

// handleLeave ends the requester's own memberships.
func (h *groupHost) handleLeave(r *request) ([]waBinary.Node, error) {
	var groups []*group
	var nodes []waBinary.Node
	for _, child := range r.child().GetChildrenByTag("group") {
		jid, _ := jidOf(&child, "id")
		if text(&child, "id") != "" && jid.IsEmpty() {
			jid, _ = types.ParseJID(text(&child, "id"))
		}
		g := h.find(jid)
		if g == nil {
			return nil, iqFail(404)
		}
		if g.member(r.device.account) == nil {
			return nil, iqFail(403)
		}
		groups = append(groups, g)
		nodes = append(nodes, waBinary.Node{Tag: "group", Attrs: waBinary.Attrs{"id": g.jid}})
	}
	if len(groups) == 0 {
		return nil, iqFail(400)
	}
	r.after(func() {
		for _, g := range groups {
			h.removeMembers(g, r.device.account, []*account{r.device.account})
		}
	})
	return []waBinary.Node{{Tag: "leave", Content: nodes}}, nil
}
