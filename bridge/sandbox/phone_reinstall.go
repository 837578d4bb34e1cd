package sandbox

import (
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// ChangeIdentity reinstalls WhatsApp on the account's phone. The phone gets a new identity key and registration id, no
// Signal sessions and no companions, whose identities were signed with the old key. Accounts that know its devices get
// an identity notification. Messages the phone received before remain readable for scripts. It returns ErrClosed after
// Network.Close.
func (p *Phone) ChangeIdentity() error {
	if err := p.reinstall(); err != nil {
		return err
	}
	p.announceIdentity()
	return nil
}

// reinstall replaces the keys of the phone without notifying other accounts.
func (p *Phone) reinstall() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.net.closed {
		return fmt.Errorf("sandbox: %w", ErrClosed)
	}
	for _, d := range p.account.otherDevices(p.device) {
		p.net.unlinkDevice(d, true)
	}
	p.identity = p.random.keyPair()
	signed := signedPreKeyOf(p.identity, p.random.keyPair(), p.store.SignedPreKey.KeyID+1)
	p.store.IdentityKey, p.store.NoiseKey, p.store.SignedPreKey = p.identity, p.identity, signed
	p.store.RegistrationID = uint32(p.random.uint64() & 0x3fff)
	clear(p.memory.sessions)
	clear(p.memory.identities)
	clear(p.memory.senderKeys)
	clear(p.retries)
	k := &p.device.keys
	k.registration = [4]byte{2: byte(p.store.RegistrationID >> 8), 3: byte(p.store.RegistrationID)}
	k.identity = *p.identity.Pub
	k.signed = signedPreKey{id: id24(signed.KeyID), public: *signed.Pub, signature: *signed.Signature}
	k.oneTime = nil
	return nil
}

// announceIdentity sends the notification on which senders drop the Signal sessions with the old installation.
func (p *Phone) announceIdentity() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, follower := range p.net.followersOf(p.account) {
		p.net.notifyAccount(follower, p.account.lid, "encrypt", nil, waBinary.Node{Tag: "identity"})
	}
}
