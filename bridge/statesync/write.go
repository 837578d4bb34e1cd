package statesync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	// maxAttempts is how often a write is tried when others write at the same time.
	maxAttempts = 4
	// firstPause is the longest pause before the second attempt; it doubles with each.
	firstPause = 200 * time.Millisecond
)

// Write changes the account's synchronised settings. If another device wrote first, its patches are read and the change is sent again on top of
// them. All writes of a session go through Write, one at a time; operation continues "could not" in errors. whatsmeow's own SendAppState is not used:
// after a conflict it applies the patches of the other device concurrently with their notification, not after it.
func (s *Service) Write(ctx context.Context, operation string, patch appstate.PatchInfo) error {
	ctx = signal.ReadingAppState(ctx)
	return s.sendAlone(ctx, operation, patch.Type, func(client *whatsmeow.Client, key []byte) (*statepatch.Patch, error) {
		version, hash, err := client.Store.AppState.GetAppStateVersion(ctx, string(patch.Type))
		if err != nil {
			return nil, err
		}
		encoder := appstate.NewProcessor(client.Store, client.Log)
		encoded, err := encoder.EncodePatch(ctx, key, appstate.HashState{Version: version, Hash: hash}, patch)
		return &statepatch.Patch{BaseVersion: version, Bytes: encoded}, err
	})
}

// Remove removes an entry; found is false if the collection has none under the account's current key.
func (s *Service) Remove(ctx context.Context, operation string, name appstate.WAPatchName, entry statepatch.Entry) (found bool, err error) {
	ctx = signal.ReadingAppState(ctx)
	err = s.sendAlone(ctx, operation, name, func(client *whatsmeow.Client, _ []byte) (*statepatch.Patch, error) {
		patch, err := statepatch.EncodeRemove(ctx, client.Store, name, entry, time.Now())
		found = !errors.Is(err, statepatch.ErrNoEntry)
		if !found {
			return nil, nil
		}
		return patch, err
	})
	return found && err == nil, err
}

// sendAlone encodes and sends a patch as the session's only writer, up to maxAttempts times. encode is called for each attempt; if it returns no
// patch, nothing is sent. ctx must be one of signal.ReadingAppState.
func (s *Service) sendAlone(ctx context.Context, operation string, name appstate.WAPatchName,
	encode func(client *whatsmeow.Client, key []byte) (*statepatch.Patch, error),
) error {
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	if err := s.writes.acquire(ctx); err != nil {
		return wa.Wrap(operation, err)
	}
	defer s.writes.release()
	key, err := client.Store.AppStateKeys.GetLatestAppStateSyncKeyID(ctx)
	if err != nil {
		return wa.StorageError("the keys of the app state could not be read", err)
	}
	if key == nil {
		return wa.NewError(wa.ReasonConflict, "the phone has not shared its keys with this device yet")
	}
	for attempt := 1; ; attempt++ {
		patch, err := encode(client, key)
		if err != nil {
			return wa.StorageError("the change could not be encoded", err)
		}
		if patch == nil {
			return nil
		}
		sent := sendPatch(ctx, client, name, patch)
		if sent != nil && !errors.Is(sent, whatsmeow.ErrAppStateUpdate) {
			return wa.Wrap(operation, sent)
		}
		// Read the collection in both cases: the version stored here must follow the accepted patch, or the one that was first.
		err = s.fetchMissing(ctx, client, name)
		if err != nil {
			return wa.Wrap(operation, err)
		}
		if sent == nil || attempt == maxAttempts {
			return wa.Wrap(operation, sent)
		}
		if err := pauseRandomly(ctx, firstPause<<(attempt-1)); err != nil {
			return wa.Wrap(operation, err)
		}
	}
}

// fetchMissing reads the new patches of a collection, or all of it if its hash does not match.
func (s *Service) fetchMissing(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName) error {
	err := s.Fetch(ctx, client, name, FetchOptions{})
	if errors.Is(err, appstate.ErrMismatchingLTHash) {
		err = s.Fetch(ctx, client, name, FetchOptions{Full: true})
	}
	return err
}

// pauseRandomly waits a random part of longest, so that two writers do not collide again.
func pauseRandomly(ctx context.Context, longest time.Duration) error {
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendPatch sends a patch. The error is whatsmeow.ErrAppStateUpdate if another device wrote first.
func sendPatch(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, patch *statepatch.Patch) error {
	answer, err := client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{ // no public call sends a removal or returns conflicts as errors of their own
		Namespace: "w:sync:app:state", Type: "set", To: types.ServerJID,
		Content: []waBinary.Node{{Tag: "sync", Content: []waBinary.Node{{
			Tag:     "collection",
			Attrs:   waBinary.Attrs{"name": string(name), "version": patch.BaseVersion, "return_snapshot": false},
			Content: []waBinary.Node{{Tag: "patch", Content: patch.Bytes}},
		}}}},
	})
	if err != nil {
		return err
	}
	collection, ok := answer.GetOptionalChildByTag("sync", "collection")
	if !ok {
		return &whatsmeow.ElementMissingError{Tag: "collection", In: "answer to an app state patch"}
	}
	if collection.AttrGetter().OptionalString("type") == "error" {
		problem := collection.GetChildByTag("error")
		return fmt.Errorf("%w (%s): %s", whatsmeow.ErrAppStateUpdate, name, &problem)
	}
	return nil
}
