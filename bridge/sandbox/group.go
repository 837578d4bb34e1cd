package sandbox

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

const (
	// maxSubject and maxDescription are WhatsApp's own bounds, in characters.
	maxSubject     = 100
	maxDescription = 2048
	// addRequestLife is how long an account that could not be added may accept the invitation sent instead.
	addRequestLife = 3 * 24 * time.Hour
	// maxRevokedCodes bounds the invite codes a group remembers as revoked; older ones become unknown.
	maxRevokedCodes = 100
	// firstGroup is the first group number; it has as many digits as real ones.
	firstGroup = 120363000000000001
)

// Codes with which a message to a group is refused in its acknowledgement.
const (
	refusedAnnounceOnly = 420
	refusedNotMember    = 421
)

// rank is a member's role: member, admin or creator.
type rank int

const (
	rankMember rank = iota
	rankAdmin
	rankCreator
)

func (k rank) String() string {
	switch k {
	case rankAdmin:
		return "admin"
	case rankCreator:
		return "superadmin"
	}
	return ""
}

// groupHost stores all groups. Guarded by Network.mu.
type groupHost struct {
	net    *Network
	random *entropy
	list   []*group
	byUser map[string]*group
	codes  map[string]*group // invite codes in force
	next   uint64
}

var _ groupState = (*groupHost)(nil)

// group is one group, community or announcement group of a community. Guarded by Network.mu.
type group struct {
	jid     types.JID
	created time.Time
	creator *account
	subject versionedText
	topic   versionedText
	picture picture

	announce  bool
	locked    bool
	approval  bool // accounts that follow the link need an admin's approval
	adminAdd  bool // only admins add members
	ephemeral uint32

	members  []*member // in order of joining
	removed  map[*account]bool
	past     []pastMember // the latest former members
	requests []joinRequest
	invites  map[string]addRequest
	code     string   // of the invite link
	revoked  []string // earlier codes

	memberVersion   uint64
	announceVersion uint64

	community
}

// versionedText is a subject or description with its history.
type versionedText struct {
	id, text string
	by       *account
	at       time.Time
}

type member struct {
	account *account
	rank    rank
}

// pastMember is a former member.
type pastMember struct {
	account *account
	at      time.Time
	left    bool // left, not removed
}

// groupsOf returns the groups that an account is in.
func (h *groupHost) groupsOf(a *account) []*group {
	return slices.DeleteFunc(slices.Clone(h.list), func(g *group) bool { return g.member(a) == nil })
}

// joinRequest is a request to join that waits for an admin.
type joinRequest struct {
	account *account
	at      time.Time
}

// addRequest is the invitation that replaces an addition which the invited account's privacy forbids.
type addRequest struct {
	admin, invited *account
	until          time.Time
}

func (n *Network) registerGroups() {
	h := &groupHost{net: n, random: n.random.derive("groups"), byUser: map[string]*group{}, codes: map[string]*group{}, next: firstGroup}
	n.groups, n.groupHost = h, h
	n.addIQ(h.infoRoutes(), h.memberRoutes(), h.settingRoutes(), h.inviteRoutes(), h.communityRoutes())
}

func (h *groupHost) members(jid types.JID) ([]*account, bool) {
	g := h.find(jid)
	if g == nil {
		return nil, false
	}
	list := make([]*account, len(g.members))
	for i, m := range g.members {
		list[i] = m.account
	}
	return list, true
}

func (h *groupHost) wasMember(jid types.JID, a *account) bool {
	g := h.find(jid)
	return g != nil && slices.ContainsFunc(g.past, func(m pastMember) bool { return m.account == a })
}

func (h *groupHost) maySend(jid types.JID, sender *account) int {
	g := h.find(jid)
	if g == nil {
		return refusedUnknown
	}
	m := g.member(sender)
	switch {
	case m == nil || g.isParent:
		return refusedNotMember
	case g.announce && m.rank < rankAdmin:
		return refusedAnnounceOnly
	}
	return 0
}

func (h *groupHost) find(jid types.JID) *group {
	if jid.Server != types.GroupServer {
		return nil
	}
	return h.byUser[jid.User]
}

func (g *group) member(a *account) *member {
	for _, m := range g.members {
		if m.account == a {
			return m
		}
	}
	return nil
}

// need is the role that a request requires of its sender.
type need int

const (
	needMember need = iota
	needAdmin
	needEditor // admin when the group is locked, else any member
	needAdder  // admin when only admins add, else any member
)

// targetGroup returns the group that a request is addressed to and checks the sender's rights: 404 no group, 403 not a member or not allowed.
func (h *groupHost) targetGroup(r *request, what need) (*group, *member, error) {
	jid, _ := jidOf(r.node, "to")
	g := h.find(jid)
	if g == nil {
		return nil, nil, iqFail(404)
	}
	m := g.member(r.device.account)
	if m == nil {
		return nil, nil, iqFail(403)
	}
	admin := what == needAdmin || what == needEditor && g.locked || what == needAdder && g.adminAdd
	if admin && m.rank < rankAdmin {
		return nil, nil, iqFail(403)
	}
	return g, m, nil
}

// newGroup creates an empty group; nil when the network has Limits.Groups groups.
func (h *groupHost) newGroup(creator *account, subject string) *group {
	if len(h.list) >= h.net.options.Limits.Groups {
		return nil
	}
	now := h.net.now()
	g := &group{
		jid:     types.NewJID(strconv.FormatUint(h.next, 10), types.GroupServer),
		created: now, creator: creator,
		subject: versionedText{text: subject, by: creator, at: now},
		removed: map[*account]bool{}, invites: map[string]addRequest{},
		memberVersion: 1, announceVersion: 1,
	}
	h.next++
	h.list = append(h.list, g)
	h.byUser[g.jid.User] = g
	h.newCode(g)
	return g
}

