package messages

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"
)

// Address names a chat or a person: by JID, and by the other JID of the same
// person where it is known (phone number against LID, in either order).
type Address struct{ JID, Alt string }

// Preferred returns the address that results show: the phone number where it is known.
func (a Address) Preferred() string {
	if strings.HasSuffix(a.JID, lidServer) && a.Alt != "" {
		return a.Alt
	}
	return a.JID
}

// The kinds of chats.
const (
	KindUser       = "user"
	KindGroup      = "group"
	KindNewsletter = "newsletter"
	KindBroadcast  = "broadcast"
	KindStatus     = "status"
)

const (
	lidServer    = "@lid"
	statusChat   = "status@broadcast"
	mutedForGood = -1 // in muted_until
)

// KindOf returns the kind of a chat from its JID.
func KindOf(jid string) string {
	switch {
	case jid == statusChat:
		return KindStatus
	case strings.HasSuffix(jid, "@g.us"):
		return KindGroup
	case strings.HasSuffix(jid, "@newsletter"):
		return KindNewsletter
	case strings.HasSuffix(jid, "@broadcast"):
		return KindBroadcast
	}
	return KindUser
}

// splitHalves sorts an address into what is shown (the phone number if known) and the LID.
func (a Address) splitHalves() (jid, lid string) {
	if a.JID == "" {
		a.JID, a.Alt = a.Alt, ""
	}
	switch {
	case strings.HasSuffix(a.JID, lidServer):
		if a.Alt != "" {
			return a.Alt, a.JID
		}
		return a.JID, a.JID
	case strings.HasSuffix(a.Alt, lidServer):
		return a.JID, a.Alt
	}
	return a.JID, ""
}

type aliasRow struct {
	jid  string
	chat int64
}

var scanAlias = dbutil.ConvertRowFn[aliasRow](func(row dbutil.Scannable) (a aliasRow, err error) {
	err = row.Scan(&a.jid, &a.chat)
	return a, err
})

const ofAlias = `SELECT jid, chat_id FROM messages_aliases WHERE session=$1 AND jid`

func (s *Store) findAliases(ctx context.Context, session string, a Address) ([]aliasRow, error) {
	if a.Alt == "" || a.Alt == a.JID {
		return scanAlias.NewRowIter(s.db.Query(ctx, ofAlias+`=$2`, session, a.JID)).AsList()
	}
	// Not IN, for which SQLite fills a temporary table each time.
	const query = ofAlias + `=$2 UNION ALL ` + ofAlias + `=$3`
	return scanAlias.NewRowIter(s.db.Query(ctx, query, session, a.JID, a.Alt)).AsList()
}

// lockedChat returns a chat's id, 0 when there is none, and locks its row as lock does. Every method that writes more than
// one row of a chat begins with it or with chat, so that two of them take their rows one after the other.
func (s *Store) lockedChat(ctx context.Context, session string, a Address) (int64, error) {
	found, err := s.lockedAliases(ctx, session, a)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].chat, nil
}

// lookups bounds how often a chat is looked up again that another transaction creates, merges or deletes at the same moment.
const lookups = 10

// lockedAliases is aliases with the rows of the chats locked.
func (s *Store) lockedAliases(ctx context.Context, session string, a Address) ([]aliasRow, error) {
	for range lookups {
		found, err := s.findAliases(ctx, session, a)
		if err != nil || len(found) == 0 || s.db.Dialect == dbutil.SQLite {
			return found, err
		}
		there, err := s.lockChats(ctx, found)
		if err != nil || there {
			return found, err
		}
		for _, alias := range found { // an address of a chat that is gone names none
			if err := s.execQuery(ctx, `DELETE FROM messages_aliases WHERE session=$1 AND jid=$2 AND chat_id=$3
				AND NOT EXISTS (SELECT 1 FROM messages_chats c WHERE c.chat_id=$3)`, session, alias.jid, alias.chat); err != nil {
				return nil, err
			}
		}
	}
	return nil, errChatChanges
}

// errChatChanges: other transactions create, merge or delete a chat again and again.
var errChatChanges = errors.New("messages: the chat is being changed by other calls; try again")

