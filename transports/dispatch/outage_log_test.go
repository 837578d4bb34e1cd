package dispatch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The log has the first failure and the recovery of each outlet's key and of each target that a session configured, and a warning when the events of
// the operator's targets are held.
func TestOutagesAreLogged(t *testing.T) {
	var text bytes.Buffer
	inBubble(t, Config{Log: slog.New(slog.NewTextHandler(&text, nil))}, func(t *testing.T, w *world) {
		var away atomic.Bool
		away.Store(true)
		r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) {
			if away.Load() {
				return 0, Unreachable(errors.New("connection refused"))
			}
			return 200, nil
		}}
		w.addSink(r, Policy{BackoffBase: time.Second, BackoffCap: time.Second, BreakerFailures: 3, BreakerPause: 30 * time.Second})
		for session, key := range map[string]string{"a": "shared", "b": "shared", "c": "shared", "mine": ""} {
			target := allEvents(session)
			if target.Key = key; key != "" {
				target.Outlet = "test"
			}
			w.putTargets(target)
			w.appendEvents(session, "Message", 2)
		}
		check := func(what string, want map[string]int) {
			t.Helper()
			lines := strings.Split(strings.TrimSpace(text.String()), "\n")
			total := 0
			for part, n := range want {
				total += n
				if got := strings.Count(text.String(), part); got != n {
					t.Errorf("%s: %q is logged %d times, want %d: %q", what, part, got, n, lines)
				}
			}
			if len(lines) != total {
				t.Errorf("%s: %q", what, lines)
			}
			text.Reset()
		}
		sleep(5 * time.Minute)
		if n := strings.Count(text.String(), "connection refused"); n != 4 {
			t.Errorf("%d lines have the error", n)
		}
		check("outage", map[string]int{
			`level=INFO msg="delivery failed`: 2, `level=WARN msg="target is unreachable`: 1, `level=INFO msg="target is unreachable`: 1,
		})
		away.Store(false)
		sleep(time.Minute)
		check("recovery", map[string]int{`level=INFO msg="target recovered"`: 2})
	})
}

// A target that responds with errors is logged too, and one that fails intermittently once a minute.
func TestFlappingTargetLogsOncePerMinute(t *testing.T) {
	var text bytes.Buffer
	inBubble(t, Config{Log: slog.New(slog.NewTextHandler(&text, nil))}, func(t *testing.T, w *world) {
		var attempts atomic.Int64
		r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) {
			if attempts.Add(1)%2 == 1 {
				return 500, errors.New("status 500")
			}
			return 200, nil
		}}
		w.addSink(r, Policy{BackoffBase: time.Millisecond, BackoffCap: time.Millisecond})
		w.putTargets(allEvents("a"))
		for range 60 {
			w.appendEvents("a", "Message", 1)
			sleep(2 * time.Second)
		}
		failed, recovered := strings.Count(text.String(), "delivery failed"), strings.Count(text.String(), "target recovered")
		if failed != 2 || recovered != 2 {
			t.Errorf("%d failures and %d recoveries are logged in two minutes", failed, recovered)
		}
	})
}

// A released target gets its next attempt immediately: past an open breaker, and during the pause before a retry.
func TestReleaseTargetSendsHeldEventsAtOnce(t *testing.T) {
	for name, failure := range map[string]error{
		"unreachable": Unreachable(errors.New("connection refused")), "errors": errors.New("status 500"), "refused": Refused(errors.New("credentials")),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, w *world) {
				var broken atomic.Bool
				broken.Store(true)
				r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) {
					if broken.Load() {
						return 0, failure
					}
					return 200, nil
				}}
				w.addSink(r, Policy{BackoffBase: time.Hour, BackoffCap: time.Hour, BreakerFailures: 1, BreakerPause: time.Hour, MaxAge: 24 * time.Hour})
				w.putTargets(allEvents("a"), allEvents("b"))
				w.appendEvents("a", "Message", 3)
				sleep(time.Second)
				broken.Store(false)
				sleep(time.Second)
				if live := w.Live([]string{"a"}); len(live) != 1 {
					t.Fatalf("pending before the release: %v", live)
				}
				w.ReleaseTarget("test", allEvents("a").ID)
				w.ReleaseTarget("test", "no-such-target")
				w.ReleaseTarget("no-such-transport", "x")
				sleep(time.Second)
				if live := w.Live([]string{"a"}); len(live) != 0 {
					t.Errorf("pending after the release: %v", live)
				}
			})
		})
	}
}
