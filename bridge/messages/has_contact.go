package messages

import (
	"context"
	"fmt"
)

// HasContact reports whether there is a chat in which WhatsApp took a message of the account or that holds a message of the other side. A chat without any
// message counts too: its messages may have been cleared or have expired. A chat that holds only failed and pending messages of the account does not.
func (s *Store) HasContact(ctx context.Context, session string, a Address) (found bool, err error) {
	id, err := s.findChat(ctx, session, a)
	if err == nil && id != 0 {
		err = s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM messages_messages WHERE chat_id=$1 AND NOT (from_me AND status IN ($2, $3)))
			OR NOT EXISTS (SELECT 1 FROM messages_messages WHERE chat_id=$1)`, id, int(StatusFailed), int(StatusPending)).Scan(&found)
	}
	if err != nil {
		return false, fmt.Errorf("messages: look for a contact: %w", err)
	}
	return found, nil
}
