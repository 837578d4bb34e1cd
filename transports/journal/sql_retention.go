package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/waystation/waystation/transports/kit/database"
)

func (s *sqlStore) agedLogs(ctx context.Context, above int64, limit int) ([]agedLog, error) {
	rows, err := s.db.Query(ctx, `SELECT l.id, l.session, l.head, l.oldest, l.bytes,
			(SELECT e.id FROM journal_events e WHERE e.log=l.id AND e.pos=l.oldest)
		FROM journal_logs l WHERE l.id>$1 ORDER BY l.id LIMIT $2`, above, limit)
	if err != nil {
		return nil, storeError(err)
	}
	var logs []agedLog
	err = eachRow(rows, func() error {
		var log agedLog
		var session, oldestID sql.NullString
		err := rows.Scan(&log.id, &session, &log.head, &log.oldest, &log.bytes, &oldestID)
		log.session, log.purged, log.oldestID = session.String, !session.Valid, oldestID.String
		logs = append(logs, log)
		return err
	})
	return logs, storeError(err)
}

func (s *sqlStore) trim(ctx context.Context, id int64, rule trimRule) (oldest uint64, more bool, err error) {
	err = database.Transact(ctx, s.db, func(ctx context.Context) error {
		// Writing first locks the row: either a commit waits for this transaction or this waits for the commit.
		var bytes int64
		if err := s.db.QueryRow(ctx, `UPDATE journal_logs SET oldest=oldest WHERE id=$1 RETURNING oldest, bytes`, id).
			Scan(&oldest, &bytes); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil // drained meanwhile
			}
			return err
		}
		rows, err := s.db.Query(ctx, `SELECT pos, id, LENGTH(data) FROM journal_events WHERE log=$1 ORDER BY pos LIMIT $2`, id, rule.batch)
		if err != nil {
			return err
		}
		before, dropped := bytes, 0
		err = eachRow(rows, func() error {
			var pos uint64
			var eventID string
			var size int64
			if err := rows.Scan(&pos, &eventID, &size); err != nil {
				return err
			}
			if pos == oldest && rule.drops(pos, eventID, bytes) { // a prefix only
				oldest, bytes, dropped = pos+1, bytes-size-rowOverhead, dropped+1
			}
			return nil
		})
		if err != nil || dropped == 0 {
			return err
		}
		more = dropped == rule.batch
		if _, err = s.db.Exec(ctx, `DELETE FROM journal_events WHERE log=$1 AND pos<$2`, id, int64(oldest)); err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, `UPDATE journal_logs SET oldest=$1, bytes=bytes-$2 WHERE id=$3`, int64(oldest), before-bytes, id)
		return err
	})
	return oldest, more && err == nil, storeError(err)
}

func (s *sqlStore) drain(ctx context.Context, id int64, batch int) (more bool, err error) {
	for _, statement := range []string{
		`DELETE FROM journal_events WHERE log=$1 AND pos IN (SELECT pos FROM journal_events WHERE log=$1 ORDER BY pos LIMIT $2)`,
		`DELETE FROM journal_keys WHERE log=$1 AND key IN (SELECT key FROM journal_keys WHERE log=$1 ORDER BY key LIMIT $2)`,
	} {
		result, err := database.Exec(ctx, s.db, statement, id, batch)
		if err != nil {
			return false, storeError(err)
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err == nil, storeError(err)
		}
	}
	_, err = s.db.Exec(ctx, `DELETE FROM journal_logs WHERE id=$1 AND session IS NULL`, id)
	return false, storeError(err)
}

func (s *sqlStore) expireKeys(ctx context.Context, before time.Time, batch int) (more bool, err error) {
	// Keys of one millisecond are deleted together, so a batch may be slightly larger.
	result, err := database.Exec(ctx, s.db, `DELETE FROM journal_keys WHERE stored <= (SELECT MAX(stored) FROM
		(SELECT stored FROM journal_keys WHERE stored < $1 ORDER BY stored LIMIT $2) AS expired)`, before.UnixMilli(), batch)
	if err != nil {
		return false, storeError(err)
	}
	n, err := result.RowsAffected()
	return n >= int64(batch), storeError(err)
}
