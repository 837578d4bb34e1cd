package messages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/database"
	"github.com/waystation/waystation/transports/database/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

// onEach runs a test on each database, with a session of its own.
func onEach(t *testing.T, test func(t *testing.T, s *Store, session string)) {
	for name, url := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": dbtest.Postgres,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, url(t)), strings.ToLower(ulid.Make().String())) })
	}
}

func open(t testing.TB, url string) *Store {
	t.Helper()
	db, err := database.Open(t.Context(), url, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	alicePN  = "4915100000001@s.whatsapp.net"
	aliceLID = "100000000000001@lid"
	bobPN    = "4915100000002@s.whatsapp.net"
	group    = "120363000000000001@g.us"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func text(id, chat, sender, words string, second int) *Message {
	return &Message{
		Chat: Address{JID: chat}, ID: id, Sender: Address{JID: sender}, Time: start.Add(time.Duration(second) * time.Second),
		Type: "text", Text: words, Body: []byte(`{"t":"` + words + `"}`), Raw: []byte("raw " + words), Unread: true,
	}
}

func own(id, chat string, recipients int) *Message {
	m := text(id, chat, bobPN, "own "+id, 0)
	m.FromMe, m.Unread, m.Status, m.Recipients = true, false, StatusPending, recipients
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *Store, session, chat, id string) *Row {
	t.Helper()
	row, err := s.Message(t.Context(), session, Address{JID: chat}, id)
	must(t, err)
	return row
}

func getChat(t testing.TB, s *Store, session, chat string) *Chat {
	t.Helper()
	c, err := s.Chat(t.Context(), session, Address{JID: chat})
	must(t, err)
	return c
}

func ids(rows []*Row) string {
	var out []string
	for _, row := range rows {
		out = append(out, row.ID)
	}
	return strings.Join(out, " ")
}

func TestSaveIsRepeatable(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		for range 3 {
			must(t, s.Save(ctx, session, text("A", alicePN, alicePN, "hello", 1)))
		}
		row := get(t, s, session, alicePN, "A")
		if row.Text != "hello" || string(row.Body) != `{"t":"hello"}` || string(row.Raw) != "raw hello" || !row.Unread || row.Status != StatusNone {
			t.Errorf("stored %+v", row)
		}
		if !row.Time.Equal(start.Add(time.Second)) || row.Sender.JID != alicePN {
			t.Errorf("stored %+v", row)
		}
		if c := getChat(t, s, session, alicePN); c.Unread != 1 || c.Kind != KindUser || c.Last == nil || c.Last.ID != "A" {
			t.Errorf("chat %+v", c)
		}
		if _, err := s.Message(ctx, session, Address{JID: alicePN}, "B"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown message: %v", err)
		}
		if _, err := s.Message(ctx, session+"x", Address{JID: alicePN}, "A"); !errors.Is(err, ErrNotFound) {
			t.Errorf("another session: %v", err)
		}
	})
}

func TestRollbackTakesEverythingBack(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		failure := errors.New("the event could not be written")
		err := s.db.DoTxn(t.Context(), nil, func(ctx context.Context) error {
			must(t, s.Save(ctx, session, text("A", alicePN, alicePN, "hello", 1)))
			return failure
		})
		if !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if _, err := s.Chat(t.Context(), session, Address{JID: alicePN}); !errors.Is(err, ErrNotFound) {
			t.Errorf("the chat survived: %v", err)
		}
	})
}

