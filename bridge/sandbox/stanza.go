package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// stanzaHandlers are the handlers of stanzas other than requests, by tag. They run under Network.mu.
var stanzaHandlers map[string]func(*Network, *request)

func init() {
	stanzaHandlers = map[string]func(*Network, *request){
		"message":   (*Network).handleMessage,
		"receipt":   (*Network).handleReceipt,
		"ack":       (*Network).handleAck,
		"presence":  (*Network).handlePresence,
		"chatstate": (*Network).handleChatState,
		"call":      (*Network).handleCall,
	}
}

// handleAck handles a device's acknowledgement of a message, receipt, notification or call.
func (n *Network) handleAck(r *request) {
	key := ackKey{class: text(r.node, "class"), id: text(r.node, "id")}
	key.from, _ = jidOf(r.node, "to")
	key.participant, _ = jidOf(r.node, "participant")
	if key.class == "receipt" {
		key.kind = text(r.node, "type")
	}
	if text(r.node, "error") != "" {
		r.device.nacks++
		n.log.Warn("device refused a stanza", "method", key.class, "error", text(r.node, "error"))
	}
	n.acknowledge(r.device, key)
}

// ackOf returns the server's acknowledgement of a stanza; extra attributes may be nil.
func (n *Network) ackOf(node *waBinary.Node, extra waBinary.Attrs) waBinary.Node {
	attrs := waBinary.Attrs{"class": node.Tag, "id": text(node, "id"), "from": node.Attrs["to"], "t": n.unixNow()}
	for _, key := range []string{"participant", "recipient"} {
		if jid, ok := jidOf(node, key); ok {
			attrs[key] = jid
		}
	}
	if kind := text(node, "type"); kind != "" && node.Tag != "message" {
		attrs["type"] = kind
	}
	return withAttrs(waBinary.Node{Tag: "ack", Attrs: attrs}, extra)
}

// groupMembers returns the members of a group and 0, or the code 404 if there is no such group and 421 if the account is not a member. Call under n.mu.
func (n *Network) groupMembers(group types.JID, asking *account) ([]*account, int) {
	if n.groups == nil {
		return nil, 404
	}
	members, ok := n.groups.members(group)
	if !ok {
		return nil, 404
	}
	for _, a := range members {
		if a == asking {
			return members, 0
		}
	}
	return nil, 421
}
