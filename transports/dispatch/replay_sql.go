package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// queuedSends returns the sends of entries that are already queued.
func (s *store) queuedSends(ctx context.Context, entries []Entry) (map[sendKey]bool, error) {
	waiting := map[sendKey]bool{}
	for part := range slices.Chunk(entries, maxRows) {
		ids := make([]any, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		rows, err := s.db.Query(ctx, `SELECT entry, transport, target FROM dispatch_replays WHERE entry IN (`+placeholderList(len(ids))+`)`, ids...)
		list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (k sendKey, err error) {
			err = row.Scan(&k.entry, &k.to.transport, &k.to.id)
			return k, err
		}, err).AsList()
		if err != nil {
			return nil, fmt.Errorf("dispatch: read replays: %w", err)
		}
		for _, k := range list {
			waiting[k] = true
		}
	}
	return waiting, nil
}

// enqueue adds sends to the queue, except those of deleted entries, unless the queue would exceed its limit. They are in the order of their entries.
func (s *store) enqueue(ctx context.Context, sends []send, r *Replay, most int) (gone []int64, err error) {
	err = database.Transact(ctx, s.db, func(ctx context.Context) error {
		gone = nil
		if err := s.checkRoom(ctx, sends, r, most); err != nil {
			return err
		}
		now := s.now().UnixMilli()
		for part := range slices.Chunk(sends, maxRows) {
			there, err := s.lockEntries(ctx, part)
			if err != nil {
				return err
			}
			args := make([]any, 0, 6*len(part))
			for _, p := range part {
				switch {
				case there[p.entry.ID]:
					args = append(args, p.entry.ID, p.entry.EventID, p.to.sink.name, p.to.id, r.Remove, now)
				case !slices.Contains(gone, p.entry.ID):
					gone = append(gone, p.entry.ID)
				}
			}
			if len(args) == 0 {
				continue
			}
			_, err = s.db.Exec(ctx, `INSERT INTO dispatch_replays (entry, event, transport, target, remove, queued) VALUES `+
				s.valuesList(len(args)/6, 6)+` ON CONFLICT (entry, transport, target) DO NOTHING`, args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrTooMany) {
		return nil, fmt.Errorf("dispatch: queue replays: %w", err)
	}
	return gone, err
}

// checkRoom returns ErrTooMany if the queue has no room for the sends.
func (s *store) checkRoom(ctx context.Context, sends []send, r *Replay, most int) error {
	var waiting int
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM dispatch_replays`).Scan(&waiting); err != nil {
		return err
	}
	if waiting+len(sends) > most {
		return fmt.Errorf("%w: %d, at most %d", ErrTooMany, waiting, most)
	}
	if r.Share {
		return s.checkShare(ctx, sends, max(1, most/4))
	}
	return nil
}

// checkShare returns ErrTooMany if a session would exceed its share of the queue.
func (s *store) checkShare(ctx context.Context, sends []send, most int) error {
	more := map[string]int{}
	for _, p := range sends {
		more[p.entry.Session]++
	}
	for session, n := range more {
		var waiting int
		err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM dispatch_replays r JOIN dispatch_archive a ON a.id=r.entry WHERE a.session=$1`, session).Scan(&waiting)
		if err != nil {
			return err
		}
		if waiting+n > most {
			return fmt.Errorf("%w: %d of one session, at most %d", ErrTooMany, waiting, most)
		}
	}
	return nil
}

// lockEntries returns which entries exist and locks them until the transaction ends. On SQLite the transaction is the only writer.
func (s *store) lockEntries(ctx context.Context, sends []send) (there map[int64]bool, err error) {
	var ids []any
	for i, p := range sends {
		if i == 0 || p.entry != sends[i-1].entry {
			ids = append(ids, p.entry.ID)
		}
	}
	rows, err := s.db.Query(ctx, `SELECT id FROM dispatch_archive WHERE id IN (`+placeholderList(len(ids))+`) ORDER BY id`+s.forUpdate(), ids...)
	list, err := dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[int64], err).AsList()
	there = make(map[int64]bool, len(list))
	for _, id := range list {
		there[id] = true
	}
	return there, err
}

// forUpdate returns the end of a query that locks its rows until the transaction ends.
func (s *store) forUpdate() string {
	if s.db.Dialect == dbutil.SQLite {
		return ""
	}
	return " FOR UPDATE"
}

// queuedTargets returns the targets that have queued replays.
func (s *store) queuedTargets(ctx context.Context) (map[targetKey]bool, error) {
	waiting := map[targetKey]bool{}
	rows, err := s.db.Query(ctx, `SELECT DISTINCT transport, target FROM dispatch_replays`)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (k targetKey, err error) {
		err = row.Scan(&k.transport, &k.id)
		return k, err
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("dispatch: read replays: %w", err)
	}
	for _, k := range list {
		waiting[k] = true
	}
	return waiting, nil
}