// TestWrongHints: a chat number remembered from a save that was undone, or whose chat
// was merged or purged, leads nowhere, least of all to somebody else's chat.
func TestWrongHints(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		undone := errors.New("undone")
		if err := s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
			must(t, s.Save(ctx, session, text("A", alicePN, alicePN, "undone", 1)))
			must(t, s.Save(ctx, session, text("B", alicePN, alicePN, "undone", 2)))
			return undone
		}); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		must(t, s.Save(ctx, session, text("G", group, bobPN, "takes the number", 1)))
		must(t, s.Save(ctx, session, text("A", alicePN, alicePN, "again", 1)))
		if row := get(t, s, session, "", "A"); row.Chat != alicePN {
			t.Errorf("after an undone save: in %s", row.Chat)
		}
		must(t, s.Save(ctx, session, text("C", aliceLID, aliceLID, "lid", 3)))
		must(t, s.Alias(ctx, session, Address{JID: aliceLID, Alt: alicePN}))
		must(t, s.Save(ctx, session, text("D", aliceLID, aliceLID, "after the merge", 4)))
		must(t, s.Save(ctx, session, text("E", alicePN, alicePN, "after the merge", 5)))
		if c := getChat(t, s, session, alicePN); c.Unread != 4 || c.LID != aliceLID {
			t.Errorf("after a merge: %+v", c)
		}
		must(t, s.Purge(ctx, session))
		must(t, s.Save(ctx, session, text("F", group, bobPN, "anew", 6)))
		must(t, s.Save(ctx, session, text("H", alicePN, alicePN, "anew", 7)))
		if c := getChat(t, s, session, alicePN); c.Unread != 1 {
			t.Errorf("after a purge: %+v", c)
		}
	})
}

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

func TestIDWithoutChat(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		must(t, s.Save(t.Context(), session, text("A", alicePN, alicePN, "one", 1)))
		if row := get(t, s, session, "", "A"); row.Chat != alicePN {
			t.Errorf("found %+v", row)
		}
		must(t, s.Save(t.Context(), session, text("A", group, alicePN, "two", 2)))
		if _, err := s.Message(t.Context(), session, Address{}, "A"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("got %v", err)
		}
	})
}

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

func TestUpdatesBeforeTheirMessage(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		by := Address{JID: alicePN}
		must(t, s.Revoke(ctx, session, &Change{Chat: by, ID: "R", By: by, At: start.Add(time.Minute)}))
		must(t, s.Edit(ctx, session, &Change{Chat: by, ID: "E", By: by, At: start.Add(time.Minute), Type: "text", Text: "after", Body: []byte("{}")}))
		if rows, _, _ := s.List(ctx, session, ListQuery{Chat: by, Limit: 10}); len(rows) != 0 {
			t.Errorf("placeholders are listed: %s", ids(rows))
		}
		must(t, s.Save(ctx, session, text("R", alicePN, alicePN, "secret", 1)))
		must(t, s.Save(ctx, session, text("E", alicePN, alicePN, "before", 2)))
		if row := get(t, s, session, alicePN, "R"); row.DeletedAt.IsZero() || row.Text != "" || len(row.Raw) != 0 {
			t.Errorf("revoked: %+v", row)
		}
		if row := get(t, s, session, alicePN, "E"); row.Text != "after" || row.EditedAt.IsZero() || !row.Time.Equal(start.Add(2*time.Second)) {
			t.Errorf("edited: %+v", row)
		}
	})
}

func TestOnlyTheAuthorEdits(t *testing.T) {
	edit := func(by Address, fromMe bool) *Change {
		return &Change{Chat: Address{JID: group}, ID: "A", By: by, FromMe: fromMe, At: start.Add(time.Minute), Text: "changed", Body: []byte("{}")}
	}
	for name, test := range map[string]struct {
		by     Address
		fromMe bool
		want   string
	}{
		"author":               {Address{JID: aliceLID}, false, "changed"},
		"author by number":     {Address{JID: alicePN}, false, "changed"},
		"author by both":       {Address{JID: alicePN, Alt: aliceLID}, false, "changed"},
		"somebody else":        {Address{JID: bobPN}, false, "hello"},
		"claims to be oneself": {Address{JID: aliceLID}, true, "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, s *Store, session string) {
				m := text("A", group, aliceLID, "hello", 1)
				m.Sender.Alt = alicePN
				must(t, s.Save(t.Context(), session, m))
				must(t, s.Edit(t.Context(), session, edit(test.by, test.fromMe)))
				if got := get(t, s, session, group, "A").Text; got != test.want {
					t.Errorf("text is %q", got)
				}
			})
		})
	}
}

