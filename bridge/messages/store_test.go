package messages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

// onEach runs a test on each database, with a session of its own.
func onEach(t *testing.T, test func(t *testing.T, s *Store, session string)) {
	dbtest.OnEach(t, func(t *testing.T, address string) { test(t, open(t, address), strings.ToLower(ulid.Make().String())) })
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
// was merged or purged, is not used, least of all for a chat of another session.
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
