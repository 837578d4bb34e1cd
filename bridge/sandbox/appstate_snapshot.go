package sandbox

import (
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// snapshotAfter is the number of patches after which a device without a version gets a snapshot, and of patches that it
// gets on top of an older snapshot.
const snapshotAfter = 50

// stateSnapshot is the file with all entries of a collection at a version.
type stateSnapshot struct {
	version   uint64
	at        time.Time
	path      string
	reference []byte // waServerSync.ExternalBlobReference
}

// readWholeCollection answers a device that has no version of a collection: with a snapshot and the patches after it, or
// with the patches alone while there are few of them.
func (n *Network) readWholeCollection(a *account, name appstate.WAPatchName) waBinary.Node {
	snapshot := n.snapshotOf(a, name)
	if snapshot == nil {
		return n.readCollection(a, name, 0)
	}
	node := n.readCollection(a, name, snapshot.version)
	node.Content = append([]waBinary.Node{leaf("snapshot", snapshot.reference)}, node.GetChildren()...)
	return node
}

// snapshotOf returns the newest snapshot of a collection, and makes one if there is none or an old one. It returns nil
// while a collection has few patches, and if its entries cannot be read without the account's keys.
func (n *Network) snapshotOf(a *account, name appstate.WAPatchName) *stateSnapshot {
	patches := a.profile.state[name]
	version := uint64(len(patches))
	if version <= snapshotAfter {
		return nil
	}
	known := a.profile.snapshots[name]
	if known != nil && version-known.version <= snapshotAfter && n.now().Sub(known.at) < mediaLinkLife/2 && n.blobs.get(known.path) != nil {
		return known
	}
	raw, ok := packSnapshot(patches)
	if !ok {
		return nil
	}
	file, err := n.blobs.upload(raw, whatsmeow.MediaAppState)
	if err != nil {
		n.log.Warn("app state snapshot not stored", "error", err)
		return nil
	}
	reference, err := proto.Marshal(&waServerSync.ExternalBlobReference{
		MediaKey: file.MediaKey, DirectPath: proto.String(file.DirectPath), FileSizeBytes: proto.Uint64(file.FileLength),
		FileSHA256: file.FileSHA256, FileEncSHA256: file.FileEncSHA256,
	})
	if err != nil {
		n.log.Warn("app state snapshot not stored", "error", err)
		return nil
	}
	path, _, _ := strings.Cut(file.DirectPath, "?")
	fresh := &stateSnapshot{version: version, at: n.now(), path: path, reference: reference}
	if a.profile.snapshots == nil {
		a.profile.snapshots = map[appstate.WAPatchName]*stateSnapshot{}
	}
	a.profile.snapshots[name] = fresh
	return fresh
}

// packSnapshot applies patches in order and packs the entries that remain. The newest patch has the MAC of the whole
// collection. It reports false for a patch with its entries in a file, which only the account's devices can read.
func packSnapshot(patches [][]byte) ([]byte, bool) {
	records := map[string]*waServerSync.SyncdRecord{}
	var order []string
	var last waServerSync.SyncdPatch
	for _, raw := range patches {
		last.Reset()
		if proto.Unmarshal(raw, &last) != nil || last.GetExternalMutations() != nil {
			return nil, false
		}
		for _, mutation := range last.GetMutations() {
			index := string(mutation.GetRecord().GetIndex().GetBlob())
			if mutation.GetOperation() == waServerSync.SyncdMutation_REMOVE {
				delete(records, index)
				continue
			}
			if records[index] == nil {
				order = append(order, index)
			}
			records[index] = mutation.GetRecord()
		}
	}
	snapshot := &waServerSync.SyncdSnapshot{Version: last.GetVersion(), Mac: last.GetSnapshotMAC(), KeyID: last.GetKeyID()}
	for _, index := range order {
		if record := records[index]; record != nil {
			snapshot.Records = append(snapshot.Records, record)
			delete(records, index) // an entry that was removed and set again is listed twice
		}
	}
	packed, err := proto.Marshal(snapshot)
	return packed, err == nil
}
