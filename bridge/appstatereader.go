package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
)

// stateService reads the account's synchronised settings for a session. whatsmeow's own FetchAppState is not used, because one entry that it does
// not expect (an empty index, or a label without an id, which any other client of the account can write) panics after the version has been stored:
// the process ends, and the entries behind it are lost. The session reads the same patches with the same functions of whatsmeow, entry by entry.
//
// whatsmeow starts reads by itself in two places. For notifications of the type server_sync the session has its own handler (guardStanzas). When the
// phone shares keys, whatsmeow reads in a goroutine without a recover; appStateStore refuses that read and the session does it.
type stateService struct {
	conn   stateConn
	log    func() *slog.Logger
	writes writeQueue
	reads  writeQueue // each read builds on the version before it

	mu      sync.Mutex
	wanted  []appstate.WAPatchName // to read by itself, each once; no more than there are collections
	reading bool                   // a goroutine reads them
}

// newStates returns the reader and writer of a session's synchronised settings.
func newStates(conn stateConn, log func() *slog.Logger) *stateService {
	return &stateService{conn: conn, log: log}
}

// stateConn is the view of a session that its reader of settings has.
type stateConn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Client returns the client, also before it is connected; nil if there is none.
	Client() *whatsmeow.Client
	// Context ends when the process stops the session.
	Context() context.Context
	// Spawn runs fn in a goroutine that ends before the process does. It returns false once that has begun.
	Spawn(fn func()) bool
}

// appStateChanged handles the notification that collections have new versions.
func (s *stateService) appStateChanged(_ context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
	for _, collection := range node.GetChildrenByTag("collection") {
		s.wantAppState(cli, appstate.WAPatchName(collection.AttrGetter().OptionalString("name")))
	}
}

// wantAppState has a collection read soon, in a goroutine of the bridge. Collections this version does not know are ignored.
func (s *stateService) wantAppState(cli *whatsmeow.Client, name appstate.WAPatchName) {
	if !slices.Contains(appstate.AllPatchNames[:], name) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.wanted, name) {
		s.wanted = append(s.wanted, name)
	}
	if !s.reading {
		s.reading = s.conn.Spawn(func() { s.readWanted(cli) })
	}
}

// readWanted reads the wanted collections until there is none. The connection's end ends the reads as well.
func (s *stateService) readWanted(cli *whatsmeow.Client) {
	for {
		s.mu.Lock()
		wanted := s.wanted
		s.wanted = nil
		s.reading = len(wanted) > 0
		s.mu.Unlock()
		if len(wanted) == 0 {
			return
		}
		for _, name := range wanted {
			if err := s.fetchAppState(s.conn.Context(), cli, name, false); err != nil && s.conn.Context().Err() == nil {
				s.log().Debug("app state could not be read", "method", string(name), "error", err)
			}
		}
	}
}

// appStateRefused has a collection read that whatsmeow wanted to read, which it does when the phone has shared keys.
func (s *stateService) appStateRefused(collection string) {
	if cli := s.conn.Client(); cli != nil {
		s.wantAppState(cli, appstate.WAPatchName(collection))
	}
}

// fetchAppState reads what is new in a collection, or all of it when full is set or nothing was read before. The errors are those of
// whatsmeow.Client.FetchAppState; a patch that whatsmeow cannot decode is reported as events.AppStateSyncError, as whatsmeow does it. Entries that
// cannot be applied are skipped, and the others are not affected.
func (s *stateService) fetchAppState(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, full bool) error {
	if err := s.reads.enter(ctx); err != nil {
		return err
	}
	defer s.reads.leave()
	ctx = signal.ReadingAppState(ctx)
	store := cli.Store.AppState
	if full {
		if err := store.DeleteAppStateVersion(ctx, string(name)); err != nil {
			return fmt.Errorf("reset app state %s: %w", name, err)
		}
	}
	version, hash, err := store.GetAppStateVersion(ctx, string(name))
	if err != nil {
		return fmt.Errorf("read the version of app state %s: %w", name, err)
	}
	full = full || version == 0
	state := appstate.HashState{Version: version, Hash: hash}
	for more, snapshot := true, full; more; snapshot = false {
		before := state
		if state, more, err = s.fetchPatches(ctx, cli, name, state, snapshot, full); err != nil {
			return err
		}
		if more && !snapshot && state.Version <= before.Version {
			return fmt.Errorf("app state %s: WhatsApp announces more patches and sends none", name)
		}
	}
	if full {
		cli.DangerousInternals().DispatchEvent(&events.AppStateSyncComplete{Name: name, Version: state.Version})
	}
	return nil
}

