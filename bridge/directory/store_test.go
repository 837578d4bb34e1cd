package directory_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/transports/kit/database"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *directory.Store {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := directory.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func jids(t *testing.T, store *directory.Store, session string) string {
	t.Helper()
	groups, err := store.Groups(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	list := ""
	for _, group := range groups {
		list += group.JID + "=" + string(group.Data) + " "
	}
	return list
}

func TestGroups(t *testing.T) {
	store := open(t)
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(store.ReplaceGroups(ctx, "a", []directory.Group{{"1@g.us", []byte(`{}`)}, {"2@g.us", []byte(`{"x":1}`)}}, day))
	check(store.PutGroup(ctx, "b", directory.Group{JID: "1@g.us", Data: []byte(`"b"`)}, day))
	check(store.PutGroup(ctx, "a", directory.Group{JID: "3@g.us", Data: []byte(`3`)}, day))
	check(store.RemoveGroup(ctx, "a", "1@g.us"))
	check(store.RemoveGroup(ctx, "a", "never stored"))
	if got := jids(t, store, "a"); got != `2@g.us={"x":1} 3@g.us=3 ` {
		t.Errorf("groups of a: %s", got)
	}
	if got, found, err := store.Group(ctx, "a", "2@g.us"); err != nil || !found || got.JID != "2@g.us" || string(got.Data) != `{"x":1}` {
		t.Errorf("group 2 of a: %v %v %v", got, found, err)
	}
	if got, found, err := store.Group(ctx, "b", "2@g.us"); err != nil || found {
		t.Errorf("group 2 of b: %v %v %v", got, found, err)
	}
	check(store.ReplaceGroups(ctx, "a", []directory.Group{{"4@g.us", []byte(`4`)}}, day))
	if got := jids(t, store, "a"); got != `4@g.us=4 ` {
		t.Errorf("groups of a after replacing: %s", got)
	}
	check(store.Purge(ctx, "a"))
	if got := jids(t, store, "a") + "|" + jids(t, store, "b"); got != `|1@g.us="b" ` {
		t.Errorf("after purging a: %s", got)
	}
}

func TestPairs(t *testing.T) {
	store := open(t)
	ctx := t.Context()
	see := func(session string, at time.Time, pairs ...directory.Pair) {
		t.Helper()
		if err := store.SeePairs(ctx, session, pairs, at); err != nil {
			t.Fatal(err)
		}
	}
	one, two := directory.Pair{PN: "1@s", LID: "10@lid"}, directory.Pair{PN: "2@s", LID: "20@lid"}
	see("a", day, one, directory.Pair{PN: "3@s"}, one)
	see("a", day.Add(time.Hour), two, one)
	see("b", day, two)

	pairs, total, err := store.Pairs(ctx, "a", 1, 0)
	if err != nil || total != 2 || len(pairs) != 1 {
		t.Fatalf("first page: %+v, total %d, %v", pairs, total, err)
	}
	first := pairs[0]
	if first.Pair != one || first.Uses != 2 || !first.Created.Equal(day) || !first.LastUsed.Equal(day.Add(time.Hour)) {
		t.Errorf("first pair: %+v", first)
	}
	pairs, _, err = store.Pairs(ctx, "a", 1, 1)
	if err != nil || len(pairs) != 1 || pairs[0].Pair != two || pairs[0].ID == first.ID {
		t.Errorf("second page: %+v, %v", pairs, err)
	}
	if _, found, err := store.Pair(ctx, "b", one.LID); found || err != nil {
		t.Errorf("b never saw the first pair: %v %v", found, err)
	}
	if err := store.AddPairs(ctx, "a", []directory.Pair{one, {PN: "4@s", LID: "40@lid"}}, day.Add(time.Hour*9)); err != nil {
		t.Fatal(err)
	}
	if pair, _, err := store.Pair(ctx, "a", one.LID); err != nil || pair != first {
		t.Errorf("adding a known pair changed it: %+v, %v", pair, err)
	}
	if _, found, err := store.Pair(ctx, "a", "40@lid"); !found || err != nil {
		t.Errorf("an added pair is missing: %v", err)
	}
	moved := directory.Pair{PN: "9@s", LID: one.LID}
	see("a", day.Add(2*time.Hour), moved)
	if pair, found, err := store.Pair(ctx, "a", one.LID); !found || err != nil || pair.Pair != moved || pair.ID != first.ID {
		t.Errorf("a changed number: %+v %v %v", pair, found, err)
	}
}

func TestClosedDatabase(t *testing.T) {
	store := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.PutGroup(ctx, "a", directory.Group{JID: "1"}, day); err == nil {
		t.Error("a write without a database must fail")
	}
	if _, _, err := store.Group(ctx, "a", "1@g.us"); err == nil {
		t.Error("a closed database gave a group")
	}
	if _, err := store.Groups(ctx, "a"); err == nil {
		t.Error("a read without a database must fail")
	}
}
