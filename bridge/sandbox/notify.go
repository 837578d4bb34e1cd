package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// notification builds a <notification> of the server; extra attributes may be nil.
func (n *Network) notification(from types.JID, kind string, extra waBinary.Attrs, children ...waBinary.Node) waBinary.Node {
	node := waBinary.Node{Tag: "notification", Attrs: waBinary.Attrs{"from": from, "type": kind, "id": n.newID(), "t": n.unixNow()}}
	if len(children) > 0 {
		node.Content = children
	}
	return withAttrs(node, extra)
}

// notifyDevices delivers one notification to several devices, phones included. Call under n.mu.
func (n *Network) notifyDevices(devices []*device, from types.JID, kind string, extra waBinary.Attrs, children ...waBinary.Node) {
	if len(devices) == 0 {
		return
	}
	node := n.notification(from, kind, extra, children...)
	for _, d := range devices {
		n.deliver(d, node)
	}
}

// notifyAccount delivers one notification to all devices of an account. Call under n.mu.
func (n *Network) notifyAccount(a *account, from types.JID, kind string, extra waBinary.Attrs, children ...waBinary.Node) {
	n.notifyDevices(a.sortedDevices(), from, kind, extra, children...)
}
