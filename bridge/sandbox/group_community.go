package sandbox

import (
	"maps"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxSubGroups is WhatsApp's own bound on the groups of a community.
const maxSubGroups = 100

// community is a group's place in a community: the parent itself, its announcement group, or a linked group.
type community struct {
	isParent        bool
	defaultApproval string
	subGroups       []*group // of a parent, the announcement group first
	parent          *group   // of a linked group
	defaultSub      bool     // the announcement group, with every member of the community
}

func (g *group) link(child *group) { g.subGroups = append(g.subGroups, child) }

func (g *group) unlink(child *group) {
	g.subGroups = slices.DeleteFunc(g.subGroups, func(sub *group) bool { return sub == child })
	child.parent = nil
}

func (h *groupHost) communityRoutes() iqRoutes {
	return iqRoutes{
		"w:g2/set/links":                      h.linkGroups,
		"w:g2/set/unlink":                     h.unlinkGroup,
		"w:g2/set/join_linked_group":          h.joinLinkedGroup,
		"w:g2/get/sub_groups":                 h.listSubGroups,
		"w:g2/get/linked_groups_participants": h.listLinkedMembers,
	}
}

// newAnnouncementGroup creates the announcement group of a new community.
func (h *groupHost) newAnnouncementGroup(g *group) error {
	if g.parent != nil {
		return iqFail(400)
	}
	sub := h.newGroup(g.creator, g.subject.text)
	if sub == nil {
		return iqFail(419)
	}
	sub.announce, sub.defaultSub, sub.parent = true, true, g
	for _, m := range g.members {
		sub.members = append(sub.members, &member{m.account, m.rank})
	}
	g.link(sub)
	return nil
}

// joinCommunity adds new members of a linked group to the community and its announcement group.
func (h *groupHost) joinCommunity(g *group, by *account, newcomers []*account) {
	targets := []*group{}
	if g.isParent {
		targets = g.subGroups[:min(1, len(g.subGroups))]
	} else if g.parent != nil && !g.defaultSub {
		targets = []*group{g.parent}
	}
	for _, target := range targets {
		missing := slices.DeleteFunc(slices.Clone(newcomers), func(a *account) bool { return target.member(a) != nil })
		h.addMembers(target, by, "linked_group_join", missing)
	}
}

// notifyCommunity notifies the members of the community and of the group about a new linked group.
func (h *groupHost) notifyCommunity(g *group, by *account) {
	if g.isParent {
		sub := g.subGroups[0]
		h.notifyMembers(sub, by, waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{"type": "new"}, Content: []waBinary.Node{h.groupNode(sub, true)}})
	} else if g.parent != nil {
		h.notifyMembers(g.parent, by, linkChange("link", g))
	}
}

// communityOf returns a community that an account may change: 404 no community, 403 not an admin of it, 419 full.
func (h *groupHost) communityOf(jid types.JID, a *account) (*group, error) {
	g := h.find(jid)
	if g == nil || !g.isParent {
		return nil, iqFail(404)
	}
	if m := g.member(a); m == nil || m.rank < rankAdmin {
		return nil, iqFail(403)
	}
	if len(g.subGroups) >= maxSubGroups {
		return nil, iqFail(419)
	}
	return g, nil
}

// linkGroups links groups to a community; the requester must be an admin of all of them.
func (h *groupHost) linkGroups(r *request) ([]waBinary.Node, error) {
	jid, _ := jidOf(r.node, "to")
	g, err := h.communityOf(jid, r.device.account)
	if err != nil {
		return nil, err
	}
	link := r.child().GetChildByTag("link")
	if text(&link, "link_type") != string(types.GroupLinkChangeTypeSub) || len(link.GetChildren()) == 0 {
		return nil, iqFail(400)
	}
	var children []*group
	for _, node := range link.GetChildrenByTag("group") {
		childJID, _ := jidOf(&node, "jid")
		child := h.find(childJID)
		if child == nil {
			return nil, iqFail(404)
		}
		if m := child.member(r.device.account); m == nil || m.rank < rankAdmin {
			return nil, iqFail(403)
		}
		if child.isParent || child.parent != nil || slices.Contains(children, child) {
			return nil, iqFail(409)
		}
		children = append(children, child)
	}
	if len(g.subGroups)+len(children) > maxSubGroups {
		return nil, iqFail(419)
	}
	for _, child := range children {
		child.parent = g
		g.link(child)
	}
	r.after(func() {
		for _, child := range children {
			h.notifyMembers(g, r.device.account, linkChange("link", child))
			h.notifyMembers(child, r.device.account, linkChange("link", g))
			h.joinCommunity(child, r.device.account, child.memberAccounts())
		}
	})
	return []waBinary.Node{{Tag: "links", Content: r.child().Content}}, nil
}

