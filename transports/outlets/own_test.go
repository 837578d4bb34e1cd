package outlets

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Sessions' own brokers: stored without their secrets to be read, shown masked, changed in parts, shared by those with the
// same settings, and gone with the session.
func TestOwn(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		ctx := t.Context()
		w.start(map[string][]string{"a": nil, "b": nil}, Globals{})
		address := "redis://me:hunter2@h:1/"
		change := Change{URL: &address, Options: map[string]json.RawMessage{"password": json.RawMessage(`"hunter3"`), "name": json.RawMessage(`"n"`)}}
		for _, session := range []string{"a", "b"} {
			own, err := w.o.Update(ctx, session, "redis", change)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(own)
			if !own.Enabled || strings.Contains(string(text), "hunter") || string(own.Options["size"]) != "7" || string(own.Options["password"]) != `"***"` {
				t.Errorf("settings %s", text)
			}
		}
		if w.b.open() != 1 {
			t.Errorf("%d connections for the same settings", w.b.open())
		}
		var sealed []byte
		if err := w.db.QueryRow(ctx, `SELECT place FROM outlets WHERE session='a'`).Scan(&sealed); err != nil || strings.Contains(string(sealed), "hunter") {
			t.Errorf("stored %q, %v", sealed, err)
		}
		w.append("a", 1)
		w.expect(address, "a/1")
		for _, sessions := range [][]string{{"a"}, {"a", "b", "c"}} {
			lists, err := w.o.ListSettings(ctx, sessions)
			text, _ := json.Marshal(lists)
			if err != nil || len(lists) != len(sessions) || len(lists["a"]) != 1 || len(lists["b"]) != len(sessions)/3 || len(lists["c"]) != 0 || strings.Contains(string(text), "hunter") {
				t.Errorf("lists %s, %v", text, err)
			}
		}
		// Masked values keep the stored secret; after a restart too.
		masked := broker.Mask(address)
		if _, err := w.o.Update(ctx, "a", "redis", Change{URL: &masked, Options: map[string]json.RawMessage{"password": json.RawMessage(`"***"`)}}); err != nil {
			t.Fatal(err)
		}
		w.restart(map[string][]string{"a": nil, "b": nil}, Globals{})
		w.append("a", 1)
		w.append("b", 1)
		w.expect(address, "a/1", "a/2", "b/1")
		if w.b.open() != 1 {
			t.Errorf("%d connections for the same settings", w.b.open())
		}
		if own, figures, err := w.o.Get(ctx, "a", "redis"); err != nil || figures.ActiveQueues != 3 || own.Created.IsZero() {
			t.Errorf("%+v, %+v, %v", own, figures, err)
		}
		if trial, err := w.o.Test(ctx, "a", "redis"); err != nil || trial.Err != nil || trial.Host != "h" {
			t.Errorf("%+v, %v", trial, err)
		}
		// Off and on again begins with the events of that moment.
		off, on := false, true
		for _, enabled := range []*bool{&off, &on} {
			if _, err := w.o.Update(ctx, "b", "redis", Change{Enabled: enabled}); err != nil {
				t.Fatal(err)
			}
			w.append("b", 1)
		}
		w.expect(address, "a/1", "a/2", "b/1", "b/3")
		if err := w.o.Delete(ctx, "b", "redis"); err != nil {
			t.Fatal(err)
		}
		if err := w.o.Delete(ctx, "b", "redis"); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if err := w.o.Remove(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := w.db.QueryRow(ctx, `SELECT COUNT(*) FROM outlets`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows, %v", rows, err)
		}
		w.o.endings.Wait()
		if n := w.b.open(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestBadOwn(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		ctx := t.Context()
		w.start(map[string][]string{"a": nil}, Globals{})
		text, empty := "x", ""
		for name, c := range map[string]struct {
			change Change
			field  string
		}{
			"no url":         {Change{}, "url"},
			"empty url":      {Change{URL: &empty}, "url"},
			"unknown event":  {Change{URL: &text, Events: []string{"Message", "Mesage"}}, "events/1"},
			"no event":       {Change{URL: &text, Events: []string{}}, "events"},
			"unknown option": {Change{URL: &text, Options: map[string]json.RawMessage{"colour": json.RawMessage(`1`)}}, "options/colour"},
			"wrong type":     {Change{URL: &text, Options: map[string]json.RawMessage{"size": json.RawMessage(`"many"`)}}, "options/size"},
			"wrong value":    {Change{URL: &text, Options: map[string]json.RawMessage{"size": json.RawMessage(`-1`)}}, "options/size"},
			"a file":         {Change{URL: &text, Options: map[string]json.RawMessage{"name": json.RawMessage(`"file"`)}}, "options/name"},
		} {
			var p refusal.Problems
			_, err := w.o.Update(ctx, "a", "redis", c.change)
			if !errors.As(err, &p) || len(p) != 1 || p[0].Field != c.field {
				t.Errorf("%s: %v", name, err)
			}
			if err := w.o.Check(ctx, "redis", c.change); !errors.As(err, &p) || p[0].Field != c.field {
				t.Errorf("%s: check: %v", name, err)
			}
		}
		if _, _, err := w.o.Get(ctx, "a", "redis"); !errors.Is(err, ErrNotFound) {
			t.Errorf("stored all the same: %v", err)
		}
		if _, err := w.o.Update(ctx, "a", "fax", Change{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("error %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := w.o.Update(ended, "a", "redis", Change{URL: &text}); err == nil {
			t.Error("a call that ended changed something")
		}
		if w.b.open() != 0 {
			t.Errorf("%d connections are open", w.b.open())
		}
	})
}

// silence gives a session a broker whose connection ends only after the channel is closed.
func (w *world) silence(session string) (stuck chan struct{}) {
	silent := "silent"
	if _, err := w.o.Update(w.t.Context(), session, "redis", Change{URL: &silent}); err != nil {
		w.t.Fatal(err)
	}
	stuck = make(chan struct{})
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.stuck = stuck
	return stuck
}

// A connection to an unresponsive peer that closes slowly delays its own session only.
func TestSilentBrokerDelaysNoOtherSession(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		w.start(map[string][]string{"a": nil}, w.globals("redis"))
		other, stuck := "other", w.silence("a")
		done := make(chan error, 1)
		go func() { done <- w.o.Delete(context.Background(), "a", "redis") }()
		soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for gone := false; !gone; { // the first change that comes after that of a
			_, _, err := w.o.Get(soon, "a", "redis")
			if gone = errors.Is(err, ErrNotFound); !gone && err != nil {
				t.Fatal(err)
			}
		}
		if err := w.o.Add(soon, "b", nil); err != nil {
			t.Error(err)
		}
		if _, err := w.o.Update(soon, "b", "redis", Change{URL: &other}); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			t.Errorf("the connection has not ended, and its session does not wait: %v", err)
		default:
		}
		close(stuck)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A session is deleted at once, however silent its broker is.
func TestRemoveBesideSilentBroker(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		w.start(map[string][]string{"a": nil}, Globals{})
		stuck := w.silence("a")
		done := make(chan error, 1)
		go func() { done <- w.o.Remove(context.Background(), "a") }()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the session waits for its broker")
		}
		close(stuck)
		w.close()
		if n := w.b.open(); n != 0 {
			t.Errorf("%d connections are open after the end", n)
		}
		w.open()
	})
}

