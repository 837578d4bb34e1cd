package history

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/transports/kit/database"
)

// Pointers stores the pointers to history blobs that have not been read, in a table of package bridge.
type Pointers struct{ db *dbutil.Database }

// NewPointers returns the pointers of all sessions.
func NewPointers(db *dbutil.Database) *Pointers { return &Pointers{db: db} }

// Add stores the pointer to a blob: an encoded history notice and the id of the message that contained it.
func (p *Pointers) Add(ctx context.Context, session, messageID string, notice []byte) error {
	_, err := p.db.Exec(ctx, `
		INSERT INTO bridge_history (session, message_id, notice, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (session, message_id) DO NOTHING`, session, messageID, notice, time.Now().UnixMilli())
	return err
}

// pointer refers to a blob that has not been read yet.
type pointer struct {
	messageID string
	notice    []byte
	tries     int
}

// next returns the pointer that was tried least often, the oldest first; nil = there is none.
func (p *Pointers) next(ctx context.Context, session string) (*pointer, error) {
	var found pointer
	err := p.db.QueryRow(ctx, `
		SELECT message_id, notice, tries FROM bridge_history WHERE session=$1 ORDER BY tries, created_at, message_id LIMIT 1`, session).
		Scan(&found.messageID, &found.notice, &found.tries)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &found, err
}

var scanNotice = dbutil.ConvertRowFn[[]byte](func(row dbutil.Scannable) (notice []byte, err error) { return notice, row.Scan(&notice) })

// answersLeft reports whether pointers to other answers to a request are stored, beside that of a message. Without a request it is the history after
// a pairing.
func (p *Pointers) answersLeft(ctx context.Context, session, request, messageID string) (bool, error) {
	notices, err := scanNotice.NewRowIter(p.db.Query(ctx, `SELECT notice FROM bridge_history WHERE session=$1 AND message_id<>$2`, session, messageID)).AsList()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(notices, func(raw []byte) bool {
		var notice waE2E.HistorySyncNotification
		return proto.Unmarshal(raw, &notice) == nil && inbound.HistoryRequest(&notice) == request &&
			(request != "" || notice.GetSyncType() != waE2E.HistorySyncType_ON_DEMAND)
	}), nil
}

// countTry adds one to the tries of a blob.
func (p *Pointers) countTry(ctx context.Context, session, messageID string) error {
	_, err := p.db.Exec(ctx, `UPDATE bridge_history SET tries=tries+1 WHERE session=$1 AND message_id=$2`, session, messageID)
	return err
}

func (p *Pointers) drop(ctx context.Context, session, messageID string) error {
	_, err := p.db.Exec(ctx, `DELETE FROM bridge_history WHERE session=$1 AND message_id=$2`, session, messageID)
	return err
}

// DropAll deletes all pointers of a session.
func (p *Pointers) DropAll(ctx context.Context, session string) error {
	_, err := database.Exec(ctx, p.db, `DELETE FROM bridge_history WHERE session=$1`, session)
	return err
}
