package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/util/jsonbytes"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"
)

type unpadded = jsonbytes.UnpaddedURLBytes

const (
	// defaultPasskeyTimeout is the timeout in WhatsApp's requests: ten minutes.
	defaultPasskeyTimeout = 10 * time.Minute
	maxPasskeyTimeout     = time.Hour
	passkeyChallengeSize  = 32
)

// Notifications of the passkey step.
const (
	passkeyRequestType      = "passkey_prologue_request"
	passkeyContinuationType = "crsc_continuation"
)

// pairingCodeAlphabet encodes five bytes as the eight characters that people compare.
var pairingCodeAlphabet = base32.NewEncoding("123456789ABCDEFGHJKLMNPQRSTVWXYZ")

// PasskeyOptions configures the passkey step of an account, which precedes the linking of a device.
type PasskeyOptions struct {
	// Timeout is how long a challenge may be answered, at most an hour. 0 means 10 minutes.
	Timeout time.Duration
	// InsteadOfCode makes the phone request the passkey as soon as a pairing code was entered, before the code is verified. The client then gets
	// a notification link_code_companion_reg without the phone's wrapped ephemeral key (seen on WhatsApp: whatsmeow issues 1188 and 1233). Without it
	// the request follows companion_finish (seen on WhatsApp, too: openmessage issue 79).
	InsteadOfCode bool
}

// passkeyStage is the progress of a pairing's passkey step.
type passkeyStage int

const (
	passkeyAsked     passkeyStage = iota // the client has the challenge
	passkeyAnswered                      // the answer was accepted; the phone continues
	passkeyContinued                     // the client has the phone's ephemeral key
	passkeyRevealed                      // the client revealed its nonce; phone and client show the same code
)

// passkeyPairing is the passkey step of one pairing. Guarded by Network.mu.
type passkeyPairing struct {
	account   *account
	stage     passkeyStage
	order     uint64 // the latest request of an account counts
	options   []byte // JSON of the WebAuthn request
	challenge []byte
	deadline  time.Time
	secret    []byte // pairing secret from the code that was scanned or typed
	fetchCode int    // error code for a client that fetches the options; 0 = it gets them

	ref       string
	companion *waCompanionReg.CompanionEphemeralIdentity
	payload   *waCompanionReg.ProloguePayload
	ephemeral *keys.KeyPair
	nonce     []byte
	code      string // shown by both sides
	handoff   bool   // the client proved that it showed the code which the phone scanned or typed
}

func (n *Network) passkeyRoutes() iqRoutes {
	return iqRoutes{
		"md/get/ref":                       n.passkeyRef,
		"md/get/passkey_request_options":   n.passkeyOptions,
		"md/set/passkey_prologue":          n.passkeyPrologue,
		"md/set/companion_nonce":           n.passkeyNonce,
		"md/set/encrypted_pairing_request": n.passkeyPairingRequest,
	}
}

// RequirePasskey makes the account link further devices only with its passkey, which is created if there is none. A pending request keeps its options.
func (p *Phone) RequirePasskey(options PasskeyOptions) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	return p.requirePasskey(options)
}

// requirePasskey is RequirePasskey under n.mu.
func (p *Phone) requirePasskey(options PasskeyOptions) error {
	if options.Timeout < 0 || options.Timeout > maxPasskeyTimeout {
		return fmt.Errorf("sandbox: %w: the timeout of a challenge is at most %s", ErrBadPasskey, maxPasskeyTimeout)
	}
	if options.Timeout == 0 {
		options.Timeout = defaultPasskeyTimeout
	}
	if p.account.passkey != nil {
		p.account.passkey.options = options
		return nil
	}
	key, err := newPasskey(p.random.derive("passkey"), options)
	p.account.passkey = key
	return err
}

// DropPasskey lets the account link devices without a passkey again.
func (p *Phone) DropPasskey() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.account.passkey = nil
}

