package messages

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Timer is how long the messages of a chat live.
type Timer struct {
	Lifetime time.Duration // 0 = for ever
	SetAt    time.Time     // zero = never set
	Begun    time.Time     // the oldest message of the chat; zero = none
}

// Timer returns the timer of a chat; the zero Timer for a chat that is not known.
func (s *Store) Timer(ctx context.Context, session string, a Address) (t Timer, err error) {
	id, err := s.findChat(ctx, session, a)
	if err != nil || id == 0 {
		if err != nil {
			err = fmt.Errorf("messages: timer: %w", err)
		}
		return t, err
	}
	var seconds, setAt, begun int64
	err = s.db.QueryRow(ctx, `SELECT disappearing, disappearing_at,
		COALESCE((SELECT MIN(m.sent_at) FROM messages_messages m WHERE m.chat_id=messages_chats.chat_id), 0)
		FROM messages_chats WHERE chat_id=$1`, id).Scan(&seconds, &setAt, &begun)
	if errors.Is(err, sql.ErrNoRows) {
		return Timer{}, nil
	}
	if err != nil {
		return t, fmt.Errorf("messages: timer: %w", err)
	}
	return Timer{Lifetime: time.Duration(seconds) * time.Second, SetAt: fromMillis(setAt), Begun: fromMillis(begun)}, nil
}

// setTimer sets the timer of a chat unless a later setting is known.
func (s *Store) setTimer(ctx context.Context, chat int64, lifetime time.Duration, at time.Time) error {
	return s.execQuery(ctx, `UPDATE messages_chats SET disappearing=$2, disappearing_at=$3 WHERE chat_id=$1 AND disappearing_at<=$3`,
		chat, int64(lifetime.Seconds()), millis(at))
}
