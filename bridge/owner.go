package bridge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/statusposts"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

// newIncarnation returns a random text, unique among all sessions.
func newIncarnation() string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// owner returns the key under which the session's data is stored. A session created under the id of a deleted one has
// another key, so that it cannot access the remaining data of the deleted one.
func (r *sessionRow) owner() string {
	if r.Incarnation == "" {
		return r.ID
	}
	return r.ID + people.OwnerSeparator + r.Incarnation
}

// Owner returns the key under which the session's data is stored. It is unique, also among earlier and later sessions
// of the same id. It is not a secret.
func (s *Session) Owner() string { return s.owner }

// OwnerOf returns the key of a session's data, or the id itself if there is no such session.
func (b *Bridge) OwnerOf(id string) string {
	s, err := b.Session(id)
	if err != nil {
		return id
	}
	return s.owner
}

// drop deletes the row of a session and notes that its data in other tables must be deleted. Without data, the data is
// kept for a session created with restore.
func (st sessionStore) drop(ctx context.Context, id, owner string, data bool) error {
	return database.Transact(ctx, st.db, func(ctx context.Context) error {
		if _, err := st.db.Exec(ctx, `DELETE FROM bridge_quarantine WHERE session=$1`, id); err != nil {
			return err
		}
		if _, err := st.db.Exec(ctx, `INSERT INTO bridge_deletions (session, data, owner) VALUES ($1, $2, $3)
			ON CONFLICT (session) DO UPDATE SET data=excluded.data, owner=excluded.owner`, id, data, owner); err != nil {
			return err
		}
		if !data {
			if _, err := st.db.Exec(ctx, `INSERT INTO bridge_kept (session, owner, deleted_at) VALUES ($1, $2, $3)
				ON CONFLICT (owner) DO UPDATE SET deleted_at=excluded.deleted_at`, id, owner, time.Now().UnixMilli()); err != nil {
				return err
			}
		}
		_, err := st.db.Exec(ctx, `DELETE FROM bridge_sessions WHERE id=$1`, id)
		return err
	})
}

// deletion is a deleted session that may still have rows in other tables.
type deletion struct {
	session, owner string
	data           bool
}

func (st sessionStore) deletions(ctx context.Context) ([]deletion, error) {
	rows, err := st.db.Query(ctx, `SELECT session, owner, data FROM bridge_deletions ORDER BY session`)
	return dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (d deletion, err error) {
		err = row.Scan(&d.session, &d.owner, &d.data)
		if d.owner == "" {
			d.owner = d.session
		}
		return d, err
	}, err).AsList()
}

func (st sessionStore) endDeletion(ctx context.Context, id string) error {
	_, err := st.db.Exec(ctx, `DELETE FROM bridge_deletions WHERE session=$1`, id)
	return err
}

// scanText reads rows with one text column.
var scanText = dbutil.ConvertRowFn[string](dbutil.ScanSingleColumn[string])

// keptOwners lists the keys of data left by earlier sessions of an id, newest first.
func (st sessionStore) keptOwners(ctx context.Context, id string) ([]string, error) {
	return scanText.NewRowIter(st.db.Query(ctx, `SELECT owner FROM bridge_kept WHERE session=$1 ORDER BY deleted_at DESC, owner`, id)).AsList()
}

// expiredOwners lists the keys of data left before a given time.
func (st sessionStore) expiredOwners(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return scanText.NewRowIter(st.db.Query(ctx, `SELECT owner FROM bridge_kept WHERE deleted_at<=$1 ORDER BY deleted_at LIMIT $2`, before.UnixMilli(), limit)).AsList()
}

