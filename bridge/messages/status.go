package messages

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/util/dbutil"
)

// expiredChats is how many chats one step of ExpireStatus reads.
const expiredChats = 200

var scanSession = dbutil.ConvertRowFn[string](dbutil.ScanSingleColumn[string])

// ExpireStatus deletes the status posts of all sessions that are older than a time. Starred ones stay.
func (s *Store) ExpireStatus(ctx context.Context, before time.Time) error {
	for last := ""; ; {
		sessions, err := scanSession.NewRowIter(s.db.Query(ctx, `SELECT session FROM messages_chats c WHERE jid=$1 AND session>$2
			AND EXISTS (SELECT 1 FROM messages_messages m WHERE m.chat_id=c.chat_id AND m.sent_at<=$3 AND NOT m.starred)
			ORDER BY session LIMIT $4`, statusChat, last, millis(before), expiredChats)).AsList()
		if err != nil {
			return fmt.Errorf("messages: expire status: %w", err)
		}
		for _, last = range sessions {
			if err := s.ClearChat(ctx, last, Address{JID: statusChat}, before, true); err != nil {
				return err
			}
		}
		if len(sessions) < expiredChats {
			return nil
		}
	}
}
