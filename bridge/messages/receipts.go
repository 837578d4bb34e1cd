package messages

import (
	"context"
	"encoding/json"
	"time"
)

// Receipt reports that a recipient received, read or played own messages.
type Receipt struct {
	Chat      Address
	IDs       []string
	Recipient string // one spelling per person; the same person under two counts twice
	Status    Status // StatusDelivered, StatusRead or StatusPlayed
	At        time.Time
}

const saveReceipt = `
	INSERT INTO messages_receipts (chat_id, id, recipient, delivered_at, read_at, played_at) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (chat_id, id, recipient) DO UPDATE SET
		delivered_at=CASE WHEN messages_receipts.delivered_at=0 THEN excluded.delivered_at ELSE messages_receipts.delivered_at END,
		read_at=CASE WHEN messages_receipts.read_at=0 THEN excluded.read_at ELSE messages_receipts.read_at END,
		played_at=CASE WHEN messages_receipts.played_at=0 THEN excluded.played_at ELSE messages_receipts.played_at END`

// advance raises the status of a message when all recipients have reached it; with
// an unknown number of recipients the first one is sufficient.
const advance = `
	UPDATE messages_messages SET status=$3 WHERE chat_id=$1 AND id=$2 AND from_me AND status<$3 AND status>0
	AND recipients<=(SELECT COUNT(*) FROM messages_receipts r WHERE r.chat_id=$1 AND r.id=$2 AND
		CASE $3 WHEN 4 THEN r.delivered_at WHEN 5 THEN r.read_at ELSE r.played_at END > 0)`

// SaveReceipt records a receipt and advances the messages. Played implies read,
// and read implies received.
func (s *Store) SaveReceipt(ctx context.Context, session string, r *Receipt) error {
	return s.inTransaction(ctx, "receipt", func(ctx context.Context) error {
		chat, err := s.ensureChat(ctx, session, r.Chat)
		if err != nil {
			return err
		}
		at := millis(r.At)
		var times [3]int64
		for i := range times {
			if Status(i)+StatusDelivered <= r.Status {
				times[i] = at
			}
		}
		for _, id := range sortedUnique(r.IDs) {
			if err := s.execQuery(ctx, saveReceipt, chat, id, r.Recipient, times[0], times[1], times[2]); err != nil {
				return err
			}
			for status := StatusDelivered; status <= r.Status; status++ {
				if err := s.execQuery(ctx, advance, chat, id, int(status)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Reaction is a person's emoji on a message; an empty one removes it.
type Reaction struct {
	Chat   Address
	ID     string // the message reacted to
	Sender string
	Emoji  string
	At     time.Time
}

// React records a reaction; the newest of each sender counts.
func (s *Store) React(ctx context.Context, session string, r *Reaction) error {
	return s.inTransaction(ctx, "react", func(ctx context.Context) error {
		chat, err := s.ensureChat(ctx, session, r.Chat)
		if err != nil {
			return err
		}
		// A reaction taken back stays as an empty row, so that an older one that comes late does not return.
		return s.execQuery(ctx, `INSERT INTO messages_reactions (chat_id, id, sender, emoji, reacted_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (chat_id, id, sender) DO UPDATE SET emoji=excluded.emoji, reacted_at=excluded.reacted_at
			WHERE excluded.reacted_at>=messages_reactions.reacted_at`, chat, r.ID, r.Sender, r.Emoji, millis(r.At))
	})
}

// Vote is a person's choice in a poll; it replaces an earlier one.
type Vote struct {
	Chat    Address
	ID      string // the poll
	Voter   string
	Options []string
	At      time.Time
}

// SaveVote records a vote; the newest of each voter counts.
func (s *Store) SaveVote(ctx context.Context, session string, v *Vote) error {
	options, err := json.Marshal(v.Options)
	if err != nil {
		return err
	}
	return s.inTransaction(ctx, "vote", func(ctx context.Context) error {
		chat, err := s.ensureChat(ctx, session, v.Chat)
		if err != nil {
			return err
		}
		return s.execQuery(ctx, `INSERT INTO messages_votes (chat_id, id, voter, options, voted_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (chat_id, id, voter) DO UPDATE SET options=excluded.options, voted_at=excluded.voted_at
			WHERE excluded.voted_at>=messages_votes.voted_at`, chat, v.ID, v.Voter, string(options), millis(v.At))
	})
}