func (st sessionStore) forgetKept(ctx context.Context, owner string) (forgotten bool, err error) {
	result, err := st.db.Exec(ctx, `DELETE FROM bridge_kept WHERE owner=$1`, owner)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// forgetShared deletes the contact keys that versions before 3 shared between all sessions, once there is no session of
// those versions left that could take over its own keys.
func (st sessionStore) forgetShared(ctx context.Context) error {
	_, err := database.Exec(ctx, st.db, `DELETE FROM bridge_contact_keys WHERE NOT EXISTS (SELECT 1 FROM bridge_sessions WHERE incarnation='')`)
	return err
}

// purgeData deletes the data stored under a key.
func (b *Bridge) purgeData(ctx context.Context, owner string) error {
	if err := b.projection.Purge(ctx, owner); err != nil {
		return err
	}
	if err := b.labels.Purge(ctx, owner); err != nil {
		return err
	}
	if err := b.automation.Purge(ctx, owner); err != nil {
		return err
	}
	if err := b.people.Purge(ctx, owner); err != nil {
		return err
	}
	if err := b.keys.Purge(ctx, owner); err != nil {
		return err
	}
	_, err := b.store.forgetKept(ctx, owner)
	return err
}

// restore assigns the data left by the last session of its id to a new session. It returns an *Error with
// ReasonNotFound if there is no such data.
func (b *Bridge) restore(ctx context.Context, row *sessionRow) error {
	kept, err := b.store.keptOwners(ctx, row.ID)
	if err != nil {
		return wa.StorageError("look for kept data", err)
	}
	owner := ""
	if len(kept) > 0 {
		owner = kept[0]
	} else if left, err := b.messages.Holds(ctx, row.ID); err != nil { // deleted by a version that recorded no deletion
		return wa.StorageError("look for kept data", err)
	} else if left {
		owner = row.ID
	}
	switch {
	case owner == "":
		return &wa.Error{Reason: wa.ReasonNotFound, Field: "restore", Message: "no data of an earlier session with this id is kept"}
	case owner == row.ID:
		row.Incarnation = ""
	default:
		row.Incarnation = owner[len(row.ID)+len(people.OwnerSeparator):]
	}
	return nil
}

// ExpireKept deletes the data of sessions that were deleted without purge longer than Config.KeepDeleted ago.
func (b *Bridge) ExpireKept(ctx context.Context, now time.Time) error {
	const batch = 100
	for {
		owners, err := b.store.expiredOwners(ctx, now.Add(-b.cfg.KeepDeleted), batch)
		if err != nil {
			return err
		}
		for _, owner := range owners {
			if err := b.purgeData(ctx, owner); err != nil {
				return err
			}
		}
		if len(owners) < batch {
			return nil
		}
	}
}

// Intervals between deletions of expired data.
const (
	keptSweep   = time.Hour
	statusSweep = 5 * time.Minute
)

// runExpiry deletes expired data until ctx ends.
func (b *Bridge) runExpiry(ctx context.Context) {
	b.spawn(func() {
		database.SweepEvery(ctx, statusSweep, func(ctx context.Context) error {
			return b.messages.ExpireStatus(ctx, time.Now().Add(-statusposts.Lifetime))
		}, b.log, "expired status posts could not be removed")
	})
	b.spawn(func() {
		interval := min(max(b.cfg.PhoneTimeout/10, minHistorySweep), maxHistorySweep)
		database.SweepEvery(ctx, interval, b.expireHistory, b.log, "requests for history could not be ended")
	})
	b.spawn(func() {
		database.SweepEvery(ctx, keptSweep, func(ctx context.Context) error {
			return b.outbox.Expire(ctx, time.Now().Add(-b.cfg.Outbox.Keep))
		}, b.log, "ended automatic messages could not be removed")
	})
	database.SweepEvery(ctx, keptSweep, func(ctx context.Context) error { return b.ExpireKept(ctx, time.Now()) }, b.log, "data of deleted sessions could not be removed")
}

// minHistorySweep and maxHistorySweep bound the time by which the end of a request for history is late.
const minHistorySweep, maxHistorySweep = 50 * time.Millisecond, 10 * time.Second

// expireHistory ends the requests for history that the phone has not answered in time.
func (b *Bridge) expireHistory(ctx context.Context) error {
	overdue, err := b.history.Requests.ListOverdue(ctx, time.Now())
	if err != nil {
		return err
	}
	var failed error
	for _, o := range overdue {
		if s, err := b.Session(o.Session); err == nil && !s.isDeleted() {
			failed = errors.Join(failed, s.history.ExpireRequest(ctx, o.Request))
		}
	}
	return failed
}

// create stores a new session. Data that it takes over is no longer kept for other sessions.
func (st sessionStore) create(ctx context.Context, r *sessionRow) error {
	return database.Transact(ctx, st.db, func(ctx context.Context) error {
		if _, err := st.forgetKept(ctx, r.owner()); err != nil {
			return err
		}
		return st.put(ctx, r)
	})
}