// deleteGroup removes a group without members.
func (h *groupHost) deleteGroup(g *group) {
	delete(h.byUser, g.jid.User)
	delete(h.codes, g.code)
	for i, other := range h.list {
		if other == g {
			h.list = append(h.list[:i:i], h.list[i+1:]...)
			break
		}
	}
	if g.parent != nil {
		g.parent.unlink(g)
	}
}

// newCode replaces the code of a group's invite link.
func (h *groupHost) newCode(g *group) {
	if g.code != "" {
		delete(h.codes, g.code)
		g.revoked = append(g.revoked, g.code)
		if len(g.revoked) > maxRevokedCodes {
			g.revoked = g.revoked[1:]
		}
	}
	g.code = base64.RawURLEncoding.EncodeToString(h.random.bytes(16))
	h.codes[g.code] = g
}

// notifyMembers sends a change made by an account to all members, and to more accounts if given.
func (h *groupHost) notifyMembers(g *group, by *account, change waBinary.Node, more ...*account) {
	told := make([]*account, 0, len(g.members)+len(more))
	for _, m := range g.members {
		told = append(told, m.account)
	}
	h.notifyAccounts(g, by, change, append(told, more...)...)
}

// notifyAccounts sends a change to some accounts only.
func (h *groupHost) notifyAccounts(g *group, by *account, change waBinary.Node, accounts ...*account) {
	attrs := waBinary.Attrs{"participant": by.lid, "participant_pn": by.pn, "notify": by.pushName, "addressing_mode": "lid"}
	var devices, limited []*device // limited ones do not see the numbers of members
	for _, a := range accounts {
		if m := g.member(a); g.hidesNumbers() && (m == nil || m.rank < rankAdmin) {
			limited = append(limited, a.sortedDevices()...)
		} else {
			devices = append(devices, a.sortedDevices()...)
		}
	}
	h.net.notifyDevices(devices, g.jid, "w:gp2", attrs, change)
	if len(limited) == 0 {
		return
	}
	if m := g.member(by); m == nil || m.rank < rankAdmin {
		attrs = maps.Clone(attrs)
		delete(attrs, "participant_pn")
	}
	h.net.notifyDevices(limited, g.jid, "w:gp2", attrs, h.hideNumbers(g, nil, change))
}

// participant returns the node that names a member.
func participant(a *account) waBinary.Node {
	return waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": a.lid, "phone_number": a.pn}}
}

func (m *member) node() waBinary.Node {
	node := participant(m.account)
	if kind := m.rank.String(); kind != "" {
		node.Attrs["type"] = kind
	}
	return node
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// groupNode returns the description of a group; without members for accounts that only have its link.
func (h *groupHost) groupNode(g *group, withMembers bool) waBinary.Node {
	attrs := waBinary.Attrs{
		"id": g.jid.User, "subject": g.subject.text, "s_t": unix(g.subject.at), "s_o": g.subject.by.lid, "s_o_pn": g.subject.by.pn,
		"creation": unix(g.created), "creator": g.creator.lid, "creator_pn": g.creator.pn, "size": strconv.Itoa(len(g.members)),
		"a_v_id": g.announceID(), "p_v_id": g.memberID(), "addressing_mode": "lid",
	}
	var children []waBinary.Node
	if withMembers {
		for _, m := range g.members {
			children = append(children, m.node())
		}
	}
	return waBinary.Node{Tag: "group", Attrs: attrs, Content: append(children, g.settings()...)}
}

// settings returns the settings that stanzas carry as child nodes.
func (g *group) settings() []waBinary.Node {
	var list []waBinary.Node
	add := func(when bool, node waBinary.Node) {
		if when {
			list = append(list, node)
		}
	}
	if g.topic.text != "" {
		add(true, waBinary.Node{Tag: "description", Attrs: waBinary.Attrs{
			"id": g.topic.id, "participant": g.topic.by.lid, "participant_pn": g.topic.by.pn, "t": unix(g.topic.at),
		}, Content: []waBinary.Node{leaf("body", []byte(g.topic.text))}})
	}
	add(g.announce, waBinary.Node{Tag: "announcement"})
	add(g.locked, waBinary.Node{Tag: "locked"})
	add(g.ephemeral != 0, waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": strconv.FormatUint(uint64(g.ephemeral), 10)}})
	add(g.approval, waBinary.Node{Tag: "membership_approval_mode", Content: []waBinary.Node{{Tag: "group_join", Attrs: waBinary.Attrs{"state": "on"}}}})
	mode := types.GroupMemberAddModeAllMember
	if g.adminAdd {
		mode = types.GroupMemberAddModeAdmin
	}
	add(true, leaf("member_add_mode", []byte(mode)))
	add(g.isParent, waBinary.Node{Tag: "parent", Attrs: waBinary.Attrs{"default_membership_approval_mode": g.defaultApproval}})
	if g.parent != nil {
		add(true, waBinary.Node{Tag: "linked_parent", Attrs: waBinary.Attrs{"jid": g.parent.jid}})
	}
	add(g.defaultSub, waBinary.Node{Tag: "default_sub_group"})
	return list
}

func (g *group) memberID() string   { return strconv.FormatUint(g.memberVersion, 10) }
func (g *group) announceID() string { return strconv.FormatUint(g.announceVersion, 10) }
