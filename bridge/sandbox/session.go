package sandbox

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// login starts pairing for a client that registers, the session of a known device, or refuses the client.
func (n *Network) login(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	payload := c.noise.payload
	pn := types.NewJID(strconv.FormatUint(payload.GetUsername(), 10), types.DefaultUserServer)
	pn.Device = uint16(payload.GetDevice())
	d := n.findDevice(pn)
	if refusal := n.faults.loginRefusal(d); refusal != nil {
		n.refuseLogin(c, refusal)
		return
	}
	if payload.Username == nil && payload.DevicePairingData != nil {
		n.startPairing(c)
		return
	}
	if d == nil || d.isPhone() || d.keys.noise != c.noise.clientStatic {
		n.refuseLogin(c, waBinary.Attrs{"reason": "401"})
		return
	}
	if old := d.conn; old != nil {
		n.endStream(old, conflictNode("replaced"))
		n.detach(old)
	}
	c.device, d.conn, c.delay = d, c, n.faults.delayFor(d)
	n.send(c, waBinary.Node{Tag: "success", Attrs: waBinary.Attrs{
		"t": n.unixNow(), "lid": d.lid(), "props": "27", "abprops": "42", "location": "sandbox",
	}})
	n.log.Debug("device logged in", "conn", d.lid().String())
}

func (n *Network) refuseLogin(c *conn, attrs waBinary.Attrs) {
	attrs = withAttrs(waBinary.Node{Attrs: attrs}, waBinary.Attrs{"location": "sandbox"}).Attrs
	n.endStream(c, waBinary.Node{Tag: "failure", Attrs: attrs})
}

// endStream sends a last stanza and closes. Call under n.mu.
func (n *Network) endStream(c *conn, last waBinary.Node) { n.endStreamAfter(c, last, closeDelay) }

func (n *Network) endStreamAfter(c *conn, last waBinary.Node, patience time.Duration) {
	if !c.push(outgoing{node: last, last: patience}) {
		c.close()
	}
}

// detach separates a connection from its device; unacknowledged stanzas stay queued for the next connection. Call under n.mu.
func (n *Network) detach(c *conn) {
	d := c.device
	if d == nil || d.conn != c {
		return
	}
	d.conn, d.active = nil, false
	d.queue.rewind()
	n.setPresent(d, false)
}

// removeConn removes an ended connection.
func (n *Network) removeConn(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
	n.detach(c)
	n.endPairing(c)
}

// receive handles one stanza of a connection.
func (n *Network) receive(c *conn, node *waBinary.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.stalled || c.device != nil && c.device.conn != c {
		return // replaced while the stanza was on its way
	}
	rule := n.faults.consumeRule(c.device, node, FaultCut, FaultCutAfter, FaultStall)
	if rule != nil {
		c.discardOutput()
		if c.stalled = rule.Kind == FaultStall; c.stalled {
			return
		}
		defer c.close()
		if rule.Kind == FaultCut {
			return
		}
	}
	n.dispatch(&request{net: n, conn: c, device: c.device, node: node})
}

// dispatch handles one stanza of a connection or a phone. Call under n.mu.
func (n *Network) dispatch(r *request) {
	defer func() {
		for _, f := range r.later {
			f()
		}
	}()
	if r.node.Tag == "iq" {
		n.handleIQ(r)
		return
	}
	if r.node.Tag == "ib" {
		return // unified_session and other hints; allowed at any time
	}
	if r.device == nil && r.node.Tag == "ack" {
		return // acknowledgement of the notification that a code was entered
	}
	if r.device == nil {
		n.recordViolation(r, "stanza before login: "+r.node.Tag)
		return
	}
	handler := stanzaHandlers[r.node.Tag]
	if handler == nil {
		n.recordViolation(r, "unknown stanza: "+r.node.Tag)
		return
	}
	handler(n, r)
}

func (n *Network) handleIQ(r *request) {
	switch text(r.node, "type") {
	case "get", "set":
		reply := n.answer(r)
		if r.conn != nil {
			n.send(r.conn, n.faults.applyToReply(r, reply))
		}
	case "result", "error":
		if r.conn != nil && r.conn.pairing != nil {
			n.pairingReply(r)
		}
	default:
		n.recordViolation(r, "request of unknown type")
	}
}

// reply sends a stanza to the sender of the request.
func (r *request) reply(node waBinary.Node) {
	if r.conn != nil {
		r.net.send(r.conn, node)
	} else {
		r.replies = append(r.replies, node)
	}
}

func (n *Network) sessionRoutes() iqRoutes {
	empty := func(*request) ([]waBinary.Node, error) { return nil, nil }
	return iqRoutes{
		"passive/set/active":             n.setActive,
		"passive/set/passive":            n.setPassive,
		"w:p/get":                        empty, // keepalive
		"w:p/get/ping":                   empty,
		"md/set/remove-companion-device": n.removeCompanion,
		"tos/set/notice":                 n.acceptNotice,
	}
}

func (n *Network) setActive(r *request) ([]waBinary.Node, error) {
	d := r.device
	if d.isPhone() || d.active {
		return nil, nil
	}
	r.after(func() {
		if d.conn != r.conn || d.conn == nil {
			return
		}
		d.active = true
		n.startDelivery(d)
		n.sendAllDirty(d)
		if !d.welcomed {
			d.welcomed = true
			d.account.phone.startBootstrap(d.lid())
		}
	})
	return nil, nil
}

func (n *Network) setPassive(r *request) ([]waBinary.Node, error) {
	r.device.active = false
	return nil, nil
}
