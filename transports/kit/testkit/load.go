package testkit

import (
	"os"
	"testing"
)

// FullSize reports whether load tests run at full size, as `make load` does: WAYSTATION_LOAD is set.
func FullSize() bool { return os.Getenv("WAYSTATION_LOAD") != "" }

// ChooseSize returns the size of a load test: that of an ordinary run, or that of a full one.
func ChooseSize[T any](ordinary, full T) T {
	if FullSize() {
		return full
	}
	return ordinary
}

// MeasuresSpeed skips a test whose result depends on the speed of the machine: with the race detector, which `make test`
// runs such tests without, and in short mode.
func MeasuresSpeed(t testing.TB) {
	t.Helper()
	if Race || testing.Short() {
		t.Skip("measures speed: runs without the race detector and not in short mode")
	}
}

// SkipIfShort skips a test in short mode, which `make check` uses: one that starts servers, or takes seconds.
func SkipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: not in short mode")
	}
}
