package statepatch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/statepatch"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
)

// memory keeps one collection of one device, as the SQL store would.
type memory struct {
	store.AppStateStore
	store.AppStateSyncKeyStore
	key     *store.AppStateSyncKey
	version uint64
	hash    [128]byte
	macs    map[string][]byte
}

var keyID = []byte{0, 0, 0, 0, 0, 7}

func (m *memory) GetLatestAppStateSyncKeyID(context.Context) ([]byte, error) {
	if m.key == nil {
		return nil, nil
	}
	return keyID, nil
}

func (m *memory) GetAppStateSyncKey(context.Context, []byte) (*store.AppStateSyncKey, error) {
	return m.key, nil
}

func (m *memory) GetAppStateVersion(context.Context, string) (uint64, [128]byte, error) {
	return m.version, m.hash, nil
}

func (m *memory) PutAppStateVersion(_ context.Context, _ string, version uint64, hash [128]byte) error {
	m.version, m.hash = version, hash
	return nil
}

func (m *memory) GetAppStateMutationMAC(_ context.Context, _ string, index []byte) ([]byte, error) {
	return m.macs[string(index)], nil
}

func (m *memory) PutAppStateMutationMACs(_ context.Context, _ string, _ uint64, added []store.AppStateMutationMAC) error {
	for _, entry := range added {
		m.macs[string(entry.IndexMAC)] = entry.ValueMAC
	}
	return nil
}

func (m *memory) DeleteAppStateMutationMACs(_ context.Context, _ string, removed [][]byte) error {
	for _, index := range removed {
		delete(m.macs, string(index))
	}
	return nil
}

func newMemory() (*memory, *store.Device) {
	m := &memory{key: &store.AppStateSyncKey{Data: []byte("0123456789abcdef0123456789abcdef")}, macs: map[string][]byte{}}
	return m, &store.Device{AppState: m, AppStateKeys: m}
}

// apply decodes a patch with every MAC checked, as a phone does.
func apply(t *testing.T, m *memory, device *store.Device, encoded []byte) ([]appstate.Mutation, error) {
	t.Helper()
	var patch waServerSync.SyncdPatch
	if err := proto.Unmarshal(encoded, &patch); err != nil {
		t.Fatal(err)
	}
	patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(m.version + 1)}
	list := &appstate.PatchList{Name: appstate.WAPatchCriticalUnblockLow, Patches: []*waServerSync.SyncdPatch{&patch}}
	state := appstate.HashState{Version: m.version, Hash: m.hash}
	mutations, _, err := appstate.NewProcessor(device, waLog.Noop).DecodePatches(t.Context(), list, state, true)
	return mutations, err
}

func setContact(t *testing.T, m *memory, device *store.Device, jid string) {
	t.Helper()
	encoded, err := appstate.NewProcessor(device, waLog.Noop).EncodePatch(t.Context(), keyID,
		appstate.HashState{Version: m.version, Hash: m.hash}, appstate.PatchInfo{
			Type: appstate.WAPatchCriticalUnblockLow,
			Mutations: []appstate.MutationInfo{{Index: []string{"contact", jid}, Version: 2, Value: &waSyncAction.SyncActionValue{
				ContactAction: &waSyncAction.ContactAction{FullName: proto.String("Ada")},
			}}},
		})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, m, device, encoded); err != nil {
		t.Fatalf("apply the SET: %v", err)
	}
}

func TestRemoveIsAcceptedAndRestoresTheHash(t *testing.T) {
	m, device := newMemory()
	setContact(t, m, device, "1@s.whatsapp.net")
	before := m.hash
	setContact(t, m, device, "2@s.whatsapp.net")

	entry := statepatch.Entry{Index: []string{"contact", "2@s.whatsapp.net"}, Version: 2}
	patch, err := statepatch.EncodeRemove(t.Context(), device, appstate.WAPatchCriticalUnblockLow, entry, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if patch.BaseVersion != 2 {
		t.Errorf("base version %d, want 2", patch.BaseVersion)
	}
	mutations, err := apply(t, m, device, patch.Bytes)
	if err != nil {
		t.Fatalf("the decoder refused the patch: %v", err)
	}
	if len(mutations) != 1 || mutations[0].Operation != waServerSync.SyncdMutation_REMOVE || mutations[0].Index[1] != "2@s.whatsapp.net" {
		t.Errorf("decoded %+v", mutations)
	}
	if m.hash != before {
		t.Error("removing what was added must lead back to the earlier hash")
	}
	if _, err := statepatch.EncodeRemove(t.Context(), device, appstate.WAPatchCriticalUnblockLow, entry, time.Unix(2, 0)); !errors.Is(err, statepatch.ErrNoEntry) {
		t.Errorf("second removal: %v, want ErrNoEntry", err)
	}
}

func TestRemoveWithoutKey(t *testing.T) {
	m, device := newMemory()
	m.key = nil
	_, err := statepatch.EncodeRemove(t.Context(), device, appstate.WAPatchCriticalUnblockLow, statepatch.Entry{Index: []string{"contact", "1"}}, time.Now())
	if !errors.Is(err, statepatch.ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
}
