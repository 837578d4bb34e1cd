package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
	"google.golang.org/protobuf/proto"
)

// recoverState answers a companion that can no longer read a collection of the synchronised settings with the phone's own copy: all entries in the clear,
// with the version and hash that they have at the server. nil when the phone has no such collection.
func (p *Phone) recoverState(id string, name appstate.WAPatchName) *waE2E.ProtocolMessage {
	p.mu.Lock()
	snapshot, err := p.stateSnapshot(name)
	p.mu.Unlock()
	if err != nil {
		p.net.log.Warn("phone cannot recover app state", "error", err)
		return nil
	}
	return peerAnswer(&waE2E.PeerDataOperationRequestResponseMessage{
		PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY.Enum(), StanzaID: proto.String(id),
		PeerDataOperationResult: []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{
			SyncdSnapshotFatalRecoveryResponse: &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_SyncDSnapshotFatalRecoveryResponse{
				CollectionSnapshot: snapshot, IsCompressed: proto.Bool(true),
			},
		}},
	})
}

// stateSnapshot packs a collection as gzip of SyncdSnapshotRecovery. Call under p.mu.
func (p *Phone) stateSnapshot(name appstate.WAPatchName) ([]byte, error) {
	progress := p.states.store[string(name)]
	if progress == nil || progress.Version == 0 {
		return nil, fmt.Errorf("sandbox: app state: no collection %q", name)
	}
	out := &waSyncdSnapshotRecovery.SyncdSnapshotRecovery{
		Version: &waSyncdSnapshotRecovery.SyncdVersion{Version: proto.Uint64(progress.Version)}, CollectionName: proto.String(string(name)),
		CollectionLthash: bytes.Clone(progress.Hash[:]),
	}
	for _, change := range p.states.current {
		if change.Collection != name {
			continue
		}
		index, err := json.Marshal(change.Index)
		if err != nil {
			return nil, fmt.Errorf("sandbox: app state: %w", err)
		}
		out.MutationRecords = append(out.MutationRecords, &waSyncdSnapshotRecovery.SyncdPlainTextRecord{
			Value: &waSyncAction.SyncActionData{Index: index, Value: change.Value, Version: proto.Int32(change.action)},
			KeyID: change.keyID, Mac: change.mac,
		})
	}
	raw, err := proto.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("sandbox: app state: %w", err)
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err = writer.Write(raw); err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: app state: %w", err)
	}
	return packed.Bytes(), nil
}