// A stored secret stays with its address: otherwise a caller that may change settings could have it sent to another host.
func TestSecretsStayWithTheirAddress(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		w.start(map[string][]string{"a": nil}, Globals{})
		ctx, address, elsewhere, masked := t.Context(), "redis://me:hunter2@h:1/", "redis://me:hunter2@elsewhere:1/", "redis://me:***@elsewhere:1/"
		secret := func(value string) map[string]json.RawMessage {
			return map[string]json.RawMessage{"password": json.RawMessage(value)}
		}
		update := func(c Change) error { _, err := w.o.Update(ctx, "a", "redis", c); return err }
		if err := update(Change{URL: &address, Options: secret(`"hunter3"`)}); err != nil {
			t.Fatal(err)
		}
		for field, c := range map[string]Change{
			"url":               {URL: &masked, Options: secret(`"hunter3"`)},
			"options/password":  {URL: &elsewhere, Options: secret(`"***"`)},
			"options/password ": {URL: &elsewhere},
		} {
			var p refusal.Problems
			if err := update(c); !errors.As(err, &p) || len(p) != 1 || p[0].Field != strings.TrimSpace(field) {
				t.Errorf("%s: %v", field, err)
			}
			if own, _, err := w.o.Get(ctx, "a", "redis"); err != nil || own.URL != broker.Mask(address) {
				t.Errorf("%s: %+v, %v", field, own, err)
			}
		}
		for _, c := range []Change{
			{URL: &address}, // the same
			{URL: &elsewhere, Options: secret(`"hunter4"`)},
			{URL: &address, Options: secret(`null`)},
			{URL: &elsewhere}, // no secret is stored any more
		} {
			if err := update(c); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}
