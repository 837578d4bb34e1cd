package statesync

import (
	"context"
	"errors"
	"testing"
)

func TestAppStateQueueGivesUpWithItsCaller(t *testing.T) {
	var queue queue
	if err := queue.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := queue.acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second writer: %v, want the caller's own end", err)
	}
	queue.release()
	if err := queue.acquire(t.Context()); err != nil {
		t.Errorf("after the first writer: %v", err)
	}
}
