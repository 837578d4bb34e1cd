package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// deliveryReceipts are the receipt types that also acknowledge the stanza of the message.
var deliveryReceipts = map[string]bool{"": true, "inactive": true, "sender": true, "peer_msg": true, "hist_sync": true}

// handleReceipt acknowledges a receipt and forwards it to its recipients.
func (n *Network) handleReceipt(r *request) {
	to, ok := jidOf(r.node, "to")
	kind, id := text(r.node, "type"), text(r.node, "id")
	if !ok || id == "" {
		n.recordViolation(r, "receipt without recipient or id")
		return
	}
	participant, _ := jidOf(r.node, "participant")
	if deliveryReceipts[kind] {
		n.acknowledge(r.device, ackKey{class: "message", id: id, from: to, participant: participant})
	}
	r.reply(n.ackOf(r.node, nil))
	switch {
	case to.Server == types.GroupServer || to.Server == types.BroadcastServer:
		n.groupReceipt(r, to, participant, kind)
	case to.Server == types.NewsletterServer:
		n.newsletters.recordViews(r, to)
	case n.find(to) == nil:
		if to.Server == types.HiddenUserServer || to.Server == types.DefaultUserServer {
			n.recordViolation(r, "receipt to nobody")
		}
	case n.find(to) == r.device.account:
		n.ownReceipt(r, to, kind)
	default:
		n.directReceipt(r, to, kind)
	}
}

// forwarded returns a receipt as its recipients get it.
func (n *Network) forwarded(r *request, attrs waBinary.Attrs) waBinary.Node {
	out := waBinary.Attrs{"id": text(r.node, "id"), "t": n.unixNow()}
	for _, key := range []string{"type", "t", "category", "edit"} {
		if value := text(r.node, key); value != "" {
			out[key] = value
		}
	}
	return withAttrs(waBinary.Node{Tag: "receipt", Attrs: out, Content: r.node.Content}, attrs)
}

// seenBy returns the sender address of a receipt: the account for read receipts, the device for others.
func seenBy(d *device, kind string) types.JID {
	if kind == "read" || kind == "played" {
		return d.account.lid
	}
	return d.lid()
}

func (n *Network) directReceipt(r *request, to types.JID, kind string) {
	target := n.find(to)
	switch kind {
	case "retry":
		d := target.devices[to.Device]
		if d == nil {
			n.recordViolation(r, "retry receipt to a device that is gone")
			return
		}
		n.deliver(d, n.forwarded(r, waBinary.Attrs{"from": r.device.lid()}))
	case "sender", "read-self", "played-self":
	case "read":
		// In one-to-one chats neither side gets read receipts when one of them has switched them off.
		if !r.device.account.sendsReadReceipts() || !target.sendsReadReceipts() {
			break
		}
		fallthrough
	default:
		receipt := n.forwarded(r, waBinary.Attrs{"from": seenBy(r.device, kind)})
		for _, d := range target.sortedDevices() {
			n.deliver(d, receipt)
		}
	}
	n.notifyOwnDevices(r, kind, waBinary.Attrs{"from": r.device.lid(), "recipient": target.lid})
}

// notifyOwnDevices forwards a read receipt to the reader's other devices.
func (n *Network) notifyOwnDevices(r *request, kind string, attrs waBinary.Attrs) {
	switch kind {
	case "read", "read-self", "played", "played-self":
		receipt := n.forwarded(r, attrs)
		for _, d := range r.device.account.otherDevices(r.device) {
			n.deliver(d, receipt)
		}
	}
}

// ownReceipt handles receipts between devices of one account.
func (n *Network) ownReceipt(r *request, to types.JID, kind string) {
	d := r.device.account.devices[to.Device]
	if d == nil || d == r.device {
		return
	}
	switch kind {
	case "retry":
		attrs := waBinary.Attrs{"from": r.device.lid()}
		if chat, ok := jidOf(r.node, "recipient"); ok {
			attrs["recipient"] = chat
		}
		n.deliver(d, n.forwarded(r, attrs))
	case "server-error", "hist_sync", "peer_msg":
		n.deliver(d, n.forwarded(r, waBinary.Attrs{"from": r.device.lid()}))
	}
}

func (n *Network) groupReceipt(r *request, group, participant types.JID, kind string) {
	if group.Server == types.GroupServer {
		if _, code := n.groupMembers(group, r.device.account); code != 0 {
			if n.groups == nil || !n.groups.wasMember(group, r.device.account) { // else the message came before the account left
				n.recordViolation(r, "receipt to a group of others")
			}
			return
		}
	}
	author := n.find(participant)
	if author == nil {
		n.recordViolation(r, "group receipt without author")
		return
	}
	attrs := waBinary.Attrs{"from": group, "participant": seenBy(r.device, kind), "participant_pn": r.device.account.pn, "addressing_mode": "lid"}
	receipt := n.forwarded(r, attrs)
	switch {
	case kind == "retry":
		d := author.devices[participant.Device]
		if d == nil || d == r.device {
			n.recordViolation(r, "retry receipt to a device that is gone")
			return
		}
		n.deliver(d, receipt)
	case author == r.device.account || kind == "read-self":
	default:
		for _, d := range author.sortedDevices() {
			n.deliver(d, receipt)
		}
	}
	n.notifyOwnDevices(r, kind, attrs)
}
