package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// qrRefs is the number of QR codes for one attempt: the first is valid for 60 seconds, the others for 20 each.
const qrRefs = 6

// pairing is one connection that wants to become a companion. Guarded by Network.mu.
type pairing struct {
	conn *conn
	refs []string
	keys deviceKeys
	code *codePairing // after the client asked for a code
	// passkey is set once the client was asked for the account's passkey.
	passkey *passkeyPairing

	// Set while a phone links the connection.
	account   *account
	number    uint16
	successID string
	identity  *waAdv.ADVSignedDeviceIdentity
	result    chan error // buffered, gets exactly one value
}

// startPairing offers QR codes. Call under n.mu.
func (n *Network) startPairing(c *conn) {
	keys, err := registrationKeys(c.noise)
	if err != nil {
		n.recordViolation(&request{net: n, conn: c, node: &waBinary.Node{Tag: "handshake"}}, err.Error())
		n.refuseLogin(c, waBinary.Attrs{"reason": "400"})
		return
	}
	p := &pairing{conn: c, keys: keys}
	var children []waBinary.Node
	for range qrRefs {
		ref := "2@" + base64.StdEncoding.EncodeToString(n.random.bytes(48))
		p.refs = append(p.refs, ref)
		n.pairings[ref] = p
		children = append(children, leaf("ref", []byte(ref)))
	}
	c.pairing = p
	n.send(c, waBinary.Node{
		Tag: "iq", Attrs: waBinary.Attrs{"from": types.ServerJID, "type": "set", "id": n.newID(), "xmlns": "md"},
		Content: []waBinary.Node{{Tag: "pair-device", Content: children}},
	})
}

// registrationKeys returns the checked registration of a new companion.
func registrationKeys(s *noiseSession) (deviceKeys, error) {
	data := s.payload.GetDevicePairingData()
	k := deviceKeys{noise: s.clientStatic}
	if len(data.GetERegid()) != 4 || len(data.GetEIdent()) != 32 || len(data.GetESkeyID()) != 3 || len(data.GetESkeyVal()) != 32 || len(data.GetESkeySig()) != 64 {
		return k, errors.New("registration with keys of a wrong size")
	}
	if len(data.GetEKeytype()) != 1 || data.GetEKeytype()[0] != ecc.DjbType {
		return k, errors.New("registration with an unknown key type")
	}
	k.registration = [4]byte(data.GetERegid())
	k.identity = [32]byte(data.GetEIdent())
	k.signed = signedPreKey{id: [3]byte(data.GetESkeyID()), public: [32]byte(data.GetESkeyVal()), signature: [64]byte(data.GetESkeySig())}
	if !k.signed.isSignedBy(k.identity) {
		return k, errors.New("registration with a bad signed prekey")
	}
	k.props = &waCompanionReg.DeviceProps{}
	if proto.Unmarshal(data.GetDeviceProps(), k.props) != nil {
		return k, errors.New("registration with unreadable device properties")
	}
	return k, checkUserAgent(s.payload)
}

func checkUserAgent(payload *waWa6.ClientPayload) error {
	if payload.GetUserAgent().GetAppVersion().GetPrimary() == 0 {
		return errors.New("registration without a version")
	}
	return nil
}

// endPairing ends a connection's pairing. Call under n.mu.
func (n *Network) endPairing(c *conn) {
	p := c.pairing
	if p == nil {
		return
	}
	n.dropCodes(p)
	c.pairing = nil
	p.finish(ErrPairingGone)
}

// dropCodes invalidates the QR codes and the pairing code of a connection. Call under n.mu.
func (n *Network) dropCodes(p *pairing) {
	for _, ref := range p.refs {
		delete(n.pairings, ref)
	}
	if p.code != nil {
		delete(n.pairings, p.code.ref)
	}
}

func (p *pairing) finish(err error) {
	if p.result != nil {
		p.result <- err
		p.result = nil
	}
}

// ScanQR links the client that shows this QR text (the whole URL, or the five comma-separated values) to the phone's account and waits until the client
// confirmed. When the account requires a passkey it returns after the request for it was sent; Passkey then returns the progress. The error wraps
// ErrBadQR, ErrPairingGone, ErrPairingRefused, ErrTooManyDevices or that of ctx.
func (p *Phone) ScanQR(ctx context.Context, qr string) error {
	_, data, found := strings.Cut(qr, "#")
	if !found {
		data = qr
	}
	parts := strings.Split(data, ",")
	if len(parts) != 5 {
		return fmt.Errorf("sandbox: %w: %d values where 5 belong", ErrBadQR, len(parts))
	}
	var raw [3][]byte
	for i := range raw {
		var err error
		if raw[i], err = base64.StdEncoding.DecodeString(parts[i+1]); err != nil || len(raw[i]) != 32 {
			return fmt.Errorf("sandbox: %w: value %d is not a key", ErrBadQR, i+2)
		}
	}
	p.net.mu.Lock()
	pair := p.net.pairings[parts[0]]
	var result chan error
	err := ErrPairingGone
	if pair != nil && slices.Contains(pair.refs, parts[0]) {
		if [32]byte(raw[0]) != pair.keys.noise || [32]byte(raw[1]) != pair.keys.identity {
			err = ErrBadQR
		} else {
			result, err = p.net.link(pair, p.account, raw[2])
		}
	}
	p.net.mu.Unlock()
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return p.awaitLink(ctx, result)
}