// lockChats locks the rows of chats on PostgreSQL until the transaction ends, in the order of their ids. It reports false when a
// chat is gone or an address belongs to another one meanwhile.
func (s *Store) lockChats(ctx context.Context, found []aliasRow) (there bool, err error) {
	first, last := found[0], found[len(found)-1]
	ids, err := scanChatID.NewRowIter(s.db.Query(ctx, `SELECT c.chat_id FROM messages_chats c WHERE c.chat_id IN ($1, $2)
		ORDER BY c.chat_id FOR UPDATE`, first.chat, last.chat)).AsList()
	if err != nil {
		return false, err
	}
	if first.chat == last.chat {
		return len(ids) == 1, nil
	}
	return len(ids) == 2, nil
}

var scanChatID = dbutil.ConvertRowFn[int64](dbutil.ScanSingleColumn[int64])

// findChat returns a chat's id, 0 when there is none.
func (s *Store) findChat(ctx context.Context, session string, a Address) (int64, error) {
	found, err := s.findAliases(ctx, session, a)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].chat, nil
}

// ensureChat returns the id of a chat, makes it when it is new, and learns the other
// address; two chats that turn out to be one are merged. It needs a transaction.
func (s *Store) ensureChat(ctx context.Context, session string, a Address) (int64, error) {
	for range lookups {
		id, err := s.tryChat(ctx, session, a)
		if err != nil || id != 0 {
			return id, err
		}
	}
	return 0, errChatChanges
}

// tryChat is chat; it returns 0 when another transaction creates a chat of one of the addresses at the same moment.
func (s *Store) tryChat(ctx context.Context, session string, a Address) (int64, error) {
	found, err := s.lockedAliases(ctx, session, a)
	if err != nil {
		return 0, err
	}
	jid, lid := a.splitHalves()
	switch {
	case len(found) == 0:
		return s.newChat(ctx, session, a, jid, lid)
	case len(found) == 2 && found[0].chat != found[1].chat:
		return s.mergeChats(ctx, session, found[0].chat, found[1].chat, jid, lid)
	case len(found) == 1 && a.JID != "" && a.Alt != "":
		id := found[0].chat
		if added, err := s.addAliases(ctx, session, a, id, 1); err != nil || !added {
			return 0, err
		}
		return id, s.execQuery(ctx, `UPDATE messages_chats SET jid=$2, lid=$3 WHERE chat_id=$1`, id, jid, lid)
	}
	return found[0].chat, nil
}

