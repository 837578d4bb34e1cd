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

// Signals go to those who want them, once and without a trace; when too many wait, the oldest go.
func TestSignals(t *testing.T) {
	inBubble(t, Config{MaxSignals: 3}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(_ context.Context, target Target, _ *Delivery) (int, error) {
			time.Sleep(time.Second)
			if target.ID == "fails" {
				return 500, errors.New("no")
			}
			return 200, nil
		}}
		w.sink(r, Policy{})
		wants := func(id string, signals bool, events ...string) Target {
			return Target{Transport: "test", ID: id, Session: "a", Filter: Filter{Events: events, Signals: signals}}
		}
		w.put(wants("all", true, "*"), wants("fails", true, "ChatPresence"), wants("durable", false, "*"), wants("other", true, "Message"))
		for n := range 6 {
			w.journal.Signal(journal.Signal{Session: "a", Type: "ChatPresence", Data: json.RawMessage(`{"n":` + string(rune('0'+n)) + `}`)})
			synctest.Wait()
		}
		sleep(time.Minute)
		byTarget := map[string][]attempt{}
		for _, a := range r.seen() {
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
		if got := w.list(Query{}); len(got) != 0 {
			t.Errorf("entries %+v", got)
		}
		if _, exists, err := w.journal.Lookup(t.Context(), "other"); exists || err != nil {
			t.Error("a log was made")
		}
	})
}

// A target that is away gets no signals: they would come late.
func TestSignalsWhileAway(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: fail(Unreachable(errors.New("away")))}
		w.sink(r, Policy{BreakerFailures: 1, BreakerPause: time.Hour})
		target := everything("a")
		target.Filter.Signals = true
		w.put(target)
		w.append("a", "Message", 1)
		synctest.Wait()
		w.journal.Signal(journal.Signal{Session: "a", Type: "ChatPresence"})
		synctest.Wait()
		if n := len(r.seen()); n != 1 {
			t.Errorf("%d attempts", n)
		}
		if stats := w.Stats()[0]; stats.SignalsFailed != 1 {
			t.Errorf("stats %+v", stats)
		}
	})
}
