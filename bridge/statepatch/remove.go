package statepatch

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/appstate/lthash"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

var (
	// ErrNoKey means that the phone has not shared an app-state key yet.
	ErrNoKey = errors.New("statepatch: no app state key")
	// ErrNoEntry means that no entry is stored under the index with the current
	// key: it never existed, or an earlier key protects it.
	ErrNoEntry = errors.New("statepatch: no entry to remove")
)

// macSize is the length of the value MAC that ends every encrypted value.
const macSize = 32

// Patch is an encoded patch and the version of the collection it builds on.
type Patch struct {
	BaseVersion uint64
	Bytes       []byte
}

// Entry names what is removed: the index as it was set, the version number
// WhatsApp gives to this kind of entry, and a value of that kind (it may be empty).
type Entry struct {
	Index   []string
	Version int32
	Value   *waSyncAction.SyncActionValue
}

// EncodeRemove encodes a patch that removes one entry of a collection, on top
// of the state the device store knows. The wire format and its MACs are those
// of a SET, except for the operation byte and that nothing is added to the hash.
func EncodeRemove(ctx context.Context, device *store.Device, name appstate.WAPatchName, entry Entry, now time.Time) (*Patch, error) {
	keyID, keys, err := currentKeys(ctx, device)
	if err != nil {
		return nil, err
	}
	version, stateHash, err := device.AppState.GetAppStateVersion(ctx, string(name))
	if err != nil {
		return nil, fmt.Errorf("statepatch: read version of %s: %w", name, err)
	}
	index, err := json.Marshal(entry.Index)
	if err != nil {
		return nil, fmt.Errorf("statepatch: encode index: %w", err)
	}
	indexMAC := mac(sha256.New, keys.index, index)
	previous, err := device.AppState.GetAppStateMutationMAC(ctx, string(name), indexMAC)
	if err != nil {
		return nil, fmt.Errorf("statepatch: read entry of %s: %w", name, err)
	}
	if previous == nil {
		return nil, ErrNoEntry
	}
	value, err := encryptValue(keys, keyID, index, entry, now)
	if err != nil {
		return nil, err
	}

	lthash.WAPatchIntegrity.SubtractThenAddInPlace(stateHash[:], [][]byte{previous}, nil)
	next := version + 1
	snapshotMAC := mac(sha256.New, keys.snapshot, stateHash[:], bigEndian(next), []byte(name))
	patch := &waServerSync.SyncdPatch{
		SnapshotMAC: snapshotMAC,
		PatchMAC:    mac(sha256.New, keys.patch, snapshotMAC, value[len(value)-macSize:], bigEndian(next), []byte(name)),
		KeyID:       &waServerSync.KeyId{ID: keyID},
		Mutations: []*waServerSync.SyncdMutation{{
			Operation: waServerSync.SyncdMutation_REMOVE.Enum(),
			Record: &waServerSync.SyncdRecord{
				Index: &waServerSync.SyncdIndex{Blob: indexMAC},
				Value: &waServerSync.SyncdValue{Blob: value},
				KeyID: &waServerSync.KeyId{ID: keyID},
			},
		}},
	}
	encoded, err := proto.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("statepatch: encode patch: %w", err)
	}
	return &Patch{BaseVersion: version, Bytes: encoded}, nil
}

type keySet struct{ index, encryption, value, snapshot, patch []byte }

func currentKeys(ctx context.Context, device *store.Device) ([]byte, keySet, error) {
	keyID, err := device.AppStateKeys.GetLatestAppStateSyncKeyID(ctx)
	if err != nil {
		return nil, keySet{}, fmt.Errorf("statepatch: find key: %w", err)
	}
	if keyID == nil {
		return nil, keySet{}, ErrNoKey
	}
	key, err := device.AppStateKeys.GetAppStateSyncKey(ctx, keyID)
	if err != nil {
		return nil, keySet{}, fmt.Errorf("statepatch: read key: %w", err)
	}
	if key == nil {
		return nil, keySet{}, ErrNoKey
	}
	// One HKDF output cut into five keys, in this order.
	raw := hkdfutil.SHA256(key.Data, nil, []byte("WhatsApp Mutation Keys"), 160)
	return keyID, keySet{raw[0:32], raw[32:64], raw[64:96], raw[96:128], raw[128:160]}, nil
}

// encryptValue returns the encrypted entry followed by its MAC. The receiver
// decrypts removed entries too: it takes the index from them.
func encryptValue(keys keySet, keyID, index []byte, entry Entry, now time.Time) ([]byte, error) {
	value := &waSyncAction.SyncActionValue{}
	if entry.Value != nil {
		proto.Merge(value, entry.Value)
	}
	value.Timestamp = proto.Int64(now.UnixMilli())
	plain, err := proto.Marshal(&waSyncAction.SyncActionData{
		Index: index, Value: value, Padding: []byte{}, Version: proto.Int32(entry.Version),
	})
	if err != nil {
		return nil, fmt.Errorf("statepatch: encode value: %w", err)
	}
	sealed, err := cbcutil.Encrypt(keys.encryption, nil, plain)
	if err != nil {
		return nil, fmt.Errorf("statepatch: encrypt value: %w", err)
	}
	operation := []byte{byte(waServerSync.SyncdMutation_REMOVE) + 1}
	valueMAC := mac(sha512.New, keys.value, operation, keyID, sealed, bigEndian(uint64(len(keyID)+1)))[:macSize]
	return append(sealed, valueMAC...), nil
}

func mac(alg func() hash.Hash, key []byte, parts ...[]byte) []byte {
	h := hmac.New(alg, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

func bigEndian(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
