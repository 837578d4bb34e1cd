package sandbox

import (
	"encoding/base32"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Kinds of links that lead to an account.
const (
	linkContact = "contact"
	linkMessage = "message"
)

// userLink is a short link to an account: its contact card, or a chat with a prepared text. The zero value is none.
type userLink struct {
	kind    string
	account *account
	message string
}

func (n *Network) linkRoutes() iqRoutes {
	return iqRoutes{"w:qr/get/qr": n.resolveLink, "w:qr/set/qr": n.ownLink}
}

func (n *Network) newLinkCode() string {
	return base32.StdEncoding.EncodeToString(n.random.bytes(10))[:14]
}

// resolveLink returns the account of a link.
func (n *Network) resolveLink(r *request) ([]waBinary.Node, error) {
	link, ok := n.links[text(r.child(), "code")]
	if !ok {
		return nil, iqFail(404)
	}
	node := waBinary.Node{Tag: "qr", Attrs: waBinary.Attrs{"jid": link.account.pn, "notify": link.account.pushName, "type": link.kind}}
	var children []waBinary.Node
	if link.kind == linkMessage {
		children = append(children, leaf("message", []byte(link.message)))
	}
	if name := link.account.businessName; name != "" {
		children = append(children, waBinary.Node{Tag: "business", Attrs: waBinary.Attrs{
			"is_signed": "false", "verified_name": name, "verified_level": "unknown",
		}})
	}
	if len(children) > 0 {
		node.Content = children
	}
	return []waBinary.Node{node}, nil
}

// ownLink returns the requester's contact link, a new one when the old is revoked.
func (n *Network) ownLink(r *request) ([]waBinary.Node, error) {
	order, own := r.child(), r.device.account
	action := text(order, "action")
	if text(order, "type") != linkContact || action != "get" && action != "revoke" {
		return nil, iqFail(400)
	}
	if action == "revoke" {
		delete(n.links, own.profile.contactLink)
		own.profile.contactLink = ""
	}
	if own.profile.contactLink == "" {
		own.profile.contactLink = n.newLinkCode()
		n.links[own.profile.contactLink] = userLink{kind: linkContact, account: own}
	}
	return []waBinary.Node{{Tag: "qr", Attrs: waBinary.Attrs{"code": own.profile.contactLink}}}, nil
}

// MessageLink creates the short link of a business account that opens a chat with a prepared text, and returns its code. It replaces an earlier link.
func (p *Phone) MessageLink(message string) (code string, err error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.account.businessName == "" {
		return "", fmt.Errorf("sandbox: %s is no business account", p.account.pn.User)
	}
	delete(p.net.links, p.account.profile.messageLink)
	code = p.net.newLinkCode()
	p.account.profile.messageLink = code
	p.net.links[code] = userLink{kind: linkMessage, account: p.account, message: message}
	return code, nil
}