// nextReplay returns the first replay in a target's queue.
func (s *store) nextReplay(ctx context.Context, k targetKey) (q queuedReplay, found bool, err error) {
	var entry, queued int64
	rows, err := s.db.Query(ctx, `SELECT id, entry, queued FROM dispatch_replays WHERE transport=$1 AND target=$2 ORDER BY id LIMIT 1`, k.transport, k.id)
	_, err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (int64, error) {
		found = true
		return q.id, row.Scan(&q.id, &entry, &queued)
	}, err).AsList()
	if err != nil || !found {
		return q, found, err
	}
	q.queued = millis(queued)
	entries, err := s.listEntries(ctx, Query{IDs: []int64{entry}})
	if err != nil || len(entries) == 0 {
		return q, true, err
	}
	q.entry = entries[0]
	if q.entry.Status == DeadLetter {
		q.body, err = s.loadBody(ctx, q.entry.EventID)
	}
	return q, true, err
}

// storeReplayEnd writes the outcome of a replay; the caller is in a transaction.
func (s *store) storeReplayEnd(ctx context.Context, r *replayed) error {
	ended, err := s.dequeue(ctx, r)
	if err != nil {
		return err
	}
	noted := len(ended) == 0 // the entries were deleted meanwhile
	for _, q := range ended {
		var own bool
		switch {
		case r.unsent:
			own, err = true, s.recordUnsent(ctx, q.entry)
		case r.failed != nil:
			own, err = s.recordFailed(ctx, q.entry, r)
		default:
			err = s.recordDelivered(ctx, q)
		}
		if err != nil {
			return err
		}
		noted = noted || own
	}
	if r.failed == nil || noted {
		return nil
	}
	if err := s.keepBody(ctx, r.event, r.body); err != nil {
		return err
	}
	return s.insertEntries(ctx, []*Entry{r.failed})
}

// dequeued is an entry whose replay ended.
type dequeued struct {
	entry  int64
	remove bool
}

// dequeue removes the rows that a replay has handled: its own row, and if an event was sent, all rows that queue the same event for the target.
func (s *store) dequeue(ctx context.Context, r *replayed) ([]dequeued, error) {
	which, args := `id=$1`, []any{r.queue}
	if !r.unsent {
		which, args = which+` OR event=$2 AND transport=$3 AND target=$4`, append(args, r.event, r.to.transport, r.to.id)
	}
	rows, err := s.db.Query(ctx, `DELETE FROM dispatch_replays WHERE `+which+` RETURNING entry, remove`, args...)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (q dequeued, err error) {
		err = row.Scan(&q.entry, &q.remove)
		return q, err
	}, err).AsList()
	slices.SortFunc(list, func(a, b dequeued) int { return cmp.Compare(a.entry, b.entry) }) // rows are locked in one order
	return list, err
}

// recordUnsent records that the entry had no event to send.
func (s *store) recordUnsent(ctx context.Context, entry int64) error {
	if err := s.cancelRemoval(ctx, entry); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx, `UPDATE dispatch_archive SET error=$2 WHERE id=$1`, entry, "cannot be replayed: the event is no longer kept")
	return err
}

// recordFailed counts a failed replay. An entry of the same target takes over its error, then own is true.
func (s *store) recordFailed(ctx context.Context, entry int64, r *replayed) (own bool, err error) {
	if err := s.cancelRemoval(ctx, entry); err != nil {
		return false, err
	}
	if err := s.countReplay(ctx, entry); err != nil {
		return false, err
	}
	changed, err := s.db.Exec(ctx, `UPDATE dispatch_archive SET attempts=attempts+$2, last_at=$3, error=$4, code=$5 WHERE id=$1 AND transport=$6 AND target=$7`,
		entry, r.failed.Attempts, r.failed.Last.UnixMilli(), r.failed.Error, r.failed.Code, r.to.transport, r.to.id)
	if err != nil {
		return false, err
	}
	n, err := changed.RowsAffected()
	return n > 0, err
}

// cancelRemoval keeps an entry whatever the outcome of its other replays.
func (s *store) cancelRemoval(ctx context.Context, entry int64) error {
	_, err := s.db.Exec(ctx, `UPDATE dispatch_replays SET remove=FALSE WHERE entry=$1`, entry)
	return err
}

// recordDelivered counts a delivered replay. An entry to be removed is deleted with its last queued replay.
func (s *store) recordDelivered(ctx context.Context, q dequeued) error {
	if !q.remove {
		return s.countReplay(ctx, q.entry)
	}
	rows, err := s.db.Query(ctx, `SELECT `+entryColumns+` FROM dispatch_archive WHERE id=$1`+s.forUpdate(), q.entry)
	entries, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (Entry, error) { return scanEntry(row) }, err).AsList()
	if err != nil {
		return err
	}
	waiting, err := s.db.Exec(ctx, `UPDATE dispatch_replays SET remove=TRUE WHERE entry=$1`, q.entry)
	if err != nil {
		return err
	}
	n, err := waiting.RowsAffected()
	switch {
	case err != nil:
		return err
	case n > 0:
		return s.countReplay(ctx, q.entry)
	}
	return s.deleteEntries(ctx, entries)
}

// countReplay counts a finished replay of an entry.
func (s *store) countReplay(ctx context.Context, entry int64) error {
	_, err := s.db.Exec(ctx, `UPDATE dispatch_archive SET replays=replays+1, last_replay=$2 WHERE id=$1`, entry, s.now().UnixMilli())
	return err
}
