package signal

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// eventBuffer is whatsmeow's entrance to Decryptions.
type eventBuffer struct {
	store.EventBuffer
	d *Decryptions
}

// DoDecryptionTxn runs fn, whose writes are stored together and later.
func (e *eventBuffer) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	return e.d.decrypt(ctx, fn)
}

// GetBufferedEvent returns a decrypted plaintext that was not handled yet, stored or waiting.
func (e *eventBuffer) GetBufferedEvent(ctx context.Context, hash [sha256Size]byte) (*store.BufferedEvent, error) {
	i := incomingOf(ctx)
	if i != nil && i.failed.Load() {
		return nil, ctx.Err()
	}
	event, err := e.findPlaintext(ctx, hash)
	if i != nil && err == nil && event == nil {
		i.searched = &hash
	}
	return event, err
}

func (e *eventBuffer) findPlaintext(ctx context.Context, hash [sha256Size]byte) (*store.BufferedEvent, error) {
	e.d.mu.Lock()
	held := e.d.held
	e.d.mu.Unlock()
	if held != nil && held.plaintexts[hash] != nil {
		return held.plaintexts[hash], nil
	}
	may, err := e.d.mayBeBuffered(ctx, hash)
	if err != nil {
		return nil, e.d.leaveAlone(ctx, err)
	}
	if !may {
		return nil, nil
	}
	event, err := e.EventBuffer.GetBufferedEvent(ctx, hash)
	if err != nil {
		return nil, e.d.leaveAlone(ctx, err)
	}
	return event, nil
}

// GetOutgoingEvent finds a message that a device asks for again.
func (e *eventBuffer) GetOutgoingEvent(ctx context.Context, chat, alternative types.JID, id types.MessageID) (format string, message []byte, err error) {
	format, message, err = e.EventBuffer.GetOutgoingEvent(ctx, chat, alternative, id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		err = e.d.storeFailed(ctx, err)
	}
	return format, message, err
}

// AddOutgoingEvent stores a message before it is sent, for devices that ask for it again.
func (e *eventBuffer) AddOutgoingEvent(ctx context.Context, chat types.JID, id types.MessageID, format string, message []byte) error {
	return e.d.failedWithin(ctx, e.EventBuffer.AddOutgoingEvent(ctx, chat, id, format, message))
}

// PutBufferedEvent is the last step of a decryption.
func (e *eventBuffer) PutBufferedEvent(ctx context.Context, hash [sha256Size]byte, plaintext []byte, at time.Time) error {
	u := unitOf(ctx)
	if u == nil {
		e.d.notePlaintext(hash)
		return e.EventBuffer.PutBufferedEvent(ctx, hash, plaintext, at)
	}
	u.plaintexts[hash] = &store.BufferedEvent{Plaintext: plaintext, InsertTime: time.Now(), ServerTime: at}
	return nil
}

// ClearBufferedEventPlaintext says that a message was handled. A unit that no event
// took along is stored now.
func (e *eventBuffer) ClearBufferedEventPlaintext(ctx context.Context, hash [sha256Size]byte) error {
	if i := incomingOf(ctx); i != nil && i.failed.Load() {
		return ctx.Err() // it comes again
	}
	if e.d.handledBeforeStored(hash) {
		return e.d.settle(ctx)
	}
	return e.EventBuffer.ClearBufferedEventPlaintext(ctx, hash)
}

// identityStore keeps the identity keys a decryption learns in its unit.
type identityStore struct {
	store.IdentityStore
	d *Decryptions
}

// PutIdentity stores a key, or notes it.
func (s *identityStore) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	if u := unitOf(ctx); u != nil {
		u.identities[address] = &key
		return nil
	}
	if err := s.settle(ctx); err != nil {
		return s.d.storeFailed(ctx, err)
	}
	return s.d.storeFailed(ctx, s.IdentityStore.PutIdentity(ctx, address, key))
}

// DeleteIdentity deletes a key, or notes that.
func (s *identityStore) DeleteIdentity(ctx context.Context, address string) error {
	s.d.replaced.note(address)
	if u := unitOf(ctx); u != nil {
		u.identities[address] = nil
		return nil
	}
	if err := s.settle(ctx); err != nil {
		return s.d.storeFailed(ctx, err)
	}
	return s.d.storeFailed(ctx, s.IdentityStore.DeleteIdentity(ctx, address))
}

