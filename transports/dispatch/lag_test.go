package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestLags(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{})
	answers := make(chan struct{})
	w.addSink(&recorder{answer: func(ctx context.Context, t Target, _ *Delivery) (int, error) {
		if t.Session == "slow" {
			select {
			case <-answers:
			case <-ctx.Done():
			}
		}
		return 200, ctx.Err()
	}}, Policy{})
	w.putTargets(allEvents("slow"), allEvents("quick"))
	if lag, known := w.Lags(t.Context())["test"]; !known || lag != (Lag{}) {
		t.Errorf("at rest: %+v", lag)
	}
	before := time.Now().Add(-time.Millisecond)
	w.appendEvents("slow", "message", 5)
	w.appendEvents("quick", "message", 5)
	testkit.Eventually(t, "the quick ones", func() bool { return len(w.listEntries(Query{})) == 5 })
	testkit.Eventually(t, "the lag", func() bool {
		lag := w.Lags(t.Context())["test"]
		return lag.Active == 1 && lag.Waiting == 0 && lag.Events == 5 && lag.Oldest.After(before) && lag.Oldest.Before(time.Now())
	})
	answers <- struct{}{}
	testkit.Eventually(t, "one less", func() bool { return w.Lags(t.Context())["test"].Events == 4 })
	close(answers)
	testkit.Eventually(t, "rest", func() bool { return w.Lags(t.Context())["test"] == Lag{} })
}

// A lane that waits for the database counts as behind.
func TestLagWhileEndsAreStored(t *testing.T) {
	w := openWorld(t, openDatabase(t, t.TempDir()+"/dispatch.db"), Config{})
	inside, answers := make(chan struct{}, 5), make(chan struct{})
	w.addSink(&recorder{answer: func(ctx context.Context, _ Target, _ *Delivery) (int, error) {
		inside <- struct{}{}
		select {
		case <-answers:
		case <-ctx.Done():
		}
		return 200, ctx.Err()
	}}, Policy{})
	w.putTargets(allEvents("shop"))
	before := time.Now().Add(-time.Millisecond)
	w.appendEvents("shop", "message", 5)
	<-inside
	locked, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- w.db.DoTxn(context.Background(), nil, func(ctx context.Context) error {
			_, err := w.db.Exec(ctx, `DELETE FROM dispatch_bodies`)
			close(locked)
			<-release
			return err
		})
	}()
	<-locked
	close(answers)
	testkit.Eventually(t, "the end of the attempt", func() bool { return w.Stats()[0].Delivered == 1 && len(w.Live(nil)) == 0 })
	if lag := w.Lags(t.Context())["test"]; lag.Active != 0 || lag.Waiting != 1 || lag.Events != 5 || lag.Oldest.Before(before) {
		t.Errorf("while the database is busy: %+v", lag)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "rest", func() bool { return w.Lags(t.Context())["test"] == Lag{} })
}
