package sandbox

import (
	"context"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// bootstrapTag is the tag of the internal stanza that starts the bootstrap of a new companion in the phone's worker.
const bootstrapTag = "sandbox:welcome"

// startBootstrap enqueues the bootstrap of a new companion for the phone's worker. Call under n.mu.
func (p *Phone) startBootstrap(companion types.JID) {
	p.enqueue(waBinary.Node{Tag: bootstrapTag, Attrs: waBinary.Attrs{"companion": companion}})
}

// bootstrapCompanion sends the app state key and the history in chunks, as phones do after linking.
func (p *Phone) bootstrapCompanion(node *waBinary.Node) {
	companion, _ := jidOf(node, "companion")
	for _, prepare := range p.net.bootstrap {
		prepare(p, companion)
	}
	p.mu.Lock()
	err := p.sendPeer(context.Background(), companion, p.shareAppStateKeys())
	p.mu.Unlock()
	if err == nil {
		err = p.sendHistory(context.Background(), companion, p.firstHistory(p.historyRequestOf(companion)))
	}
	if err != nil {
		p.net.log.Warn("companion not bootstrapped", "error", err)
	}
}

// shareAppStateKeys returns the message with the account's app state key, which is created on first use. Call under p.mu.
func (p *Phone) shareAppStateKeys() *waE2E.ProtocolMessage {
	if p.memory.latestAppState == nil {
		fingerprint, _ := proto.Marshal(&waE2E.AppStateSyncKeyFingerprint{RawID: proto.Uint32(1), CurrentIndex: proto.Uint32(0), DeviceIndexes: []uint32{0}})
		_ = p.memory.PutAppStateSyncKey(context.Background(), append([]byte{0, 1}, p.random.bytes(4)...), store.AppStateSyncKey{
			Data: p.random.bytes(32), Fingerprint: fingerprint, Timestamp: p.net.now().UnixMilli(),
		})
	}
	share := &waE2E.AppStateSyncKeyShare{}
	for id, key := range p.memory.appStateKeys {
		fingerprint := &waE2E.AppStateSyncKeyFingerprint{}
		_ = proto.Unmarshal(key.Fingerprint, fingerprint)
		share.Keys = append(share.Keys, &waE2E.AppStateSyncKey{
			KeyID:   &waE2E.AppStateSyncKeyId{KeyID: []byte(id)},
			KeyData: &waE2E.AppStateSyncKeyData{KeyData: key.Data, Fingerprint: fingerprint, Timestamp: proto.Int64(key.Timestamp)},
		})
	}
	return &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(), AppStateSyncKeyShare: share}
}
