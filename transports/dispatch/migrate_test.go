package dispatch

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// Replays queued by the previous version are sent after the upgrade, and their entries are removed as requested.
func TestUpgradeKeepsReplays(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		before := fstest.MapFS{}
		names, err := fs.Glob(migrations, "migrations/0[12]-*.sql")
		if err != nil || len(names) != 4 {
			t.Fatalf("migrations %v, %v", names, err)
		}
		for _, name := range names {
			text, err := migrations.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			before[strings.TrimPrefix(name, "migrations/")] = &fstest.MapFile{Data: text}
		}
		old, err := database.Migrate(t.Context(), db, "dispatch", before)
		if err != nil {
			t.Fatal(err)
		}
		const body = `{"session":"a","offset":7,"id":"e7","type":"Message","origin":"","time":"2026-01-02T03:04:05.000Z","data":{}}`
		for _, statement := range []string{
			`INSERT INTO dispatch_archive (status, event, session, from_pos, pos, type, transport, target, attempts, at, first_at, last_at, archived, took, error, code, replay_of)
				VALUES ('dead_letter', 'e7', 'a', 7, 7, 'Message', 'test', 'to-a', 1, 1, 1, 1, 1, 1, 'answered 410', 410, 0)`,
			`INSERT INTO dispatch_bodies (event, body) VALUES ('e7', '` + body + `')`,
			`INSERT INTO dispatch_replays (entry, transport, target, remove, queued) VALUES (1, 'test', 'to-a', TRUE, 1), (2, 'test', 'to-a', TRUE, 1)`,
		} {
			if _, err := old.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		w := openWorld(t, db, Config{})
		r := &recorder{}
		w.addSink(r, Policy{})
		w.putTargets(allEvents("a"))
		testkit.Eventually(t, "the replay", func() bool { return len(w.listEntries(Query{Status: DeadLetter})) == 0 })
		if got := r.recordedAttempts(); len(got) != 1 || got[0].id != "e7" || !got[0].replay || !slices.Equal(attemptOffsets(got), []uint64{7}) {
			t.Errorf("sent %+v", got)
		}
		if e := w.listEntries(Query{}); len(e) != 1 || e[0].Status != Delivered || e[0].ReplayOf != 1 || w.countBodies() != 0 {
			t.Errorf("entries %+v, %d bodies", e, w.countBodies())
		}
		testkit.Eventually(t, "the end of the row without an entry", func() bool {
			waiting, err := w.store.queuedTargets(t.Context())
			return err == nil && len(waiting) == 0
		})
	})
}
