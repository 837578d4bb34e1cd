package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/waystation/waystation/bridge/wa"
)

// Outlets are the operator's shared targets for events that sessions can stay out of (Settings.SkipGlobal). An *Error
// from Outlets is returned to the caller; any other error is reported as a storage error.
type Outlets interface {
	// Add registers a new session with the outlets. It is called before the session is stored.
	Add(ctx context.Context, session string, skip []string) error
	// Skip changes the outlets that a session stays out of, from its next event on. store writes the session with its
	// settings in the same transaction: it must receive the context with the transaction, and it may run twice.
	Skip(ctx context.Context, session string, skip []string, store func(ctx context.Context) error) error
	// Remove reverts Add and deletes all stored data of the session. It is called after all calls on the session have
	// ended.
	Remove(ctx context.Context, session string) error
}

// noOutlets implements Outlets for a server without outlets.
type noOutlets struct{}

func (noOutlets) Add(context.Context, string, []string) error { return nil }
func (noOutlets) Skip(ctx context.Context, _ string, _ []string, store func(ctx context.Context) error) error {
	return store(ctx)
}
func (noOutlets) Remove(context.Context, string) error { return nil }

// store stores a changed row. A change of SkipGlobal takes effect in the order of the session's events.
func (s *Session) store(ctx context.Context, row *sessionRow, before []string) error {
	put := func(ctx context.Context) error { return s.b.store.put(ctx, row) }
	if slices.Equal(before, row.Settings.SkipGlobal) {
		return outletError("store the session", put(ctx))
	}
	// Cancelling the call must not leave it unknown whether the row was stored; the journal's own limits bound the
	// write.
	return outletError("store the session", s.b.outlets.Skip(context.WithoutCancel(ctx), s.id, row.Settings.SkipGlobal, put))
}

// outletError converts an error of the outlets for callers.
func outletError(what string, err error) error {
	var typed *wa.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed):
		return typed
	}
	return wa.StorageError(what, err)
}
