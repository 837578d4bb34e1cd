package sandbox

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Codes with which the server refuses a message in its acknowledgement.
const (
	refusedUnknown      = 404
	refusedFirstContact = 463
	refusedMalformed    = 479
)

func (n *Network) registerMessages() {
	n.messageRoutes[types.DefaultUserServer] = n.directMessage
	n.messageRoutes[types.HiddenUserServer] = n.directMessage
	n.messageRoutes[types.GroupServer] = n.groupMessage
	n.messageRoutes[types.BroadcastServer] = n.statusMessage
}

func (n *Network) handleMessage(r *request) {
	to, ok := jidOf(r.node, "to")
	route := n.messageRoutes[to.Server]
	if !ok || route == nil || text(r.node, "id") == "" {
		n.nack(r, refusedMalformed, "message without usable recipient or id")
		return
	}
	if code := n.faults.sendRefusal(r); code != 0 {
		r.reply(n.ackOf(r.node, waBinary.Attrs{"error": code}))
		return
	}
	_, toParticipant := jidOf(r.node, "participant")
	switch {
	case text(r.node, "category") == "peer":
		n.peerMessage(r, to)
	case text(r.node, "device_fanout") == "false" || toParticipant:
		n.resendMessage(r, to)
	case text(r.node, "edit") == "" && r.device.seen.has(text(r.node, "id")):
		// The edit of a newsletter post has the id of the post and is not a duplicate.
		r.reply(n.ackOf(r.node, nil)) // sent again after a lost acknowledgement
	default:
		route(r)
	}
}

// nack refuses a message and records why.
func (n *Network) nack(r *request, code int, reason string) {
	n.recordViolation(r, reason)
	r.reply(n.ackOf(r.node, waBinary.Attrs{"error": code}))
}

// acceptMessage acknowledges a message and remembers its id.
func (n *Network) acceptMessage(r *request, extra waBinary.Attrs) {
	r.device.seen.add(text(r.node, "id"))
	r.reply(n.ackOf(r.node, extra))
}

// envelope is a message parsed for delivery.
type envelope struct {
	order  []types.JID                 // devices with a ciphertext of their own, in the order of the stanza
	direct map[types.JID]waBinary.Node // that ciphertext
	group  *waBinary.Node              // the ciphertext for all, in groups
	shared []waBinary.Node             // nodes for every recipient
}

// parseEnvelope parses a message; the reason is empty when it is well formed.
func (n *Network) parseEnvelope(r *request) (env envelope, reason string) {
	env.direct = map[types.JID]waBinary.Node{}
	preKeyUsed, identity := false, []byte(nil)
	for _, child := range r.node.GetChildren() {
		switch child.Tag {
		case "participants":
			for _, to := range child.GetChildrenByTag("to") {
				jid, ok := jidOf(&to, "jid")
				enc := to.GetChildByTag("enc")
				if !ok || !isCiphertext(&enc, "msg", "pkmsg") {
					return env, "message with an unreadable participant"
				}
				jid = n.toLID(jid)
				if _, twice := env.direct[jid]; twice {
					continue // a note to oneself lists the own devices as sender's and as recipient's
				}
				preKeyUsed = preKeyUsed || text(&enc, "type") == "pkmsg"
				env.direct[jid] = enc
				env.order = append(env.order, jid)
			}
		case "enc":
			if env.group != nil || !isCiphertext(&child, "skmsg") {
				return env, "message with an unreadable group ciphertext"
			}
			env.group = &child
		case "tctoken", "cstoken":
		default:
			if child.Tag == "device-identity" {
				identity = content(&child)
			}
			env.shared = append(env.shared, child)
		}
	}
	if preKeyUsed && !r.device.isPhone() && !sameIdentity(identity, r.device.keys.adv) {
		return env, "first message of a session without the sender's device identity"
	}
	return env, ""
}

func isCiphertext(enc *waBinary.Node, kinds ...string) bool {
	return enc.Tag == "enc" && text(enc, "v") == "2" && slices.Contains(kinds, text(enc, "type")) && len(content(enc)) > 0
}

// sameIdentity compares two signed device identities by content; their encodings may differ.
func sameIdentity(a, b []byte) bool {
	var x, y waAdv.ADVSignedDeviceIdentity
	if proto.Unmarshal(a, &x) != nil || proto.Unmarshal(b, &y) != nil {
		return false
	}
	return slices.Equal(x.GetDetails(), y.GetDetails()) && slices.Equal(x.GetDeviceSignature(), y.GetDeviceSignature())
}

