package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// Pair is a phone number JID and the LID of the same person.
type Pair struct{ PN, LID string }

// SeenPair is a pair with its history in one session.
type SeenPair struct {
	Pair
	// ID is unique over all sessions.
	ID int64
	// Created is when the session first saw the pair, LastUsed when it last did, both to the second.
	Created, LastUsed time.Time
	// Uses counts how often the session came across the pair, the first time included.
	Uses int64
}

const (
	addPair = `
		INSERT INTO directory_pairs (session, lid, pn, created_at, last_used_at, usage_count) VALUES ($1, $2, $3, $4, $4, 1)
		ON CONFLICT (session, lid) DO `
	seePair = addPair + `UPDATE SET
		pn=excluded.pn, last_used_at=excluded.last_used_at, usage_count=directory_pairs.usage_count+1`
	// An unchanged pair is not written again.
	refreshPair = addPair + `UPDATE SET pn=excluded.pn WHERE directory_pairs.pn<>excluded.pn`
)

// SeePairs records that a session came across pairs. Pairs with an empty half are left out.
func (s *Store) SeePairs(ctx context.Context, session string, pairs []Pair, now time.Time) error {
	return s.putPairs(ctx, seePair, session, pairs, now)
}

// AddPairs makes pairs known without counting a use of those that were known before.
func (s *Store) AddPairs(ctx context.Context, session string, pairs []Pair, now time.Time) error {
	return s.putPairs(ctx, refreshPair, session, pairs, now)
}

func (s *Store) putPairs(ctx context.Context, query, session string, pairs []Pair, now time.Time) error {
	pairs = slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.PN == "" || p.LID == "" })
	if len(pairs) == 0 {
		return nil
	}
	// One order for all writers, so that two transactions cannot wait for each other.
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.LID, b.LID) })
	pairs = slices.Compact(pairs)
	err := database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, pair := range pairs {
			if _, err := s.db.Exec(ctx, query, session, pair.LID, pair.PN, now.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("directory: put pairs: %w", err)
	}
	return nil
}

const pairColumns = `SELECT id, lid, pn, created_at, last_used_at, usage_count FROM directory_pairs `

var scanPair = dbutil.ConvertRowFn[SeenPair](func(row dbutil.Scannable) (SeenPair, error) {
	var pair SeenPair
	var created, used int64
	err := row.Scan(&pair.ID, &pair.LID, &pair.PN, &created, &used, &pair.Uses)
	pair.Created, pair.LastUsed = time.Unix(created, 0).UTC(), time.Unix(used, 0).UTC()
	return pair, err
})

// Pair returns the pair of a LID that a session has seen; found is false when there is none.
func (s *Store) Pair(ctx context.Context, session, lid string) (pair SeenPair, found bool, err error) {
	pair, err = scanPair(s.db.QueryRow(ctx, pairColumns+`WHERE session=$1 AND lid=$2`, session, lid))
	if errors.Is(err, sql.ErrNoRows) {
		return SeenPair{}, false, nil
	}
	if err != nil {
		return SeenPair{}, false, fmt.Errorf("directory: find pair: %w", err)
	}
	return pair, true, nil
}

// Pairs returns a page of a session's pairs, oldest first, and how many there are in all.
func (s *Store) Pairs(ctx context.Context, session string, limit, offset int) ([]SeenPair, int, error) {
	var total int
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM directory_pairs WHERE session=$1`, session).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("directory: count pairs: %w", err)
	}
	const page = pairColumns + `WHERE session=$1 ORDER BY id LIMIT $2 OFFSET $3`
	pairs, err := scanPair.NewRowIter(s.db.Query(ctx, page, session, limit, offset)).AsList()
	if err != nil {
		return nil, 0, fmt.Errorf("directory: list pairs: %w", err)
	}
	return pairs, total, nil
}
