package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// sqlTx is a running commit; the context carries the transaction.
type sqlTx struct{ *sqlStore }

// inParts calls use for consecutive parts of n rows, each a power of two long.
func inParts(n int, use func(from, to int) error) error {
	for from := 0; from < n; {
		to := from + partSize(n-from)
		if err := use(from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (t *sqlTx) logs(ctx context.Context, sessions []string, create bool) (map[string]logRow, error) {
	rows := make(map[string]logRow, len(sessions))
	if err := t.selectLogs(ctx, sessions, rows); err != nil {
		return nil, err
	}
	if len(rows) == len(sessions) || !create {
		return rows, nil
	}
	var missing []string
	for _, session := range sessions {
		if _, exists := rows[session]; !exists {
			missing = append(missing, session)
		}
	}
	err := inParts(len(missing), func(from, to int) error {
		args := make([]any, 0, 5*(to-from))
		for _, session := range missing[from:to] {
			args = append(args, session, newEpoch(), 0, 1, 0)
		}
		_, err := t.db.Exec(ctx, t.statements.statementText(insertLogs, to-from), args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, t.selectLogs(ctx, missing, rows)
}

func (t *sqlTx) selectLogs(ctx context.Context, sessions []string, into map[string]logRow) error {
	for len(sessions) > 0 {
		some := sessions[:min(len(sessions), maxRows)]
		sessions = sessions[len(some):]
		size := paddedSize(len(some))
		args := make([]any, size)
		for i := range args {
			args[i] = some[min(i, len(some)-1)]
		}
		rows, err := t.db.Query(ctx, t.statements.statementText(selectLogs, size), args...)
		if err != nil {
			return err
		}
		err = eachRow(rows, func() error {
			var row logRow
			err := rows.Scan(&row.id, &row.session, &row.epoch, &row.head, &row.oldest)
			into[row.session] = row
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *sqlTx) findKeys(ctx context.Context, keys []keyOf) (map[keyOf]keyHit, error) {
	hits := map[keyOf]keyHit{}
	for len(keys) > 0 {
		some := keys[:min(len(keys), maxRows)]
		keys = keys[len(some):]
		size := paddedSize(len(some))
		args := make([]any, 0, 2*size)
		for i := range size {
			key := &some[min(i, len(some)-1)]
			args = append(args, key.log, key.hash[:])
		}
		rows, err := t.db.Query(ctx, t.statements.statementText(selectKeys, size), args...)
		if err != nil {
			return nil, err
		}
		err = eachRow(rows, func() error {
			var key keyOf
			var hit keyHit
			var hash sql.RawBytes
			err := rows.Scan(&key.log, &hash, &hit.offset, &hit.id)
			copy(key.hash[:], hash)
			hits[key] = hit
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return hits, nil
}

func (t *sqlTx) eventID(ctx context.Context, log int64, offset uint64) (id string, err error) {
	err = t.db.QueryRow(ctx, `SELECT id FROM journal_events WHERE log=$1 AND pos=$2`, log, int64(offset)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func (t *sqlTx) insert(ctx context.Context, rows []newRow, heads []headMove) error {
	err := inParts(len(rows), func(from, to int) error {
		args := make([]any, 0, 8*(to-from))
		for i := from; i < to; i++ {
			e := rows[i].event
			args = append(args, rows[i].log, int64(e.Offset), e.ID, e.Type, e.Origin,
				e.Time.UnixMilli(), strings.Join(e.Chats, "\n"), []byte(e.Data))
		}
		_, err := t.db.Exec(ctx, t.statements.statementText(insertEvents, to-from), args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := t.insertKeys(ctx, rows); err != nil {
		return fmt.Errorf("dedupe keys: %w", err)
	}
	return inParts(len(heads), func(from, to int) error {
		args := make([]any, 0, 3*(to-from))
		for _, move := range heads[from:to] {
			args = append(args, move.log, int64(move.head), move.bytes)
		}
		_, err := t.db.Exec(ctx, t.statements.statementText(moveHeads, to-from), args...)
		return err
	})
}

func (t *sqlTx) insertKeys(ctx context.Context, rows []newRow) error {
	keyed := make([]*newRow, 0, len(rows))
	for i := range rows {
		if rows[i].keyed {
			keyed = append(keyed, &rows[i])
		}
	}
	return inParts(len(keyed), func(from, to int) error {
		args := make([]any, 0, 5*(to-from))
		for _, row := range keyed[from:to] {
			args = append(args, row.log, row.hash[:], int64(row.event.Offset), row.event.ID, row.stored.UnixMilli())
		}
		_, err := t.db.Exec(ctx, t.statements.statementText(insertKeys, to-from), args...)
		return err
	})
}

func (t *sqlTx) purge(ctx context.Context, session string) (id int64, found bool, err error) {
	err = t.db.QueryRow(ctx, `UPDATE journal_logs SET session=NULL WHERE session=$1 RETURNING id`, session).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return id, err == nil, err
}
