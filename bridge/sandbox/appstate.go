package sandbox

import (
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

const (
	// patchPage is the largest number of patches in one answer; clients request the rest.
	patchPage = 200
	// appStateMACLength is the length of the MACs in a patch.
	appStateMACLength = 32
)

// appState is the server's side of an account's synchronised settings: encrypted patches by collection. Patch i leads to version i+1.
type appState map[appstate.WAPatchName][][]byte

func (n *Network) appStateRoutes() iqRoutes {
	return iqRoutes{"w:sync:app:state/set/sync": n.syncAppState}
}

// syncAppState answers for each collection in the request: one with a patch is changed, one without is read.
func (n *Network) syncAppState(r *request) ([]waBinary.Node, error) {
	var list, changed []waBinary.Node
	orders := r.child().GetChildrenByTag("collection")
	if len(orders) == 0 {
		return nil, iqFail(400)
	}
	for i := range orders {
		name := appstate.WAPatchName(text(&orders[i], "name"))
		if !slices.Contains(appstate.AllPatchNames[:], name) {
			n.recordViolation(r, "unknown app state collection")
			list = append(list, collectionError(name, 400))
			continue
		}
		version, ok := collectionVersion(&orders[i])
		if !ok {
			list = append(list, collectionError(name, 400))
			continue
		}
		patch, writes := orders[i].GetOptionalChildByTag("patch")
		if !writes {
			if text(&orders[i], "version") == "" {
				list = append(list, n.readWholeCollection(r.device.account, name))
			} else {
				list = append(list, n.readCollection(r.device.account, name, version))
			}
			continue
		}
		answer, accepted := n.writeCollection(r, name, version, content(&patch))
		list = append(list, answer)
		// The phone's first patch needs no notification: the phone sends companions the key after it wrote the patch, and they read the collection then.
		if seed := version == 0 && r.device.isPhone(); accepted && !seed {
			changed = append(changed, waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": string(name), "version": text(&answer, "version")}})
		}
	}
	if len(changed) > 0 {
		own := r.device.account
		r.after(func() { n.notifyDevices(own.otherDevices(r.device), own.pn, "server_sync", nil, changed...) })
	}
	return []waBinary.Node{{Tag: "sync", Content: list}}, nil
}

// collectionVersion returns the version that the requester has; 0 for a request for a snapshot.
func collectionVersion(node *waBinary.Node) (uint64, bool) {
	value := text(node, "version")
	if value == "" {
		return 0, text(node, "return_snapshot") == "true"
	}
	version, err := strconv.ParseUint(value, 10, 63)
	return version, err == nil
}

func collectionNode(name appstate.WAPatchName, version uint64) waBinary.Node {
	return waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": string(name), "version": strconv.FormatUint(version, 10)}}
}

func collectionError(name appstate.WAPatchName, code int) waBinary.Node {
	return waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": string(name), "type": "error"}, Content: []waBinary.Node{{
		Tag: "error", Attrs: waBinary.Attrs{"code": strconv.Itoa(code), "text": iqTexts[code]},
	}}}
}

// readCollection returns the patches after a version.
func (n *Network) readCollection(a *account, name appstate.WAPatchName, after uint64) waBinary.Node {
	patches := a.profile.state[name]
	if after > uint64(len(patches)) {
		return collectionError(name, 400)
	}
	page := patches[after:min(uint64(len(patches)), after+patchPage)]
	node := collectionNode(name, after+uint64(len(page)))
	if after+uint64(len(page)) < uint64(len(patches)) {
		node.Attrs["has_more_patches"] = "true"
	}
	if len(page) > 0 {
		list := make([]waBinary.Node, len(page))
		for i, patch := range page {
			list[i] = leaf("patch", patch)
		}
		node.Content = []waBinary.Node{{Tag: "patches", Content: list}}
	}
	return node
}

// writeCollection appends a patch made against the current version. A patch against an older version is refused with the patches in between.
func (n *Network) writeCollection(r *request, name appstate.WAPatchName, version uint64, raw []byte) (answer waBinary.Node, accepted bool) {
	a := r.device.account
	current := uint64(len(a.profile.state[name]))
	if version < current {
		answer = n.readCollection(a, name, version)
		answer.Attrs["type"] = "error"
		answer.Content = append([]waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": "409", "text": iqTexts[409]}}}, answer.GetChildren()...)
		return answer, false
	}
	if current >= uint64(n.options.Limits.Patches) {
		return collectionError(name, 419), false
	}
	patch, ok := wellFormedPatch(raw)
	if version > current || !ok {
		n.recordViolation(r, "malformed app state patch")
		return collectionError(name, 400), false
	}
	patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(current + 1)}
	stored, err := proto.Marshal(patch)
	if err != nil {
		return collectionError(name, 500), false
	}
	if a.profile.state == nil {
		a.profile.state = appState{}
	}
	a.profile.state[name] = append(a.profile.state[name], stored)
	return collectionNode(name, current+1), true
}

// wellFormedPatch makes the checks that do not need the account's keys.
func wellFormedPatch(raw []byte) (*waServerSync.SyncdPatch, bool) {
	var patch waServerSync.SyncdPatch
	if proto.Unmarshal(raw, &patch) != nil || len(patch.GetKeyID().GetID()) == 0 ||
		len(patch.GetPatchMAC()) != appStateMACLength || len(patch.GetSnapshotMAC()) != appStateMACLength {
		return nil, false
	}
	for _, mutation := range patch.GetMutations() {
		record := mutation.GetRecord()
		if len(record.GetIndex().GetBlob()) != appStateMACLength || len(record.GetValue().GetBlob()) <= appStateMACLength {
			return nil, false
		}
	}
	return &patch, len(patch.GetMutations()) > 0 || patch.GetExternalMutations() != nil
}
