package journal

import (
	"context"
	"testing"

	"go.mau.fi/util/dbutil"
)

// Events of a log in the previous table layout are still there after the upgrade.
func TestUpgradeKeepsEvents(t *testing.T) {
	for _, backend := range backends[1:] {
		t.Run(backend.name, func(t *testing.T) {
			ctx := context.Background()
			db := openDB(t, backend.address(t))
			j := open(t, db, Config{})
			for n := range 5 {
				if _, err := j.Append(ctx, "s", usualRecord(int64(n))); err != nil {
					t.Fatal(err)
				}
			}
			want, err := j.Read(ctx, "s", 0, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if db.Dialect == dbutil.SQLite { // back to the first layout
				for _, statement := range []string{
					`CREATE TABLE old (log INTEGER NOT NULL, pos INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, origin TEXT NOT NULL,
						at INTEGER NOT NULL, chats TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (log, pos)) WITHOUT ROWID`,
					`INSERT INTO old SELECT * FROM journal_events`,
					`DROP TABLE journal_events`,
					`ALTER TABLE old RENAME TO journal_events`,
				} {
					if _, err := db.Exec(ctx, statement); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := db.Exec(ctx, `UPDATE journal_version SET version=1`); err != nil {
				t.Fatal(err)
			}
			j = open(t, db, Config{})
			got, err := j.Read(ctx, "s", 0, 0, 0)
			if err != nil || len(got) != len(want) {
				t.Fatal(len(got), err)
			}
			for i := range got {
				if string(got[i].Body()) != string(want[i].Body()) {
					t.Errorf("event %d: %s, was %s", i, got[i].Body(), want[i].Body())
				}
			}
			if res, err := j.Append(ctx, "s", usualRecord(4), usualRecord(5)); err != nil || !res[0].Duplicate || res[1].Event.Offset != 6 {
				t.Errorf("%+v %v", res, err)
			}
		})
	}
}
