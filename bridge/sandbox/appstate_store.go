package sandbox

import (
	"context"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
)

// stateStore holds the version, hash and MACs up to which a phone has read each collection. Guarded by Phone.mu.
type stateStore map[string]*stateProgress

type stateProgress struct {
	appstate.HashState
	macs map[string][]byte // value MAC by index MAC
}

var _ store.AppStateStore = stateStore(nil)

func (s stateStore) progressOf(name string) *stateProgress {
	if s[name] == nil {
		s[name] = &stateProgress{macs: map[string][]byte{}}
	}
	return s[name]
}

func (s stateStore) PutAppStateVersion(_ context.Context, name string, version uint64, hash [128]byte) error {
	s.progressOf(name).HashState = appstate.HashState{Version: version, Hash: hash}
	return nil
}

func (s stateStore) GetAppStateVersion(_ context.Context, name string) (uint64, [128]byte, error) {
	return s.progressOf(name).Version, s.progressOf(name).Hash, nil
}

func (s stateStore) DeleteAppStateVersion(_ context.Context, name string) error {
	delete(s, name)
	return nil
}

func (s stateStore) PutAppStateMutationMACs(_ context.Context, name string, _ uint64, mutations []store.AppStateMutationMAC) error {
	for _, mutation := range mutations {
		s.progressOf(name).macs[string(mutation.IndexMAC)] = mutation.ValueMAC
	}
	return nil
}

func (s stateStore) DeleteAppStateMutationMACs(_ context.Context, name string, indexMACs [][]byte) error {
	for _, mac := range indexMACs {
		delete(s.progressOf(name).macs, string(mac))
	}
	return nil
}

func (s stateStore) GetAppStateMutationMAC(_ context.Context, name string, indexMAC []byte) ([]byte, error) {
	return s.progressOf(name).macs[string(indexMAC)], nil
}
