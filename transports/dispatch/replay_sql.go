package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/util/dbutil"
)

// queued tells which entries wait for their replay.
func (s *store) queued(ctx context.Context, entries []Entry) (map[int64]bool, error) {
	waiting := map[int64]bool{}
	for part := range slices.Chunk(entries, maxRows) {
		ids := make([]any, len(part))
		for i, e := range part {
			ids[i] = e.ID
		}
		rows, err := s.db.Query(ctx, `SELECT entry FROM dispatch_replays WHERE entry IN (`+marks(len(ids))+`)`, ids...)
		list, err := dbutil.NewRowIterWithError(rows, dbutil.ScanSingleColumn[int64], err).AsList()
		if err != nil {
			return nil, fmt.Errorf("dispatch: read replays: %w", err)
		}
		for _, id := range list {
			waiting[id] = true
		}
	}
	return waiting, nil
}

// enqueue adds entries to the queue unless it would grow beyond a number.
func (s *store) enqueue(ctx context.Context, entries []Entry, remove bool, most int) error {
	err := s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		var waiting int
		if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM dispatch_replays`).Scan(&waiting); err != nil {
			return err
		}
		if waiting+len(entries) > most {
			return fmt.Errorf("%w: %d, at most %d", ErrTooMany, waiting, most)
		}
		now := s.now().UnixMilli()
		for part := range slices.Chunk(entries, maxRows) {
			args := make([]any, 0, 5*len(part))
			for _, e := range part {
				args = append(args, e.ID, e.Transport, e.Target, remove, now)
			}
			_, err := s.db.Exec(ctx, `INSERT INTO dispatch_replays (entry, transport, target, remove, queued) VALUES `+
				s.values(len(part), 5)+` ON CONFLICT (entry) DO NOTHING`, args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrTooMany) {
		return fmt.Errorf("dispatch: queue replays: %w", err)
	}
	return err
}

// queuedTargets lists the targets that have replays waiting.
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

// nextReplay is the first in a target's queue.
func (s *store) nextReplay(ctx context.Context, k targetKey) (q queuedReplay, found bool, err error) {
	var entry, queued int64
	rows, err := s.db.Query(ctx, `SELECT id, entry, remove, queued FROM dispatch_replays WHERE transport=$1 AND target=$2 ORDER BY id LIMIT 1`, k.transport, k.id)
	_, err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (int64, error) {
		found = true
		return q.id, row.Scan(&q.id, &entry, &q.remove, &queued)
	}, err).AsList()
	if err != nil || !found {
		return q, found, err
	}
	q.queued = millis(queued)
	entries, err := s.list(ctx, Query{IDs: []int64{entry}})
	if err != nil || len(entries) == 0 {
		return q, true, err
	}
	q.entry = entries[0]
	if q.entry.Status == DeadLetter {
		q.body, err = s.body(ctx, q.entry.EventID)
	}
	return q, true, err
}

// replayed writes the end of a replay; the caller is in a transaction.
func (s *store) replayed(ctx context.Context, r *replayed) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM dispatch_replays WHERE id=$1`, r.queue); err != nil {
		return err
	}
	now := s.now().UnixMilli()
	switch {
	case r.unsent:
		_, err := s.db.Exec(ctx, `UPDATE dispatch_archive SET error=$2 WHERE id=$1`, r.entry, "cannot be replayed: the event is no longer kept")
		return err
	case r.failed != nil:
		_, err := s.db.Exec(ctx, `UPDATE dispatch_archive SET replays=replays+1, last_replay=$2, attempts=attempts+$3, last_at=$4, error=$5, code=$6 WHERE id=$1`,
			r.entry, now, r.failed.Attempts, r.failed.Last.UnixMilli(), r.failed.Error, r.failed.Code)
		return err
	case r.remove:
		entries, err := s.list(ctx, Query{IDs: []int64{r.entry}})
		if err != nil {
			return err
		}
		return s.deleteEntries(ctx, entries)
	}
	_, err := s.db.Exec(ctx, `UPDATE dispatch_archive SET replays=replays+1, last_replay=$2 WHERE id=$1`, r.entry, now)
	return err
}
