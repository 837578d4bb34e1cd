package statesync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
)

// HandleNotification handles a server_sync notification, which lists the collections with new versions.
func (s *Service) HandleNotification(_ context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
	for _, collection := range node.GetChildrenByTag("collection") {
		s.RequestRead(cli, appstate.WAPatchName(collection.AttrGetter().OptionalString("name")))
	}
}

// RequestRead reads a collection in a goroutine of the bridge. Unknown collections are ignored.
func (s *Service) RequestRead(cli *whatsmeow.Client, name appstate.WAPatchName) {
	if !slices.Contains(appstate.AllPatchNames[:], name) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.requested, name) {
		s.requested = append(s.requested, name)
	}
	if !s.reading {
		s.reading = s.conn.Spawn(func() { s.fetchRequested(cli) })
	}
}

// fetchRequested reads the requested collections until none is left. The reads fail when the connection ends.
func (s *Service) fetchRequested(cli *whatsmeow.Client) {
	for {
		s.mu.Lock()
		names := s.requested
		s.requested = nil
		s.reading = len(names) > 0
		s.mu.Unlock()
		if len(names) == 0 {
			return
		}
		for _, name := range names {
			if err := s.Fetch(s.conn.Context(), cli, name, FetchOptions{}); err != nil && s.conn.Context().Err() == nil {
				s.log().Debug("app state could not be read", "method", string(name), "error", err)
			}
		}
	}
}

// ReadRefused reads a collection in place of whatsmeow, whose own read after the phone has shared keys was refused.
func (s *Service) ReadRefused(collection string) {
	if cli := s.conn.Client(); cli != nil {
		s.RequestRead(cli, appstate.WAPatchName(collection))
	}
}

// FetchOptions describe a read of a collection.
type FetchOptions struct {
	Full bool // read it from the beginning, also if a part was read before
	// RequestID makes the end of the read an event that has it. Without it only the end of a full read and a patch that cannot be decoded are events.
	RequestID string
}

// Requested is an event of a request: an *events.AppStateSyncComplete or *events.AppStateSyncError.
type Requested struct {
	RequestID string
	Event     any
}

// errUndecodable is in errors of patches that whatsmeow cannot decode.
var errUndecodable = errors.New("decode app state")

// Fetch reads the new patches of a collection, or all of it if Full is set or nothing was read before. The errors are those of
// whatsmeow.Client.FetchAppState; a patch that whatsmeow cannot decode is reported as events.AppStateSyncError, as in whatsmeow. Entries that
// cannot be applied are skipped, and the others are not affected.
func (s *Service) Fetch(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, opts FetchOptions) error {
	full, version, err := s.read(ctx, cli, name, opts.Full)
	switch {
	case err == nil && (full || opts.RequestID != ""):
		dispatch(cli, opts.RequestID, &events.AppStateSyncComplete{Name: name, Version: version})
	case err != nil && (opts.RequestID != "" || errors.Is(err, errUndecodable) && !errors.Is(err, appstate.ErrKeyNotFound)):
		dispatch(cli, opts.RequestID, &events.AppStateSyncError{Name: name, FullSync: full, Error: err})
	}
	return err
}

// dispatch emits an event, with the id of its request if there is one.
func dispatch(cli *whatsmeow.Client, requestID string, evt any) {
	if requestID != "" {
		evt = &Requested{RequestID: requestID, Event: evt}
	}
	cli.DangerousInternals().DispatchEvent(evt)
}

// read reads a collection and returns its version, and whether it was read from the beginning.
func (s *Service) read(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, whole bool) (full bool, after uint64, err error) {
	if err := s.reads.acquire(ctx); err != nil {
		return whole, 0, err
	}
	defer s.reads.release()
	ctx = signal.ReadingAppState(ctx)
	store := cli.Store.AppState
	if whole {
		if err := store.DeleteAppStateVersion(ctx, string(name)); err != nil {
			return whole, 0, fmt.Errorf("reset app state %s: %w", name, err)
		}
	}
	version, hash, err := store.GetAppStateVersion(ctx, string(name))
	if err != nil {
		return whole, 0, fmt.Errorf("read the version of app state %s: %w", name, err)
	}
	full = whole || version == 0
	state := appstate.HashState{Version: version, Hash: hash}
	var all, page []appstate.Mutation
	for more, snapshot := true, full; more; snapshot = false {
		before := state
		if state, page, more, err = s.fetchPatches(ctx, cli, name, state, snapshot, full); err != nil {
			return full, 0, err
		}
		if full {
			all = append(all, page...)
		}
		if more && !snapshot && state.Version <= before.Version {
			return full, 0, fmt.Errorf("app state %s: WhatsApp announces more patches and sends none", name)
		}
	}
	if full {
		s.applyEntries(ctx, name, all, true)
	}
	return full, state.Version, nil
}

// fetchPatches reads and applies one page of patches.
func (s *Service) fetchPatches(
	ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, state appstate.HashState, snapshot, full bool,
) (after appstate.HashState, mutations []appstate.Mutation, more bool, err error) {
	internals := cli.DangerousInternals()
	var patches *appstate.PatchList
	err = wa.CatchPanic("fetch app state", func() (err error) {
		patches, err = internals.FetchAppStatePatches(ctx, name, state.Version, snapshot)
		return err
	})
	switch {
	case err != nil:
		wa.LogPanic(s.log(), err)
		return state, nil, false, fmt.Errorf("fetch app state %s: %w", name, err)
	case patches.Snapshot != nil && (!snapshot || state != appstate.HashState{}):
		return state, nil, false, fmt.Errorf("fetch app state %s: WhatsApp sent a snapshot that was not asked for", name)
	}
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
		}
		return state, nil, false, fmt.Errorf("%w %s: %w", errUndecodable, name, err)
	}
	return after, mutations, patches.HasMorePatches, s.applyMutations(ctx, cli, name, mutations, full)
}

// applyEntries hands entries to the packages that store some of them.
func (s *Service) applyEntries(ctx context.Context, name appstate.WAPatchName, entries []appstate.Mutation, whole bool) {
	if err := s.conn.ApplyEntries(ctx, name, entries, whole); err != nil {
		s.log().Error("entries of the app state could not be stored", "method", string(name), "error", err)
	}
}

// applyMutations applies decoded entries to the stores and dispatches their events. After a full read whatsmeow makes no events, only the stores follow.
func (s *Service) applyMutations(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, mutations []appstate.Mutation, full bool) error {
	internals := cli.DangerousInternals()
	read := len(mutations)
	mutations = slices.DeleteFunc(mutations, func(m appstate.Mutation) bool { return len(m.Index) == 0 })
	if skipped := read - len(mutations); skipped > 0 {
		s.log().Warn("entries of the app state without an index were skipped", "method", string(name), "count", skipped)
	}
	if !full {
		s.applyEntries(ctx, name, mutations, false)
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
