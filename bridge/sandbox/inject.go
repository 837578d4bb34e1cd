package sandbox

import (
	"context"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
)

// InjectStanza sends a stanza that no phone would send to an account's linked devices, or to one of them when session names its device. It
// bypasses all checks and fault rules. A stanza that clients acknowledge (message, status, receipt, notification, call) is queued until they do,
// see Unacknowledged; any other is sent at once to the devices that are connected. It returns the number of devices. The error wraps ErrBadJID,
// ErrNoAccount or ErrNoDevice, or describes why the stanza cannot be encoded.
func (n *Network) InjectStanza(session string, node waBinary.Node) (int, error) {
	encoded, err := encode(node)
	if err != nil {
		return 0, err
	}
	if len(encoded) >= socket.FrameMaxSize-messageOverhead {
		return 0, fmt.Errorf("sandbox: stanza %s has %d bytes; a frame has room for %d", node.Tag, len(encoded), socket.FrameMaxSize-messageOverhead)
	}
	return n.eachDevice(session, func(d *device) bool {
		switch node.Tag {
		case "message", "status", "receipt", "notification", "call":
			n.enqueue(d, queued{node: node, key: ackKeyOf(&node)})
			return true
		}
		if d.conn == nil {
			return false
		}
		n.send(d.conn, node)
		return true
	})
}

// InjectFrame sends the plaintext of a frame, which may be no stanza at all, to the connected devices of an account. It returns their number.
func (n *Network) InjectFrame(session string, plaintext []byte) (int, error) {
	if len(plaintext) >= socket.FrameMaxSize-messageOverhead {
		return 0, fmt.Errorf("sandbox: frame of %d bytes; the largest has %d", len(plaintext), socket.FrameMaxSize-messageOverhead)
	}
	return n.eachDevice(session, func(d *device) bool {
		if d.conn == nil {
			return false
		}
		if !d.conn.push(outgoing{frame: append([]byte{}, plaintext...), delay: d.conn.delay}) {
			d.conn.close()
		}
		return true
	})
}

// Unacknowledged returns the number of stanzas that an account's linked devices have not acknowledged.
func (n *Network) Unacknowledged(session string) (count int, err error) {
	_, err = n.eachDevice(session, func(d *device) bool {
		count += len(d.queue.items)
		return true
	})
	return count, err
}

// Waiting returns the stanzas that Unacknowledged counts, as text.
func (n *Network) Waiting(session string) (stanzas []string) {
	_, _ = n.eachDevice(session, func(d *device) bool {
		for _, item := range d.queue.items {
			stanzas = append(stanzas, item.node.String())
		}
		return true
	})
	return stanzas
}

// SendPeer sends a protocol message with any content (history, keys, answers) from the phone to one of its linked devices.
func (p *Phone) SendPeer(ctx context.Context, companion types.JID, message *waE2E.ProtocolMessage) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sendPeer(ctx, companion, message)
}

// eachDevice calls act, under n.mu, for the linked devices that session names and counts for how many it returned true.
func (n *Network) eachDevice(session string, act func(*device) bool) (count int, err error) {
	rule := &faultRule{}
	if rule.session, err = parseUser(session); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.find(rule.session) == nil {
		return 0, fmt.Errorf("sandbox: %w: %s", ErrNoAccount, session)
	}
	for _, d := range n.companions(rule) {
		if act(d) {
			count++
		}
	}
	if count == 0 {
		return 0, fmt.Errorf("sandbox: %w of %s", ErrNoDevice, session)
	}
	return count, nil
}

// encode is waBinary.Marshal with an error in place of the panic on unknown types.
func encode(node waBinary.Node) (encoded []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("sandbox: stanza %s cannot be encoded: %v", node.Tag, cause)
		}
	}()
	return waBinary.Marshal(node)
}

// applyToReply applies the rules to the reply of a connection's request.
func (t *faultTable) applyToReply(r *request, reply waBinary.Node) waBinary.Node {
	rule := t.consumeRule(r.device, r.node, FaultReply)
	if rule == nil || rule.Reply == nil {
		return reply
	}
	return rule.Reply(reply)
}
