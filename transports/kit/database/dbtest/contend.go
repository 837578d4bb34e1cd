package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Writers are functions of stores that write several rows, by name. Each gets the number of the call, by which it varies
// the order of its keys: upwards when it is even, downwards when it is odd.
type Writers map[string]func(ctx context.Context, call int) error

const impatient = "deadlock_timeout=20ms&synchronous_commit=off"

// Contended returns the address of an empty database as Postgres does, for connections that detect a deadlock after 20 ms
// instead of a second and do not wait for the disk.
func Contended(t testing.TB) string {
	t.Helper()
	address := Postgres(t)
	if strings.Contains(address, "?") {
		return address + "&" + impatient
	}
	return address + "?" + impatient
}

// Contend runs each pair of writers, also each with itself, at the same time in goroutines goroutines, for calls calls of
// each, and fails the test for each pair with an error. prepare runs before each pair; nil = nothing to do. Contend logs how
// many deadlocks PostgreSQL resolved.
func Contend(t *testing.T, address string, goroutines, calls int, prepare func(ctx context.Context) error, writers Writers) {
	t.Helper()
	before := deadlocks(t, address)
	names := slices.Sorted(maps.Keys(writers))
	for i, a := range names {
		for _, b := range names[i:] {
			if prepare != nil {
				if err := prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if failed, err := contend(t.Context(), goroutines, calls, writers, a, b); err != nil {
				t.Errorf("%s against %s: %d of %d calls failed: %v", a, b, failed, goroutines*calls, err)
			}
		}
	}
	if n := deadlocks(t, address) - before; n > 0 {
		t.Logf("PostgreSQL resolved %d deadlocks", n)
	}
}

// contend returns how many calls failed and the first error.
func contend(ctx context.Context, goroutines, calls int, writers Writers, a, b string) (failed int, first error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for g := range goroutines {
		w := a
		if g%2 == 1 {
			w = b
		}
		all.Go(func() {
			<-start
			for call := range calls {
				if err := writers[w](ctx, g/2+call); err != nil {
					mu.Lock()
					if failed++; first == nil {
						first = fmt.Errorf("%s: %w", w, err)
					}
					mu.Unlock()
				}
			}
		})
	}
	close(start)
	all.Wait()
	return failed, first
}

// OnEachContended runs a test with the address of an SQLite file and of a database as Contended returns it.
func OnEachContended(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "contended.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, Contended(t)) })
}

// deadlocks returns how many deadlocks PostgreSQL has resolved in a database; 0 on SQLite, which has none.
func deadlocks(t *testing.T, address string) (n int) {
	t.Helper()
	if !strings.HasPrefix(address, "postgres") {
		return 0
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err = db.QueryRow(`SELECT deadlocks FROM pg_stat_database WHERE datname=current_database()`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Keys returns n keys, the order of which changes with call as Writers says.
func Keys(prefix string, n, call int) []string {
	keys := make([]string, n)
	for i := range keys {
		at := i
		if call%2 == 1 {
			at = n - 1 - i
		}
		keys[at] = fmt.Sprintf("%s%d", prefix, i)
	}
	return keys
}
