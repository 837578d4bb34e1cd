package messages

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/util/dbutil"
)

// Chat is a stored conversation.
type Chat struct {
	JID, LID     string // JID is the phone number's where it is known
	Kind         string
	Name         string // as seen last; "" = not known
	Unread       int
	MarkedUnread bool
	Archived     bool
	PinnedAt     time.Time // zero = not pinned
	Muted        bool
	MutedUntil   time.Time // zero with Muted = for good
	ReadOnly     bool
	Disappearing time.Duration
	LastAt       time.Time // zero = nothing was said
	Last         *Row      // nil when there is no message

	id int64
}

const chatColumns = `SELECT c.jid, c.lid, c.kind, c.name, c.unread, c.marked_unread, c.archived, c.pinned_at, c.muted_until, c.read_only,
	c.disappearing, c.last_at, c.chat_id FROM messages_chats c `

func scanChat(now time.Time) dbutil.ConvertRowFn[*Chat] {
	return func(row dbutil.Scannable) (*Chat, error) {
		var c Chat
		var pinned, muted, disappearing, last int64
		err := row.Scan(&c.JID, &c.LID, &c.Kind, &c.Name, &c.Unread, &c.MarkedUnread, &c.Archived, &pinned, &muted, &c.ReadOnly,
			&disappearing, &last, &c.id)
		if err != nil {
			return nil, err
		}
		c.PinnedAt, c.LastAt = fromMillis(pinned), fromMillis(last)
		c.Disappearing = time.Duration(disappearing) * time.Second
		switch {
		case muted == mutedForGood:
			c.Muted = true
		case muted > now.UnixMilli():
			c.Muted, c.MutedUntil = true, fromMillis(muted)
		}
		return &c, nil
	}
}

// listed leaves out chats that were deleted, or only ever named by a setting or a receipt.
const listed = ` AND (c.last_at>0 OR c.pinned_at>0 OR c.archived OR c.marked_unread)`

// ChatQuery selects chats of a session.
type ChatQuery struct {
	Archived, Pinned, Unread *bool
	Since                    time.Time
	Limit                    int // 0 = all
	Offset                   int
}

// ChatStats counts the chats of a session.
type ChatStats struct{ Pinned, Archived, Muted, Unread int }

// Chats returns a page of chats with their last messages, latest activity
// first, and how many match in all.
func (s *Store) Chats(ctx context.Context, session string, q ChatQuery) (chats []*Chat, total int, err error) {
	where, args := `WHERE c.session=$1`+listed, []any{session}
	add := func(format string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(format, len(args))
	}
	if q.Archived != nil {
		add(` AND c.archived=$%d`, *q.Archived)
	}
	if q.Pinned != nil {
		add(` AND (c.pinned_at>0)=$%d`, *q.Pinned)
	}
	if q.Unread != nil {
		add(` AND (c.unread>0 OR c.marked_unread)=$%d`, *q.Unread)
	}
	if !q.Since.IsZero() {
		add(` AND c.last_at>=$%d`, millis(q.Since))
	}
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM messages_chats c `+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("messages: chats: %w", err)
	}
	where += ` ORDER BY c.last_at DESC, c.chat_id DESC`
	limit := q.Limit
	if limit == 0 {
		limit = total
	}
	add(` LIMIT $%d`, limit)
	add(` OFFSET $%d`, q.Offset)
	chats, err = scanChat(time.Now()).NewRowIter(s.db.Query(ctx, chatColumns+where, args...)).AsList()
	if err == nil {
		err = s.addLast(ctx, chats)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("messages: chats: %w", err)
	}
	return chats, total, nil
}

// Chat returns one chat; ErrNotFound when nothing is known of it.
func (s *Store) Chat(ctx context.Context, session string, a Address) (*Chat, error) {
	id, err := s.findChat(ctx, session, a)
	var chats []*Chat
	if err == nil && id != 0 {
		chats, err = scanChat(time.Now()).NewRowIter(s.db.Query(ctx, chatColumns+`WHERE c.chat_id=$1`, id)).AsList()
	}
	if err == nil {
		err = s.addLast(ctx, chats)
	}
	if err != nil {
		return nil, fmt.Errorf("messages: chat: %w", err)
	}
	if len(chats) == 0 {
		return nil, ErrNotFound
	}
	return chats[0], nil
}

// addLast finds the newest message of each chat by one index look-up each.
func (s *Store) addLast(ctx context.Context, chats []*Chat) error {
	var rows []*Row
	for _, chat := range chats {
		if chat.LastAt.IsZero() {
			continue
		}
		last, err := scanRow.NewRowIter(s.db.Query(ctx, `SELECT `+rowColumns+fromMessages+`WHERE m.chat_id=$1 AND NOT m.placeholder
			ORDER BY m.sent_at DESC, m.row_id DESC LIMIT 1`, chat.id)).AsList()
		if err != nil {
			return err
		}
		if len(last) == 1 {
			chat.Last = last[0]
			rows = append(rows, last[0])
		}
	}
	return s.completeRows(ctx, rows)
}

// Stats counts the listed chats of a session.
func (s *Store) Stats(ctx context.Context, session string) (stats ChatStats, err error) {
	count := func(condition string) string {
		return `COALESCE(SUM(CASE WHEN ` + condition + ` THEN 1 ELSE 0 END), 0)`
	}
	err = s.db.QueryRow(ctx, `SELECT `+count(`c.pinned_at>0`)+`, `+count(`c.archived`)+`, `+count(`c.muted_until=-1 OR c.muted_until>$2`)+`, `+
		count(`c.unread>0 OR c.marked_unread`)+` FROM messages_chats c WHERE c.session=$1`+listed, session, time.Now().UnixMilli()).
		Scan(&stats.Pinned, &stats.Archived, &stats.Muted, &stats.Unread)
	if err != nil {
		return stats, fmt.Errorf("messages: stats: %w", err)
	}
	return stats, nil
}
