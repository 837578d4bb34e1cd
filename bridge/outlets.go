package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/waystation/waystation/bridge/wa"
)

// Outlets are the operator's shared ways out for events, as far as sessions can stay out of them (Settings.SkipGlobal). An
// *Error of theirs is what the caller gets; any other is trouble of the storage.
type Outlets interface {
	// Add gives the events of a new session to the outlets. It is called before the session is stored.
	Add(ctx context.Context, session string, skip []string) error
	// Skip changes what a session stays out of, from its next event on. store, which ctx's transaction must be given to, stores
	// the session with its settings in the same transaction, and may run twice.
	Skip(ctx context.Context, session string, skip []string, store func(ctx context.Context) error) error
	// Remove takes back an Add, and forgets all that is stored of the session. It comes when no call works on it any more.
	Remove(ctx context.Context, session string) error
}

// noOutlets is a server without any.
type noOutlets struct{}

func (noOutlets) Add(context.Context, string, []string) error { return nil }
func (noOutlets) Skip(ctx context.Context, _ string, _ []string, store func(ctx context.Context) error) error {
	return store(ctx)
}
func (noOutlets) Remove(context.Context, string) error { return nil }

// store stores a changed row. What the session stays out of changes with it, in the order of its events.
func (s *Session) store(ctx context.Context, row *sessionRow, before []string) error {
	put := func(ctx context.Context) error { return s.b.store.put(ctx, row) }
	if slices.Equal(before, row.Settings.SkipGlobal) {
		return outletError("store the session", put(ctx))
	}
	// The caller's patience must not leave open what was stored; the journal's own limits end it.
	return outletError("store the session", s.b.outlets.Skip(context.WithoutCancel(ctx), s.id, row.Settings.SkipGlobal, put))
}

// outletError is an error of the outlets as callers get it.
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
