package dispatch

import (
	"context"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// loadSkips returns the ranges of a session, of all if session is empty, in the order of their offsets.
func (s *store) loadSkips(ctx context.Context, session string) (map[string][]skipRange, error) {
	found := map[string][]skipRange{}
	query, args := `SELECT session, outlet, epoch, from_pos, to_pos FROM dispatch_skips`, []any{}
	if session != "" {
		query, args = query+` WHERE session=$1`, []any{session}
	}
	rows, err := s.db.Query(ctx, query+` ORDER BY session, outlet, from_pos`, args...)
	err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (of string, err error) {
		var w skipRange
		err = row.Scan(&of, &w.outlet, &w.epoch, &w.from, &w.to)
		found[of] = append(found[of], w)
		return of, err
	}, err).Iter(func(string) (bool, error) { return true, nil })
	if err != nil {
		return nil, fmt.Errorf("dispatch: read skipped ranges: %w", err)
	}
	return found, nil
}

func (s *store) putSkip(ctx context.Context, session string, w skipRange) error {
	_, err := s.db.Exec(ctx, `INSERT INTO dispatch_skips (session, outlet, epoch, from_pos, to_pos) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (session, outlet, epoch, from_pos) DO UPDATE SET to_pos=excluded.to_pos`,
		session, w.outlet, w.epoch, int64(w.from), int64(w.to))
	if err != nil {
		return fmt.Errorf("dispatch: store skipped ranges: %w", err)
	}
	return nil
}

func (s *store) dropSkip(ctx context.Context, session string, w skipRange) error {
	_, err := s.db.Exec(ctx, `DELETE FROM dispatch_skips WHERE session=$1 AND outlet=$2 AND epoch=$3 AND from_pos=$4`,
		session, w.outlet, w.epoch, int64(w.from))
	if err != nil {
		return fmt.Errorf("dispatch: delete skipped ranges: %w", err)
	}
	return nil
}

// isPassed reports whether the stored cursors of a session's targets of one transport are behind a range. They are never ahead of the lanes.
func (s *store) isPassed(ctx context.Context, session string, w skipRange) (bool, error) {
	var waiting int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM dispatch_cursors WHERE session=$1 AND transport=$2 AND (epoch<>$3 OR pos<$4)`,
		session, w.outlet, w.epoch, int64(w.to)).Scan(&waiting)
	if err != nil {
		return false, fmt.Errorf("dispatch: read cursors: %w", err)
	}
	return waiting == 0, nil
}
