package directory_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// Callers that replace the groups of one session at once, in any order of rows, all succeed.
func TestConcurrentReplaceGroups(t *testing.T) {
	db, err := database.Open(t.Context(), dbtest.Postgres(t), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := directory.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	groups := make([]directory.Group, 15)
	for i := range groups {
		groups[i] = directory.Group{JID: fmt.Sprintf("1203630000000000%02d@g.us", i), Data: []byte("{}")}
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 25 {
				mine := append([]directory.Group(nil), groups...)
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				if err := store.ReplaceGroups(t.Context(), "shop", mine, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	stored, err := store.Groups(t.Context(), "shop")
	if err != nil || len(stored) != len(groups) {
		t.Errorf("%d groups, %v", len(stored), err)
	}
}
