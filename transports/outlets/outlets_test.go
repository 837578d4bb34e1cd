package outlets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/webhook"
)

var all = []string{"webhook", "amqp", "sqs", "redis"}

// Every global transport gets the events of the sessions there are and of those that come, from when it is switched on.
func TestGlobalTransports(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		w.append("a", 1)
		w.start(map[string][]string{"a": nil}, w.globals(all...))
		w.append("a", 1)
		if err := w.o.Add(t.Context(), "b", nil); err != nil {
			t.Fatal(err)
		}
		w.append("b", 1)
		for _, name := range all {
			w.expect(name, "a/2", "b/1")
		}
		// After a restart deliveries resume at the cursors; outlets switched off meanwhile begin at the head.
		w.close()
		w.append("a", 1)
		w.open()
		w.start(map[string][]string{"a": nil, "b": nil}, w.globals("webhook", "redis"))
		w.expect("redis", "a/2", "a/3", "b/1")
		w.expect("webhook", "a/2", "a/3", "b/1")
		w.set(w.globals("redis", "amqp"))
		w.append("b", 1)
		w.expect("redis", "a/2", "a/3", "b/1", "b/2")
		w.expect("amqp", "a/2", "b/1", "b/2")
		w.expect("webhook", "a/2", "a/3", "b/1")
		// Another address keeps the cursor.
		w.b.mu.Lock()
		w.b.away = true
		w.b.mu.Unlock()
		w.append("a", 1)
		moved := w.globals("redis")
		moved.Brokers["redis"] = Settings{Enabled: true, URL: "elsewhere", Events: []string{"*"}}
		w.set(moved)
		w.b.mu.Lock()
		w.b.away = false
		w.b.mu.Unlock()
		w.expect("elsewhere", "a/4")
		if n := w.b.open(); n != 1 {
			t.Errorf("%d connections are open, want that of redis", n)
		}
		// A session that is gone has no targets.
		if err := w.o.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		var cursors int
		if err := w.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_cursors`).Scan(&cursors); err != nil || cursors != 1 {
			t.Errorf("%d cursors, want that of b, %v", cursors, err)
		}
		const published = 3 // since the restart: a/3 and b/2, and a/4 elsewhere
		if got := w.o.Totals()["redis"]; got.Open != 1 || got.Connected != 1 || got.Published != published {
			t.Errorf("totals %+v, want %d published", got, published)
		}
		w.set(Globals{})
		if n := w.b.open(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
		if got := w.o.Totals()["redis"]; got.Open != 0 || got.Published != published {
			t.Errorf("totals %+v of connections that were closed", got)
		}
	})
}

// Each flag excludes a session from that global transport only, and from none of the session's own.
func TestEachFlagAndSink(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		w.start(map[string][]string{"a": {"sqs"}, "b": nil}, w.globals(all...))
		own := "own"
		if _, err := w.o.Update(t.Context(), "a", "sqs", Change{URL: &own}); err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{}
		offset := 0
		for _, flag := range append([]string{"none", "media_storage"}, all...) {
			w.skip("a", flag)
			w.append("a", 1)
			w.append("b", 1)
			offset++
			for _, name := range all {
				if name != flag {
					want[name] = append(want[name], fmt.Sprint("a/", offset))
				}
				want[name] = append(want[name], fmt.Sprint("b/", offset))
			}
			want["own"] = append(want["own"], fmt.Sprint("a/", offset))
		}
		// The skipped outlets of a session survive a restart, whatever the state of the lanes.
		w.restart(map[string][]string{"a": {"redis"}, "b": nil}, w.globals(all...))
		w.append("a", 1)
		for _, name := range all {
			if name != "redis" {
				want[name] = append(want[name], fmt.Sprint("a/", offset+1))
			}
		}
		want["own"] = append(want["own"], fmt.Sprint("a/", offset+1))
		for name, list := range want {
			w.expect(name, list...)
		}
	})
}

// A flag that the settings have and the dispatcher does not know yet holds from the start on, and the other way round.
func TestFlagsAreMadeGoodAtTheStart(t *testing.T) {
	onEach(t, func(w *world) {
		w.start(map[string][]string{"a": {"redis"}}, w.globals("redis", "amqp"))
		w.append("a", 1)
		w.expect("amqp", "a/1")
		w.restart(map[string][]string{"a": {"amqp"}}, w.globals("redis", "amqp"))
		w.append("a", 1)
		w.expect("redis", "a/2")
		w.expect("amqp", "a/1")
	})
}

// Global transports that are not right change nothing, and the error names each field without its secrets.
func TestBadGlobals(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		w.start(map[string][]string{"a": nil}, w.globals("redis"))
		bad := w.globals("amqp")
		bad.Brokers["redis"] = Settings{Enabled: true, Events: []string{"Mesage"}, Options: map[string]json.RawMessage{
			"size": json.RawMessage(`-1`), "colour": json.RawMessage(`"hunter2"`),
		}}
		bad.Brokers["sqs"] = Settings{Enabled: true, URL: "hunter2", Options: map[string]json.RawMessage{"size": json.RawMessage(`"hunter2"`)}}
		bad.Brokers["fax"] = Settings{Enabled: true}
		bad.Webhook = &webhook.Global{URL: "https://me:hunter2@h/", Format: "xml", Secret: "hunter2"}
		err := w.o.SetGlobals(t.Context(), bad)
		var p Problems
		if !errors.As(err, &p) || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("error %v", err)
		}
		for transport, fields := range map[string][]string{
			"redis": {"events/0", "options/colour"}, "sqs": {"events", "options/size"}, "fax": {"enabled"}, "webhook": {"events", "format", "secret", "url"}, "amqp": nil,
		} {
			got := map[string]bool{}
			for _, problem := range p[transport] {
				got[problem.Field] = true
			}
			for _, field := range fields {
				if !got[field] {
					t.Errorf("%s: %v lacks %s", transport, p[transport], field)
				}
			}
			if transport == "amqp" && p[transport] != nil {
				t.Errorf("amqp: %v", p[transport])
			}
		}
		w.append("a", 1)
		w.expect("redis", "a/1")
		w.expect("amqp")
		if n := w.b.open(); n != 1 {
			t.Errorf("%d connections are open", n)
		}
		if _, on := w.o.Globals().Brokers["amqp"]; on {
			t.Error("amqp shows as on")
		}
	})
}

// Unreachable brokers do not prevent the start; events wait for them.
func TestBrokersAwayAtTheStart(t *testing.T) {
	onEach(t, func(w *world) {
		w.b.away = true
		w.start(map[string][]string{"a": nil}, w.globals("redis"))
		w.append("a", 3)
		if trial, ok := w.o.TestGlobal(w.t.Context(), "redis"); !ok || !errors.Is(trial.Err, errAway) {
			w.t.Errorf("trial %+v", trial)
		}
		w.b.mu.Lock()
		w.b.away = false
		w.b.mu.Unlock()
		w.expect("redis", "a/1", "a/2", "a/3")
		if trial, ok := w.o.TestGlobal(w.t.Context(), "redis"); !ok || trial.Err != nil || trial.Port != 1 {
			w.t.Errorf("trial %+v", trial)
		}
	})
}

// The end of the server waits for silent brokers no longer than it has time.
func TestCloseEndsInTime(t *testing.T) {
	onEach(t, func(w *world) {
		w.start(map[string][]string{"a": nil}, w.globals("redis"))
		stuck := make(chan struct{})
		w.b.mu.Lock()
		w.b.stuck = stuck
		w.b.mu.Unlock()
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := w.o.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.t.Error(err)
		}
		close(stuck)
	})
}

// The problem of the operator's webhook is reported once.
func TestBadGlobalWebhook(t *testing.T) {
	onEach(t, func(w *world) {
		w.start(nil, Globals{})
		g := w.globals("webhook")
		g.Webhook.Events = []string{"Message", "Nothing"}
		var bad Problems
		if err := w.o.SetGlobals(w.t.Context(), g); !errors.As(err, &bad) || len(bad["webhook"]) != 1 || bad["webhook"][0].Field != "events/1" {
			w.t.Error(err)
		}
	})
}
