package bridge_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/wa"
)

// TestMaxSessionsHolds creates sessions sequentially and concurrently: at most Config.MaxSessions exist, and a deletion
// permits another one.
func TestMaxSessionsHolds(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.config.MaxSessions = 3
	w.start()
	create := func(id string) error {
		_, err := w.bridge.Create(w.ctx(), bridge.CreateParams{ID: id})
		return err
	}
	var all sync.WaitGroup
	errs := make(chan error, 12)
	for i := range cap(errs) {
		all.Go(func() { errs <- create(string(rune('a' + i))) })
	}
	all.Wait()
	close(errs)
	made := 0
	for err := range errs {
		var refused *wa.Error
		switch {
		case err == nil:
			made++
		case !errors.As(err, &refused) || refused.Reason != wa.ReasonTooLarge:
			t.Errorf("beyond the bound: %v", err)
		}
	}
	sessions := w.bridge.Sessions()
	if made != 3 || len(sessions) != 3 {
		t.Errorf("%d sessions were created and %d exist, want 3", made, len(sessions))
	}
	if err := w.bridge.Delete(w.ctx(), sessions[0].ID(), false); err != nil {
		t.Fatal(err)
	}
	if err := create("again"); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
	if err := create("more"); err == nil {
		t.Error("a fourth session was created")
	}
}
