package messages

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/util/dbutil"
)

// Row is a stored message with its later changes.
type Row struct {
	Chat        string // the chat's address now: the phone number where it is known
	ChatLID     string
	ID          string
	ServerID    int64
	Sender      Address
	FromMe      bool
	Time        time.Time
	Type, Text  string
	Body        []byte // as given to Save or Edit
	Raw         []byte // only from Message; nil in lists
	MediaID     string
	Status      Status
	FailCode    int
	FailReason  string
	Recipients  int
	Unread      bool
	Starred     bool
	Placeholder bool
	EditedAt    time.Time // zero = never
	DeletedAt   time.Time // zero = no
	Reactions   []Reaction
	Votes       []Vote

	chat, row int64
}

const rowColumns = `c.jid, c.lid, m.id, m.server_id, m.sender, m.sender_alt, m.from_me, m.sent_at, m.type, m.text, m.body,
	m.media_id, m.status, m.fail_code, m.fail_reason, m.recipients, m.unread, m.starred, m.placeholder, m.edited_at, m.deleted_at,
	m.chat_id, m.row_id`

const fromMessages = ` FROM messages_messages m JOIN messages_chats c ON c.chat_id=m.chat_id `

func rowFields(r *Row, body *string, status *int, at, edited, deleted *int64) []any {
	return []any{
		&r.Chat, &r.ChatLID, &r.ID, &r.ServerID, &r.Sender.JID, &r.Sender.Alt, &r.FromMe, at, &r.Type, &r.Text, body,
		&r.MediaID, status, &r.FailCode, &r.FailReason, &r.Recipients, &r.Unread, &r.Starred, &r.Placeholder, edited, deleted,
		&r.chat, &r.row,
	}
}

func scanRowWith(row dbutil.Scannable, more ...any) (*Row, error) {
	var r Row
	var body string
	var status int
	var at, edited, deleted int64
	if err := row.Scan(append(rowFields(&r, &body, &status, &at, &edited, &deleted), more...)...); err != nil {
		return nil, err
	}
	r.Body, r.Status = []byte(body), Status(status)
	r.Time, r.EditedAt, r.DeletedAt = fromMillis(at), fromMillis(edited), fromMillis(deleted)
	return &r, nil
}

var scanRow = dbutil.ConvertRowFn[*Row](func(row dbutil.Scannable) (*Row, error) { return scanRowWith(row) })

var scanRawRow = dbutil.ConvertRowFn[*Row](func(row dbutil.Scannable) (*Row, error) {
	var raw []byte
	r, err := scanRowWith(row, &raw)
	if err == nil {
		r.Raw = raw
	}
	return r, err
})

// Message returns one message with its protobuf. An empty chat will do while
// the id is unique in the session; else the error is ErrAmbiguous.
func (s *Store) Message(ctx context.Context, session string, a Address, id string) (*Row, error) {
	const query = `SELECT ` + rowColumns + `, m.raw` + fromMessages
	var found []*Row
	var err error
	if a.JID == "" && a.Alt == "" {
		found, err = scanRawRow.NewRowIter(s.db.Query(ctx, query+`WHERE m.session=$1 AND m.id=$2 LIMIT 2`, session, id)).AsList()
	} else {
		var chat int64
		if chat, err = s.findChat(ctx, session, a); err == nil && chat != 0 {
			found, err = scanRawRow.NewRowIter(s.db.Query(ctx, query+`WHERE m.chat_id=$1 AND m.id=$2`, chat, id)).AsList()
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("messages: get: %w", err)
	case len(found) == 0:
		return nil, ErrNotFound
	case len(found) > 1:
		return nil, ErrAmbiguous
	}
	return found[0], s.completeRows(ctx, found)
}

// ListQuery selects messages of one chat.
type ListQuery struct {
	Chat   Address
	Limit  int
	Before string // a message id: only older messages; "" = the newest
	Since  time.Time
	FromMe *bool
}

// List returns a page of a chat, oldest first, and whether there is more before
// it. An unknown Before is ErrNotFound.
func (s *Store) List(ctx context.Context, session string, q ListQuery) (rows []*Row, more bool, err error) {
	chat, err := s.findChat(ctx, session, q.Chat)
	if err != nil {
		return nil, false, fmt.Errorf("messages: list: %w", err)
	}
	if chat == 0 {
		if q.Before != "" {
			return nil, false, ErrNotFound
		}
		return nil, false, nil
	}
	where, args := `WHERE m.chat_id=$1 AND NOT m.placeholder`, []any{chat}
	add := func(condition string, values ...any) {
		for _, value := range values {
			args = append(args, value)
			condition = replaceFirst(condition, '?', fmt.Sprintf("$%d", len(args)))
		}
		where += condition
	}
	if q.Before != "" {
		var at, row int64
		err := s.db.QueryRow(ctx, `SELECT sent_at, row_id FROM messages_messages WHERE chat_id=$1 AND id=$2`, chat, q.Before).Scan(&at, &row)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, false, ErrNotFound
		}
		if err != nil {
			return nil, false, fmt.Errorf("messages: list: %w", err)
		}
		add(` AND (m.sent_at<? OR m.sent_at=? AND m.row_id<?)`, at, at, row)
	}
	if !q.Since.IsZero() {
		add(` AND m.sent_at>=?`, millis(q.Since))
	}
	if q.FromMe != nil {
		add(` AND m.from_me=?`, *q.FromMe)
	}
	add(` ORDER BY m.sent_at DESC, m.row_id DESC LIMIT ?`, q.Limit+1)
	rows, err = scanRow.NewRowIter(s.db.Query(ctx, `SELECT `+rowColumns+fromMessages+where, args...)).AsList()
	if err != nil {
		return nil, false, fmt.Errorf("messages: list: %w", err)
	}
	if len(rows) > q.Limit {
		rows, more = rows[:q.Limit], true
	}
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows, more, s.completeRows(ctx, rows)
}

