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

// The log says once that a target of the operator's is away, and once that it is back. What a session set for itself is not
// the operator's.
func TestOutagesAreTold(t *testing.T) {
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
		w.sink(r, Policy{BackoffBase: time.Second, BackoffCap: time.Second, BreakerFailures: 3, BreakerPause: 30 * time.Second})
		for session, key := range map[string]string{"a": "shared", "b": "shared", "c": "shared", "mine": ""} {
			target := everything(session)
			if target.Key = key; key != "" {
				target.Outlet = "test"
			}
			w.put(target)
			w.append(session, "Message", 2)
		}
		sleep(5 * time.Minute)
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "connection refused") {
			t.Errorf("told of the outage: %q", lines)
		}
		text.Reset()
		away.Store(false)
		sleep(time.Minute)
		lines = strings.Split(strings.TrimSpace(text.String()), "\n")
		if len(lines) != 1 || !strings.Contains(lines[0], "level=INFO") || !strings.Contains(lines[0], "a target is back") {
			t.Errorf("told of its end: %q", lines)
		}
	})
}
