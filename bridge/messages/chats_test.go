package messages

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUnreadFromEarlier: a message that comes late and is older than all unread ones
// counts, and one read with the others is not found again.
func TestUnreadFromEarlier(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: alicePN}
		must(t, s.Save(ctx, session, text("B", alicePN, alicePN, "x", 20)))
		must(t, s.Save(ctx, session, text("A", alicePN, alicePN, "late", 10)))
		rows, err := s.Unread(ctx, session, chat, 10)
		must(t, err)
		if ids(rows) != "A B" {
			t.Errorf("unread %s", ids(rows))
		}
		no := false
		must(t, s.UpdateChat(ctx, session, chat, ChatPatch{MarkedUnread: &no, At: start.Add(time.Minute)}))
		must(t, s.Save(ctx, session, text("C", alicePN, alicePN, "later still", 5)))
		rows, err = s.Unread(ctx, session, chat, 10)
		must(t, err)
		if ids(rows) != "C" || getChat(t, s, session, alicePN).Unread != 1 {
			t.Errorf("after reading: %s", ids(rows))
		}
		must(t, s.SetUnread(ctx, session, chat, 3))
		rows, err = s.Unread(ctx, session, chat, 10)
		must(t, err)
		if ids(rows) != "C A B" {
			t.Errorf("after the phone's count: %s", ids(rows))
		}
	})
}

func TestUnread(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: alicePN}
		for i := range 5 {
			must(t, s.Save(ctx, session, text(fmt.Sprint("M", i), alicePN, alicePN, "x", i)))
		}
		must(t, s.MarkRead(ctx, session, chat, []string{"M1", "M3", "unknown"}))
		rows, err := s.Unread(ctx, session, chat, 10)
		must(t, err)
		if ids(rows) != "M0 M2 M4" || getChat(t, s, session, alicePN).Unread != 3 {
			t.Errorf("unread %s", ids(rows))
		}
		no, yes := false, true
		must(t, s.UpdateChat(ctx, session, chat, ChatPatch{MarkedUnread: &no, At: start.Add(2 * time.Second)}))
		if c := getChat(t, s, session, alicePN); c.Unread != 1 || c.MarkedUnread {
			t.Errorf("read up to a time: %+v", c)
		}
		must(t, s.SetUnread(ctx, session, chat, 2))
		rows, _ = s.Unread(ctx, session, chat, 10)
		if ids(rows) != "M3 M4" {
			t.Errorf("after the phone's count: %s", ids(rows))
		}
		must(t, s.UpdateChat(ctx, session, chat, ChatPatch{MarkedUnread: &yes}))
		if c := getChat(t, s, session, alicePN); !c.MarkedUnread {
			t.Errorf("%+v", c)
		}
	})
}

func TestListPages(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: alicePN}
		var want []string
		for i := range 25 {
			// Three share a second, as WhatsApp's times do.
			must(t, s.Save(ctx, session, text(fmt.Sprintf("M%02d", i), alicePN, alicePN, "x", i/3)))
			want = append(want, fmt.Sprintf("M%02d", i))
		}
		var got []string
		before := ""
		for {
			rows, more, err := s.List(ctx, session, ListQuery{Chat: chat, Limit: 7, Before: before})
			must(t, err)
			var page []string
			for _, row := range rows {
				page = append(page, row.ID)
			}
			got = append(page, got...)
			if !more {
				break
			}
			before = rows[0].ID
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		rows, more, err := s.List(ctx, session, ListQuery{Chat: chat, Limit: 100, Since: start.Add(8 * time.Second)})
		must(t, err)
		if more || ids(rows) != "M24" {
			t.Errorf("since: %s", ids(rows))
		}
		if _, _, err := s.List(ctx, session, ListQuery{Chat: chat, Limit: 1, Before: "nope"}); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown id: %v", err)
		}
	})
}

func TestChatSettings(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		yes, no, name := true, false, "Alice"
		for i, jid := range []string{alicePN, bobPN, group} {
			must(t, s.Save(ctx, session, text("A", jid, alicePN, "x", i)))
		}
		must(t, s.UpdateChat(ctx, session, Address{JID: alicePN}, ChatPatch{Name: &name, Pinned: &yes, Muted: &yes}))
		must(t, s.UpdateChat(ctx, session, Address{JID: bobPN}, ChatPatch{Muted: &yes, MutedUntil: time.Now().Add(-time.Hour), Pinned: &yes}))
		must(t, s.UpdateChat(ctx, session, Address{JID: bobPN}, ChatPatch{Archived: &yes}))
		a, b := getChat(t, s, session, alicePN), getChat(t, s, session, bobPN)
		if a.Name != name || a.PinnedAt.IsZero() || !a.Muted || !a.MutedUntil.IsZero() {
			t.Errorf("alice %+v", a)
		}
		if !b.Archived || !b.PinnedAt.IsZero() || b.Muted {
			t.Errorf("bob %+v", b)
		}
		for want, q := range map[string]ChatQuery{
			group + " " + bobPN + " " + alicePN: {},
			bobPN:                               {Archived: &yes},
			group + " " + alicePN:               {Archived: &no},
			alicePN:                             {Pinned: &yes},
			group:                               {Limit: 1},
			bobPN + " " + alicePN:               {Limit: 5, Offset: 1},
			"":                                  {Unread: &no},
		} {
			chats, _, err := s.Chats(ctx, session, q)
			must(t, err)
			var got []string
			for _, c := range chats {
				got = append(got, c.JID)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%+v: %v", q, got)
			}
		}
		stats, err := s.Stats(ctx, session)
		must(t, err)
		if stats != (ChatStats{Pinned: 1, Archived: 1, Muted: 1, Unread: 3}) {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestClearDeletePurge(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: alicePN}
		for i := range 4 {
			must(t, s.Save(ctx, session, text(fmt.Sprint("M", i), alicePN, alicePN, "word", i)))
		}
		must(t, s.SetStarred(ctx, session, chat, "M0", true))
		must(t, s.Delete(ctx, session, chat, "M1"))
		must(t, s.ClearChat(ctx, session, chat, start.Add(2*time.Second), true))
		rows, _, err := s.List(ctx, session, ListQuery{Chat: chat, Limit: 10})
		must(t, err)
		if ids(rows) != "M0 M3" || !rows[0].Starred {
			t.Errorf("left: %s", ids(rows))
		}
		if _, total, _ := s.Search(ctx, session, SearchQuery{Text: "word", Limit: 10}); total != 2 {
			t.Errorf("search finds %d", total)
		}
		must(t, s.DeleteChat(ctx, session, chat, time.Time{}))
		if chats, total, _ := s.Chats(ctx, session, ChatQuery{}); total != 0 {
			t.Errorf("still listed: %+v", chats[0])
		}
		must(t, s.Save(ctx, session, text("M9", alicePN, alicePN, "back", 9)))
		if _, total, _ := s.Chats(ctx, session, ChatQuery{}); total != 1 {
			t.Error("a new message does not bring the chat back")
		}
		must(t, s.Purge(ctx, session))
		for _, table := range []string{"messages_chats", "messages_aliases", "messages_messages", "messages_search"} {
			var count int
			must(t, s.db.QueryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE session=$1`, session).Scan(&count))
			if count != 0 {
				t.Errorf("%s keeps %d rows", table, count)
			}
		}
	})
}
