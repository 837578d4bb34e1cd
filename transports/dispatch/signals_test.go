package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// Signals are sent once to targets that subscribe to them and are not archived; if too many are queued, the oldest are dropped.
func TestSignals(t *testing.T) {
	inBubble(t, Config{MaxSignals: 3}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(_ context.Context, target Target, _ *Delivery) (int, error) {
			time.Sleep(time.Second)
			if target.ID == "fails" {
				return 500, errors.New("no")
			}
			return 200, nil
		}}
		w.addSink(r, Policy{})
		wants := func(id string, signals bool, events ...string) Target {
			return Target{Transport: "test", ID: id, Session: "a", Filter: Filter{Events: events, Signals: signals}}
		}
		w.putTargets(wants("all", true, "*"), wants("fails", true, "ChatPresence"), wants("durable", false, "*"), wants("other", true, "Message"))
		for n := range 6 {
			w.journal.Signal(journal.Signal{Session: "a", Type: "ChatPresence", Data: json.RawMessage(`{"n":` + string(rune('0'+n)) + `}`)})
			synctest.Wait()
		}
		sleep(time.Minute)
		byTarget := map[string][]attempt{}
		for _, a := range r.recordedAttempts() {
			byTarget[a.target] = append(byTarget[a.target], a)
		}
		if len(byTarget["all"]) != 4 || len(byTarget["fails"]) != 4 || len(byTarget) != 2 {
			t.Fatalf("attempts %+v", byTarget)
		}
		last := byTarget["all"][3]
		if !last.signal || last.offset != 0 || last.body != `{"session":"a","type":"ChatPresence","time":"`+last.at.Add(-3*time.Second).UTC().Format("2006-01-02T15:04:05.000Z")+`","data":{"n":5}}` {
			t.Errorf("last %+v", last)
		}
		if stats := w.Stats()[0]; stats.Signals != 4 || stats.SignalsFailed != 4 || stats.SignalsDropped != 4 || stats.DeadLetters != 0 {
			t.Errorf("stats %+v", stats)
		}
		if got := w.listEntries(Query{}); len(got) != 0 {
			t.Errorf("entries %+v", got)
		}
		if _, exists, err := w.journal.Lookup(t.Context(), "other"); exists || err != nil {
			t.Error("a log was made")
		}
	})
}

// An unreachable target receives no signals: they would arrive late.
func TestSignalsWhileUnreachable(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: alwaysFail(Unreachable(errors.New("away")))}
		w.addSink(r, Policy{BreakerFailures: 1, BreakerPause: time.Hour})
		target := allEvents("a")
		target.Filter.Signals = true
		w.putTargets(target)
		w.appendEvents("a", "Message", 1)
		synctest.Wait()
		w.journal.Signal(journal.Signal{Session: "a", Type: "ChatPresence"})
		synctest.Wait()
		if n := len(r.recordedAttempts()); n != 1 {
			t.Errorf("%d attempts", n)
		}
		if stats := w.Stats()[0]; stats.SignalsFailed != 1 {
			t.Errorf("stats %+v", stats)
		}
	})
}
