package audit

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Runner{M: m}) }

func openLog(t *testing.T, address string, cfg Config) (*Log, *dbutil.Database) {
	t.Helper()
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return l, db
}

func (l *Log) mustList(t *testing.T, q servermethods.AuditQuery) []servermethods.AuditEntry {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, _, err := l.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEntries(t *testing.T) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		owners := map[string]string{"shop": "shop~1", "bar": "bar~1"}
		l, _ := openLog(t, address, Config{Key: []byte("key"), OwnerOf: func(session string) string { return owners[session] }})
		admin := rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}
		ada := rpc.Principal{Kind: rpc.ScopeAccount, Account: "ada", Credential: "key_1"}
		for _, c := range []rpc.ChangedCall{
			{Method: "session.create", Principal: admin, RequestID: "1"},
			{Method: "message.send", Principal: ada, Session: "shop", RequestID: "2", Took: 1500 * time.Millisecond},
			{Method: "message.send", Principal: ada, Session: "bar", RequestID: "3", Err: &rpc.Error{Code: rpc.CodeForbidden, Reason: "denied", Message: "secret"}},
			{Method: "account.register", RequestID: "4"},
		} {
			l.Record(t.Context(), c)
		}
		all := l.mustList(t, servermethods.AuditQuery{})
		if len(all) != 4 || all[0].Method != "account.register" || all[0].Caller != "public" || all[3].Caller != "admin" || all[3].Session != nil || all[3].Account != nil {
			t.Fatalf("%+v", all)
		}
		failed := l.mustList(t, servermethods.AuditQuery{FailedOnly: true})
		if len(failed) != 1 || failed[0].Code != rpc.CodeForbidden || *failed[0].Reason != "denied" || *failed[0].Credential != "key_1" {
			t.Errorf("failed: %+v", failed)
		}
		if of := l.mustList(t, servermethods.AuditQuery{Session: "shop", Account: "ada", Method: "message.send"}); len(of) != 1 || of[0].DurationMS != 1500 {
			t.Errorf("of the session: %+v", of)
		}
		if none := l.mustList(t, servermethods.AuditQuery{Since: time.Now().Add(time.Hour)}); len(none) != 0 {
			t.Errorf("later: %+v", none)
		}
		page, more, err := l.List(t.Context(), servermethods.AuditQuery{Limit: 3})
		if err != nil || !more || len(page) != 3 {
			t.Fatalf("%+v, %t, %v", page, more, err)
		}
		if rest := l.mustList(t, servermethods.AuditQuery{Before: page[2].ID}); len(rest) != 1 || rest[0].Method != "session.create" {
			t.Errorf("next page: %+v", rest)
		}
		// A deleted session is found by its id, which no entry has, not even one of a call that ends while its data is deleted.
		if err := l.ForgetSession(t.Context(), "shop~1"); err != nil {
			t.Fatal(err)
		}
		l.Record(t.Context(), rpc.ChangedCall{Method: "message.send", Principal: ada, Session: "shop"})
		delete(owners, "shop")
		l.Record(t.Context(), rpc.ChangedCall{Method: "session.delete", Principal: admin, Session: "shop"})
		of := l.mustList(t, servermethods.AuditQuery{Session: "shop"})
		if len(of) != 3 || *of[0].Session != *of[2].Session || *of[0].Session != *of[1].Session || strings.Contains(*of[0].Session, "shop") {
			t.Errorf("deleted: %+v", of)
		}
		if other := l.mustList(t, servermethods.AuditQuery{Session: "bar"}); len(other) != 1 || *other[0].Session != "bar" {
			t.Errorf("another session: %+v", other)
		}
	})
}

func TestOldEntriesGo(t *testing.T) {
	l, db := openLog(t, t.TempDir()+"/audit.db", Config{Keep: 50 * time.Millisecond, SweepEvery: 10 * time.Millisecond})
	l.Record(t.Context(), rpc.ChangedCall{Method: "session.create"})
	if err := l.storeWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the sweep", func() bool {
		n := -1
		return db.QueryRow(t.Context(), "SELECT COUNT(*) FROM audit_entries").Scan(&n) == nil && n == 0
	})
}

// While the database fails, calls wait for a bounded time only, and entries are stored when it works again.
func TestDatabaseFails(t *testing.T) {
	l, db := openLog(t, t.TempDir()+"/audit.db", Config{MaxWaiting: 2, FlushEvery: 5 * time.Millisecond})
	rename := func(from, to string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("audit_entries", "away")
	for range 3 {
		l.Record(t.Context(), rpc.ChangedCall{Method: "session.create"})
	}
	if l.storeWaiting(t.Context()) == nil {
		t.Error("the table is away and nothing failed")
	}
	rename("away", "audit_entries")
	if list := l.mustList(t, servermethods.AuditQuery{}); len(list) != 2 {
		t.Errorf("%d entries, want 2: the third found no room", len(list))
	}
}

func BenchmarkRecord(b *testing.B) {
	db, err := database.Open(b.Context(), b.TempDir()+"/audit.db", database.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	l, err := Open(b.Context(), db, Config{MaxWaiting: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close(context.Background()) }()
	b.ReportAllocs()
	call := rpc.ChangedCall{Method: "message.send", Session: "shop", RequestID: "r", Principal: rpc.Principal{Kind: rpc.ScopeSession}}
	for b.Loop() {
		l.Record(b.Context(), call)
	}
}
