package sandbox

import (
	"bytes"
	"context"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/keys"

	"github.com/waystation/waystation/bridge/signalrecord"
)

// memoryStore holds a phone's Signal state in memory. Guarded by Phone.mu.
type memoryStore struct {
	*store.NoopStore // the rest of a device store, which phones do not need
	sessions         map[string][]byte
	identities       map[string][32]byte
	senderKeys       map[[2]string][]byte
	appStateKeys     map[string]store.AppStateSyncKey
	latestAppState   []byte
}

func newMemoryStore() *memoryStore {
	return &memoryStore{
		NoopStore:    &store.NoopStore{},
		sessions:     map[string][]byte{},
		identities:   map[string][32]byte{},
		senderKeys:   map[[2]string][]byte{},
		appStateKeys: map[string]store.AppStateSyncKey{},
	}
}

// newPhoneStore returns the store.Device for libsignal and for whatsmeow's app state code.
func newPhoneStore(p *Phone) (*store.Device, *memoryStore) {
	jid := p.account.pn
	d := &store.Device{
		IdentityKey:    p.identity,
		NoiseKey:       p.identity,
		SignedPreKey:   signedPreKeyOf(p.identity, p.random.keyPair(), 1),
		RegistrationID: uint32(p.random.uint64() & 0x3fff),
		ID:             &jid,
		LID:            p.account.lid,
	}
	memory := newMemoryStore()
	d.SetAllStores(memory)
	d.LIDs = memory
	d.Container = memory
	return d, memory
}

func signedPreKeyOf(identity, pair *keys.KeyPair, id uint32) *keys.PreKey {
	return &keys.PreKey{KeyPair: *pair, KeyID: id, Signature: identity.Sign(pair)}
}

func (m *memoryStore) GetSession(_ context.Context, address string) ([]byte, error) {
	return m.sessions[address], nil
}

func (m *memoryStore) HasSession(_ context.Context, address string) (bool, error) {
	return m.sessions[address] != nil, nil
}

func (m *memoryStore) PutSession(_ context.Context, address string, session []byte) error {
	session, err := signalrecord.KeepArchived(m.sessions[address], session)
	if err != nil {
		return err
	}
	m.sessions[address] = session
	return nil
}

func (m *memoryStore) DeleteSession(_ context.Context, address string) error {
	delete(m.sessions, address)
	return nil
}

func (m *memoryStore) PutIdentity(_ context.Context, address string, key [32]byte) error {
	m.identities[address] = key
	return nil
}

func (m *memoryStore) DeleteIdentity(_ context.Context, address string) error {
	delete(m.identities, address)
	return nil
}

// IsTrustedIdentity trusts the first key of an address and rejects others.
func (m *memoryStore) IsTrustedIdentity(_ context.Context, address string, key [32]byte) (bool, error) {
	known, ok := m.identities[address]
	return !ok || known == key, nil
}

func (m *memoryStore) PutSenderKey(_ context.Context, group, user string, session []byte) error {
	m.senderKeys[[2]string{group, user}] = session
	return nil
}

func (m *memoryStore) GetSenderKey(_ context.Context, group, user string) ([]byte, error) {
	return m.senderKeys[[2]string{group, user}], nil
}

func (m *memoryStore) PutAppStateSyncKey(_ context.Context, id []byte, key store.AppStateSyncKey) error {
	m.appStateKeys[string(id)] = key
	m.latestAppState = bytes.Clone(id)
	return nil
}

func (m *memoryStore) GetAppStateSyncKey(_ context.Context, id []byte) (*store.AppStateSyncKey, error) {
	key, ok := m.appStateKeys[string(id)]
	if !ok {
		return nil, nil
	}
	return &key, nil
}

func (m *memoryStore) GetLatestAppStateSyncKeyID(context.Context) ([]byte, error) {
	return m.latestAppState, nil
}

func (m *memoryStore) GetAllAppStateSyncKeys(context.Context) ([]*store.AppStateSyncKey, error) {
	var list []*store.AppStateSyncKey
	for _, key := range m.appStateKeys {
		list = append(list, &key)
	}
	return list, nil
}

var (
	_ store.AllStores       = (*memoryStore)(nil)
	_ store.DeviceContainer = (*memoryStore)(nil)
)
