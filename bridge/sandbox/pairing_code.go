package sandbox

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
)

const (
	codeIterations = 131_072
	// wrappedSize is a salt of 32, an initialisation vector of 16 and an encrypted key of 32 bytes.
	wrappedSize = 80
)

// displayName is the required form of a client's display name: "Browser (OS)".
var displayName = regexp.MustCompile(`^(Chrome|Chromium|Edge|Firefox|IE|Opera|Safari|Brave|Electron|Android) \([A-Za-z][A-Za-z0-9 ._-]*\)$`)

// codePairing is the state of linking by code.
type codePairing struct {
	account *account
	ref     string
	wrapped []byte // the companion's ephemeral key, encrypted under the code
	order   uint64 // the latest request of an account counts

	// Once a code was typed into the phone:
	ephemeral *keys.KeyPair // the phone's key
	companion []byte        // the companion's key, if the code was right
}

func (n *Network) pairCodeRoutes() iqRoutes {
	return iqRoutes{"md/set/link_code_companion_reg": n.linkByCode}
}

func (n *Network) linkByCode(r *request) ([]waBinary.Node, error) {
	if r.conn == nil || r.conn.pairing == nil {
		return nil, iqFail(405)
	}
	switch text(r.child(), "stage") {
	case "companion_hello":
		return n.codeHello(r, r.conn.pairing)
	case "companion_finish":
		return n.codeFinish(r, r.conn.pairing)
	}
	return nil, iqFail(400)
}

// codeHello registers a pairing code. The network does not get the code itself, only the client's key encrypted under it.
func (n *Network) codeHello(r *request, p *pairing) ([]waBinary.Node, error) {
	if p.passkey != nil {
		return nil, iqFail(405)
	}
	node := r.child()
	jid, _ := jidOf(node, "jid")
	wrapped := childContent(node, "link_code_pairing_wrapped_companion_ephemeral_pub")
	if len(wrapped) != wrappedSize || !slices.Equal(childContent(node, "companion_server_auth_key_pub"), p.keys.noise[:]) ||
		!displayName.Match(childContent(node, "companion_platform_display")) || len(childContent(node, "companion_platform_id")) == 0 {
		n.recordViolation(r, "malformed request for a pairing code")
		return nil, iqFail(400)
	}
	a := n.find(jid)
	if a == nil {
		return nil, iqFail(404)
	}
	if p.code != nil {
		delete(n.pairings, p.code.ref)
	}
	n.nextID++
	p.code = &codePairing{account: a, ref: string(n.random.bytes(32)), wrapped: wrapped, order: n.nextID}
	n.pairings[p.code.ref] = p
	if text(node, "should_show_push_notification") == "true" {
		n.deliver(a.phone.device, n.notification(types.ServerJID, "link_code_companion_reg", nil,
			waBinary.Node{Tag: "link_code_companion_reg", Attrs: waBinary.Attrs{"stage": "companion_hello"}}))
	}
	return []waBinary.Node{{
		Tag: "link_code_companion_reg", Attrs: waBinary.Attrs{"stage": "companion_hello"},
		Content: []waBinary.Node{leaf("link_code_pairing_ref", []byte(p.code.ref))},
	}}, nil
}

// EnterCode enters a pairing code on the phone, with or without dash, and waits until the client is linked or, when the account requires a passkey,
// until the request for it was sent. It applies to the client that requested a
// code for this account last. The error wraps ErrPairingGone, ErrWrongCode, ErrPairingRefused, ErrTooManyDevices or that of ctx.
func (p *Phone) EnterCode(ctx context.Context, code string) error {
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	p.net.mu.Lock()
	pair := p.net.pairingByCode(p.account)
	var wrapped []byte
	if pair != nil {
		wrapped = pair.code.wrapped
	}
	p.net.mu.Unlock()
	if pair == nil {
		return fmt.Errorf("sandbox: %w", ErrPairingGone)
	}
	// Deriving the keys takes a tenth of a second by design, so it happens outside the mutex.
	companion, err := cryptUnderCode(code, wrapped[:32], wrapped[32:48], wrapped[48:])
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	ephemeral := p.random.keyPair()
	salt, iv := p.random.bytes(32), p.random.bytes(16)
	sealed, err := cryptUnderCode(code, salt, iv, ephemeral.Pub[:])
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	p.net.mu.Lock()
	if pair.conn.pairing != pair || pair.code == nil || !slices.Equal(pair.code.wrapped, wrapped) || pair.account != nil || pair.passkey != nil {
		p.net.mu.Unlock()
		return fmt.Errorf("sandbox: %w", ErrPairingGone)
	}
	if key := p.account.passkey; key != nil && key.options.InsteadOfCode {
		err = p.net.passkeyInsteadOfCode(pair)
		p.net.mu.Unlock()
		return err
	}
	pair.code.ephemeral, pair.code.companion = ephemeral, companion
	result := make(chan error, 1)
	pair.result = result
	p.net.send(pair.conn, p.net.notification(types.ServerJID, "link_code_companion_reg", nil, waBinary.Node{
		Tag: "link_code_companion_reg", Attrs: waBinary.Attrs{"jid": p.account.pn, "stage": "primary_hello"},
		Content: []waBinary.Node{
			leaf("link_code_pairing_wrapped_primary_ephemeral_pub", slices.Concat(salt, iv, sealed)),
			leaf("primary_identity_pub", p.identity.Pub[:]),
			leaf("link_code_pairing_ref", []byte(pair.code.ref)),
		},
	}))
	p.net.mu.Unlock()
	return p.awaitLink(ctx, result)
}