func (h *groupHost) unlinkGroup(r *request) ([]waBinary.Node, error) {
	g, m, err := h.targetGroup(r, needAdmin)
	if err != nil {
		return nil, err
	}
	node := r.child().GetChildByTag("group")
	jid, _ := jidOf(&node, "jid")
	child := h.find(jid)
	if child == nil || child.parent != g || child.defaultSub {
		return nil, iqFail(404)
	}
	g.unlink(child)
	r.after(func() {
		h.notifyMembers(g, m.account, linkChange("unlink", child))
		h.notifyMembers(child, m.account, linkChange("unlink", g))
	})
	return []waBinary.Node{{Tag: "unlink", Content: r.child().Content}}, nil
}

// linkChange returns the notification node about the other side of a link.
func linkChange(tag string, other *group) waBinary.Node {
	kind := types.GroupLinkChangeTypeSub
	if other.isParent {
		kind = types.GroupLinkChangeTypeParent
	}
	attrs := waBinary.Attrs{tag + "_type": string(kind)}
	if tag == "unlink" {
		attrs["unlink_reason"] = string(types.GroupUnlinkReasonDefault)
	}
	return waBinary.Node{Tag: tag, Attrs: attrs, Content: []waBinary.Node{other.linkNode()}}
}

func (g *group) linkNode() waBinary.Node {
	node := waBinary.Node{Tag: "group", Attrs: waBinary.Attrs{"id": g.jid.User, "jid": g.jid, "subject": g.subject.text, "s_t": unix(g.subject.at)}}
	if g.defaultSub {
		node.Content = []waBinary.Node{{Tag: "default_sub_group"}}
	}
	return node
}

func (h *groupHost) listSubGroups(r *request) ([]waBinary.Node, error) {
	g, err := h.memberOfCommunity(r)
	if err != nil {
		return nil, err
	}
	var list []waBinary.Node
	for _, sub := range g.subGroups {
		list = append(list, sub.linkNode())
	}
	return []waBinary.Node{{Tag: "sub_groups", Content: list}}, nil
}

func (h *groupHost) listLinkedMembers(r *request) ([]waBinary.Node, error) {
	g, err := h.memberOfCommunity(r)
	if err != nil {
		return nil, err
	}
	var list []waBinary.Node
	for _, m := range g.members {
		list = append(list, h.hideNumbers(g, r.device.account, m.node()))
	}
	return []waBinary.Node{{Tag: "linked_groups_participants", Content: list}}, nil
}

func (h *groupHost) memberOfCommunity(r *request) (*group, error) {
	g, _, err := h.targetGroup(r, needMember)
	if err == nil && !g.isParent {
		return nil, iqFail(404)
	}
	return g, err
}

// joinLinkedGroup joins a member of a community to one of its groups, or records a join request if the group needs
// approval: 404 no such group in the community, 403 not a member of the community, 409 a member already.
func (h *groupHost) joinLinkedGroup(r *request) ([]waBinary.Node, error) {
	parent, err := h.memberOfCommunity(r)
	if err != nil {
		return nil, err
	}
	jid, _ := jidOf(r.child(), "jid")
	g := h.find(jid)
	if g == nil || g.parent != parent {
		return nil, iqFail(404)
	}
	return h.join(r, g, "linked_group_join", nil)
}

// hidesNumbers reports whether members see the phone numbers of admins only.
func (g *group) hidesNumbers() bool { return g.isParent || g.defaultSub }

// hideNumbers returns a node of a community or announcement group as an account sees it: an account that is not an
// admin gets a masked number instead of the numbers of members. nil = any such account.
func (h *groupHost) hideNumbers(g *group, viewer *account, node waBinary.Node) waBinary.Node {
	if own := g.member(viewer); !g.hidesNumbers() || own != nil && own.rank >= rankAdmin {
		return node
	}
	if jid, ok := jidOf(&node, "jid"); ok && node.Tag == "participant" {
		a := h.net.find(jid)
		if m := g.member(a); a != nil && a != viewer && (m == nil || m.rank < rankAdmin) {
			node.Attrs = maps.Clone(node.Attrs)
			delete(node.Attrs, "phone_number")
			node.Attrs["display_name"] = maskedNumber(a.pn.User)
		}
	}
	if children, ok := node.Content.([]waBinary.Node); ok {
		hidden := make([]waBinary.Node, len(children))
		for i := range children {
			hidden[i] = h.hideNumbers(g, viewer, children[i])
		}
		node.Content = hidden
	}
	return node
}

// maskedNumber returns a number with its first and its last two digits, as in "+1∙∙∙∙∙∙∙23".
func maskedNumber(number string) string {
	if len(number) < 4 {
		return "+" + strings.Repeat("∙", len(number))
	}
	return "+" + number[:1] + strings.Repeat("∙", len(number)-3) + number[len(number)-2:]
}