// fetchPatches reads and applies one page of patches.
func (s *stateService) fetchPatches(
	ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, state appstate.HashState, snapshot, full bool,
) (after appstate.HashState, more bool, err error) {
	internals := cli.DangerousInternals()
	var patches *appstate.PatchList
	err = wa.CatchPanic("fetch app state", func() (err error) {
		patches, err = internals.FetchAppStatePatches(ctx, name, state.Version, snapshot)
		return err
	})
	switch {
	case err != nil:
		wa.LogPanic(s.log(), err)
		return state, false, fmt.Errorf("fetch app state %s: %w", name, err)
	case patches.Snapshot != nil && (!snapshot || state != appstate.HashState{}):
		return state, false, fmt.Errorf("fetch app state %s: WhatsApp sent a snapshot that was not asked for", name)
	}
	var mutations []appstate.Mutation
	after = state
	err = wa.CatchPanic("decode app state", func() (err error) {
		mutations, after, err = appstate.NewProcessor(cli.Store, cli.Log).DecodePatches(ctx, patches, state, true)
		return err
	})
	if err != nil {
		wa.LogPanic(s.log(), err)
		if errors.Is(err, appstate.ErrKeyNotFound) {
			asked := context.WithoutCancel(ctx)
			s.conn.Spawn(func() {
				wa.CatchAndLog(s.log(), "ask for app state keys", func() { internals.RequestMissingAppStateKeys(asked, patches) })
			})
		} else {
			internals.DispatchEvent(&events.AppStateSyncError{Name: name, FullSync: full, Error: err})
		}
		return state, false, fmt.Errorf("decode app state %s: %w", name, err)
	}
	return after, patches.HasMorePatches, s.applyAppState(ctx, cli, name, mutations, full)
}

// applyAppState applies decoded entries to the stores and dispatches their events. After a full read whatsmeow makes no events, only the stores follow.
func (s *stateService) applyAppState(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, mutations []appstate.Mutation, full bool) error {
	internals := cli.DangerousInternals()
	read := len(mutations)
	mutations = slices.DeleteFunc(mutations, func(m appstate.Mutation) bool { return len(m.Index) == 0 })
	if skipped := read - len(mutations); skipped > 0 {
		s.log().Warn("entries of the app state without an index were skipped", "method", string(name), "count", skipped)
	}
	if name == appstate.WAPatchCriticalUnblockLow && full {
		others, contacts := internals.FilterContacts(mutations)
		if err := cli.Store.Contacts.PutAllContactNames(ctx, contacts); err != nil {
			return fmt.Errorf("store the contacts of app state %s: %w", name, err)
		}
		mutations = others
	}
	for i := range mutations {
		var evt any
		wa.CatchAndLog(s.log(), "entry of app state", func() { evt = internals.DispatchAppState(ctx, name, mutations[i], full) })
		if full {
			continue
		}
		if mutations[i].Operation == waServerSync.SyncdMutation_SET {
			internals.DispatchEvent(&events.AppState{Index: mutations[i].Index, SyncActionValue: mutations[i].Action})
		}
		if evt != nil {
			internals.DispatchEvent(evt)
		}
	}
	return nil
}

// recoverAppState applies the phone's copy of a collection, which it sends when it is asked for one. whatsmeow's own handler is refused by appStateStore.
func (s *stateService) recoverAppState(ctx context.Context, cli *whatsmeow.Client, answer *waE2E.PeerDataOperationRequestResponseMessage) error {
	results := answer.GetPeerDataOperationResult()
	if len(results) == 0 || results[0].GetSyncdSnapshotFatalRecoveryResponse() == nil {
		return nil
	}
	if err := s.reads.enter(ctx); err != nil {
		return err
	}
	defer s.reads.leave()
	ctx = signal.ReadingAppState(ctx)
	return wa.CatchPanic("recover app state", func() error {
		snapshot, err := appstate.ParseRecovery(results[0].GetSyncdSnapshotFatalRecoveryResponse())
		if err != nil {
			return err
		}
		name, version := appstate.WAPatchName(snapshot.GetCollectionName()), snapshot.GetVersion().GetVersion()
		if !slices.Contains(appstate.AllPatchNames[:], name) {
			return fmt.Errorf("app state %q is not known", name)
		}
		current, _, err := cli.Store.AppState.GetAppStateVersion(ctx, string(name))
		if err != nil || current >= version {
			return err
		}
		mutations, err := appstate.NewProcessor(cli.Store, cli.Log).ProcessRecovery(ctx, snapshot)
		if err != nil {
			return err
		}
		if err = s.applyAppState(ctx, cli, name, mutations, true); err != nil {
			return err
		}
		cli.DangerousInternals().DispatchEvent(&events.AppStateSyncComplete{Name: name, Version: version, Recovery: true})
		return nil
	})
}