// PasskeyState is the phone's view of the passkey step.
type PasskeyState struct {
	Required bool
	// Pending is true while a client has the request for the passkey and is not linked yet.
	Pending bool
	// Code is the code that the phone shows for comparison; empty before both sides have it.
	Code string
	// Handoff is true if the client proved to be the one whose code was scanned or entered, so that the comparison may be skipped.
	Handoff bool
}

// Passkey returns the state of the account's passkey step.
func (p *Phone) Passkey() PasskeyState {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	out := PasskeyState{Required: p.account.passkey != nil}
	if k := p.net.passkeyPending(p.account); k != nil {
		out.Pending, out.Code, out.Handoff = true, k.code, k.handoff
	}
	return out
}

// SignPasskey answers a WebAuthn request with the account's passkey, as a page on WhatsApp's origin would. Without options it answers the latest
// request of the account. The error wraps ErrNoPasskey or ErrBadPasskey.
func (p *Phone) SignPasskey(options *types.WebAuthnPublicKey, mistake PasskeyMistake) (*types.WebAuthnResponse, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	key := p.account.passkey
	if key == nil {
		return nil, fmt.Errorf("sandbox: %w: the account has none", ErrNoPasskey)
	}
	if options == nil {
		pending := p.net.passkeyPending(p.account)
		if pending == nil {
			return nil, fmt.Errorf("sandbox: %w: no client has a pending request", ErrNoPasskey)
		}
		return key.sign(pending.challenge, mistake, p.random)
	}
	if len(options.Challenge) == 0 || options.RelyingPartID != passkeyRelyingParty {
		return nil, fmt.Errorf("sandbox: %w: the request has no challenge, or is for another relying party", ErrBadPasskey)
	}
	return key.sign(options.Challenge, mistake, p.random)
}

// passkeyPending returns the latest request of an account. Call under n.mu.
func (n *Network) passkeyPending(a *account) *passkeyPairing {
	var latest *passkeyPairing
	for c := range n.conns {
		if c.pairing == nil || c.pairing.passkey == nil || c.pairing.account != nil {
			continue
		}
		if k := c.pairing.passkey; k.account == a && (latest == nil || k.order > latest.order) {
			latest = k
		}
	}
	return latest
}

// askPasskey sends the WebAuthn request and invalidates the codes of this connection. secret is the pairing secret that phone and client
// share by the code, nil when the phone did not wait for it. Call under n.mu.
func (n *Network) askPasskey(p *pairing, a *account, secret []byte) error {
	if p.account != nil || p.passkey != nil {
		return ErrPairingGone
	}
	n.nextID++
	k := &passkeyPairing{
		account: a, order: n.nextID, challenge: n.random.bytes(passkeyChallengeSize), deadline: n.now().Add(a.passkey.options.Timeout), secret: secret,
	}
	var err error
	k.options, err = json.Marshal(map[string]any{
		"challenge": base64.RawURLEncoding.EncodeToString(k.challenge), "timeout": a.passkey.options.Timeout.Milliseconds(), "rpId": passkeyRelyingParty,
		"allowCredentials": []any{}, "userVerification": "required", "extensions": map[string]any{"uvm": true},
	})
	if err != nil {
		return err
	}
	p.passkey = k
	n.dropCodes(p)
	n.sendPasskey(p, passkeyRequestType, leaf("passkey_request_options", k.options))
	return nil
}

// sendPasskey sends a notification of the passkey step, unless a fault drops or corrupts it. Call under n.mu.
func (n *Network) sendPasskey(p *pairing, kind string, child waBinary.Node) {
	node := n.notification(types.ServerJID, kind, nil, child)
	// Rules name the account; the connection has no device yet.
	rule := n.faults.consumeRule(&device{account: p.passkey.account, number: 1}, &node, FaultPasskeyLost, FaultPasskeyError)
	switch {
	case rule == nil:
	case rule.Kind == FaultPasskeyLost:
		return
	default:
		p.passkey.fetchCode = rule.Code
		node.Content = []waBinary.Node{leaf(child.Tag, []byte("?"))}
	}
	n.send(p.conn, node)
}

