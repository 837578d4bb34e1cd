package messages

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"go.mau.fi/util/dbutil"
)

// Status is how far an own message got. A later state replaces an earlier one,
// never the other way round.
type Status int

// The states of an own message, in the order they can follow each other.
const (
	StatusNone      Status = iota // a message of another person
	StatusFailed                  // refused, with a code; an acknowledgement that comes later still counts
	StatusPending                 // accepted here, not yet acknowledged by WhatsApp
	StatusSent                    // WhatsApp has it
	StatusDelivered               // on a device of every recipient
	StatusRead                    // read by every recipient
	StatusPlayed                  // played by every recipient
)

var statusNames = [...]string{"", "failed", "pending", "sent", "delivered", "read", "played"}

// String gives the name results use; "" for StatusNone.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return ""
	}
	return statusNames[s]
}

// Message is a message on its way into the store.
type Message struct {
	Chat        Address
	ID          string
	ServerID    int64   // newsletter posts only
	Sender      Address // both addresses as far as known
	FromMe      bool
	Time        time.Time
	Type        string
	Text        string // searched
	Body        []byte // the caller's own form of it
	Raw         []byte // WhatsApp's protobuf
	MediaID     string // the file, when it is kept
	Status      Status
	Recipients  int  // how many people an own message goes to; 0 = not known
	Unread      bool // counts as unread in its chat
	ChatName    string
	Placeholder bool   // its content is not known yet; a later Save fills it in
	ChatTimer   *Timer // the chat's own timer as the message shows it; nil = it shows none
}

// Save stores a message unless it is there already. It completes a placeholder;
// earlier changes (a revocation, an edit) stay in force.
func (s *Store) Save(ctx context.Context, session string, m *Message) error {
	return s.inTransaction(ctx, "save", func(ctx context.Context) error {
		known := hint{session: session}
		known.jid, known.lid = m.Chat.splitHalves()
		if chat := s.hints.getChat(known); chat != 0 {
			row, err := s.insertHinted(ctx, known, chat, m)
			if err != nil {
				return err
			}
			if row != 0 {
				return s.afterInsert(ctx, session, chat, row, m)
			}
		}
		chat, err := s.ensureChat(ctx, session, m.Chat)
		if err != nil {
			return err
		}
		s.hints.putChat(known, chat)
		return s.saveMessage(ctx, session, chat, m)
	})
}

func (s *Store) saveMessage(ctx context.Context, session string, chat int64, m *Message) error {
	row, err := s.insertMessage(ctx, session, chat, m)
	if err != nil {
		return err
	}
	if row == 0 {
		if m.Placeholder {
			return nil
		}
		if row, err = s.fillPlaceholder(ctx, chat, m); err != nil || row == 0 {
			return err
		}
	}
	return s.afterInsert(ctx, session, chat, row, m)
}

// afterInsert updates the chat, the search index and the timer after the insertion of a message.
func (s *Store) afterInsert(ctx context.Context, session string, chat, row int64, m *Message) error {
	if err := s.indexText(ctx, session, row, m.Text); err != nil || m.Placeholder {
		return err
	}
	return s.touchChat(ctx, chat, m)
}

