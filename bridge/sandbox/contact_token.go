package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// tokenKey identifies the trusted contact token that one account issued to another.
type tokenKey struct{ issuer, holder *account }

// contactToken is a trusted contact token with the time of issue that the issuer stated.
type contactToken struct {
	value []byte
	at    time.Time
}

const (
	tokenSize   = 16
	nctSaltSize = 32
	// A trusted contact token is valid in the week of its issue and in the three weeks after it (whatsmeow, tctoken.go).
	tokenWeek  = 7 * 24 * time.Hour
	tokenWeeks = 4
)

func (n *Network) tokenRoutes() iqRoutes {
	return iqRoutes{"privacy/set/tokens": n.issueTokens}
}

// issueTokens issues contacts the token with which they may write to the sender's account.
func (n *Network) issueTokens(r *request) ([]waBinary.Node, error) {
	issuer := r.device.account
	for _, token := range r.child().GetChildrenByTag("token") {
		jid, ok := jidOf(&token, "jid")
		holder := n.find(jid)
		stamp, err := strconv.ParseInt(text(&token, "t"), 10, 64)
		if !ok || err != nil || holder == nil || text(&token, "type") != "trusted_contact" {
			n.recordViolation(r, "token for an unknown account or of unknown type")
			return nil, iqFail(400)
		}
		n.issueToken(issuer, holder, time.Unix(stamp, 0))
	}
	return nil, nil
}

// issueToken delivers a contact the issuer's token. A valid token keeps its value. Call under n.mu.
func (n *Network) issueToken(issuer, holder *account, at time.Time) {
	key := tokenKey{issuer, holder}
	token := n.tokens[key]
	if token == nil || token.expired(n.now()) {
		token = &contactToken{value: n.random.bytes(tokenSize)}
		n.tokens[key] = token
	}
	token.at = at
	node := leaf("token", token.value)
	node.Attrs = waBinary.Attrs{"type": "trusted_contact", "t": unix(at)}
	n.notifyAccount(holder, issuer.pn, "privacy_token", waBinary.Attrs{"sender_lid": issuer.lid},
		waBinary.Node{Tag: "tokens", Content: []waBinary.Node{node}})
}

// expired reports whether a token was issued before the weeks in which it is valid.
func (t *contactToken) expired(now time.Time) bool {
	week := int64(tokenWeek / time.Second)
	return t.at.Unix() < (now.Unix()/week-(tokenWeeks-1))*week
}

// trusted checks the token that a message to a contact must carry while first contacts are restricted: one that the recipient issued, or one derived from
// the sender's own salt and the recipient's LID.
func (n *Network) trusted(r *request, sender, target *account) bool {
	if token := n.tokens[tokenKey{issuer: target, holder: sender}]; token != nil && !token.expired(n.now()) &&
		hmac.Equal(childContent(r.node, "tctoken"), token.value) {
		return true
	}
	if len(sender.nctSalt) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, sender.nctSalt)
	mac.Write([]byte(target.lid.String()))
	return hmac.Equal(childContent(r.node, "cstoken"), mac.Sum(nil))
}
