package notifications

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Runner{M: m}) }

func TestNotices(t *testing.T) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		const most = 3
		s, err := Open(t.Context(), db, most)
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		list := func(account string, unreadOnly bool) ([]servermethods.Notice, int) {
			t.Helper()
			notices, unread, err := s.List(ctx, account, unreadOnly, 10)
			if err != nil {
				t.Fatal(err)
			}
			return notices, unread
		}
		link := "/settings"
		if n, err := s.Add(ctx, []string{"ada", "", "bob"}, servermethods.Notice{Title: "t", Message: "m", Level: "info", Link: &link}, ""); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		ada, unread := list("ada", false)
		if len(ada) != 1 || unread != 1 || ada[0].Title != "t" || ada[0].Link == nil || *ada[0].Link != link || *ada[0].Account != "ada" || ada[0].Read {
			t.Fatalf("%+v, %d unread", ada, unread)
		}
		if operator, _ := list("", false); len(operator) != 1 || operator[0].Account != nil {
			t.Errorf("operator: %+v", operator)
		}
		// Nobody changes the notices of others.
		if n, err := s.MarkRead(ctx, "bob", []string{ada[0].ID}); n != 0 || err != nil {
			t.Error(n, err)
		}
		if deleted, err := s.Delete(ctx, "bob", ada[0].ID); deleted || err != nil {
			t.Error(deleted, err)
		}
		if n, err := s.MarkRead(ctx, "ada", []string{ada[0].ID, "unknown"}); n != 1 || err != nil {
			t.Error(n, err)
		}
		if _, unread := list("ada", true); unread != 0 {
			t.Errorf("%d unread after reading", unread)
		}
		if n, err := s.MarkRead(ctx, "ada", []string{}); n != 0 || err != nil {
			t.Error(n, err)
		}
		// A topic is told once, also after its notice was deleted.
		for i, want := range []int{2, 0} {
			if n, err := s.Add(ctx, []string{"ada", "bob"}, servermethods.Notice{Title: "new version"}, "v2"); n != want || err != nil {
				t.Errorf("topic, time %d: %d, %v", i, n, err)
			}
			newest, _ := list("ada", false)
			if deleted, err := s.Delete(ctx, "ada", newest[0].ID); !deleted && i == 0 || err != nil {
				t.Error(deleted, err)
			}
		}
		// The oldest go beyond the limit.
		for i := range most + 1 {
			if _, err := s.Add(ctx, []string{"bob"}, servermethods.Notice{Title: fmt.Sprint(i)}, ""); err != nil {
				t.Fatal(err)
			}
		}
		if bob, unread := list("bob", false); len(bob) != most || unread != most || bob[0].Title != fmt.Sprint(most) {
			t.Errorf("%+v, %d unread", bob, unread)
		}
		if n, err := s.MarkRead(ctx, "bob", nil); n != most || err != nil {
			t.Error(n, err)
		}
		if err := s.DeleteAccount(ctx, "bob"); err != nil {
			t.Error(err)
		}
		if bob, _ := list("bob", false); len(bob) != 0 {
			t.Errorf("%+v", bob)
		}
	})
}
