package messages

import (
	"context"
	"fmt"
)

// Oldest returns the oldest stored message of a chat, or ErrNotFound.
func (s *Store) Oldest(ctx context.Context, session string, a Address) (*Row, error) {
	chat, err := s.findChat(ctx, session, a)
	if err != nil {
		return nil, fmt.Errorf("messages: oldest: %w", err)
	}
	if chat == 0 {
		return nil, ErrNotFound
	}
	rows, err := scanRow.NewRowIter(s.db.Query(ctx, `SELECT `+rowColumns+fromMessages+
		`WHERE m.chat_id=$1 AND NOT m.placeholder ORDER BY m.sent_at, m.row_id LIMIT 1`, chat)).AsList()
	switch {
	case err != nil:
		return nil, fmt.Errorf("messages: oldest: %w", err)
	case len(rows) == 0:
		return nil, ErrNotFound
	}
	return rows[0], nil
}
