package deliverymethods_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// patience bounds every wait of these tests, far above the time that any step needs.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LibraryLeaks()...) }

// openJournal makes a database with a journal; the caller closes both.
func openJournal(t *testing.T) (*dbutil.Database, *journal.Journal) {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log, err := journal.Open(t.Context(), db, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return db, log
}

type params map[string]any

type result map[string]any

func (r result) object(field string) result {
	object, _ := r[field].(map[string]any)
	return object
}

func (r result) list(field string) []result {
	var list []result
	items, _ := r[field].([]any)
	for _, item := range items {
		object, _ := item.(map[string]any)
		list = append(list, object)
	}
	return list
}

func (r result) texts(field string) []string {
	var list []string
	items, _ := r[field].([]any)
	for _, item := range items {
		text, _ := item.(string)
		list = append(list, text)
	}
	return list
}
