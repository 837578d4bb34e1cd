package messages

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestWritersOfOneChatDoNotDeadlock runs all writers of few messages in two chats against each other on PostgreSQL.
func TestWritersOfOneChatDoNotDeadlock(t *testing.T) {
	const session, n = "s", 8
	address := dbtest.Contended(t)
	s := open(t, address)
	known := Address{JID: alicePN, Alt: aliceLID}
	fill := func(ctx context.Context) error {
		for i := range n {
			for _, m := range []*Message{own(fmt.Sprint("M", i), alicePN, 1), own(fmt.Sprint("G", i), group, 1)} {
				if err := s.Save(ctx, session, m); err != nil {
					return err
				}
			}
		}
		return nil
	}
	must(t, fill(t.Context()))
	yes, no := true, false
	ids := func(call int) []string { return dbtest.Keys("M", n, call) }
	chats := func(call int) []string {
		if call%2 == 1 {
			return []string{group, alicePN}
		}
		return []string{alicePN, group}
	}
	dbtest.Contend(t, address, 4, 5, fill, dbtest.Writers{
		"receipt": func(ctx context.Context, call int) error {
			return s.SaveReceipt(ctx, session, &Receipt{Chat: Address{JID: alicePN}, IDs: ids(call), Recipient: bobPN, Status: StatusRead, At: start})
		},
		"mark read": func(ctx context.Context, call int) error {
			return s.MarkRead(ctx, session, Address{JID: alicePN}, ids(call))
		},
		"chat patch": func(ctx context.Context, call int) error {
			return s.UpdateChat(ctx, session, known, ChatPatch{Archived: &yes, MarkedUnread: &no, At: start.Add(time.Hour)})
		},
		"unread": func(ctx context.Context, call int) error {
			return s.SetUnread(ctx, session, Address{JID: alicePN}, n/2+call%2)
		},
		"save": func(ctx context.Context, call int) error {
			m := text(fmt.Sprint("M", call%n), alicePN, alicePN, "words", call)
			m.Chat = known
			return s.Save(ctx, session, m)
		},
		"edit": func(ctx context.Context, call int) error {
			return s.Edit(ctx, session, &Change{
				Chat: known, ID: fmt.Sprint("M", call%n), By: Address{JID: bobPN}, FromMe: true,
				At: start.Add(time.Duration(call) * time.Second), Type: "text", Text: fmt.Sprint("edited ", call),
			})
		},
		"delete": func(ctx context.Context, call int) error {
			return s.Delete(ctx, session, Address{JID: aliceLID}, fmt.Sprint("M", call%n))
		},
		"clear": func(ctx context.Context, call int) error {
			return s.ClearChat(ctx, session, Address{JID: alicePN}, time.Time{}, call%2 == 0)
		},
		"delete chat": func(ctx context.Context, call int) error {
			return s.DeleteChat(ctx, session, Address{JID: alicePN}, time.Time{})
		},
		"batch": func(ctx context.Context, call int) error {
			return database.Transact(ctx, s.db, func(ctx context.Context) error {
				for _, chat := range chats(call) {
					for _, id := range dbtest.Keys("B", 2, call) {
						if err := s.Save(ctx, session, text(id+fmt.Sprint(call), chat, alicePN, "words", call)); err != nil {
							return err
						}
					}
				}
				return nil
			})
		},
		"purge": func(ctx context.Context, call int) error { return s.Purge(ctx, session) },
		"fill":  func(ctx context.Context, call int) error { return fill(ctx) },
	})
}

// TestChatsBegunAtTheSameMomentAreOne has many goroutines store the first message of a chat, under either address, on
// PostgreSQL: all messages belong to one chat, which both addresses name.
func TestChatsBegunAtTheSameMomentAreOne(t *testing.T) {
	s := open(t, dbtest.Contended(t))
	for round := range 30 {
		session := fmt.Sprint("s", round)
		addresses := []Address{{JID: alicePN, Alt: aliceLID}, {JID: aliceLID, Alt: alicePN}, {JID: alicePN}, {JID: aliceLID}}
		errs := make(chan error, 8)
		for g := range cap(errs) {
			go func() {
				m := text(fmt.Sprint("M", g), "", alicePN, "words", g)
				m.Chat = addresses[(g+round)%len(addresses)]
				errs <- s.Save(t.Context(), session, m)
			}()
		}
		for range cap(errs) {
			must(t, <-errs)
		}
		must(t, s.Alias(t.Context(), session, Address{JID: alicePN, Alt: aliceLID}))
		for _, jid := range []string{alicePN, aliceLID} {
			for g := range cap(errs) {
				if _, err := s.Message(t.Context(), session, Address{JID: jid}, fmt.Sprint("M", g)); err != nil {
					t.Fatalf("round %d: message %d of %s: %v", round, g, jid, err)
				}
			}
		}
		var chats int
		must(t, s.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM messages_chats WHERE session=$1`, session).Scan(&chats))
		if chats != 1 {
			t.Fatalf("round %d: %d chats of one person", round, chats)
		}
	}
}