// toLID returns the LID of a known user's address.
func (n *Network) toLID(jid types.JID) types.JID {
	if a := n.find(jid); a != nil {
		return types.JID{User: a.lid.User, Server: a.lid.Server, Device: jid.Device}
	}
	return jid
}

// directMessage delivers a one-to-one message to every device of both sides.
func (n *Network) directMessage(r *request) {
	to, _ := jidOf(r.node, "to")
	own, target := r.device.account, n.find(to)
	if target == nil || to.Device != 0 {
		n.wroteToUnknown(own)
		n.nack(r, refusedUnknown, "message to nobody")
		return
	}
	env, reason := n.parseEnvelope(r)
	if reason == "" && (env.group != nil || len(env.direct) == 0) {
		reason = "direct message without ciphertexts for devices"
	}
	for _, jid := range env.order {
		if a := n.find(jid); reason == "" && a != target && a != own {
			reason = "direct message with a stranger's device"
		}
	}
	if reason != "" {
		n.nack(r, refusedMalformed, reason)
		return
	}
	if n.faults.firstContact && !r.device.isPhone() && own != target && !n.trusted(r, own, target) {
		n.nack(r, refusedFirstContact, "first contact without token")
		return
	}
	if !n.mayReach(own, target) {
		r.reply(n.ackOf(r.node, waBinary.Attrs{"error": refusedFirstContact}))
		return
	}
	noteChat(own, target)
	var extra waBinary.Attrs
	expected := target.lids()
	if own != target {
		expected = append(expected, own.lids()...)
	}
	if hash := deviceHash(expected); hash != deviceHash(append(env.order, r.device.lid())) {
		extra = waBinary.Attrs{"phash": hash}
	}
	n.acceptMessage(r, extra)
	for _, jid := range env.order {
		d := n.findDevice(jid)
		if d == nil || d == r.device || d.account.blocks(own) {
			continue // the sender must not notice that it is blocked
		}
		attrs := waBinary.Attrs{"from": r.device.lid(), "addressing_mode": "lid"}
		if d.account == own {
			attrs["recipient"], attrs["peer_recipient_pn"] = target.lid, target.pn
		} else {
			attrs["sender_pn"] = own.pn
		}
		n.deliver(d, n.inbound(r, attrs, messageContentFor(d, r, append([]waBinary.Node{env.direct[jid]}, env.shared...))))
	}
}

// inbound is a message as its recipients see it.
func (n *Network) inbound(r *request, attrs waBinary.Attrs, children []waBinary.Node) waBinary.Node {
	out := waBinary.Attrs{"id": text(r.node, "id"), "type": text(r.node, "type"), "t": n.unixNow(), "notify": r.device.account.pushName}
	for _, key := range []string{"edit", "category", "push_priority"} {
		if value := text(r.node, key); value != "" {
			out[key] = value
		}
	}
	if sender := r.device.account; sender.businessName != "" && out["category"] == nil {
		out["verified_level"] = "unknown"
		children = append(slices.Clone(children), verifiedName(sender))
	}
	return withAttrs(waBinary.Node{Tag: "message", Attrs: out, Content: children}, attrs)
}

// groupMessage delivers a message to every device of a group's members.
func (n *Network) groupMessage(r *request) {
	to, _ := jidOf(r.node, "to")
	members, code := n.groupMembers(to, r.device.account)
	if code == 0 {
		code = n.groups.maySend(to, r.device.account)
	}
	if code == refusedAnnounceOnly && isComment(r.node) && n.announcementGroup(to) {
		code = 0 // members comment on announcements
	}
	if code != 0 {
		n.nack(r, code, "message to a group that the sender may not write to")
		return
	}
	env, reason := n.parseEnvelope(r)
	if reason == "" && env.group == nil {
		reason = "group message without group ciphertext"
	}
	var devices []*device
	var expected []types.JID
	for _, member := range members {
		devices = append(devices, member.sortedDevices()...)
		expected = append(expected, member.lids()...)
	}
	claimed, hash := text(r.node, "phash"), deviceHash(expected)
	if reason == "" && claimed != hash && claimed != deviceHash(append(slices.Clone(env.order), r.device.lid())) {
		reason = "group message with a wrong participant hash"
	}
	if reason != "" {
		n.nack(r, refusedMalformed, reason)
		return
	}
	var extra waBinary.Attrs
	if claimed != hash {
		extra = waBinary.Attrs{"phash": hash}
	}
	n.acceptMessage(r, extra)
	n.deliverEach(r, to, &env, devices)
}

