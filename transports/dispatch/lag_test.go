package dispatch

import (
	"context"
	"testing"
	"time"
)

func TestLags(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{})
	answers := make(chan struct{})
	w.sink(&recorder{answer: func(ctx context.Context, t Target, _ *Delivery) (int, error) {
		if t.Session == "slow" {
			select {
			case <-answers:
			case <-ctx.Done():
			}
		}
		return 200, ctx.Err()
	}}, Policy{})
	w.put(everything("slow"), everything("quick"))
	if lag, known := w.Lags(t.Context())["test"]; !known || lag != (Lag{}) {
		t.Errorf("at rest: %+v", lag)
	}
	before := time.Now().Add(-time.Millisecond)
	w.append("slow", "message", 5)
	w.append("quick", "message", 5)
	eventually(t, "the quick ones", func() bool { return len(w.list(Query{})) == 5 })
	eventually(t, "the lag", func() bool {
		lag := w.Lags(t.Context())["test"]
		return lag.Active == 1 && lag.Waiting == 0 && lag.Events == 5 && lag.Oldest.After(before) && lag.Oldest.Before(time.Now())
	})
	answers <- struct{}{}
	eventually(t, "one less", func() bool { return w.Lags(t.Context())["test"].Events == 4 })
	close(answers)
	eventually(t, "rest", func() bool { return w.Lags(t.Context())["test"] == Lag{} })
}
