package messages

import (
	"slices"
	"testing"
	"time"
)

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
