package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
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
	// appStateAttempts is how often a write is tried when others write at the same time.
	appStateAttempts = 4
	// appStatePause is the longest pause before the second attempt; it doubles with each.
	appStatePause = 200 * time.Millisecond
)

// writeQueue lets one app-state write of a session happen at a time: each
// builds on the version before it, so that two at once end in a conflict. It is
// a queue and no mutex so that a caller who gives up leaves it.
type writeQueue struct {
	once sync.Once
	slot chan struct{}
}

func (q *writeQueue) enter(ctx context.Context) error {
	q.once.Do(func() { q.slot = make(chan struct{}, 1) })
	select {
	case q.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *writeQueue) leave() { <-q.slot }

// writeAppState changes the account's synchronised settings as the session's
// only writer, and again on top of what other devices wrote meanwhile. Every
// app-state change of this package goes through here; what continues "could
// not". whatsmeow's own SendAppState is not used: after a conflict it applies
// the other side's patches beside, not after, the notice of them.
func (s *stateService) writeAppState(ctx context.Context, what string, patch appstate.PatchInfo) error {
	ctx = signal.ReadingAppState(ctx)
	return s.inAppState(ctx, what, patch.Type, func(client *whatsmeow.Client, key []byte) (*statepatch.Patch, error) {
		version, hash, err := client.Store.AppState.GetAppStateVersion(ctx, string(patch.Type))
		if err != nil {
			return nil, err
		}
		encoder := appstate.NewProcessor(client.Store, client.Log)
		encoded, err := encoder.EncodePatch(ctx, key, appstate.HashState{Version: version, Hash: hash}, patch)
		return &statepatch.Patch{BaseVersion: version, Bytes: encoded}, err
	})
}

// removeAppState removes an entry; found is false when there is none under the current key.
func (s *stateService) removeAppState(ctx context.Context, what string, name appstate.WAPatchName, entry statepatch.Entry) (found bool, err error) {
	ctx = signal.ReadingAppState(ctx)
	err = s.inAppState(ctx, what, name, func(client *whatsmeow.Client, _ []byte) (*statepatch.Patch, error) {
		patch, err := statepatch.EncodeRemove(ctx, client.Store, name, entry, time.Now())
		found = !errors.Is(err, statepatch.ErrNoEntry)
		if !found {
			return nil, nil
		}
		return patch, err
	})
	return found && err == nil, err
}

// inAppState encodes and sends a patch as the only writer, in a context that readingAppState has marked, up to appStateAttempts times. No patch is nothing to send.
func (s *stateService) inAppState(ctx context.Context, what string, name appstate.WAPatchName,
	encode func(client *whatsmeow.Client, key []byte) (*statepatch.Patch, error),
) error {
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	if err := s.writes.enter(ctx); err != nil {
		return wa.Wrap(what, err)
	}
	defer s.writes.leave()
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
			return wa.Wrap(what, sent)
		}
		// Whether the patch was taken or another was there first: this device must now read what it has not seen.
		err = s.readAppState(ctx, client, name)
		if err != nil {
			return wa.Wrap(what, err)
		}
		if sent == nil || attempt == appStateAttempts {
			return wa.Wrap(what, sent)
		}
		if err := pause(ctx, appStatePause<<(attempt-1)); err != nil {
			return wa.Wrap(what, err)
		}
	}
}

// readAppState fetches what is new. A hash that does not match is cured by reading everything again.
func (s *stateService) readAppState(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName) error {
	err := s.fetchAppState(ctx, client, name, false)
	if errors.Is(err, appstate.ErrMismatchingLTHash) {
		err = s.fetchAppState(ctx, client, name, true)
	}
	return err
}

// pause waits a random part of longest, so that two writers fall out of step.
func pause(ctx context.Context, longest time.Duration) error {
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendPatch offers a patch to WhatsApp; when another was there first the error is whatsmeow.ErrAppStateUpdate.
func sendPatch(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, patch *statepatch.Patch) error {
	answer, err := client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{ // no public call sends a removal or tells a conflict from other errors
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
