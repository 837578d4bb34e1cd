package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
)

// maxStateConflicts is how often a phone rebases a change on concurrent changes of companions.
const maxStateConflicts = 10

// ErrStateConflict: every attempt of the phone conflicted with a newer change of a companion.
var ErrStateConflict = errors.New("app state changed too often meanwhile")

// StateChange is the setting or removal of one entry of the synchronised settings, by a companion or by the phone itself.
type StateChange struct {
	Collection appstate.WAPatchName
	Index      []string // kind of entry, then its subject
	Removed    bool
	Value      *waSyncAction.SyncActionValue
	Version    uint64 // of the collection

	// keyID, mac and action are the key and MAC of the entry and the version of its kind; a recovery of the collection repeats them.
	keyID, mac []byte
	action     int32
}

// stateReader is a phone's side of the synchronised settings. Phone.mu guards all fields except changes, which has its own lock.
type stateReader struct {
	processor *appstate.Processor
	store     stateStore
	changes   inbox[StateChange]
	current   map[string]StateChange // by collection and index
}

func (p *Phone) initStates() {
	progress := stateStore{}
	p.store.AppState = progress
	p.states = &stateReader{
		processor: appstate.NewProcessor(p.store, waLog.Noop), store: progress,
		changes: newInbox[StateChange](p.net.options.Inbox), current: map[string]StateChange{},
	}
}

// registerStates connects phones to the store of app state.
func (n *Network) registerStates() {
	n.addIQ(n.appStateRoutes())
	n.bootstrap = append(n.bootstrap, (*Phone).seedStates)
	n.phoneRoutes["notification/server_sync"] = func(p *Phone, node *waBinary.Node) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, collection := range node.GetChildrenByTag("collection") {
			if err := p.readState(context.Background(), appstate.WAPatchName(text(&collection, "name"))); err != nil {
				p.net.log.Warn("phone cannot read app state", "error", err)
			}
		}
	}
}

// seedStates writes a first entry into every collection, because whatsmeow emits no events for the first patch of a collection.
func (p *Phone) seedStates(types.JID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shareAppStateKeys() // makes the key
	for _, patch := range p.firstStates() {
		if p.states.store.progressOf(string(patch.Type)).Version != 0 {
			continue
		}
		if err := p.writeState(context.Background(), patch); err != nil {
			p.net.log.Error("app state not seeded", "error", err)
		}
	}
}

func (p *Phone) firstStates() []appstate.PatchInfo {
	entry := func(name appstate.WAPatchName, version int32, index string, value *waSyncAction.SyncActionValue) appstate.PatchInfo {
		return appstate.PatchInfo{Type: name, Mutations: []appstate.MutationInfo{{Index: []string{index}, Version: version, Value: value}}}
	}
	patches := []appstate.PatchInfo{
		appstate.BuildSettingPushName(p.PushName()),
		entry(appstate.WAPatchCriticalUnblockLow, 3, "setting_locale", &waSyncAction.SyncActionValue{
			LocaleSetting: &waSyncAction.LocaleSetting{Locale: proto.String("en")},
		}),
		entry(appstate.WAPatchRegularLow, 4, appstate.IndexSettingUnarchiveChats, &waSyncAction.SyncActionValue{
			UnarchiveChatsSetting: &waSyncAction.UnarchiveChatsSetting{UnarchiveChats: proto.Bool(true)},
		}),
		entry(appstate.WAPatchRegularHigh, 7, appstate.IndexStatusPrivacy, &waSyncAction.SyncActionValue{
			StatusPrivacy: &waSyncAction.StatusPrivacyAction{Mode: waSyncAction.StatusPrivacyAction_CONTACTS.Enum()},
		}),
		entry(appstate.WAPatchRegular, 7, appstate.IndexPrimaryFeature, &waSyncAction.SyncActionValue{
			PrimaryFeature: &waSyncAction.PrimaryFeature{Flags: []string{"message_edit"}},
		}),
	}
	if p.account.nctSalt == nil {
		return patches
	}
	for i := range patches {
		if patches[i].Type == appstate.WAPatchRegularHigh {
			patches[i].Mutations = append(patches[i].Mutations, appstate.MutationInfo{
				Index: []string{appstate.IndexNCTSaltSync}, Version: 1,
				Value: &waSyncAction.SyncActionValue{NctSaltSyncAction: &waSyncAction.NctSaltSyncAction{Salt: p.account.nctSalt}},
			})
		}
	}
	return patches
}

// ChangeState writes entries of the synchronised settings, as the phone's own app would, and notifies companions. Use the Build functions of whatsmeow's
// package appstate to make the patch. It fails with ErrStateConflict only when companions keep writing the same collection.
func (p *Phone) ChangeState(ctx context.Context, patch appstate.PatchInfo) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shareAppStateKeys() // makes the key
	return p.writeState(ctx, patch)
}

