package bridge

import (
	"context"
	"errors"
	"testing"
)

func TestAppStateQueueGivesUpWithItsCaller(t *testing.T) {
	var queue writeQueue
	if err := queue.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := queue.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second writer: %v, want the caller's own end", err)
	}
	queue.leave()
	if err := queue.enter(t.Context()); err != nil {
		t.Errorf("after the first writer: %v", err)
	}
}