// newChat stores a chat and its addresses; it returns 0 and stores nothing when another transaction stored one of the
// addresses first.
func (s *Store) newChat(ctx context.Context, session string, a Address, jid, lid string) (id int64, err error) {
	id, err = s.insertRow(ctx, `INSERT INTO messages_chats (session, jid, lid, kind) VALUES ($1, $2, $3, $4)`, "chat_id",
		session, jid, lid, KindOf(jid))
	if err != nil {
		return 0, err
	}
	added, err := s.addAliases(ctx, session, a, id, 0)
	if err != nil || added {
		return id, err
	}
	for _, table := range []string{"messages_aliases", "messages_chats"} {
		if err := s.execQuery(ctx, `DELETE FROM `+table+` WHERE chat_id=$1`, id); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// addAliases stores that the addresses of a name a chat, in the order of the addresses. known is how many of them did so
// before. It reports false when another transaction stored one of them first.
func (s *Store) addAliases(ctx context.Context, session string, a Address, chat int64, known int) (added bool, err error) {
	addresses := []string{a.JID, a.Alt}
	slices.Sort(addresses)
	missing := -known
	for _, address := range slices.Compact(addresses) {
		if address == "" {
			continue
		}
		missing++
		result, err := s.db.Exec(ctx, `INSERT INTO messages_aliases (session, jid, chat_id) VALUES ($1, $2, $3) ON CONFLICT (session, jid) DO NOTHING`,
			session, address, chat)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return false, err
		}
		missing -= int(n)
	}
	return missing <= 0, nil
}

// Alias records that two addresses are one person. It touches nothing when
// neither has a chat.
func (s *Store) Alias(ctx context.Context, session string, a Address) error {
	return s.inTransaction(ctx, "alias", func(ctx context.Context) error {
		found, err := s.findAliases(ctx, session, a)
		if err != nil || len(found) == 0 {
			return err
		}
		_, err = s.ensureChat(ctx, session, a)
		return err
	})
}

// ChatPatch changes some properties of a chat: a nil field stays as it is.
type ChatPatch struct {
	Name         *string
	Archived     *bool // archiving also unpins
	Pinned       *bool
	Muted        *bool
	MutedUntil   time.Time // with Muted true; zero = for good
	Unread       *int      // at least so many are unread; more that were counted meanwhile stay
	MarkedUnread *bool     // false also marks every message as read
	ReadOnly     *bool
	Disappearing *time.Duration
	At           time.Time // when it was changed; zero = now
}

// UpdateChat applies a patch and makes the chat when it is new.
func (s *Store) UpdateChat(ctx context.Context, session string, a Address, p ChatPatch) error {
	return s.inTransaction(ctx, "update chat", func(ctx context.Context) error {
		id, err := s.ensureChat(ctx, session, a)
		if err != nil {
			return err
		}
		set := func(column string, value any) {
			if err == nil {
				err = s.execQuery(ctx, `UPDATE messages_chats SET `+column+`=$2 WHERE chat_id=$1`, id, value)
			}
		}
		at := p.At
		if at.IsZero() {
			at = time.Now()
		}
		if p.Name != nil {
			set("name", *p.Name)
		}
		if p.Archived != nil {
			set("archived", *p.Archived)
			if *p.Archived {
				set("pinned_at", int64(0))
			}
		}
		if p.Pinned != nil {
			set("pinned_at", map[bool]int64{true: millis(at)}[*p.Pinned])
		}
		if p.Muted != nil {
			set("muted_until", mutedUntil(*p.Muted, p.MutedUntil))
		}
		if p.Unread != nil && err == nil {
			err = s.execQuery(ctx, `UPDATE messages_chats SET unread=CASE WHEN unread>$2 THEN unread ELSE $2 END WHERE chat_id=$1`, id, *p.Unread)
		}
		if p.ReadOnly != nil {
			set("read_only", *p.ReadOnly)
		}
		if p.Disappearing != nil {
			if err == nil {
				err = s.setTimer(ctx, id, *p.Disappearing, at)
			}
		}
		if p.MarkedUnread != nil {
			set("marked_unread", *p.MarkedUnread)
			if err == nil && !*p.MarkedUnread {
				err = s.readUntil(ctx, id, at)
			}
		}
		return err
	})
}

func mutedUntil(muted bool, until time.Time) int64 {
	switch {
	case !muted:
		return 0
	case until.IsZero():
		return mutedForGood
	}
	return until.UnixMilli()
}

// readUntil marks what was sent up to a time as read and counts the rest anew.
// Times of WhatsApp are whole seconds, so the whole second of until counts.
func (s *Store) readUntil(ctx context.Context, chat int64, until time.Time) error {
	if err := s.execQuery(ctx, `UPDATE messages_messages SET unread=false WHERE `+isUnread+` AND sent_at<=$2`,
		chat, until.UnixMilli()); err != nil {
		return err
	}
	return s.updateUnread(ctx, chat)
}

// isUnread selects the unread messages of a chat, without looking through its past.
const isUnread = `chat_id=$1 AND unread AND sent_at>=(SELECT unread_since FROM messages_chats WHERE chat_id=$1)`

func (s *Store) updateUnread(ctx context.Context, chat int64) error {
	return s.execQuery(ctx, `UPDATE messages_chats SET unread=(SELECT COUNT(*) FROM messages_messages WHERE `+isUnread+`)
		WHERE chat_id=$1`, chat)
}

// MarkRead marks messages of a chat as read.
func (s *Store) MarkRead(ctx context.Context, session string, a Address, ids []string) error {
	return s.inTransaction(ctx, "mark read", func(ctx context.Context) error {
		chat, err := s.lockedChat(ctx, session, a)
		if err != nil || chat == 0 {
			return err
		}
		for _, id := range sortedUnique(ids) {
			if err := s.execQuery(ctx, `UPDATE messages_messages SET unread=false WHERE chat_id=$1 AND id=$2 AND unread`, chat, id); err != nil {
				return err
			}
		}
		if err := s.execQuery(ctx, `UPDATE messages_chats SET marked_unread=false WHERE chat_id=$1 AND marked_unread`, chat); err != nil {
			return err
		}
		return s.updateUnread(ctx, chat)
	})
}

// SetUnread takes over the number of unread messages a phone reports: the
// newest ones of others.
func (s *Store) SetUnread(ctx context.Context, session string, a Address, count int) error {
	return s.inTransaction(ctx, "set unread", func(ctx context.Context) error {
		chat, err := s.ensureChat(ctx, session, a)
		if err != nil {
			return err
		}
		if err := s.execQuery(ctx, `UPDATE messages_messages SET unread=false WHERE `+isUnread, chat); err != nil {
			return err
		}
		const newest = `FROM messages_messages WHERE row_id IN (
			SELECT row_id FROM messages_messages WHERE chat_id=$1 AND NOT from_me AND NOT placeholder
			ORDER BY sent_at DESC, row_id DESC LIMIT $2)`
		if err := s.execQuery(ctx, `UPDATE messages_messages SET unread=true WHERE row_id IN (SELECT row_id `+newest+`)`, chat, count); err != nil {
			return err
		}
		return s.execQuery(ctx, `UPDATE messages_chats SET unread=$2, unread_since=COALESCE((SELECT MIN(sent_at) `+newest+`), 0) WHERE chat_id=$1`,
			chat, count)
	})
}

// ClearChat removes a chat's messages up to a time (zero = all) and keeps the chat.
func (s *Store) ClearChat(ctx context.Context, session string, a Address, until time.Time, keepStarred bool) error {
	return s.inTransaction(ctx, "clear chat", func(ctx context.Context) error {
		chat, err := s.lockedChat(ctx, session, a)
		if err != nil || chat == 0 {
			return err
		}
		return s.clearMessages(ctx, chat, until, keepStarred)
	})
}

func (s *Store) clearMessages(ctx context.Context, chat int64, until time.Time, keepStarred bool) error {
	const gone = `chat_id=$1 AND (CAST($2 AS BIGINT)=0 OR sent_at<=$2) AND NOT (starred AND $3)`
	args := []any{chat, millis(until), keepStarred}
	queries := []string{`DELETE FROM messages_search WHERE session=(SELECT session FROM messages_chats WHERE chat_id=$1)
		AND row_id IN (SELECT row_id FROM messages_messages WHERE ` + gone + `)`}
	for _, table := range details {
		queries = append(queries, `DELETE FROM `+table+` WHERE chat_id=$1 AND id IN (SELECT id FROM messages_messages WHERE `+gone+`)`)
	}
	queries = append(queries, `DELETE FROM messages_messages WHERE `+gone)
	for _, query := range queries {
		if err := s.execQuery(ctx, query, args...); err != nil {
			return err
		}
	}
	return s.updateUnread(ctx, chat)
}

// DeleteChat removes a chat from the list, with its messages up to a time (zero
// = all). A newer message adds it again, as on the phone.
func (s *Store) DeleteChat(ctx context.Context, session string, a Address, until time.Time) error {
	return s.inTransaction(ctx, "delete chat", func(ctx context.Context) error {
		chat, err := s.lockedChat(ctx, session, a)
		if err != nil || chat == 0 {
			return err
		}
		if err := s.clearMessages(ctx, chat, until, false); err != nil {
			return err
		}
		// The row stays for its addresses; without activity and messages it is not listed.
		return s.execQuery(ctx, `UPDATE messages_chats SET unread=0, marked_unread=false, archived=false, pinned_at=0,
			last_at=COALESCE((SELECT MAX(sent_at) FROM messages_messages WHERE chat_id=$1), 0) WHERE chat_id=$1`, chat)
	})
}
