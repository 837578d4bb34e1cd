package messages

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

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
