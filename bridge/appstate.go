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

	"github.com/waystation/waystation/bridge/statepatch"
)

const (
	// appStateAttempts is how often a write is tried when others write at the same time.
	appStateAttempts = 4
	// appStatePause is the longest pause before the second attempt; it doubles with each.
	appStatePause = 200 * time.Millisecond
)

// appStateQueue lets one app-state write of a session happen at a time. Each
// write builds on the version before it, and whatsmeow applies its own write
// and the server's notice of it without a common order: two at once end in a
// conflict or in a hash that no longer matches. It is a queue and no mutex so
// that a caller who gives up leaves it.
type appStateQueue struct {
	once sync.Once
	slot chan struct{}
}

func (q *appStateQueue) enter(ctx context.Context) error {
	q.once.Do(func() { q.slot = make(chan struct{}, 1) })
	select {
	case q.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *appStateQueue) leave() { <-q.slot }

// writeAppState sends a patch as the session's only writer, and again on top of
// what others wrote meanwhile. Every app-state change of this package goes
// through here. what continues "could not".
func (s *Session) writeAppState(ctx context.Context, what string, patch appstate.PatchInfo) error {
	return s.inAppState(ctx, what, patch.Type, func(client *whatsmeow.Client) error {
		return client.SendAppState(ctx, patch)
	})
}

// inAppState runs write as the only writer, up to appStateAttempts times.
func (s *Session) inAppState(ctx context.Context, what string, name appstate.WAPatchName, write func(*whatsmeow.Client) error) error {
	client, err := s.live()
	if err != nil {
		return err
	}
	if err := s.ops.appState.enter(ctx); err != nil {
		return waError(what, err)
	}
	defer s.ops.appState.leave()
	if key, err := client.Store.AppStateKeys.GetLatestAppStateSyncKeyID(ctx); err != nil {
		return storageError("the keys of the app state could not be read", err)
	} else if key == nil {
		return newError(ReasonConflict, "the phone has not shared its keys with this device yet")
	}
	for attempt := 1; ; attempt++ {
		err = write(client)
		if !appStateConflict(err) || attempt == appStateAttempts {
			return waError(what, err)
		}
		if err := pause(ctx, appStatePause<<(attempt-1)); err != nil {
			return waError(what, err)
		}
		// A hash that does not match cannot be repaired by further patches: start from a snapshot.
		fresh := errors.Is(err, appstate.ErrMismatchingLTHash)
		if err := client.FetchAppState(ctx, name, fresh, false); err != nil && !appStateConflict(err) {
			return waError(what, err)
		}
	}
}

func appStateConflict(err error) bool {
	return errors.Is(err, whatsmeow.ErrAppStateUpdate) || errors.Is(err, appstate.ErrMismatchingLTHash)
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

// removeAppState removes an entry; found is false when there is none under the current key.
func (s *Session) removeAppState(ctx context.Context, what string, name appstate.WAPatchName, entry statepatch.Entry) (found bool, err error) {
	err = s.inAppState(ctx, what, name, func(client *whatsmeow.Client) error {
		patch, err := statepatch.EncodeRemove(ctx, client.Store, name, entry, time.Now())
		switch {
		case errors.Is(err, statepatch.ErrNoEntry):
			found = false
			return nil
		case err != nil:
			return err
		}
		found = true
		return sendPatch(ctx, client, name, patch)
	})
	return found && err == nil, err
}

func sendPatch(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, patch *statepatch.Patch) error {
	answer, err := client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
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
	return client.FetchAppState(ctx, name, false, false)
}
