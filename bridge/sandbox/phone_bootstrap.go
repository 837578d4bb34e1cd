package sandbox

import (
	"bytes"
	"compress/zlib"
	"context"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// welcomeTag marks the internal errand by which the network tells a phone that a new companion is ready.
const welcomeTag = "sandbox:welcome"

// welcome makes the phone's worker give a new companion what it needs. Call under n.mu.
func (p *Phone) welcome(companion types.JID) {
	p.enqueue(waBinary.Node{Tag: welcomeTag, Attrs: waBinary.Attrs{"companion": companion}})
}

// bootstrapCompanion sends the app state key and the first history, as phones do after linking.
func (p *Phone) bootstrapCompanion(node *waBinary.Node) {
	companion, _ := jidOf(node, "companion")
	for _, prepare := range p.net.bootstrap {
		prepare(p, companion)
	}
	history, err := packHistory(p.firstHistory())
	if err != nil {
		p.net.log.Error("no history for the new companion", "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, message := range []*waE2E.ProtocolMessage{p.shareAppStateKeys(), history} {
		if err := p.sendPeer(context.Background(), companion, message); err != nil {
			p.net.log.Warn("companion was not welcomed", "error", err)
			return
		}
	}
}

// shareAppStateKeys makes the account's app state key on first use. Call under p.mu.
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

// packHistory puts a piece of history into the notification that announces it, where small ones travel.
func packHistory(h *waHistorySync.HistorySync) (*waE2E.ProtocolMessage, error) {
	raw, err := proto.Marshal(h)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	if _, err = writer.Write(raw); err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, err
	}
	syncType := waE2E.HistorySyncType(h.GetSyncType())
	return &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: &waE2E.HistorySyncNotification{
			SyncType: &syncType, ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100), InitialHistBootstrapInlinePayload: packed.Bytes(),
		},
	}, nil
}

// firstHistory is what a new companion learns: who is who.
func (p *Phone) firstHistory() *waHistorySync.HistorySync {
	h := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(), ChunkOrder: proto.Uint32(1), Progress: proto.Uint32(100)}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, a := range append(p.net.followersOf(p.account), p.account) {
		h.Pushnames = append(h.Pushnames, &waHistorySync.Pushname{ID: proto.String(a.pn.String()), Pushname: proto.String(a.pushName)})
		h.PhoneNumberToLidMappings = append(h.PhoneNumberToLidMappings,
			&waHistorySync.PhoneNumberToLIDMapping{PnJID: proto.String(a.pn.String()), LidJID: proto.String(a.lid.String())})
	}
	return h
}