// passkeyStep returns the passkey step of the connection when it is at a stage; another stage is refused with 405 or 409.
func (r *request) passkeyStep(stage passkeyStage) (*pairing, *passkeyPairing, error) {
	if r.conn == nil || r.conn.pairing == nil || r.conn.pairing.passkey == nil {
		return nil, nil, iqFail(405)
	}
	p := r.conn.pairing
	if p.passkey.stage != stage || p.account != nil {
		return nil, nil, iqFail(409)
	}
	return p, p.passkey, nil
}

func (n *Network) passkeyOptions(r *request) ([]waBinary.Node, error) {
	_, k, err := r.passkeyStep(passkeyAsked)
	if err != nil {
		return nil, err
	}
	if k.fetchCode != 0 {
		return nil, iqFail(k.fetchCode)
	}
	return []waBinary.Node{leaf("passkey_request_options", k.options)}, nil
}

func (n *Network) passkeyRef(r *request) ([]waBinary.Node, error) {
	_, k, err := r.passkeyStep(passkeyAsked)
	if err != nil {
		return nil, err
	}
	k.ref = "2@" + base64.StdEncoding.EncodeToString(n.random.bytes(48))
	return []waBinary.Node{leaf("ref", []byte(k.ref))}, nil
}

// passkeyPrologue checks the client's answer: 410 after the deadline, 400 for a malformed answer, 401 for an assertion that does not verify, 403 for a
// proof that does not belong to the code which the phone scanned. A refused answer may be repeated before the deadline.
func (n *Network) passkeyPrologue(r *request) ([]waBinary.Node, error) {
	p, k, err := r.passkeyStep(passkeyAsked)
	switch {
	case err != nil:
		return nil, err
	case !n.now().Before(k.deadline):
		return nil, iqFail(410)
	case k.account.passkey == nil:
		return nil, iqFail(404)
	}
	node := r.child()
	var assertion types.WebAuthnResponse
	payload, companion, err := readPrologue(childContent(node, "prologue_payload"))
	if err == nil {
		err = json.Unmarshal(childContent(node, "webauthn_assertion"), &assertion)
	}
	if err != nil || companion.GetRef() != k.ref || k.ref == "" || !slices.Equal(childContent(node, "credential_id"), assertion.RawID) {
		n.recordViolation(r, "malformed answer to a passkey request")
		return nil, iqFail(400)
	}
	if proof := childContent(node, "pairing_handoff_proof"); proof != nil && k.secret != nil {
		if !hmac.Equal(proof, handoffProof(k.secret, childContent(node, "prologue_payload"))) {
			n.recordViolation(r, "passkey answer with a proof for another code")
			return nil, iqFail(403)
		}
		k.handoff = true
	}
	if err := k.account.passkey.verify(&assertion, k.challenge); err != nil {
		n.log.Info("passkey answer refused", "error", err)
		return nil, iqFail(401)
	}
	k.payload, k.companion, k.stage = payload, companion, passkeyAnswered
	r.after(func() { n.continuePasskey(p) })
	return nil, nil
}

func readPrologue(raw []byte) (*waCompanionReg.ProloguePayload, *waCompanionReg.CompanionEphemeralIdentity, error) {
	payload, companion := &waCompanionReg.ProloguePayload{}, &waCompanionReg.CompanionEphemeralIdentity{}
	if err := proto.Unmarshal(raw, payload); err != nil {
		return nil, nil, err
	}
	if err := proto.Unmarshal(payload.GetCompanionEphemeralIdentity(), companion); err != nil {
		return nil, nil, err
	}
	if len(companion.GetPublicKey()) != 32 || len(payload.GetCommitment().GetHash()) != sha256.Size {
		return nil, nil, errors.New("key or commitment of a wrong size")
	}
	return payload, companion, nil
}

// handoffProof is the HMAC with which a client proves that it knows the secret of the code that the phone scanned.
func handoffProof(secret, payload []byte) []byte {
	mac := hmac.New(sha256.New, hkdfutil.SHA256(secret, nil, []byte("shortcake-passkey-handoff-v1"), 32))
	mac.Write(payload)
	return mac.Sum(nil)
}

