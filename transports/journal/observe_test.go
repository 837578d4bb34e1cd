package journal

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Appends are observed once they are committed.
func TestAppendsAreObserved(t *testing.T) {
	var observed []time.Duration
	j := open(t, nil, Config{ObserveAppend: func(took time.Duration) { observed = append(observed, took) }})
	for range 3 {
		appendOne(t, j, "s", record("", `{}`))
	}
	failed := record("", `{}`)
	failed.Project = func(context.Context) error { return errors.New("no") }
	if _, err := j.Append(t.Context(), "s", failed); err == nil {
		t.Fatal("the append went through")
	}
	if len(observed) != 3 || observed[0] <= 0 {
		t.Errorf("observed %v, want 3 appends", observed)
	}
}
