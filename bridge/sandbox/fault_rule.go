package sandbox

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// faultRule is an active fault.
type faultRule struct {
	Fault
	id      string
	session types.JID
	skip    int
	left    int // negative: until cleared
}

// faultTable holds the active rules. Guarded by Network.mu.
type faultTable struct {
	rules        []*faultRule
	firstContact bool
	held         map[*device][]waBinary.Node // stanzas delayed by FaultReorder
}

// delayFor returns the delay of a connection's stanzas.
func (t *faultTable) delayFor(d *device) time.Duration {
	var delay time.Duration
	for _, rule := range t.rules {
		if rule.Kind == FaultSlow && rule.covers(d) {
			delay = max(delay, rule.Delay)
		}
	}
	return delay
}

// covers reports whether a rule applies to a device: never to a phone, and to a connection that has no device yet only without Session.
func (f *faultRule) covers(d *device) bool {
	if d == nil {
		return f.session.IsEmpty()
	}
	return !d.isPhone() && f.isFor(d.account, d)
}

func (f *faultRule) isFor(a *account, d *device) bool {
	if f.session.IsEmpty() {
		return true
	}
	if f.session.User != a.pn.User && f.session.User != a.lid.User {
		return false
	}
	return f.session.Device == 0 || f.session.Device == d.number
}

// consumeRule returns the first rule of one of the kinds for a device's stanza and counts its use; nil when there is none.
func (t *faultTable) consumeRule(d *device, node *waBinary.Node, kinds ...FaultKind) *faultRule {
	for i, rule := range t.rules {
		if !slices.Contains(kinds, rule.Kind) || !rule.covers(d) || !rule.selects(node) {
			continue
		}
		if rule.skip > 0 {
			rule.skip--
			continue
		}
		if rule.left > 0 {
			if rule.left--; rule.left == 0 {
				t.rules = slices.Delete(slices.Clone(t.rules), i, i+1)
			}
		}
		return rule
	}
	return nil
}

func (f *faultRule) selects(node *waBinary.Node) bool {
	return node == nil || (f.Tag == "" || f.Tag == node.Tag) && (f.Type == "" || f.Type == text(node, "type")) && (f.Match == nil || f.Match(node))
}

// loginRefusal returns the attributes of a login failure, or nil to accept the client. d is nil for a client that wants to pair.
func (t *faultTable) loginRefusal(d *device) waBinary.Attrs {
	rule := t.consumeRule(d, nil, FaultRefuseLogin, FaultTemporaryBan, FaultClientOutdated)
	if rule == nil {
		return nil
	}
	switch rule.Kind {
	case FaultTemporaryBan:
		return banAttrs(rule.Delay)
	case FaultClientOutdated:
		return waBinary.Attrs{"reason": "405"}
	}
	switch rule.Code {
	case 0:
		return waBinary.Attrs{"reason": "503"}
	case 402:
		return banAttrs(rule.Delay)
	}
	return waBinary.Attrs{"reason": strconv.Itoa(rule.Code)}
}

func banAttrs(d time.Duration) waBinary.Attrs {
	return waBinary.Attrs{"reason": "402", "code": strconv.Itoa(banReason), "expire": strconv.Itoa(int(d.Seconds()))}
}

// sendRefusal returns the error code with which a message is refused, or 0.
func (t *faultTable) sendRefusal(r *request) int {
	rule := t.consumeRule(r.device, r.node, FaultRefuseSend)
	switch {
	case rule == nil:
		return 0
	case rule.Code == 0:
		return refusedFirstContact
	}
	return rule.Code
}

// requestRefusal returns the error with which a request is refused, or nil.
func (t *faultTable) requestRefusal(r *request) error {
	if r.node.Tag != "iq" {
		return nil
	}
	rule := t.consumeRule(r.device, r.node, FaultRefuseRequest)
	switch {
	case rule == nil:
		return nil
	case rule.Code == 0:
		return iqFail(503)
	}
	return iqFail(rule.Code)
}

// applyToDelivery applies the rules to a stanza for a device. cut means that the connection ends instead.
func (t *faultTable) applyToDelivery(d *device, node waBinary.Node) (nodes []waBinary.Node, cut bool) {
	if len(t.rules) == 0 && len(t.held) == 0 {
		return []waBinary.Node{node}, false
	}
	nodes = []waBinary.Node{node}
	held := t.held[d]
	delete(t.held, d)
	rule := t.consumeRule(d, &node, FaultCutDelivery, FaultUndecryptable, FaultDuplicate, FaultReorder)
	if rule != nil {
		switch rule.Kind {
		case FaultCutDelivery:
			cut = true
		case FaultUndecryptable:
			nodes[0] = corruptCiphertexts(node)
		case FaultDuplicate:
			nodes = append(nodes, node)
		case FaultReorder:
			if t.held == nil {
				t.held = map[*device][]waBinary.Node{}
			}
			t.held[d] = append(held, node)
			return nil, false
		}
	}
	return append(nodes, held...), cut
}

// releaseHeld returns the stanzas held back for a device and forgets them.
func (t *faultTable) releaseHeld(d *device) []waBinary.Node {
	held := t.held[d]
	delete(t.held, d)
	return held
}

// corruptCiphertexts returns a copy of a message with corrupted ciphertexts.
func corruptCiphertexts(node waBinary.Node) waBinary.Node {
	children := slices.Clone(node.GetChildren())
	for i := range children {
		if children[i].Tag == "enc" {
			data := bytes.Clone(content(&children[i]))
			data[len(data)-1] ^= 0xff
			children[i].Content = data
		}
	}
	node.Content = children
	return node
}
