package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"
)

// eachRow calls use for every row, then closes rows.
func eachRow(rows dbutil.Rows, use func() error) error {
	for rows.Next() {
		if err := use(); err != nil {
			_ = rows.Close()
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	return rows.Err()
}

const selectPage = `SELECT pos, id, type, origin, at, chats, data FROM journal_events
	WHERE log=$1 AND pos>$2 AND pos<=$3 ORDER BY pos LIMIT $4`

func (s *sqlStore) page(ctx context.Context, log logRow, after uint64, maxEvents, maxBytes int) ([]*Event, error) {
	rows, err := s.db.Query(ctx, selectPage, log.id, int64(after), int64(log.head), maxEvents)
	if err != nil {
		return nil, storeError(err)
	}
	events := make([]*Event, 0, min(maxEvents, int(log.head-after)))
	size := 0
	for rows.Next() {
		e, err := scanEvent(rows, log.session)
		if err != nil {
			_ = rows.Close()
			return nil, storeError(err)
		}
		if size += len(e.body); len(events) > 0 && size > maxBytes {
			break
		}
		events = append(events, e)
	}
	if err := rows.Close(); err != nil {
		return nil, storeError(err)
	}
	return events, storeError(rows.Err())
}

func (s *sqlStore) idAt(ctx context.Context, log int64, offset uint64) (string, error) {
	id, err := (&sqlTx{s}).eventID(ctx, log, offset)
	return id, storeError(err)
}

func (s *sqlStore) firstAt(ctx context.Context, log logRow, after, to uint64, at int64) (offset uint64, err error) {
	err = s.db.QueryRow(ctx, `SELECT pos FROM journal_events WHERE log=$1 AND pos>$2 AND pos<=$3 AND at>=$4 ORDER BY pos LIMIT 1`,
		log.id, int64(after), int64(to), at).Scan(&offset)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return offset, storeError(err)
}

func scanEvent(rows dbutil.Rows, session string) (*Event, error) {
	e := &Event{Session: session}
	var at int64
	var chats string
	var data sql.RawBytes // encode makes the one copy
	if err := rows.Scan(&e.Offset, &e.ID, &e.Type, &e.Origin, &at, &chats, &data); err != nil {
		return nil, err
	}
	e.Time, e.Data = time.UnixMilli(at).UTC(), json.RawMessage(data)
	if chats != "" {
		e.Chats = strings.Split(chats, "\n")
	}
	e.encode()
	return e, nil
}