// continuePasskey sends the phone's ephemeral key. Call under n.mu.
func (n *Network) continuePasskey(p *pairing) {
	k := p.passkey
	phone := k.account.phone
	k.ephemeral, k.nonce, k.stage = phone.random.keyPair(), phone.random.bytes(32), passkeyContinued
	identity, err := proto.Marshal(&waCompanionReg.PrimaryEphemeralIdentity{PublicKey: k.ephemeral.Pub[:], Nonce: k.nonce})
	if err != nil {
		n.log.Error("passkey step cannot continue", "error", err)
		return
	}
	n.sendPasskey(p, passkeyContinuationType, leaf("primary_ephemeral_identity", identity))
}

// passkeyNonce checks the nonce against the client's commitment and computes the code that both sides show.
func (n *Network) passkeyNonce(r *request) ([]waBinary.Node, error) {
	_, k, err := r.passkeyStep(passkeyContinued)
	if err != nil {
		return nil, err
	}
	nonce := content(r.child())
	commitment := sha256.Sum256(slices.Concat(k.payload.GetCompanionEphemeralIdentity(), nonce))
	if len(nonce) != 32 || !slices.Equal(commitment[:], k.payload.GetCommitment().GetHash()) {
		n.recordViolation(r, "nonce that does not fit its commitment")
		return nil, iqFail(401)
	}
	digest := sha256.Sum256(slices.Concat(nonce, k.ephemeral.Pub[:]))
	var code [5]byte
	for i := range code {
		code[i] = k.nonce[i] ^ digest[i]
	}
	text := pairingCodeAlphabet.EncodeToString(code[:])
	k.code, k.stage = text[:4]+"-"+text[4:], passkeyRevealed
	return nil, nil
}

// passkeyPairingRequest decrypts the client's keys and its new pairing secret, and links it.
func (n *Network) passkeyPairingRequest(r *request) ([]waBinary.Node, error) {
	p, k, err := r.passkeyStep(passkeyRevealed)
	if err != nil {
		return nil, err
	}
	wanted, err := k.open(content(r.child()))
	if err != nil || !slices.Equal(wanted.GetCompanionPublicKey(), p.keys.noise[:]) || !slices.Equal(wanted.GetCompanionIdentityKey(), p.keys.identity[:]) ||
		len(wanted.GetAdvSecret()) != 32 {
		n.recordViolation(r, "unreadable pairing request after a passkey")
		return nil, iqFail(400)
	}
	r.after(func() {
		if _, err := n.sendPairSuccess(p, k.account, wanted.GetAdvSecret()); err != nil {
			n.log.Warn("no device linked after a passkey", "error", err)
			n.endStream(p.conn, waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "500"}})
		}
	})
	return nil, nil
}

// open decrypts the client's pairing request to the phone.
func (k *passkeyPairing) open(raw []byte) (*waCompanionReg.PairingRequest, error) {
	sealed, wanted := &waCompanionReg.EncryptedPairingRequest{}, &waCompanionReg.PairingRequest{}
	if err := proto.Unmarshal(raw, sealed); err != nil {
		return nil, err
	}
	shared, err := curve25519.X25519(k.ephemeral.Priv[:], k.companion.GetPublicKey())
	if err != nil {
		return nil, err
	}
	salt := fmt.Sprintf("Companion Pairing %d with ref %s", k.companion.GetDeviceType(), k.ref)
	aead, err := newAEAD(hkdfutil.SHA256(shared, []byte(salt), []byte("Pairing Information Encryption Key"), 32))
	if err != nil {
		return nil, err
	}
	if len(sealed.GetIV()) != aead.NonceSize() {
		return nil, errors.New("initialisation vector of a wrong size")
	}
	plain, err := aead.Open(nil, sealed.GetIV(), sealed.GetEncryptedPayload(), nil)
	if err != nil {
		return nil, err
	}
	return wanted, proto.Unmarshal(plain, wanted)
}
