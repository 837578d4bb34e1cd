package messages

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Ack is WhatsApp's word on an own message.
type Ack struct {
	Chat     Address
	ID       string
	Time     time.Time // WhatsApp's time; zero = keep
	ServerID int64
	Sender   Address // as whom it was sent; empty = keep
}

// Acknowledge marks an own message as sent.
func (s *Store) Acknowledge(ctx context.Context, session string, a Ack) error {
	return s.inTransaction(ctx, "acknowledge", func(ctx context.Context) error {
		chat, err := s.lockedChat(ctx, session, a.Chat)
		if err != nil || chat == 0 {
			return err
		}
		if err := s.execQuery(ctx, `
			UPDATE messages_messages SET sent_at=CASE WHEN CAST($3 AS BIGINT)=0 THEN sent_at ELSE $3 END, server_id=$4,
				sender=CASE WHEN $5='' THEN sender ELSE $5 END, sender_alt=CASE WHEN $5='' THEN sender_alt ELSE $6 END,
				status=CASE WHEN status<$7 THEN $7 ELSE status END, fail_code=0, fail_reason=''
			WHERE chat_id=$1 AND id=$2 AND from_me`,
			chat, a.ID, millis(a.Time), a.ServerID, a.Sender.JID, a.Sender.Alt, int(StatusSent)); err != nil {
			return err
		}
		return s.execQuery(ctx, `UPDATE messages_chats SET last_at=$2 WHERE chat_id=$1 AND last_at<$2`, chat, millis(a.Time))
	})
}

// Fail marks a pending message as failed. code is WhatsApp's, 0 when it gave none.
func (s *Store) Fail(ctx context.Context, session string, a Address, id string, code int, reason string) error {
	return s.onMessage(ctx, "fail", session, a, id, `UPDATE messages_messages SET status=$3, fail_code=$4, fail_reason=$5
		WHERE chat_id=$1 AND id=$2 AND status=$6`, int(StatusFailed), code, reason, int(StatusPending))
}

// SetStarred stars or unstars a message.
func (s *Store) SetStarred(ctx context.Context, session string, a Address, id string, starred bool) error {
	return s.onMessage(ctx, "star", session, a, id, `UPDATE messages_messages SET starred=$3 WHERE chat_id=$1 AND id=$2`, starred)
}

// SetMedia records under which id the file of a message is kept; "" = no longer.
func (s *Store) SetMedia(ctx context.Context, session string, a Address, id, mediaID string) error {
	return s.onMessage(ctx, "set media", session, a, id, `UPDATE messages_messages SET media_id=$3 WHERE chat_id=$1 AND id=$2`, mediaID)
}

// SetRaw replaces the protobuf of a message, after its file got a new address.
func (s *Store) SetRaw(ctx context.Context, session string, a Address, id string, raw []byte) error {
	return s.onMessage(ctx, "set raw", session, a, id, `UPDATE messages_messages SET raw=$3 WHERE chat_id=$1 AND id=$2`, raw)
}

func (s *Store) onMessage(ctx context.Context, what, session string, a Address, id, query string, args ...any) error {
	return s.inTransaction(ctx, what, func(ctx context.Context) error {
		chat, err := s.findChat(ctx, session, a)
		if err != nil || chat == 0 {
			return err
		}
		return s.execQuery(ctx, query, append([]any{chat, id}, args...)...)
	})
}

// Change is an edit or a revocation with its author.
type Change struct {
	Chat   Address
	ID     string // the message it is about
	By     Address
	FromMe bool
	At     time.Time
	// New content of an edit.
	Type, Text string
	Body, Raw  []byte
}

// mayChange is the condition that a change is by the message's author. Authors match
// by either address; in one-to-one chats the direction is sufficient.
const mayChange = `(placeholder OR from_me=$3 AND (from_me OR $4 OR sender IN ($5, $6) OR (sender_alt<>'' AND sender_alt IN ($5, $6))))`

// Edit replaces the content of a message; no-op for an edit by another person than
// the author, or older than the last one.
func (s *Store) Edit(ctx context.Context, session string, c *Change) error {
	return s.inTransaction(ctx, "edit", func(ctx context.Context) error {
		chat, err := s.savePlaceholder(ctx, session, c)
		if err != nil {
			return err
		}
		var row int64
		err = s.db.QueryRow(ctx, `
			UPDATE messages_messages SET text=$7, body=$8, raw=$9, edited_at=$10, type=CASE WHEN placeholder THEN $11 ELSE type END
			WHERE chat_id=$1 AND id=$2 AND deleted_at=0 AND edited_at<=$10 AND `+mayChange+` RETURNING row_id`,
			chat, c.ID, c.FromMe, KindOf(c.Chat.JID) == KindUser, c.By.JID, c.By.Alt,
			c.Text, string(c.Body), c.Raw, millis(c.At), c.Type).Scan(&row)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.indexText(ctx, session, row, c.Text)
	})
}

// Revoke takes a message back for everyone: its content goes, the fact stays.
// In groups admins may revoke what others wrote, which WhatsApp itself checks.
func (s *Store) Revoke(ctx context.Context, session string, c *Change) error {
	return s.inTransaction(ctx, "revoke", func(ctx context.Context) error {
		chat, err := s.savePlaceholder(ctx, session, c)
		if err != nil {
			return err
		}
		var row int64
		var unread bool
		err = s.db.QueryRow(ctx, `
			UPDATE messages_messages SET text='', raw=NULL, media_id='', deleted_at=$7
			WHERE chat_id=$1 AND id=$2 AND deleted_at=0 AND ($8 OR `+mayChange+`) RETURNING row_id, unread`,
			chat, c.ID, c.FromMe, KindOf(c.Chat.JID) == KindUser, c.By.JID, c.By.Alt, millis(c.At), KindOf(c.Chat.JID) == KindGroup).Scan(&row, &unread)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.indexText(ctx, session, row, "")
	})
}

// savePlaceholder makes sure that there is something to change.
func (s *Store) savePlaceholder(ctx context.Context, session string, c *Change) (chat int64, err error) {
	if chat, err = s.ensureChat(ctx, session, c.Chat); err != nil {
		return 0, err
	}
	_, err = s.insertMessage(ctx, session, chat, &Message{
		Chat: c.Chat, ID: c.ID, Sender: c.By, FromMe: c.FromMe, Time: c.At, Type: c.Type, Placeholder: true,
	})
	return chat, err
}

// Delete removes a message for the account alone.
func (s *Store) Delete(ctx context.Context, session string, a Address, id string) error {
	return s.inTransaction(ctx, "delete", func(ctx context.Context) error {
		chat, err := s.lockedChat(ctx, session, a)
		if err != nil || chat == 0 {
			return err
		}
		for _, table := range details {
			if err := s.execQuery(ctx, `DELETE FROM `+table+` WHERE chat_id=$1 AND id=$2`, chat, id); err != nil {
				return err
			}
		}
		if err := s.execQuery(ctx, `DELETE FROM messages_search WHERE session=$1
			AND row_id IN (SELECT row_id FROM messages_messages WHERE chat_id=$2 AND id=$3)`, session, chat, id); err != nil {
			return err
		}
		if err := s.execQuery(ctx, `DELETE FROM messages_messages WHERE chat_id=$1 AND id=$2`, chat, id); err != nil {
			return err
		}
		return s.updateUnread(ctx, chat)
	})
}
