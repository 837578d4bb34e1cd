package dbtest

import (
	"path/filepath"
	"testing"
)

// OnEach runs a test on SQLite and on PostgreSQL, as subtests with the address of an empty database.
func OnEach(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}
