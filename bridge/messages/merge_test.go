package messages

import (
	"testing"
	"time"
)

func TestOnePersonIsOneChat(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		must(t, s.Save(ctx, session, text("A", aliceLID, aliceLID, "by lid", 1)))
		if c := getChat(t, s, session, aliceLID); c.JID != aliceLID {
			t.Errorf("before the number is known: %+v", c)
		}
		m := text("B", aliceLID, aliceLID, "with both", 2)
		m.Chat.Alt = alicePN
		must(t, s.Save(ctx, session, m))
		for _, jid := range []string{alicePN, aliceLID} {
			c := getChat(t, s, session, jid)
			if c.JID != alicePN || c.LID != aliceLID || c.Unread != 2 {
				t.Errorf("as %s: %+v", jid, c)
			}
		}
		chats, total, err := s.Chats(ctx, session, ChatQuery{})
		must(t, err)
		if total != 1 || len(chats) != 1 {
			t.Errorf("%d chats", total)
		}
	})
}

func TestMerge(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		must(t, s.Save(ctx, session, text("A", alicePN, alicePN, "one", 1)))
		must(t, s.Save(ctx, session, text("B", aliceLID, aliceLID, "two", 2)))
		must(t, s.Save(ctx, session, text("X", alicePN, alicePN, "both", 3)))
		must(t, s.Save(ctx, session, text("X", aliceLID, aliceLID, "both", 3)))
		// A revocation came under one address, the message under the other.
		must(t, s.Revoke(ctx, session, &Change{Chat: Address{JID: alicePN}, ID: "B", By: Address{JID: alicePN}, At: start.Add(time.Hour)}))
		yes := true
		must(t, s.UpdateChat(ctx, session, Address{JID: aliceLID}, ChatPatch{Pinned: &yes}))
		for _, jid := range []string{alicePN, aliceLID} {
			must(t, s.React(ctx, session, &Reaction{Chat: Address{JID: jid}, ID: "X", Sender: bobPN, Emoji: "+", At: start}))
		}
		must(t, s.Alias(ctx, session, Address{JID: aliceLID, Alt: alicePN}))
		must(t, s.Alias(ctx, session, Address{JID: aliceLID, Alt: alicePN}))
		rows, _, err := s.List(ctx, session, ListQuery{Chat: Address{JID: aliceLID}, Limit: 10})
		must(t, err)
		if ids(rows) != "A X" && ids(rows) != "A B X" {
			t.Errorf("messages %s", ids(rows))
		}
		if len(get(t, s, session, alicePN, "X").Reactions) != 1 {
			t.Error("the reaction is not there once")
		}
		c := getChat(t, s, session, alicePN)
		if c.PinnedAt.IsZero() || c.JID != alicePN {
			t.Errorf("chat %+v", c)
		}
		if row := get(t, s, session, alicePN, "B"); row.DeletedAt.IsZero() {
			t.Errorf("the revocation was lost: %+v", row)
		}
		found, total, err := s.Search(ctx, session, SearchQuery{Text: "both", Limit: 10})
		must(t, err)
		if total != 1 || ids(found) != "X" {
			t.Errorf("search finds %s", ids(found))
		}
	})
}
