package statesync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
)

// recovery is a request for the phone's copy of a collection.
type recovery struct {
	requestID string
	timer     *time.Timer // ends the wait
}

// errNoRecovery is the error of the event when the phone sends no copy.
var errNoRecovery = errors.New("the phone did not send its copy in time")

// RequestRecovery asks the phone for its copy of a collection. With a request id the end is an event: AppStateSyncComplete when the copy is applied,
// AppStateSyncError if the phone does not send one before the timeout. A later request for the same collection replaces an earlier one.
func (s *Service) RequestRecovery(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, requestID string) error {
	if requestID != "" {
		s.expectRecovery(cli, name, requestID)
	}
	_, err := cli.SendPeerMessage(ctx, whatsmeow.BuildAppStateRecoveryRequest(name))
	if err != nil {
		s.takeRecovery(name)
	}
	return err
}

func (s *Service) expectRecovery(cli *whatsmeow.Client, name appstate.WAPatchName, requestID string) {
	expected := &recovery{requestID: requestID}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.recoveries[name]; before != nil {
		before.timer.Stop()
	}
	expected.timer = time.AfterFunc(s.recoveryTimeout, func() { s.conn.Spawn(func() { s.recoveryTimedOut(cli, name, expected) }) })
	s.recoveries[name] = expected
}

// takeRecovery ends the wait for a copy and returns the id of its request, "" if there is none.
func (s *Service) takeRecovery(name appstate.WAPatchName) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	expected := s.recoveries[name]
	if expected == nil {
		return ""
	}
	expected.timer.Stop()
	delete(s.recoveries, name)
	return expected.requestID
}

func (s *Service) recoveryTimedOut(cli *whatsmeow.Client, name appstate.WAPatchName, expected *recovery) {
	s.mu.Lock()
	current := s.recoveries[name] == expected
	if current {
		delete(s.recoveries, name)
	}
	s.mu.Unlock()
	if current {
		dispatch(cli, expected.requestID, &events.AppStateSyncError{Name: name, FullSync: true, Error: errNoRecovery})
	}
}

// Recover applies the phone's copy of a collection, which it sends on request. whatsmeow's own handler is refused by signal.NewAppStateStore.
func (s *Service) Recover(ctx context.Context, cli *whatsmeow.Client, answer *waE2E.PeerDataOperationRequestResponseMessage) error {
	results := answer.GetPeerDataOperationResult()
	if len(results) == 0 || results[0].GetSyncdSnapshotFatalRecoveryResponse() == nil {
		return nil
	}
	if err := s.reads.acquire(ctx); err != nil {
		return err
	}
	defer s.reads.release()
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
		if err != nil {
			return err
		}
		if current >= version { // read meanwhile
			if requestID := s.takeRecovery(name); requestID != "" {
				dispatch(cli, requestID, &events.AppStateSyncComplete{Name: name, Version: current})
			}
			return nil
		}
		mutations, err := appstate.NewProcessor(cli.Store, cli.Log).ProcessRecovery(ctx, snapshot)
		if err != nil {
			return err
		}
		if err = s.applyMutations(ctx, cli, name, mutations, true); err != nil {
			return err
		}
		s.applyEntries(ctx, name, mutations, true)
		dispatch(cli, s.takeRecovery(name), &events.AppStateSyncComplete{Name: name, Version: version, Recovery: true})
		return nil
	})
}