func (p *Phone) awaitLink(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sandbox: pairing not confirmed: %w", ctx.Err())
	}
}

// link continues once a phone knows the pairing secret of a client: the client is asked for the passkey of an account that requires one, else it is
// linked. The channel reports the end. Call under n.mu.
func (n *Network) link(p *pairing, a *account, secret []byte) (chan error, error) {
	if a.passkey == nil {
		return n.sendPairSuccess(p, a, secret)
	}
	if err := n.askPasskey(p, a, secret); err != nil {
		return nil, err
	}
	if p.result == nil {
		p.result = make(chan error, 1)
	}
	result := p.result
	p.finish(nil)
	return result, nil
}

// sendPairSuccess sends the signed identity of the new companion. Call under n.mu.
func (n *Network) sendPairSuccess(p *pairing, a *account, secret []byte) (chan error, error) {
	if p.account != nil {
		return nil, ErrPairingGone
	}
	number, ok := a.freeDevice()
	if !ok {
		return nil, ErrTooManyDevices
	}
	container, identity, err := n.signIdentity(a, number, p.keys.identity, secret)
	if err != nil {
		return nil, err
	}
	p.account, p.number, p.identity, p.successID = a, number, identity, n.newID()
	if p.result == nil {
		p.result = make(chan error, 1)
	}
	jid, lid := a.pn, a.lid
	jid.Device, lid.Device = number, number
	children := []waBinary.Node{leaf("device-identity", container)}
	if a.businessName != "" {
		children = append(children, waBinary.Node{Tag: "biz", Attrs: waBinary.Attrs{"name": a.businessName}})
	}
	children = append(children,
		waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{"jid": jid, "lid": lid}},
		waBinary.Node{Tag: "platform", Attrs: waBinary.Attrs{"name": a.platform}})
	n.send(p.conn, waBinary.Node{
		Tag: "iq", Attrs: waBinary.Attrs{"from": types.ServerJID, "type": "set", "id": p.successID, "t": n.unixNow()},
		Content: []waBinary.Node{{Tag: "pair-success", Content: children}},
	})
	return p.result, nil
}

// signIdentity signs the identity of a companion with the account's key and authenticates it with the pairing secret.
func (n *Network) signIdentity(a *account, number uint16, companion [32]byte, secret []byte) ([]byte, *waAdv.ADVSignedDeviceIdentity, error) {
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID:      proto.Uint32(n.identityID(a)),
		Timestamp:  proto.Uint64(uint64(n.now().Unix())),
		KeyIndex:   proto.Uint32(uint32(number)),
		DeviceType: waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	if err != nil {
		return nil, nil, err
	}
	key := a.phone.identity
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*key.Priv), slices.Concat(whatsmeow.AdvAccountSignaturePrefix, details, companion[:]))
	identity := &waAdv.ADVSignedDeviceIdentity{Details: details, AccountSignatureKey: key.Pub[:], AccountSignature: signature[:]}
	signed, err := proto.Marshal(identity)
	if err != nil {
		return nil, nil, err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(signed)
	container, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: signed, HMAC: mac.Sum(nil)})
	return container, identity, err
}

// pairingReply handles the client's answer to pair-success: its own signature over the identity, or a refusal. Call under n.mu.
func (n *Network) pairingReply(r *request) {
	p := r.conn.pairing
	if p.account == nil || text(r.node, "id") != p.successID {
		return // the acknowledgement of the codes
	}
	if text(r.node, "type") == "error" {
		child := r.child()
		p.finish(fmt.Errorf("%w: %s %s", ErrPairingRefused, text(child, "code"), text(child, "text")))
		r.conn.close()
		return
	}
	signNode, ok := r.node.GetOptionalChildByTag("pair-device-sign", "device-identity")
	if !ok {
		return // acknowledges pair-success, without a signature
	}
	if err := p.verify(&signNode); err != nil {
		n.recordViolation(r, err.Error())
		p.finish(fmt.Errorf("%w: %w", ErrPairingRefused, err))
		n.endStream(r.conn, waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "500"}})
		return
	}
	adv, err := proto.Marshal(p.identity)
	if err != nil {
		p.finish(err)
		return
	}
	d := &device{account: p.account, number: p.number, keys: p.keys}
	d.keys.adv = adv
	p.account.devices[p.number] = d
	n.announceDevice(d, "add")
	p.finish(nil)
	n.endStreamAfter(r.conn, waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}}, closeTimeout)
}

func (p *pairing) verify(node *waBinary.Node) error {
	signed := &waAdv.ADVSignedDeviceIdentity{}
	if err := proto.Unmarshal(content(node), signed); err != nil {
		return fmt.Errorf("pairing with an unreadable identity: %w", err)
	}
	if text(node, "key-index") != strconv.Itoa(int(p.number)) || !slices.Equal(signed.GetDetails(), p.identity.GetDetails()) {
		return errors.New("pairing for another identity")
	}
	if len(signed.GetDeviceSignature()) != 64 {
		return errors.New("pairing without device signature")
	}
	message := slices.Concat(whatsmeow.AdvDeviceSignaturePrefix, p.identity.GetDetails(), p.keys.identity[:], p.identity.GetAccountSignatureKey())
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(p.keys.identity), message, [64]byte(signed.GetDeviceSignature())) {
		return errors.New("pairing with a bad device signature")
	}
	p.identity.DeviceSignature = signed.GetDeviceSignature()
	return nil
}
