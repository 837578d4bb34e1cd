package journal

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
)

// onSQL runs a test on SQLite and PostgreSQL.
func onSQL(t *testing.T, cfg Config, test func(t *testing.T, j *Journal, db *dbutil.Database)) {
	for _, b := range backends[1:] {
		t.Run(b.name, func(t *testing.T) {
			db := openDB(t, b.address(t))
			test(t, open(t, db, cfg), db)
		})
	}
}

func countRows(t *testing.T, db *dbutil.Database, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A projection's rows are committed or rolled back with the event, on a connection that syncs to disk.
func TestProjectionSharesTheTransaction(t *testing.T) {
	onSQL(t, Config{}, func(t *testing.T, j *Journal, db *dbutil.Database) {
		if _, err := db.Exec(t.Context(), `CREATE TABLE projected (n BIGINT)`); err != nil {
			t.Fatal(err)
		}
		boom := errors.New("boom")
		for n, fails := range []bool{false, true, false} {
			r := record("", `1`)
			r.Project = func(ctx context.Context) error {
				if db.Dialect == dbutil.SQLite {
					var level int
					if err := db.QueryRow(ctx, "PRAGMA synchronous").Scan(&level); err != nil || level != 2 {
						t.Errorf("synchronous=%d (%v) in the journal's transaction, want 2 (FULL)", level, err)
					}
				}
				if _, err := db.Exec(ctx, `INSERT INTO projected VALUES ($1)`, n); err != nil {
					return err
				}
				if fails {
					return boom
				}
				return nil
			}
			if _, err := j.Append(t.Context(), "s", r); errors.Is(err, boom) != fails {
				t.Fatalf("append %d: %v", n, err)
			}
		}
		if n := countRows(t, db, `SELECT COUNT(*) FROM projected WHERE n <> 1`); n != 2 {
			t.Errorf("%d rows of accepted events, want 2", n)
		}
		if n := countRows(t, db, `SELECT COUNT(*) FROM projected`); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
		if db.Dialect == dbutil.SQLite {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if level := countRows(t, db, "PRAGMA synchronous"); level != 1 {
				t.Errorf("synchronous=%d on a connection given back, want 1 (NORMAL)", level)
			}
		}
	})
}

// A failed statement inside a projection aborts PostgreSQL's transaction even when the projection hides the error.
func TestProjectionHidingAnError(t *testing.T) {
	onSQL(t, Config{}, func(t *testing.T, j *Journal, db *dbutil.Database) {
		r := record("k", `1`)
		r.Project = func(ctx context.Context) error {
			_, _ = db.Exec(ctx, `INSERT INTO no_such_table VALUES (1)`)
			return nil
		}
		_, err := j.Append(t.Context(), "s", r)
		if postgres := db.Dialect == dbutil.Postgres; (err != nil) != postgres {
			t.Errorf("append: %v", err)
		}
		if got := appendOne(t, j, "s", record("k2", `1`)); got.Duplicate {
			t.Errorf("%+v", got)
		}
		checkGapless(t, readAll(t, j, "s", 0), 1)
	})
}

func TestAppendInsideATransactionIsRefused(t *testing.T) {
	onSQL(t, Config{}, func(t *testing.T, j *Journal, db *dbutil.Database) {
		appendOne(t, j, "s", record("", `1`))
		err := db.DoTxn(t.Context(), nil, func(ctx context.Context) error {
			_, err := j.Append(ctx, "s", record("", `1`))
			return err
		})
		if !errors.Is(err, ErrInTransaction) {
			t.Errorf("append: %v", err)
		}
		r := record("", `1`)
		r.Project = func(ctx context.Context) error { _, err := j.Append(ctx, "s", record("", `1`)); return err }
		if _, err := j.Append(t.Context(), "s", r); !errors.Is(err, ErrInTransaction) {
			t.Errorf("append in a projection: %v", err)
		}
	})
}

func TestKeysOutliveTheirEvents(t *testing.T) {
	now := time.Now()
	cfg := Config{RetainEvents: 1, SweepBatch: 2, KeysFor: time.Hour, Now: func() time.Time { return now }}
	onEach(t, cfg, func(t *testing.T, j *Journal, _ func() *Journal) {
		var ids []string
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			ids = append(ids, appendOne(t, j, "s", record(key, `1`)).Event.ID)
		}
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if log, _ := j.Log(t.Context(), "s"); log.Oldest != 5 {
			t.Fatalf("%+v", log)
		}
		if got := appendOne(t, j, "s", record("a", `1`)); !got.Duplicate || got.Event.Offset != 1 || got.Event.ID != ids[0] {
			t.Fatalf("key of a dropped event: %+v", got)
		}
		now = now.Add(2 * time.Hour)
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := appendOne(t, j, "s", record("a", `1`)); got.Duplicate || got.Event.Offset != 6 {
			t.Fatalf("expired key: %+v", got)
		}
	})
}

func TestPurgeLeavesNothing(t *testing.T) {
	onSQL(t, Config{SweepBatch: 3}, func(t *testing.T, j *Journal, db *dbutil.Database) {
		woken := 0
		defer j.Watch("s", wakeFunc(func() { woken++ }))()
		for range 10 {
			appendOne(t, j, "s", record("", `1`))
		}
		appendOne(t, j, "s", record("k", `1`))
		appendOne(t, j, "other", record("k", `1`))
		if err := j.Purge(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		if woken != 12 {
			t.Errorf("woken %d times, want 12", woken)
		}
		for _, table := range []string{"journal_logs", "journal_events", "journal_keys"} {
			if n := countRows(t, db, `SELECT COUNT(*) FROM `+table); n != 1 {
				t.Errorf("%s has %d rows, want the other session's 1", table, n)
			}
		}
		if _, err := j.Read(t.Context(), "s", 5, 1, 0); !errors.Is(err, ErrPositionLost) {
			t.Errorf("read after a purge: %v", err)
		}
		if got := appendOne(t, j, "s", record("k", `1`)); got.Duplicate || got.Event.Offset != 1 {
			t.Errorf("%+v", got)
		}
		// The next sweep deletes the rest of an interrupted purge.
		if _, err := db.Exec(t.Context(), `UPDATE journal_logs SET session=NULL WHERE session=$1`, "other"); err != nil {
			t.Fatal(err)
		}
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := countRows(t, db, `SELECT COUNT(*) FROM journal_events`); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
	})
}

// Two processes may briefly share one database, while one replaces the other.
func TestTwoJournalsOnOneDatabase(t *testing.T) {
	for _, b := range backends[1:] {
		t.Run(b.name, func(t *testing.T) {
			address := b.address(t)
			one, two := open(t, openDB(t, address), Config{}), open(t, openDB(t, address), Config{})
			for i, j := range []*Journal{one, two, two, one, two, one} {
				if got := appendOne(t, j, "s", record("", `1`)); got.Event.Offset != uint64(i+1) {
					t.Fatalf("append %d has offset %d", i, got.Event.Offset)
				}
			}
			if got := appendOne(t, two, "s", record("k", `1`)); got.Duplicate {
				t.Fatal("duplicate")
			}
			if got := appendOne(t, one, "s", record("k", `1`)); !got.Duplicate || got.Event.Offset != 7 {
				t.Fatalf("%+v", got)
			}
			appendOne(t, one, "s", record("", `1`))
			events := readAll(t, one, "s", 0)
			checkGapless(t, events, 1)
			if len(events) != 8 {
				t.Fatalf("%d events", len(events))
			}
		})
	}
}