// DeleteAllIdentities deletes the keys of a contact's devices under each of its addresses.
func (s *identityStore) DeleteAllIdentities(ctx context.Context, user string) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.d.eachAddress(ctx, user, func(address string) error {
		s.d.replaced.note(address)
		return s.IdentityStore.DeleteAllIdentities(ctx, address)
	})
}

// settle prepares for a write that passes the unit by.
func (s *identityStore) settle(ctx context.Context) error {
	defer s.d.forget()
	return s.d.settle(ctx)
}

// IsTrustedIdentity compares a key with the noted or stored one; an unknown one is trusted. So is each key of an address
// whose key was deleted recently (replacedIdentities).
func (s *identityStore) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (bool, error) {
	if s.d.replaced.recently(address) {
		return true, nil
	}
	if u := unitOf(ctx); u != nil {
		if noted, ok := u.identities[address]; ok {
			return noted == nil || *noted == key, nil
		}
	}
	if s.d.isKnown(address, key) {
		return true, nil
	}
	trusted, err := s.IdentityStore.IsTrustedIdentity(ctx, address, key)
	return trusted, s.d.storeFailed(ctx, err)
}

// preKeyStore notes the one-time key that a decryption used up.
type preKeyStore struct{ store.PreKeyStore }

// GetPreKey returns a one-time key.
func (s *preKeyStore) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	key, err := s.PreKeyStore.GetPreKey(ctx, id)
	return key, noteFailure(ctx, err)
}

// RemovePreKey removes a key, or notes that.
func (s *preKeyStore) RemovePreKey(ctx context.Context, id uint32) error {
	if u := unitOf(ctx); u != nil {
		u.preKeys = append(u.preKeys, id)
		return nil
	}
	return s.PreKeyStore.RemovePreKey(ctx, id)
}

// senderKeyStore keeps the steps of group ratchets in the unit.
type senderKeyStore struct {
	store.SenderKeyStore
	d *Decryptions
}

// PutSenderKey stores a group ratchet, or notes it.
func (s *senderKeyStore) PutSenderKey(ctx context.Context, group, user string, key []byte) error {
	if u := unitOf(ctx); u != nil {
		u.senderKeys[senderKeyName{group, user}] = key
		return nil
	}
	if err := s.d.settle(ctx); err != nil {
		return s.d.storeFailed(ctx, err)
	}
	return s.d.storeFailed(ctx, s.SenderKeyStore.PutSenderKey(ctx, group, user, key))
}

// GetSenderKey returns a group ratchet as the decryption sees it.
func (s *senderKeyStore) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	if u := unitOf(ctx); u != nil {
		if key, ok := u.senderKeys[senderKeyName{group, user}]; ok {
			return key, nil
		}
	}
	key, err := s.SenderKeyStore.GetSenderKey(ctx, group, user)
	return key, s.d.storeFailed(ctx, err)
}

// secretStore sends the secret of the message just decrypted along with its unit.
type secretStore struct {
	store.MsgSecretStore
	d *Decryptions
}

// PutMessageSecret stores the key of a message's later edits, votes and reactions.
func (s *secretStore) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	if s.d.note(store.MessageSecretInsert{Chat: chat, Sender: sender, ID: id, Secret: secret}) {
		return nil
	}
	return s.d.failedWithin(ctx, s.MsgSecretStore.PutMessageSecret(ctx, chat, sender, id, secret))
}

// lidStore reports the failure of a look-up to the message or the send that needs it. whatsmeow would decrypt the message with
// the session record of another address.
type lidStore struct {
	store.LIDStore
	d *Decryptions
}

// GetLIDForPN returns the LID of a phone number.
func (s *lidStore) GetLIDForPN(ctx context.Context, pn types.JID) (types.JID, error) {
	lid, err := s.LIDStore.GetLIDForPN(ctx, pn)
	if pn.Server != types.DefaultUserServer {
		return lid, err
	}
	return lid, s.d.failedWithin(ctx, err)
}

// GetPNForLID returns the phone number of a LID.
func (s *lidStore) GetPNForLID(ctx context.Context, lid types.JID) (types.JID, error) {
	pn, err := s.LIDStore.GetPNForLID(ctx, lid)
	if lid.Server != types.HiddenUserServer {
		return pn, err
	}
	return pn, s.d.failedWithin(ctx, err)
}
