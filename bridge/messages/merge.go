package messages

import "context"

// mergeChats makes one chat of two and returns the one that stays, the older. What
// both hold (the same message seen under both addresses) is kept once.
func (s *Store) mergeChats(ctx context.Context, session string, a, b int64, jid, lid string) (int64, error) {
	stays, goes := min(a, b), max(a, b)
	for _, table := range details {
		who := map[string]string{"messages_receipts": "recipient", "messages_reactions": "sender", "messages_votes": "voter"}[table]
		if err := s.execQuery(ctx, `DELETE FROM `+table+` WHERE chat_id=$2 AND EXISTS (SELECT 1 FROM `+table+` twin
			WHERE twin.chat_id=$1 AND twin.id=`+table+`.id AND twin.`+who+`=`+table+`.`+who+`)`, stays, goes); err != nil {
			return 0, err
		}
		if err := s.execQuery(ctx, `UPDATE `+table+` SET chat_id=$1 WHERE chat_id=$2`, stays, goes); err != nil {
			return 0, err
		}
	}
	const twins = `SELECT row_id FROM messages_messages m WHERE m.chat_id=$2
		AND EXISTS (SELECT 1 FROM messages_messages twin WHERE twin.chat_id=$1 AND twin.id=m.id)`
	for _, query := range []string{
		// A placeholder gives way to the message itself.
		`DELETE FROM messages_messages WHERE chat_id=$1 AND placeholder AND deleted_at=0 AND edited_at=0
			AND id IN (SELECT id FROM messages_messages WHERE chat_id=$2 AND NOT placeholder)`,
		`DELETE FROM messages_search WHERE session=(SELECT session FROM messages_chats WHERE chat_id=$1) AND row_id IN (` + twins + `)`,
		`DELETE FROM messages_messages WHERE row_id IN (` + twins + `)`,
		`UPDATE messages_messages SET chat_id=$1 WHERE chat_id=$2`,
		`UPDATE messages_aliases SET chat_id=$1 WHERE chat_id=$2`,
		mergeChat,
		`DELETE FROM messages_chats WHERE chat_id=$2 AND $1<>$2`,
	} {
		if err := s.execQuery(ctx, query, stays, goes); err != nil {
			return 0, err
		}
	}
	if err := s.execQuery(ctx, `UPDATE messages_chats SET jid=$2, lid=$3 WHERE chat_id=$1`, stays, jid, lid); err != nil {
		return 0, err
	}
	return stays, s.updateUnread(ctx, stays)
}

const mergeChat = `
	UPDATE messages_chats SET
		name=CASE WHEN messages_chats.name='' THEN twin.name ELSE messages_chats.name END,
		marked_unread=messages_chats.marked_unread OR twin.marked_unread,
		archived=messages_chats.archived OR twin.archived,
		pinned_at=CASE WHEN messages_chats.pinned_at>twin.pinned_at THEN messages_chats.pinned_at ELSE twin.pinned_at END,
		muted_until=CASE WHEN messages_chats.muted_until=0 THEN twin.muted_until ELSE messages_chats.muted_until END,
		disappearing=CASE WHEN messages_chats.disappearing_at<twin.disappearing_at THEN twin.disappearing ELSE messages_chats.disappearing END,
		disappearing_at=CASE WHEN messages_chats.disappearing_at<twin.disappearing_at THEN twin.disappearing_at ELSE messages_chats.disappearing_at END,
		unread_since=CASE WHEN messages_chats.unread_since<twin.unread_since THEN messages_chats.unread_since ELSE twin.unread_since END,
		last_at=CASE WHEN messages_chats.last_at>twin.last_at THEN messages_chats.last_at ELSE twin.last_at END
	FROM (SELECT name, marked_unread, archived, pinned_at, muted_until, disappearing, disappearing_at, unread_since, last_at FROM messages_chats WHERE chat_id=$2) AS twin
	WHERE messages_chats.chat_id=$1`
