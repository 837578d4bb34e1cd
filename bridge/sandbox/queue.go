package sandbox

import (
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// queue has the stanzas that a device has not acknowledged, in order. The first sent ones are on the current connection. Guarded by Network.mu.
type queue struct {
	items   []queued
	sent    int
	dropped int
}

type queued struct {
	node    waBinary.Node
	key     ackKey // zero for a stanza without acknowledgement
	offline bool   // was queued when the device connected
}

// ackKey identifies a stanza in an acknowledgement.
type ackKey struct {
	class, id, kind   string
	from, participant types.JID
}

func ackKeyOf(node *waBinary.Node) ackKey {
	key := ackKey{class: node.Tag, id: text(node, "id")}
	key.from, _ = jidOf(node, "from")
	key.participant, _ = jidOf(node, "participant")
	if node.Tag == "receipt" {
		key.kind = text(node, "type")
	}
	return key
}

// deliver sends a stanza to a device and keeps it queued until the device acknowledges it. Never blocks. Call under n.mu.
func (n *Network) deliver(d *device, node waBinary.Node) {
	if d.isPhone() {
		d.account.phone.enqueue(node)
		return
	}
	nodes, cut := n.faults.applyToDelivery(d, node)
	if cut && d.conn != nil {
		d.conn.discardOutput()
		d.conn.close()
	}
	for _, out := range nodes {
		n.enqueue(d, queued{node: out, key: ackKeyOf(&out)})
	}
}

func (n *Network) enqueue(d *device, item queued) {
	q := &d.queue
	if len(q.items) >= n.options.Offline {
		q.items = append(q.items[:q.sent:q.sent], q.items[q.sent+1:]...)
		q.dropped++
	}
	q.items = append(q.items, item)
	n.fillWindow(d)
}

// deliverNow sends a volatile stanza (presence, chat state, reply) to a device; it is dropped if the device is not connected. Call under n.mu.
func (n *Network) deliverNow(d *device, node waBinary.Node) {
	if d.isPhone() {
		d.account.phone.enqueue(node)
	} else if d.conn != nil {
		n.send(d.conn, node)
	}
}

// send writes to a connection and bypasses the queue of its device. A connection whose output queue is full is cut. Call under n.mu.
func (n *Network) send(c *conn, node waBinary.Node) {
	if !c.push(outgoing{node: node, delay: c.delay}) {
		c.close()
	}
}

// fillWindow moves queued stanzas to the device's connection while its window has room. Call under n.mu.
func (n *Network) fillWindow(d *device) {
	q := &d.queue
	for d.active && d.conn != nil && q.sent < len(q.items) && q.sent < n.options.Window {
		item := q.items[q.sent]
		node := item.node
		if item.offline {
			node = withAttrs(node, waBinary.Attrs{"offline": "0"})
		}
		if !d.conn.push(outgoing{node: node, delay: d.conn.delay}) {
			d.conn.close()
			return
		}
		if item.key == (ackKey{}) {
			q.remove(q.sent)
		} else {
			q.sent++
		}
	}
}

func (q *queue) remove(index int) {
	if index == 0 {
		q.items[0] = queued{}
		q.items = q.items[1:]
	} else {
		q.items = append(q.items[:index], q.items[index+1:]...)
	}
	if len(q.items) == 0 {
		q.items = nil
	}
}

// acknowledge removes the oldest stanza with the key among those on the connection. Call under n.mu.
func (n *Network) acknowledge(d *device, key ackKey) bool {
	q := &d.queue
	for i := range q.sent {
		if q.items[i].key == key {
			q.remove(i)
			q.sent--
			n.fillWindow(d)
			return true
		}
	}
	return false
}

// rewind marks all unacknowledged stanzas as unsent; call when their connection has ended.
func (q *queue) rewind() {
	kept := q.items[:0]
	for _, item := range q.items {
		if item.key != (ackKey{}) {
			kept = append(kept, item)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.sent = kept, 0
}

// startDelivery starts deliveries to a device that became active: a preview, the queued stanzas, then the end mark. Call under n.mu.
func (n *Network) startDelivery(d *device) {
	for _, node := range n.faults.releaseHeld(d) {
		d.queue.items = append(d.queue.items, queued{node: node, key: ackKeyOf(&node)})
	}
	counts := map[string]int{}
	for i := range d.queue.items {
		d.queue.items[i].offline = true
		counts[d.queue.items[i].node.Tag]++
	}
	total := len(d.queue.items)
	if total > 0 {
		n.send(d.conn, infoNode(waBinary.Node{Tag: "offline_preview", Attrs: waBinary.Attrs{
			"count": strconv.Itoa(total), "message": strconv.Itoa(counts["message"]), "receipt": strconv.Itoa(counts["receipt"]),
			"notification": strconv.Itoa(counts["notification"]), "appdata": "0",
		}}))
	}
	d.queue.items = append(d.queue.items, queued{node: infoNode(waBinary.Node{Tag: "offline", Attrs: waBinary.Attrs{"count": strconv.Itoa(total)}})})
	n.fillWindow(d)
}

func infoNode(child waBinary.Node) waBinary.Node {
	return waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{child}}
}