// writeState reads the new patches, writes its own on top of them and reads the result. Call under p.mu.
func (p *Phone) writeState(ctx context.Context, patch appstate.PatchInfo) error {
	if patch.Timestamp.IsZero() {
		patch.Timestamp = p.net.now()
	}
	for range maxStateConflicts {
		if err := p.readState(ctx, patch.Type); err != nil {
			return err
		}
		state := p.states.store.progressOf(string(patch.Type)).HashState
		raw, err := p.states.processor.EncodePatch(ctx, p.memory.latestAppState, state, patch)
		if err != nil {
			return fmt.Errorf("sandbox: app state: %w", err)
		}
		order := collectionNode(patch.Type, state.Version)
		order.Content = []waBinary.Node{leaf("patch", raw)}
		reply, err := p.requestCollection(order)
		if err != nil {
			return err
		}
		if text(&reply, "type") != "error" {
			return p.readState(ctx, patch.Type)
		}
		if failure := reply.GetChildByTag("error"); text(&failure, "code") != "409" {
			return fmt.Errorf("sandbox: app state: refused with code %s", text(&failure, "code"))
		}
	}
	return fmt.Errorf("sandbox: %w", ErrStateConflict)
}

// requestCollection sends one request about one collection.
func (p *Phone) requestCollection(collection waBinary.Node) (waBinary.Node, error) {
	reply, err := p.sendRequest("w:sync:app:state", "set", types.ServerJID, waBinary.Node{Tag: "sync", Content: []waBinary.Node{collection}})
	if err != nil {
		return reply, err
	}
	answer, ok := reply.GetOptionalChildByTag("sync", "collection")
	if !ok {
		return reply, errors.New("sandbox: app state: no collection in the answer")
	}
	return answer, nil
}

// readState decrypts the patches that the phone has not seen. Call under p.mu.
func (p *Phone) readState(ctx context.Context, name appstate.WAPatchName) error {
	for more := true; more; {
		state := p.states.store.progressOf(string(name)).HashState
		order := collectionNode(name, state.Version)
		order.Attrs["return_snapshot"] = "false"
		answer, err := p.requestCollection(order)
		if err != nil {
			return err
		}
		list, err := appstate.ParsePatchList(ctx, &answer, p.downloadState)
		if err != nil {
			return fmt.Errorf("sandbox: app state: %w", err)
		}
		mutations, _, err := p.states.processor.DecodePatches(ctx, list, state, true)
		if err != nil {
			return fmt.Errorf("sandbox: app state: %w", err)
		}
		for _, mutation := range mutations {
			p.recordEntry(StateChange{
				Collection: name, Index: mutation.Index, Removed: mutation.Operation == waServerSync.SyncdMutation_REMOVE,
				Value: mutation.Action, Version: mutation.PatchVersion, keyID: mutation.KeyID, mac: mutation.ValueMAC, action: mutation.Version,
			})
		}
		more = list.HasMorePatches
	}
	return nil
}

func (p *Phone) downloadState(_ context.Context, ref *waServerSync.ExternalBlobReference) ([]byte, error) {
	return p.net.media.download(mediaRef{
		DirectPath: ref.GetDirectPath(), MediaKey: ref.GetMediaKey(), FileSHA256: ref.GetFileSHA256(), FileEncSHA256: ref.GetFileEncSHA256(),
	}, "WhatsApp App State Keys")
}

// recordEntry records an entry and applies it to the account. Call under p.mu.
func (p *Phone) recordEntry(change StateChange) {
	key := string(change.Collection) + "\x00" + strings.Join(change.Index, "\x00")
	if change.Removed {
		delete(p.states.current, key)
	} else {
		p.states.current[key] = change
	}
	p.applyEntry(change)
	p.states.changes.add(change)
}

// applyEntry updates the network's copy of settings that the phone's app would report: push name, contacts.
func (p *Phone) applyEntry(change StateChange) {
	if len(change.Index) == 0 {
		return
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	switch change.Index[0] {
	case appstate.IndexSettingPushName:
		if name := change.Value.GetPushNameSetting().GetName(); name != "" && !change.Removed {
			p.account.pushName = name
		}
	case appstate.IndexContact:
		if len(change.Index) < 2 {
			return
		}
		jid, err := types.ParseJID(change.Index[1])
		other := p.net.find(jid)
		if err != nil || other == nil {
			return
		}
		if change.Removed {
			delete(p.account.profile.contacts, other)
			return
		}
		if p.account.profile.contacts == nil {
			p.account.profile.contacts = map[*account]struct{}{}
		}
		p.account.profile.contacts[other] = struct{}{}
	}
}

// StateChanges returns the changes of the synchronised settings, the oldest first; Options.Inbox bounds it.
func (p *Phone) StateChanges() []StateChange { return p.states.changes.list() }

// AwaitState returns the oldest change of the synchronised settings that matches, waiting for it if it is not there yet.
func (p *Phone) AwaitState(ctx context.Context, match func(StateChange) bool) (StateChange, error) {
	return p.states.changes.await(ctx, match)
}

// State returns an entry of the synchronised settings by its whole index.
func (p *Phone) State(collection appstate.WAPatchName, index ...string) (StateChange, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change, ok := p.states.current[string(collection)+"\x00"+strings.Join(index, "\x00")]
	return change, ok
}
