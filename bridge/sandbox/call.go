package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
)

// maxCalls bounds the calls that have not ended; beyond it the oldest is forgotten.
const maxCalls = 1000

// openCall is a call that was offered and has not ended.
type openCall struct{ caller, callee *account }

// callBook stores the open calls by id. Guarded by Network.mu.
type callBook struct {
	open map[string]openCall
	ids  []string // oldest first, may name ended calls
}

func (b *callBook) add(id string, call openCall) {
	if _, known := b.open[id]; known || id == "" {
		return
	}
	if b.open == nil {
		b.open = map[string]openCall{}
	}
	b.open[id] = call
	b.ids = append(b.ids, id)
	if len(b.ids) > maxCalls {
		delete(b.open, b.ids[0])
		b.ids = b.ids[1:]
	}
}

// handleCall forwards call signalling to all devices of the other side. A reject ends the call: the called person's
// other devices stop ringing. A reject of a call that is not open has no effect.
func (n *Network) handleCall(r *request) {
	to, _ := jidOf(r.node, "to")
	target, own := n.find(to), r.device.account
	if target == nil || len(r.node.GetChildren()) != 1 {
		n.recordViolation(r, "malformed call")
		return
	}
	signal := r.child()
	r.reply(n.ackOf(r.node, waBinary.Attrs{"type": signal.Tag}))
	id := text(signal, "call-id")
	call, open := n.calls.open[id]
	switch signal.Tag {
	case "offer":
		n.calls.add(id, openCall{caller: own, callee: target})
	case "terminate":
		if open && (call == openCall{own, target} || call == openCall{target, own}) {
			delete(n.calls.open, id)
		}
	case "reject":
		if !open || (call != openCall{target, own}) {
			return
		}
		delete(n.calls.open, id)
		ended := waBinary.Node{Tag: "terminate", Attrs: waBinary.Attrs{
			"call-id": id, "call-creator": target.lid, "caller_pn": target.pn, "reason": "rejected_elsewhere",
		}}
		for _, d := range own.otherDevices(r.device) {
			n.deliver(d, n.callNode(target, n.newID(), ended))
		}
	}
	for _, d := range target.sortedDevices() {
		n.deliver(d, n.callNode(own, text(r.node, "id"), *signal))
	}
}

// callNode returns the stanza in which devices get the signal of an account.
func (n *Network) callNode(from *account, id string, signal waBinary.Node) waBinary.Node {
	return waBinary.Node{Tag: "call", Content: []waBinary.Node{signal}, Attrs: waBinary.Attrs{
		"from": from.lid, "id": id, "t": n.unixNow(), "platform": from.platform, "version": "2.24.1", "notify": from.pushName,
	}}
}
