package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

func open(t *testing.T, url string, opts Options) *dbutil.Database {
	t.Helper()
	db, err := Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func exec(t *testing.T, db *dbutil.Database, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestSQLiteSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "a?b#c%d.db")
	db := open(t, "sqlite:"+path, Options{})
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "foreign_keys": "1", "synchronous": "1", "busy_timeout": "10000",
	} {
		var got string
		if err := db.QueryRow(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s (%v), want %s", pragma, got, err, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("database file: %v, %v", info, err)
	}
}

func TestMemoryIsOneDatabaseAHandle(t *testing.T) {
	one, two := open(t, ":memory:", Options{}), open(t, ":memory:", Options{})
	exec(t, one, "CREATE TABLE x (n INTEGER)")
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			if _, err := one.Exec(context.Background(), "INSERT INTO x VALUES ($1)", n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var n int
	if err := one.QueryRow(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n); err != nil || n != 20 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := two.QueryRow(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n); err == nil {
		t.Error("two handles share their memory")
	}
}

func TestBadAddresses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("this is no database, and long enough to tell"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"postgres://user:s3cret@127.0.0.1:1/x?connect_timeout=2",
		"postgres://user:s3cret@[::bad/x",
		"postgres://user:s3cret@127.0.0.1:notaport/x",
		filepath.Join(file, "below.db"),
		file,
	} {
		db, err := Open(t.Context(), url, Options{})
		if err == nil {
			_ = db.Close()
			t.Errorf("%s was opened", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the password shows: %v", err)
		}
	}
}

func TestGateKeepsItsTime(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{BusyTimeout: 50 * time.Millisecond})
	exec(t, db, "CREATE TABLE x (n INTEGER)")
	err := db.DoTxn(t.Context(), nil, func(ctx context.Context) error {
		if _, err := db.Exec(ctx, "INSERT INTO x VALUES (1)"); err != nil {
			return err
		}
		// A context without the transaction: it would wait for itself.
		_, err := db.Exec(t.Context(), "INSERT INTO x VALUES (2)")
		return err
	})
	if !errors.Is(err, ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	err = db.DoTxn(t.Context(), nil, func(context.Context) error {
		cancel()
		_, err := db.Exec(ended, "INSERT INTO x VALUES (2)")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a writer who gave up: %v", err)
	}
	exec(t, db, "INSERT INTO x VALUES (3)") // the gate is open again
	var n int
	if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows (%v), want the last alone", n, err)
	}
}

func TestEveryWayOfWritingPassesTheGate(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	exec(t, db, "CREATE TABLE x (n INTEGER PRIMARY KEY, who TEXT)")
	statement, err := db.RawDB.PrepareContext(t.Context(), "INSERT INTO x (who) VALUES (?1)")
	if err != nil {
		t.Fatal(err)
	}
	defer statement.Close()
	ways := []func() error{
		func() error { _, err := db.Exec(t.Context(), "INSERT INTO x (who) VALUES ('exec')"); return err },
		func() error { _, err := statement.ExecContext(t.Context(), "prepared"); return err },
		func() error {
			var n int
			return db.QueryRow(t.Context(), "INSERT INTO x (who) VALUES ('returning') RETURNING n").Scan(&n)
		},
		func() error {
			return db.DoTxn(t.Context(), nil, func(ctx context.Context) error {
				var n int
				return db.QueryRow(ctx, "INSERT INTO x (who) VALUES ('tx') RETURNING n").Scan(&n)
			})
		},
	}
	var wg sync.WaitGroup
	for _, way := range ways {
		for range 4 {
			wg.Go(func() {
				for range 50 {
					if err := way(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	var n int
	if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n); err != nil || n != 800 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// The WAL is started over while writers never pause. How soon is up to the disk.
func TestWALIsStartedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path, Options{})
	exec(t, db, "CREATE TABLE x (n INTEGER PRIMARY KEY, data BLOB)")
	data := make([]byte, 16<<10)
	deadline := time.Now().Add(30 * time.Second)
	for written := int64(0); ; written += int64(len(data)) {
		err := db.DoTxn(t.Context(), nil, func(ctx context.Context) error {
			_, err := db.Exec(ctx, "INSERT INTO x (data) VALUES ($1)", data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if written > 8<<20 && info.Size() < written/2 {
			return
		}
		if time.Now().After(deadline) || written > 70<<20 { // SQLite's own checkpoint would come next
			t.Fatalf("WAL of %d bytes after writing %d", info.Size(), written)
		}
	}
}

func TestMigrate(t *testing.T) {
	files := fstest.MapFS{
		"01-first.sql":  {Data: []byte("-- v0 -> v1: First\nCREATE TABLE thing (n BIGINT);\n")},
		"02-second.sql": {Data: []byte("-- v2: Second\nALTER TABLE thing ADD COLUMN name TEXT;\n")},
	}
	for name, url := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "x.db"), "postgres": dbtest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			db := open(t, url, Options{})
			for range 2 { // the second time there is nothing to do
				if _, err := Migrate(t.Context(), db, "things", files); err != nil {
					t.Fatal(err)
				}
			}
			exec(t, db, "INSERT INTO thing VALUES (1, 'x')")
			var version int
			if err := db.QueryRow(t.Context(), "SELECT version FROM things_version").Scan(&version); err != nil || version != 2 {
				t.Errorf("version %d, %v", version, err)
			}
			for what, bad := range map[string]fstest.MapFS{
				"no header":  {"01.sql": {Data: []byte("CREATE TABLE y (n BIGINT);\n")}},
				"bad syntax": {"01.sql": {Data: []byte("-- v0 -> v1: Bad\nCREATE TABEL y;\n")}},
			} {
				if _, err := Migrate(t.Context(), db, "bad", bad); err == nil {
					t.Errorf("%s: no error", what)
				}
			}
		})
	}
}

// Nodes that start together do not migrate at the same time.
func TestMigrateTogether(t *testing.T) {
	files := fstest.MapFS{"01.sql": {Data: []byte("-- v0 -> v1: First\nCREATE TABLE thing (n BIGINT);\n")}}
	url := dbtest.Postgres(t)
	var wg sync.WaitGroup
	for range 4 {
		db := open(t, url, Options{})
		wg.Go(func() {
			if _, err := Migrate(t.Context(), db, "things", files); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestErrorsAreTold(t *testing.T) {
	refused, err := Open(t.Context(), "postgres://u@127.0.0.1:1/x", Options{})
	if err == nil {
		_ = refused.Close()
		t.Fatal("opened")
	}
	db := open(t, filepath.Join(t.TempDir(), "x.db"), Options{})
	_, syntax := db.Exec(t.Context(), "NONSENSE")
	small := open(t, ":memory:", Options{})
	exec(t, small, "CREATE TABLE x (data BLOB)")
	full := small.DoTxn(t.Context(), nil, func(ctx context.Context) error {
		if _, err := small.Exec(ctx, "PRAGMA max_page_count=3"); err != nil {
			return err
		}
		_, err := small.Exec(ctx, "INSERT INTO x VALUES ($1)", make([]byte, 100_000))
		return err
	})
	for _, c := range []struct {
		name             string
		err              error
		gone, full, lost bool
	}{
		{"nothing", nil, false, false, false},
		{"refused", err, true, false, false},
		{"syntax", syntax, false, false, false},
		{"disk full", fmt.Errorf("wrapped: %w", full), true, true, false},
		{"cut", io.ErrUnexpectedEOF, true, false, true},
		{"server ended", &pgconn.PgError{Code: "57P01"}, true, false, true},
		{"server full", &pgconn.PgError{Code: "53100"}, true, true, false},
		{"standby", &pgconn.PgError{Code: "25006"}, true, false, false},
		{"duplicate", &pgconn.PgError{Code: "23505"}, false, false, false},
		{"odd code", &pgconn.PgError{Code: ""}, false, false, false},
	} {
		if g, f, l := Gone(c.err), DiskFull(c.err), ConnectionLost(c.err); g != c.gone || f != c.full || l != c.lost {
			t.Errorf("%s: gone %v, full %v, lost %v (%v)", c.name, g, f, l, c.err)
		}
	}
}
