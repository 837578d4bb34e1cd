package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// request is one stanza that came from a device.
type request struct {
	net    *Network
	conn   *conn   // nil when a phone sent it
	device *device // nil before login
	node   *waBinary.Node
	later  []func()
	// replies collects the replies for a phone; connections get theirs through the socket.
	replies []waBinary.Node
}

// after runs f, still under Network.mu, once the reply has been queued.
func (r *request) after(f func()) { r.later = append(r.later, f) }

// child is the stanza's first child.
func (r *request) child() *waBinary.Node {
	if children := r.node.GetChildren(); len(children) > 0 {
		return &children[0]
	}
	return &waBinary.Node{}
}

// iqHandler answers one kind of request with the children of its result. It runs under Network.mu.
type iqHandler func(r *request) ([]waBinary.Node, error)

// iqRoutes maps "xmlns/type/firstChild" ("xmlns/type" for a request without children) to its handler.
type iqRoutes map[string]iqHandler

// beforeLogin lists the requests that a connection may make while it pairs.
var beforeLogin = map[string]bool{
	"md/set/link_code_companion_reg": true, "w:p/get": true, "w:p/get/ping": true,
	"md/get/ref": true, "md/get/passkey_request_options": true, "md/set/passkey_prologue": true, "md/set/companion_nonce": true,
	"md/set/encrypted_pairing_request": true,
}

// iqError is the error reply to a request.
type iqError struct {
	code int
	text string
}

func (e *iqError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

var iqTexts = map[int]string{
	400: "bad-request", 401: "not-authorized", 403: "forbidden", 404: "item-not-found", 405: "not-allowed", 406: "not-acceptable", 409: "conflict",
	410: "gone", 419: "resource-limit", 423: "locked", 429: "rate-overlimit", 500: "internal-server-error", 501: "feature-not-implemented",
	503: "service-unavailable",
}

// iqFail returns the error with one of WhatsApp's codes and its text.
func iqFail(code int) error { return &iqError{code: code, text: iqTexts[code]} }

// addIQ registers a table; two handlers for one key are a programming error.
func (n *Network) addIQ(tables ...iqRoutes) {
	for _, table := range tables {
		for key := range table {
			if n.iqRoutes[key] != nil {
				panic("sandbox: two handlers for " + key)
			}
		}
		maps.Copy(n.iqRoutes, table)
	}
}

func iqKey(node *waBinary.Node) string {
	key := text(node, "xmlns") + "/" + text(node, "type")
	if children := node.GetChildren(); len(children) > 0 {
		key += "/" + children[0].Tag
	}
	return key
}

// answer runs the handler of a request and builds the reply. Call under n.mu.
func (n *Network) answer(r *request) waBinary.Node {
	key := iqKey(r.node)
	from, ok := r.node.Attrs["to"].(types.JID)
	if !ok {
		from = types.ServerJID
	}
	attrs := waBinary.Attrs{"from": from, "id": text(r.node, "id"), "type": "result", "t": n.unixNow()}
	handler := n.iqRoutes[key]
	var content []waBinary.Node
	var err error
	switch {
	case handler == nil:
		n.records.recordUnknown(key, r)
		err = iqFail(501)
	case r.device == nil && !beforeLogin[key]:
		n.recordViolation(r, "request before login: "+key)
		err = iqFail(401)
	default:
		if err = n.faults.requestRefusal(r); err == nil {
			content, err = handler(r)
		}
	}
	if err == nil {
		reply := waBinary.Node{Tag: "iq", Attrs: attrs}
		if len(content) > 0 {
			reply.Content = content
		}
		return reply
	}
	var known *iqError
	if !errors.As(err, &known) {
		n.log.Warn("request failed", "method", key, "error", err)
		known = &iqError{500, iqTexts[500]}
	}
	attrs["type"] = "error"
	return waBinary.Node{Tag: "iq", Attrs: attrs, Content: []waBinary.Node{{
		Tag: "error", Attrs: waBinary.Attrs{"code": strconv.Itoa(known.code), "text": known.text},
	}}}
}
