package sandbox

import (
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// setPresent sets whether a device counts as online and notifies the account's watchers when the account's presence changes with it. Call under n.mu.
func (n *Network) setPresent(d *device, present bool) {
	a := d.account
	before := a.isOnline()
	d.present = present
	if a.isOnline() == before {
		return
	}
	a.lastSeen = n.now()
	for watcher := range a.watchers {
		if watcher.receivesPresence() {
			n.deliverNow(watcher, n.presenceOf(a, watcher.account))
		}
	}
}

// receivesPresence reports whether a device receives presence and chat states: companions only while they are announced as available.
func (d *device) receivesPresence() bool { return d.isPhone() || d.active && d.present }

// presenceOf returns the presence of an account as far as the viewer may see it: online or not, and when it was last seen.
func (n *Network) presenceOf(a, viewer *account) waBinary.Node {
	attrs := waBinary.Attrs{"from": a.lid}
	lastSeen := a.allowsView(privacyLastSeen, viewer)
	hidden := a.blocks(viewer) || !lastSeen && a.privacyOf(privacyOnline) == string(types.PrivacySettingMatchLastSeen)
	if !a.isOnline() || hidden {
		attrs["type"] = "unavailable"
		if !lastSeen {
			attrs["last"] = "deny"
		} else if !a.lastSeen.IsZero() {
			attrs["last"] = strconv.FormatInt(a.lastSeen.Unix(), 10)
		}
	}
	return waBinary.Node{Tag: "presence", Attrs: attrs}
}

// handlePresence handles a device's own presence, or its subscription to a user's presence.
func (n *Network) handlePresence(r *request) {
	d := r.device
	switch text(r.node, "type") {
	case "", "available", "unavailable":
		if name := text(r.node, "name"); name != "" {
			d.account.pushName = name
		}
		before := d.receivesPresence()
		n.setPresent(d, text(r.node, "type") != "unavailable")
		if !before && d.receivesPresence() {
			n.sendWatchedPresence(d)
		}
	case "subscribe":
		to, _ := jidOf(r.node, "to")
		if target := n.find(to); target != nil {
			target.watchers[d] = struct{}{}
			if d.receivesPresence() {
				n.deliverNow(d, n.presenceOf(target, d.account))
			}
		}
	case "unsubscribe":
		to, _ := jidOf(r.node, "to")
		if target := n.find(to); target != nil {
			delete(target.watchers, d)
		}
	default:
		n.recordViolation(r, "presence of unknown type")
	}
}

// sendWatchedPresence sends a device the presence of the users it subscribed to before it announced itself as available.
func (n *Network) sendWatchedPresence(d *device) {
	for _, a := range n.sortedAccounts() {
		if _, watched := a.watchers[d]; watched {
			n.deliverNow(d, n.presenceOf(a, d.account))
		}
	}
}

// handleChatState forwards typing and recording to a user's or a group's devices.
func (n *Network) handleChatState(r *request) {
	to, ok := jidOf(r.node, "to")
	if !ok || len(r.node.GetChildren()) != 1 {
		n.recordViolation(r, "malformed chat state")
		return
	}
	own := r.device.account
	state := waBinary.Node{Tag: "chatstate", Attrs: waBinary.Attrs{"from": r.device.lid(), "sender_pn": own.pn}, Content: r.node.Content}
	recipients := []*account{n.find(to)}
	if to.Server == types.GroupServer {
		members, code := n.groupMembers(to, own)
		if code != 0 {
			n.recordViolation(r, "chat state to a group of others")
			return
		}
		recipients = members
		state.Attrs = waBinary.Attrs{"from": to, "participant": r.device.lid(), "participant_pn": own.pn, "addressing_mode": "lid"}
	}
	for _, a := range recipients {
		if a == nil {
			n.recordViolation(r, "chat state to nobody")
			continue
		}
		if a == own || a.blocks(own) {
			continue
		}
		for _, d := range a.sortedDevices() {
			if d.receivesPresence() {
				n.deliverNow(d, state)
			}
		}
	}
}