// passkeyInsteadOfCode requests the passkey of an account before its phone has verified the code: see PasskeyOptions. Call under n.mu.
func (n *Network) passkeyInsteadOfCode(p *pairing) error {
	handoff := n.notification(types.ServerJID, "link_code_companion_reg", nil, waBinary.Node{
		Tag: "link_code_companion_reg", Attrs: waBinary.Attrs{"jid": p.code.account.pn, "stage": "primary_hello"},
		Content: []waBinary.Node{leaf("primary_identity_pub", p.code.account.phone.identity.Pub[:]), leaf("link_code_pairing_ref", []byte(p.code.ref))},
	})
	if err := n.askPasskey(p, p.code.account, nil); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	n.send(p.conn, handoff)
	return nil
}

// pairingByCode returns the pairing that last requested a code of an account. Call under n.mu.
func (n *Network) pairingByCode(a *account) *pairing {
	var latest *pairing
	for _, p := range n.pairings {
		if p.code != nil && p.code.account == a && (latest == nil || p.code.order > latest.code.order) {
			latest = p
		}
	}
	return latest
}

// cryptUnderCode encrypts or decrypts a key under a pairing code.
func cryptUnderCode(code string, salt, iv, data []byte) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, code, salt, codeIterations, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out, nil
}

// codeFinish decrypts the client's key bundle, which succeeds only after the right code was entered, and links the client.
func (n *Network) codeFinish(r *request, p *pairing) ([]waBinary.Node, error) {
	if p.code == nil || p.code.ephemeral == nil || p.account != nil || string(childContent(r.child(), "link_code_pairing_ref")) != p.code.ref {
		return nil, iqFail(405)
	}
	secret, err := p.openKeyBundle(childContent(r.child(), "link_code_pairing_wrapped_key_bundle"))
	if err != nil || !slices.Equal(childContent(r.child(), "companion_identity_public"), p.keys.identity[:]) {
		p.code.ephemeral = nil
		p.finish(ErrWrongCode)
		return nil, iqFail(400)
	}
	r.after(func() {
		if _, err := n.link(p, p.code.account, secret); err != nil {
			p.finish(err)
		}
	})
	return nil, nil
}

// openKeyBundle derives the secret that both sides share after linking by code.
func (p *pairing) openKeyBundle(wrapped []byte) ([]byte, error) {
	if len(wrapped) < 44 {
		return nil, ErrWrongCode
	}
	phone := p.code.account.phone.identity
	shared, err := curve25519.X25519(p.code.ephemeral.Priv[:], p.code.companion)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(hkdfutil.SHA256(shared, wrapped[:32], []byte("link_code_pairing_key_bundle_encryption_key"), 32))
	if err != nil {
		return nil, err
	}
	bundle, err := aead.Open(nil, wrapped[32:44], wrapped[44:], nil)
	if err != nil {
		return nil, err
	}
	if len(bundle) != 96 || !slices.Equal(bundle[:32], p.keys.identity[:]) || !slices.Equal(bundle[32:64], phone.Pub[:]) {
		return nil, ErrWrongCode
	}
	identity, err := curve25519.X25519(phone.Priv[:], bundle[:32])
	if err != nil {
		return nil, err
	}
	return hkdfutil.SHA256(slices.Concat(shared, identity, bundle[64:]), nil, []byte("adv_secret"), 32), nil
}
