package journal

import (
	"context"
	"time"
)

// store keeps the logs. The committer is its only writer.
type store interface {
	// openLog returns a log's position, making the log with epoch when there is none.
	openLog(ctx context.Context, session, epoch string) (logRow, error)
	// commit runs write in one transaction that is durable when commit returns nil.
	commit(ctx context.Context, write func(ctx context.Context) error) error
	// findKeys adds the events logged earlier under keys to known.
	findKeys(ctx context.Context, session string, keys []string, known map[dedupeKey]*Event) error
	// insert stores events, their dedupe keys and the heads they lead to.
	insert(ctx context.Context, events []*Event, keys []string, heads map[string]uint64) error
	// page returns consecutive events after an offset.
	page(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*Event, error)
	// trim drops up to limit of the oldest events that lie below keepFrom or before a
	// time (zero values drop nothing) and returns the log's new oldest offset.
	trim(ctx context.Context, session string, keepFrom uint64, before time.Time, limit int) (oldest uint64, dropped int, err error)
	purge(ctx context.Context, session string) error
	// sessions lists the logs that hold events.
	sessions(ctx context.Context) ([]string, error)
	close() error
}