func TestEditsInOrder(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		by := Address{JID: alicePN}
		must(t, s.Save(t.Context(), session, text("A", alicePN, alicePN, "first", 1)))
		for _, e := range []struct {
			at   int
			text string
		}{{30, "third"}, {20, "second"}} {
			must(t, s.Edit(t.Context(), session, &Change{
				Chat: by, ID: "A", By: by, At: start.Add(time.Duration(e.at) * time.Second), Text: e.text, Body: []byte("{}"),
			}))
		}
		if got := get(t, s, session, alicePN, "A").Text; got != "third" {
			t.Errorf("text is %q", got)
		}
		if rows, _, _ := s.Search(t.Context(), session, SearchQuery{Text: "first", Limit: 5}); len(rows) != 0 {
			t.Error("the old text is found")
		}
	})
}

func TestStatus(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: group}
		begun, err := s.Begin(ctx, session, own("A", group, 2))
		must(t, err)
		if !begun || get(t, s, session, group, "A").Status != StatusPending {
			t.Fatal("not pending")
		}
		must(t, s.Acknowledge(ctx, session, Ack{Chat: chat, ID: "A", Time: start.Add(time.Second)}))
		if begun, err = s.Begin(ctx, session, own("A", group, 2)); begun || err != nil {
			t.Errorf("a sent message may be sent again: %v, %v", begun, err)
		}
		step := func(who string, status, want Status) {
			t.Helper()
			must(t, s.SaveReceipt(ctx, session, &Receipt{Chat: chat, IDs: []string{"A"}, Recipient: who, Status: status, At: start.Add(time.Minute)}))
			if got := get(t, s, session, group, "A").Status; got != want {
				t.Errorf("after %s %s: %s, want %s", who, status, got, want)
			}
		}
		step(alicePN, StatusDelivered, StatusSent)
		step(alicePN, StatusRead, StatusSent)
		step(bobPN, StatusDelivered, StatusDelivered)
		step(bobPN, StatusDelivered, StatusDelivered)
		step(bobPN, StatusRead, StatusRead)
		must(t, s.Acknowledge(ctx, session, Ack{Chat: chat, ID: "A"}))
		must(t, s.Fail(ctx, session, chat, "A", 463, "late"))
		row := get(t, s, session, group, "A")
		if row.Status != StatusRead || row.FailCode != 0 {
			t.Errorf("went back to %s", row.Status)
		}
		receipts, err := s.Receipts(ctx, row)
		must(t, err)
		if len(receipts) != 2 || receipts[0].Delivered.IsZero() || receipts[0].Read.IsZero() || !receipts[0].Played.IsZero() {
			t.Errorf("receipts %+v", receipts)
		}
	})
}

func TestFailedMaySendAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: alicePN}
		_, err := s.Begin(ctx, session, own("A", alicePN, 1))
		must(t, err)
		must(t, s.Fail(ctx, session, chat, "A", 463, "refused"))
		if row := get(t, s, session, alicePN, "A"); row.Status != StatusFailed || row.FailCode != 463 || row.FailReason != "refused" {
			t.Errorf("stored %+v", row)
		}
		begun, err := s.Begin(ctx, session, own("A", alicePN, 1))
		must(t, err)
		if row := get(t, s, session, alicePN, "A"); !begun || row.Status != StatusPending || row.FailCode != 0 {
			t.Errorf("begun %v, %+v", begun, row)
		}
		// An early receipt proves that it went out.
		must(t, s.SaveReceipt(ctx, session, &Receipt{Chat: chat, IDs: []string{"A"}, Recipient: alicePN, Status: StatusDelivered, At: start}))
		must(t, s.Save(ctx, session, text("O", alicePN, alicePN, "theirs", 1)))
		if begun, err := s.Begin(ctx, session, own("O", alicePN, 1)); begun || err != nil {
			t.Errorf("somebody else's message was replaced: %v, %v", begun, err)
		}
		if got := get(t, s, session, alicePN, "A").Status; got != StatusDelivered {
			t.Errorf("status %s", got)
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

func TestSearch(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		for i, words := range []string{"Hello World", "hello moon", "100% sure", "snake_case", "Größe ÄÖÜ", "你好世界", "back\\\\slash"} {
			must(t, s.Save(ctx, session, text(fmt.Sprint("M", i), alicePN, alicePN, words, i)))
		}
		m := text("G", group, alicePN, "hello group", 9)
		m.Type, m.FromMe = "image", true
		must(t, s.Save(ctx, session, m))
		must(t, s.Save(ctx, session+"other", text("Z", alicePN, alicePN, "hello elsewhere", 1)))
		yes := true
		for query, want := range map[string]string{
			"hello": "G M1 M0", "HELLO wor": "M0", "ello": "G M1 M0", "100%": "M2", "%": "M2", "_": "M3", "größe": "M4", "äöü": "M4",
			"世界": "M5", `\`: "M6", "nothing": "", "'; DROP TABLE messages_messages; --": "",
		} {
			rows, total, err := s.Search(ctx, session, SearchQuery{Text: query, Limit: 10})
			must(t, err)
			if ids(rows) != want || total != len(rows) {
				t.Errorf("%q finds %q (%d), want %q", query, ids(rows), total, want)
			}
		}
		for name, test := range map[string]struct {
			q     SearchQuery
			want  string
			total int
		}{
			"chat":   {SearchQuery{Text: "hello", Chat: Address{JID: group}, Limit: 10}, "G", 1},
			"type":   {SearchQuery{Type: "image", Limit: 10}, "G", 1},
			"own":    {SearchQuery{FromMe: &yes, Limit: 10}, "G", 1},
			"page":   {SearchQuery{Limit: 2, Offset: 1}, "M6 M5", 8},
			"nobody": {SearchQuery{Chat: Address{JID: bobPN}, Limit: 2}, "", 0},
		} {
			rows, total, err := s.Search(ctx, session, test.q)
			must(t, err)
			if ids(rows) != test.want || total != test.total {
				t.Errorf("%s: %q (%d)", name, ids(rows), total)
			}
		}
	})
}

func TestReactionsAndVotes(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx, chat := t.Context(), Address{JID: group}
		must(t, s.Save(ctx, session, text("A", group, alicePN, "poll", 1)))
		react := func(who, emoji string, second int) {
			must(t, s.React(ctx, session, &Reaction{Chat: chat, ID: "A", Sender: who, Emoji: emoji, At: start.Add(time.Duration(second) * time.Second)}))
		}
		react(alicePN, "a", 1)
		react(bobPN, "b", 2)
		react(alicePN, "c", 3)
		react(alicePN, "late", 2)
		react(bobPN, "", 4)
		react(bobPN, "late", 3)
		for _, options := range [][]string{{"x", "y"}, {"y"}} {
			must(t, s.SaveVote(ctx, session, &Vote{Chat: chat, ID: "A", Voter: bobPN, Options: options, At: start}))
		}
		row := get(t, s, session, group, "A")
		if len(row.Reactions) != 1 || row.Reactions[0].Emoji != "c" || row.Reactions[0].Sender != alicePN {
			t.Errorf("reactions %+v", row.Reactions)
		}
		if len(row.Votes) != 1 || !slices.Equal(row.Votes[0].Options, []string{"y"}) {
			t.Errorf("votes %+v", row.Votes)
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

func BenchmarkSave(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "bench.db"))
	const batch = 50 // as the journal's group commit does
	b.ReportAllocs()
	for i := 0; i < b.N; i += batch {
		err := s.db.DoTxn(b.Context(), nil, func(ctx context.Context) error {
			for j := range batch {
				m := text(fmt.Sprint("M", i+j), alicePN, alicePN, "some words of an ordinary length that people write", i+j)
				if err := s.Save(ctx, "bench", m); err != nil {
					return err
				}
			}
			return nil
		})
		must(b, err)
	}
}

func BenchmarkSearch100k(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "bench.db"))
	must(b, s.db.DoTxn(b.Context(), nil, func(ctx context.Context) error {
		for i := range 100_000 {
			if err := s.Save(ctx, "bench", text(fmt.Sprint("M", i), alicePN, alicePN, fmt.Sprintf("message %d of an ordinary length that people write", i), i)); err != nil {
				return err
			}
		}
		return nil
	}))
	for b.Loop() {
		if _, total, err := s.Search(b.Context(), "bench", SearchQuery{Text: "99999 ordinary", Limit: 20}); err != nil || total != 1 {
			b.Fatal(total, err)
		}
	}
}
