package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
)

// tokenKey names the trusted contact token that one account issued for another.
type tokenKey struct{ issuer, holder *account }

const tokenSize = 16

func (n *Network) tokenRoutes() iqRoutes {
	return iqRoutes{"privacy/set/tokens": n.issueTokens}
}

// issueTokens gives contacts the token that lets them write to the sender's account.
func (n *Network) issueTokens(r *request) ([]waBinary.Node, error) {
	issuer := r.device.account
	for _, token := range r.child().GetChildrenByTag("token") {
		jid, ok := jidOf(&token, "jid")
		holder := n.find(jid)
		if !ok || holder == nil || text(&token, "type") != "trusted_contact" {
			n.refuse(r, "token for nobody or of unknown type")
			return nil, iqFail(400)
		}
		n.issueToken(issuer, holder, text(&token, "t"))
	}
	return nil, nil
}

// issueToken gives a contact the issuer's token, the same one each time. Call under n.mu.
func (n *Network) issueToken(issuer, holder *account, stamp string) {
	key := tokenKey{issuer, holder}
	if n.tokens[key] == nil {
		n.tokens[key] = n.random.bytes(tokenSize)
	}
	token := leaf("token", n.tokens[key])
	token.Attrs = waBinary.Attrs{"type": "trusted_contact", "t": stamp}
	n.notifyAccount(holder, issuer.pn, "privacy_token", waBinary.Attrs{"sender_lid": issuer.lid},
		waBinary.Node{Tag: "tokens", Content: []waBinary.Node{token}})
}
