package journal

import (
	"context"
	"fmt"
	"sort"
	"time"
)

const (
	// findSlack is how far an event's time may be ahead of the time it was logged, because WhatsApp's clock or a phone's is ahead of ours.
	findSlack = time.Hour
	// findScan is the number of events examined after the search, and findPage the number per query.
	findScan = 10_000
	findPage = 1000
)

// Find returns the position in a session's log before the first retained event whose time is at or after t, the head if there is none, and the log at
// that moment.
//
// Times of events need not increase with their offsets: messages sent while the session was offline arrive late. The logging times, which the ids
// carry, do increase. So the search bisects the log by ids down to the first event logged at or after t minus findSlack, before which no event from t
// on can be, and continues event by event. If findScan events in a row are older than t, it stops: the position is then earlier than necessary, never
// later. (Only a clock that was set back by more than findSlack between two runs of the server makes ids decrease; events logged before that may then
// be missed.)
func (j *Journal) Find(ctx context.Context, session string, t time.Time) (log Log, after uint64, err error) {
	row, err := j.loadRow(ctx, session)
	if err != nil {
		return Log{}, 0, err
	}
	from, err := j.firstLogged(ctx, row, t.Add(-findSlack))
	if err != nil {
		return Log{}, 0, fmt.Errorf("journal: find: %w", err)
	}
	at := t.UnixMilli()
	if time.UnixMilli(at).Before(t) {
		at++ // times are kept in milliseconds
	}
	limit := min(row.head, from+findScan-1)
	after = from - 1
	for after < limit {
		to := min(limit, after+findPage)
		found, err := j.store.firstAt(ctx, row, after, to, at)
		if err != nil {
			return Log{}, 0, fmt.Errorf("journal: find: %w", err)
		}
		if found > 0 {
			return row.log(), found - 1, nil
		}
		after = to
	}
	return row.log(), after, nil
}

// firstLogged returns the lowest retained offset that was logged at or after t, head+1 if there is none.
func (j *Journal) firstLogged(ctx context.Context, row logRow, t time.Time) (offset uint64, err error) {
	bound := smallestID(t)
	n := sort.Search(int(row.head+1-row.oldest), func(i int) bool {
		if err != nil {
			return true
		}
		var id string
		id, err = j.store.idAt(ctx, row.id, row.oldest+uint64(i))
		return id >= bound && id != "" // retention may have removed it meanwhile
	})
	return row.oldest + uint64(n), err
}

// Lookup describes a session's log, if it exists; unlike Log it creates none.
func (j *Journal) Lookup(ctx context.Context, session string) (log Log, exists bool, err error) {
	if err := checkSession(session); err != nil {
		return Log{}, false, err
	}
	for {
		if l := j.lookupEntry(session); l != nil {
			if row, ok := l.position(); ok {
				return row.log(), true, nil
			}
		}
		if exists, err = j.lookUp(ctx, session, false); err != nil || !exists {
			return Log{}, false, err
		}
	}
}