const (
	messageColumns = `
	INSERT INTO messages_messages (session, chat_id, id, server_id, sender, sender_alt, from_me, sent_at, type, text, body, raw,
		media_id, status, recipients, unread, placeholder) `
	messageValues = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17`
	onceOnly      = ` ON CONFLICT (chat_id, id) DO NOTHING`
	insertMessage = messageColumns + `VALUES (` + messageValues + `)` + onceOnly
	insertHinted  = messageColumns + `SELECT ` + messageValues + ` FROM messages_chats WHERE chat_id=$2 AND session=$1 AND jid=$18 AND lid=$19`
)

func (m *Message) columnValues(session string, chat int64) []any {
	return []any{
		session, chat, m.ID, m.ServerID, m.Sender.JID, m.Sender.Alt, m.FromMe, millis(m.Time), m.Type, m.Text, string(m.Body), m.Raw,
		m.MediaID, int(m.Status), m.Recipients, m.Unread, m.Placeholder,
	}
}

// insertMessage returns 0 when the message is there already.
func (s *Store) insertMessage(ctx context.Context, session string, chat int64, m *Message) (row int64, err error) {
	return s.insertRow(ctx, insertMessage, "row_id", m.columnValues(session, chat)...)
}

// insertHinted returns 0 also when the chat is not, or no longer, the one of these
// addresses.
//
// On PostgreSQL it locks the row of the chat, as lockedChat does.
func (s *Store) insertHinted(ctx context.Context, key hint, chat int64, m *Message) (row int64, err error) {
	query := insertHinted + onceOnly
	if s.db.Dialect != dbutil.SQLite {
		query = insertHinted + ` FOR UPDATE` + onceOnly
	}
	return s.insertRow(ctx, query, "row_id", append(m.columnValues(key.session, chat), key.jid, key.lid)...)
}

// TypeUnavailable is the type of a message whose content WhatsApp gives to phones only, such as a view-once one. It is
// listed like any other, and filled in when a phone hands over the content all the same.
const TypeUnavailable = "unavailable"

// fillPlaceholder completes a placeholder or an unavailable message; 0 when there is none. Content of an early edit
// is newer than the message and stays.
func (s *Store) fillPlaceholder(ctx context.Context, chat int64, m *Message) (row int64, err error) {
	err = s.db.QueryRow(ctx, `
		UPDATE messages_messages SET server_id=$3, sender=$4, sender_alt=$5, from_me=$6, sent_at=$7, unread=$8, placeholder=false,
			status=CASE WHEN status>$9 THEN status ELSE $9 END, recipients=$10, type=CASE WHEN edited_at=0 THEN $11 ELSE type END
		WHERE chat_id=$1 AND id=$2 AND (placeholder OR type=$12) RETURNING row_id`,
		chat, m.ID, m.ServerID, m.Sender.JID, m.Sender.Alt, m.FromMe, millis(m.Time), m.Unread, int(m.Status), m.Recipients, m.Type,
		TypeUnavailable).Scan(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return row, s.execQuery(ctx, `UPDATE messages_messages SET text=$2, body=$3, raw=$4, media_id=$5 WHERE row_id=$1 AND edited_at=0 AND deleted_at=0`,
		row, m.Text, string(m.Body), m.Raw, m.MediaID)
}

// indexText makes the text of a message findable.
func (s *Store) indexText(ctx context.Context, session string, row int64, text string) error {
	folded := foldText(text)
	if folded == "" {
		return s.execQuery(ctx, `DELETE FROM messages_search WHERE session=$1 AND row_id=$2`, session, row)
	}
	return s.execQuery(ctx, `INSERT INTO messages_search (session, row_id, folded) VALUES ($1, $2, $3)
		ON CONFLICT (session, row_id) DO UPDATE SET folded=excluded.folded`, session, row, folded)
}

// touchChat brings the chat up to date with a new message.
func (s *Store) touchChat(ctx context.Context, chat int64, m *Message) error {
	unread := 0
	if m.Unread {
		unread = 1
	}
	err := s.execQuery(ctx, `
		UPDATE messages_chats SET last_at=CASE WHEN last_at>$2 THEN last_at ELSE $2 END, unread=unread+$3,
			unread_since=CASE WHEN $3=0 THEN unread_since WHEN unread=0 OR unread_since>$2 THEN $2 ELSE unread_since END,
			name=CASE WHEN $4='' THEN name ELSE $4 END
		WHERE chat_id=$1`, chat, millis(m.Time), unread, m.ChatName)
	if err != nil || m.ChatTimer == nil {
		return err
	}
	return s.setTimer(ctx, chat, m.ChatTimer.Lifetime, m.ChatTimer.SetAt)
}

// Begin stores an own message that is about to be sent, as pending. A message
// of that id that failed or is still pending is replaced and sent again; one
// that went out, or is not the account's own, is left alone and begun is false.
func (s *Store) Begin(ctx context.Context, session string, m *Message) (begun bool, err error) {
	err = s.inTransaction(ctx, "begin", func(ctx context.Context) error {
		chat, err := s.ensureChat(ctx, session, m.Chat)
		if err != nil {
			return err
		}
		if row, err := s.insertMessage(ctx, session, chat, m); err != nil || row != 0 {
			begun = err == nil
			if err == nil {
				err = s.indexText(ctx, session, row, m.Text)
			}
			if err == nil {
				err = s.touchChat(ctx, chat, m)
			}
			return err
		}
		var row int64
		err = s.db.QueryRow(ctx, `
			UPDATE messages_messages SET sent_at=$3, type=$4, text=$5, body=$6, raw=$7, media_id=$8, recipients=$9, status=$10,
				fail_code=0, fail_reason='', placeholder=false
			WHERE chat_id=$1 AND id=$2 AND from_me AND deleted_at=0 AND status IN ($11, $10) RETURNING row_id`,
			chat, m.ID, millis(m.Time), m.Type, m.Text, string(m.Body), m.Raw, m.MediaID, m.Recipients,
			int(StatusPending), int(StatusFailed)).Scan(&row)
		if errors.Is(err, sql.ErrNoRows) {
			begun = false
			return nil
		}
		if err != nil {
			return err
		}
		begun = true
		return s.indexText(ctx, session, row, m.Text)
	})
	return begun, err
}