// statusMessage delivers a status update to the devices it lists.
func (n *Network) statusMessage(r *request) {
	to, _ := jidOf(r.node, "to")
	env, reason := n.parseEnvelope(r)
	if reason == "" && (to != types.StatusBroadcastJID || env.group == nil) {
		reason = "malformed status update"
	}
	if reason != "" {
		n.nack(r, refusedMalformed, reason)
		return
	}
	var devices []*device
	for _, jid := range env.order {
		d := n.findDevice(jid)
		if d == nil {
			continue
		}
		if !d.account.getsStatusOf(r.device.account) {
			n.nack(r, refusedMalformed, "status update to a person outside the status privacy")
			return
		}
		devices = append(devices, d)
	}
	n.acceptMessage(r, nil)
	n.deliverEach(r, to, &env, devices)
}

// deliverEach delivers to each device its own ciphertext, if there is one, and the group's.
func (n *Network) deliverEach(r *request, chat types.JID, env *envelope, devices []*device) {
	attrs := n.asParticipant(r.device, chat)
	for _, d := range devices {
		if d == r.device {
			continue
		}
		var children []waBinary.Node
		if direct, ok := env.direct[d.lid()]; ok {
			children = append(children, direct)
		}
		children = append(append(children, *env.group), env.shared...)
		n.deliver(d, n.inbound(r, attrs, messageContentFor(d, r, children)))
	}
}

// isComment reports whether a message belongs to the comments on another one.
func isComment(node *waBinary.Node) bool {
	return slices.ContainsFunc(node.GetChildrenByTag("meta"), func(meta waBinary.Node) bool { return text(&meta, "thread_msg_id") != "" })
}

// announcementGroup reports whether a group is the announcement group of a community. Call under n.mu.
func (n *Network) announcementGroup(chat types.JID) bool {
	if n.groupHost == nil {
		return false
	}
	g := n.groupHost.find(chat)
	return g != nil && g.defaultSub
}

// isAnnouncementGroup is announcementGroup without n.mu.
func (n *Network) isAnnouncementGroup(chat types.JID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.announcementGroup(chat)
}

func (n *Network) asParticipant(d *device, chat types.JID) waBinary.Attrs {
	return waBinary.Attrs{"from": chat, "participant": d.lid(), "participant_pn": d.pn(), "addressing_mode": "lid"}
}

// resendMessage delivers a message that was encrypted again after a retry receipt to the one device that sent the receipt.
func (n *Network) resendMessage(r *request, to types.JID) {
	target := to
	if participant, ok := jidOf(r.node, "participant"); ok {
		target = participant
	}
	d := n.findDevice(target)
	enc := r.node.GetChildByTag("enc")
	if d == nil || d == r.device || !isCiphertext(&enc, "msg", "pkmsg") {
		n.nack(r, refusedMalformed, "retried message to nobody or without ciphertext")
		return
	}
	var attrs waBinary.Attrs
	switch {
	case to.Server == types.GroupServer || to.Server == types.BroadcastServer:
		attrs = n.asParticipant(r.device, to)
	case d.account == r.device.account:
		attrs = waBinary.Attrs{"from": r.device.lid()}
		if chat, ok := jidOf(r.node, "recipient"); ok {
			attrs["recipient"] = chat
			if other := n.find(chat); other != nil {
				attrs["peer_recipient_pn"] = other.pn
			}
		}
	default:
		attrs = waBinary.Attrs{"from": r.device.lid(), "sender_pn": r.device.account.pn, "addressing_mode": "lid"}
	}
	n.acceptMessage(r, nil)
	n.deliver(d, n.inbound(r, attrs, messageContentFor(d, r, r.node.GetChildren())))
}

// peerMessage passes a message between the devices of one account: from a companion to its phone, or from the phone to a companion.
func (n *Network) peerMessage(r *request, to types.JID) {
	d := n.findDevice(to)
	enc := r.node.GetChildByTag("enc")
	if d == nil && r.device.isPhone() && n.find(to) == r.device.account {
		r.reply(n.ackOf(r.node, nil)) // unlinked during its bootstrap
		return
	}
	if d == nil || d.account != r.device.account || d == r.device || !isCiphertext(&enc, "msg", "pkmsg") {
		n.nack(r, refusedMalformed, "peer message to somebody else or without ciphertext")
		return
	}
	if !r.device.seen.add(text(r.node, "id")) {
		r.reply(n.ackOf(r.node, nil))
		return
	}
	r.reply(n.ackOf(r.node, nil))
	inbound := n.inbound(r, waBinary.Attrs{"from": r.device.lid(), "recipient": r.device.account.lid}, r.node.GetChildren())
	delete(inbound.Attrs, "notify") // clients do not show a sender's name for it
	n.deliver(d, inbound)
}
