package dispatch

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// Each attempt is observed once, the failed ones among them.
func TestAttemptsAreObserved(t *testing.T) {
	var observed atomic.Int64
	transports := make(chan string, 10)
	w := openWorld(t, openDatabase(t, filepath.Join(t.TempDir(), "test.db")), Config{ObserveAttempts: func(transport string) func(time.Duration) {
		transports <- transport
		return func(time.Duration) { observed.Add(1) }
	}})
	w.addSink(&recorder{answer: refuseBad}, Policy{})
	w.putTargets(allEvents("s"))
	w.appendEvents("s", "News", 3)
	w.appendEvents("s", "bad", 1)
	w.appendEvents("s", "News", 2)
	testkit.Eventually(t, "6 attempts", func() bool { return w.Stats()[0].Delivered+w.Stats()[0].DeadLetters == 6 })
	if n, attempts := observed.Load(), w.Stats()[0].Attempts; uint64(n) != attempts {
		t.Errorf("%d attempts observed of %d", n, attempts)
	}
	if got := <-transports; got != "test" || len(transports) > 0 {
		t.Errorf("asked for %q and %d more", got, len(transports))
	}
}
