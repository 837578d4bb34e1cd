package journal

import (
	"context"
	"fmt"
	"sort"
	"time"
)

const (
	// findSlack is how far an event's time may be ahead of the moment it was logged, because WhatsApp's clock or a
	// phone's is ahead of ours.
	findSlack = time.Hour
	// findScan is how many events are looked at after the search, and findPage how many in one query.
	findScan = 10_000
	findPage = 1000
)

// Find returns the place in a session's log before the first retained event whose time is at or after t, the head when
// there is none, and the log as it was then.
//
// Times of events need not rise with their offsets: what was sent while the session was away comes late. The moments
// of logging, which the ids carry, do rise. So the search halves the log by ids down to what was logged findSlack before
// t, below which no event from t on can lie, and goes on event by event. When findScan events in a row are older than t,
// it stops there: the place is then earlier than need be, never later. (Only a clock that was set back by more than
// findSlack between two runs of the server makes ids fall; events logged before that may then be missed.)
func (j *Journal) Find(ctx context.Context, session string, t time.Time) (log Log, after uint64, err error) {
	row, err := j.row(ctx, session)
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

// firstLogged is the lowest retained offset that was logged at or after t, head+1 when there is none.
func (j *Journal) firstLogged(ctx context.Context, row logRow, t time.Time) (offset uint64, err error) {
	bound := smallestID(t)
	n := sort.Search(int(row.head+1-row.oldest), func(i int) bool {
		if err != nil {
			return true
		}
		var id string
		id, err = j.store.idAt(ctx, row.id, row.oldest+uint64(i))
		return id >= bound && id != "" // retention may have taken it meanwhile
	})
	return row.oldest + uint64(n), err
}

// Lookup describes a session's log, if it has one; unlike Log it makes none.
func (j *Journal) Lookup(ctx context.Context, session string) (log Log, exists bool, err error) {
	if err := checkSession(session); err != nil {
		return Log{}, false, err
	}
	for {
		if l := j.entry(session); l != nil {
			if row, ok := l.position(); ok {
				return row.log(), true, nil
			}
		}
		if exists, err = j.lookUp(ctx, session, false); err != nil || !exists {
			return Log{}, false, err
		}
	}
}