// Unread lists the unread messages of a chat, oldest first, the newest limit at most.
func (s *Store) Unread(ctx context.Context, session string, a Address, limit int) ([]*Row, error) {
	chat, err := s.findChat(ctx, session, a)
	if err == nil && chat != 0 {
		var rows []*Row
		rows, err = scanRow.NewRowIter(s.db.Query(ctx, `SELECT `+rowColumns+fromMessages+`WHERE m.chat_id=$1 AND m.unread AND m.sent_at>=c.unread_since
			ORDER BY m.sent_at DESC, m.row_id DESC LIMIT $2`, chat, limit)).AsList()
		for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
			rows[i], rows[j] = rows[j], rows[i]
		}
		if err == nil {
			return rows, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("messages: unread: %w", err)
	}
	return nil, nil
}

// ReceiptTimes is how far a message got with one person; zero = not (yet).
type ReceiptTimes struct {
	Recipient               string
	Delivered, Read, Played time.Time
}

var scanReceipt = dbutil.ConvertRowFn[ReceiptTimes](func(row dbutil.Scannable) (r ReceiptTimes, err error) {
	var delivered, read, played int64
	err = row.Scan(&r.Recipient, &delivered, &read, &played)
	r.Delivered, r.Read, r.Played = fromMillis(delivered), fromMillis(read), fromMillis(played)
	return r, err
})

// Receipts returns the receipts of a message, in the order of their arrival.
func (s *Store) Receipts(ctx context.Context, of *Row) ([]ReceiptTimes, error) {
	receipts, err := scanReceipt.NewRowIter(s.db.Query(ctx, `SELECT recipient, delivered_at, read_at, played_at FROM messages_receipts
		WHERE chat_id=$1 AND id=$2 ORDER BY delivered_at, recipient`, of.chat, of.ID)).AsList()
	if err != nil {
		return nil, fmt.Errorf("messages: receipts: %w", err)
	}
	return receipts, nil
}

// completeRows adds reactions and votes, for pages of any size with one query per
// chat and table.
func (s *Store) completeRows(ctx context.Context, rows []*Row) error {
	type key struct {
		chat int64
		id   string
	}
	byKey := make(map[key]*Row, len(rows))
	for _, row := range rows {
		byKey[key{row.chat, row.ID}] = row
	}
	for start := 0; start < len(rows); start += maxKeysPerQuery {
		page := rows[start:min(start+maxKeysPerQuery, len(rows))]
		where, args := keysCondition(page)
		err := eachRow(ctx, s.db, `SELECT chat_id, id, sender, emoji, reacted_at FROM messages_reactions WHERE emoji<>'' AND `+where+
			` ORDER BY reacted_at, sender`, args, func(row dbutil.Scannable) error {
			var k key
			var r Reaction
			var at int64
			if err := row.Scan(&k.chat, &k.id, &r.Sender, &r.Emoji, &at); err != nil {
				return err
			}
			r.ID, r.At = k.id, fromMillis(at)
			byKey[k].Reactions = append(byKey[k].Reactions, r)
			return nil
		})
		if err != nil {
			return fmt.Errorf("messages: reactions: %w", err)
		}
		err = eachRow(ctx, s.db, `SELECT chat_id, id, voter, options, voted_at FROM messages_votes WHERE `+where+` ORDER BY voted_at, voter`,
			args, func(row dbutil.Scannable) error {
				var k key
				var v Vote
				var options string
				var at int64
				if err := row.Scan(&k.chat, &k.id, &v.Voter, &options, &at); err != nil {
					return err
				}
				v.ID, v.At = k.id, fromMillis(at)
				if err := json.Unmarshal([]byte(options), &v.Options); err != nil {
					return err
				}
				byKey[k].Votes = append(byKey[k].Votes, v)
				return nil
			})
		if err != nil {
			return fmt.Errorf("messages: votes: %w", err)
		}
	}
	return nil
}

// maxKeysPerQuery keeps well under the parameters one statement may have.
const maxKeysPerQuery = 200

// keysCondition selects by (chat, id), one IN list per chat.
func keysCondition(rows []*Row) (string, []any) {
	lists := make(map[int64][]string)
	var order []int64
	for _, row := range rows {
		if lists[row.chat] == nil {
			order = append(order, row.chat)
		}
		lists[row.chat] = append(lists[row.chat], row.ID)
	}
	var args []any
	condition := ""
	for _, chat := range order {
		args = append(args, chat)
		part := fmt.Sprintf("chat_id=$%d AND id IN (", len(args))
		for i, id := range lists[chat] {
			args = append(args, id)
			if i > 0 {
				part += ","
			}
			part += fmt.Sprintf("$%d", len(args))
		}
		if condition != "" {
			condition += " OR "
		}
		condition += part + ")"
	}
	return "(" + condition + ")", args
}

func eachRow(ctx context.Context, db *dbutil.Database, query string, args []any, fn func(dbutil.Scannable) error) error {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func replaceFirst(s string, old byte, with string) string {
	for i := range len(s) {
		if s[i] == old {
			return s[:i] + with + s[i+1:]
		}
	}
	return s
}
