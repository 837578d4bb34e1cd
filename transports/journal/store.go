package journal

import (
	"context"
	"errors"
	"time"
)

// errOutcomeUnknown marks a commit that may or may not have taken place.
var errOutcomeUnknown = errors.New("the outcome of the commit is unknown")

// store persists the logs. Only the committer calls commit; the other methods may be called concurrently.
type store interface {
	// commit runs write in one transaction, durable when it returns nil. After errOutcomeUnknown it may or may not have taken place; after other
	// errors it did not.
	commit(ctx context.Context, write func(ctx context.Context, tx storeTx) error) error
	// page returns consecutive events of a log after an offset, at most up to another.
	page(ctx context.Context, log logRow, after uint64, maxEvents, maxBytes int) ([]*Event, error)
	// idAt returns the id of a log's event at an offset, "" if there is none.
	idAt(ctx context.Context, log int64, offset uint64) (string, error)
	// firstAt returns the lowest offset of an event after one offset and up to another whose time is at or after some milliseconds, 0 if there is
	// none.
	firstAt(ctx context.Context, log logRow, after, to uint64, at int64) (uint64, error)
	// inTransaction reports whether ctx carries a transaction of the store's database.
	inTransaction(ctx context.Context) bool

	// agedLogs lists logs above an id in order of ids, for retention.
	agedLogs(ctx context.Context, above int64, limit int) ([]agedLog, error)
	// trim drops the oldest events of a log, at most the rule's batch.
	trim(ctx context.Context, id int64, rule trimRule) (oldest uint64, more bool, err error)
	// drain deletes a batch of the remaining rows of a purged log.
	drain(ctx context.Context, id int64, batch int) (more bool, err error)
	// expireKeys deletes dedupe keys stored before a time, about a batch of them.
	expireKeys(ctx context.Context, before time.Time, batch int) (more bool, err error)
	close() error
}

// storeTx is a running commit. It reads and locks the newest state of its logs.
type storeTx interface {
	// logs returns the rows of the sessions that have a log; create creates missing ones.
	logs(ctx context.Context, sessions []string, create bool) (map[string]logRow, error)
	// findKeys returns the earlier uses of keys.
	findKeys(ctx context.Context, keys []keyOf) (map[keyOf]keyHit, error)
	// eventID returns the id of the event at an offset, "" if there is none.
	eventID(ctx context.Context, log int64, offset uint64) (string, error)
	// insert stores events with their keys and moves the heads.
	insert(ctx context.Context, rows []newRow, heads []headMove) error
	// purge detaches a session's log from its name; drain deletes the rest.
	purge(ctx context.Context, session string) (id int64, found bool, err error)
}

// keyHash is the hash of a dedupe key: keys are long and their index is the journal's most scattered one. 128 bits do not collide by chance.
type keyHash [16]byte

type keyOf struct {
	log  int64
	hash keyHash
}

type keyHit struct {
	offset uint64
	id     string
}

type newRow struct {
	log    int64
	event  *Event
	keyed  bool
	hash   keyHash
	stored time.Time
}

// rowOverhead is added to the data of each event, towards RetainBytes.
const rowOverhead = 128

type headMove struct {
	log   int64
	head  uint64
	bytes int64 // added
}

type agedLog struct {
	logRow
	purged   bool
	bytes    int64
	oldestID string // of the oldest event; "" if there is none
}

type trimRule struct {
	before   string // events with a smaller id are removed; "" = none
	maxBytes int64  // negative = no limit
	keepFrom uint64 // events below this offset are removed
	batch    int
}
