package webhook

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/webhook/wuzapi"
)

// Each session has one webhook from the beginning; it can be set, switched off and emptied, but not removed.
func TestDefaultWebhook(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		ctx, hook := t.Context(), requireNoError[*Webhook](t)
		got := hook(w.Get(ctx, shop))
		if got.Active || got.URL != "" || len(got.Events) != 0 || !got.Created.IsZero() || got.Format != FormatNative {
			t.Fatalf("at first: %+v", got)
		}
		got = hook(w.Update(ctx, shop, Change{URL: ptr(publicURL), Secret: ptr("0123456789abcdef")}))
		if !got.Active || !slices.Equal(got.Events, []string{"*"}) || got.Created.IsZero() {
			t.Fatalf("set: %+v", got)
		}
		want := dispatch.Target{
			Transport: Transport, ID: "default/shop", Session: "shop", Filter: dispatch.Filter{Events: []string{"*"}}, Key: "93.184.216.34:443",
		}
		if target := w.dispatcher.targets["default/shop"]; !reflect.DeepEqual(target, want) {
			t.Errorf("target %+v, want %+v", target, want)
		}
		if again := hook(w.Get(ctx, shop)); !reflect.DeepEqual(again, got) {
			t.Errorf("read %+v, written %+v", again, got)
		}
		got = hook(w.Update(ctx, shop, Change{Events: []string{"Message", "Presence"}}))
		if got.URL != publicURL || got.Secret != "0123456789abcdef" || !w.dispatcher.targets["default/shop"].Filter.Signals {
			t.Errorf("other events: %+v, %+v", got, w.dispatcher.targets)
		}
		if got = hook(w.Update(ctx, shop, Change{URL: ptr("")})); got.Active || len(w.dispatcher.targets) != 0 {
			t.Errorf("without url: %+v, %+v", got, w.dispatcher.targets)
		}
		if got = hook(w.Update(ctx, shop, Change{URL: ptr(publicURL)})); !got.Active || !slices.Equal(got.Events, []string{"Message", "Presence"}) {
			t.Errorf("on again: %+v", got)
		}
		if err := w.Delete(ctx, shop); err != nil || len(w.dispatcher.targets) != 0 {
			t.Fatalf("delete: %v, %+v", err, w.dispatcher.targets)
		}
		if got = hook(w.Get(ctx, shop)); got.URL != "" || got.Secret != "" {
			t.Errorf("deleted: %+v", got)
		}
		if err := w.Delete(ctx, shop); err != nil {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func TestManyWebhooks(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		ctx, hook := t.Context(), requireNoError[*Webhook](t)
		var made []Key
		for i, name := range []string{"a", "b", "c"} {
			w.clock = time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC)
			made = append(made, hook(w.Create(ctx, "shop", Change{Name: &name, URL: ptr(publicURL), Events: []string{"Message"}})).Key)
		}
		other := hook(w.Create(ctx, "other", Change{URL: ptr(publicURL), Active: ptr(false)}))
		if other.Active || len(w.dispatcher.targets) != 3 {
			t.Errorf("inactive: %+v, targets %v", other, w.dispatcher.targets)
		}
		list := requireNoError[[]*Webhook](t)(w.List(ctx, "shop"))
		var keys []Key
		for _, one := range list {
			keys = append(keys, one.Key)
		}
		if !slices.Equal(keys, append([]Key{shop}, made...)) {
			t.Errorf("list %v, made %v", keys, made)
		}
		many := requireNoError[map[string][]*Webhook](t)(w.ListMany(ctx, []string{"shop", "other", "nobody"}))
		if !reflect.DeepEqual(many["shop"], list) || len(many["other"]) != 2 || len(many["nobody"]) != 1 || many["nobody"][0].ID != DefaultID || len(many) != 3 {
			t.Errorf("of many: %v", many)
		}
		for _, strange := range []Key{{"other", made[0].ID}, {"shop", "nothing"}} {
			if _, err := w.Get(ctx, strange); !errors.Is(err, ErrNotFound) {
				t.Errorf("get %v: %v", strange, err)
			}
			if _, err := w.Update(ctx, strange, Change{Active: ptr(false)}); !errors.Is(err, ErrNotFound) {
				t.Errorf("update %v: %v", strange, err)
			}
			if err := w.Delete(ctx, strange); !errors.Is(err, ErrNotFound) {
				t.Errorf("delete %v: %v", strange, err)
			}
		}
		if err := w.Delete(ctx, made[1]); err != nil || len(w.dispatcher.targets) != 2 {
			t.Errorf("delete: %v, %v", err, w.dispatcher.targets)
		}
		if err := w.DeleteSession(ctx, "shop"); err != nil || len(w.dispatcher.targets) != 0 {
			t.Errorf("delete the session: %v, %v", err, w.dispatcher.targets)
		}
		if list = requireNoError[[]*Webhook](t)(w.List(ctx, "other")); len(list) != 2 {
			t.Errorf("the other session has %d", len(list))
		}
	})
}

func TestLimitOfASession(t *testing.T) {
	w := onSQLite(t, Config{MaxPerSession: 3})
	for range 2 {
		requireNoError[*Webhook](t)(w.Create(t.Context(), "shop", Change{URL: ptr(publicURL)}))
	}
	if _, err := w.Create(t.Context(), "shop", Change{URL: ptr(publicURL)}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(publicURL)}))
	requireNoError[*Webhook](t)(w.Create(t.Context(), "other", Change{URL: ptr(publicURL)}))
}

// Stored webhooks are restored after a restart, and the database contains no secret in plain text.
func TestRestart(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		before := requireNoError[*Webhook](t)(w.Create(ctx, "shop", Change{
			Name: ptr("it's"), URL: ptr(publicURL), Events: []string{"Message", "Presence"}, Format: ptr(FormatWuzapi),
			Secret: ptr("first-secret-of-shop"), BodyToken: ptr("token-of-shop"),
		}))
		before = requireNoError[*Webhook](t)(w.RotateSecret(ctx, before.Key, "second-secret-of-shop", time.Hour))
		after := newWorld(t, w.db, Config{})
		if got := requireNoError[*Webhook](t)(after.Get(ctx, before.Key)); !reflect.DeepEqual(got, before) {
			t.Errorf("read %+v, written %+v", got, before)
		}
		if !reflect.DeepEqual(after.dispatcher.targets, w.dispatcher.targets) || len(after.dispatcher.targets) != 1 {
			t.Errorf("targets %v, before %v", after.dispatcher.targets, w.dispatcher.targets)
		}
		var secret, previous, token []byte
		err := w.db.QueryRow(ctx, `SELECT secret, previous_secret, body_token FROM webhooks`).Scan(&secret, &previous, &token)
		if err != nil {
			t.Fatal(err)
		}
		for _, stored := range [][]byte{secret, previous, token} {
			if len(stored) == 0 || strings.Contains(string(stored), "of-shop") {
				t.Errorf("stored as %q", stored)
			}
		}
		// A sealed secret does not decrypt in another webhook's row.
		if _, err := w.db.Exec(ctx, `UPDATE webhooks SET secret=previous_secret`); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Get(ctx, before.Key); err == nil || strings.Contains(err.Error(), "of-shop") {
			t.Errorf("a secret in another column: %v", err)
		}
	})
}

// A slow DNS lookup does not delay other changes.
func TestSlowLookUp(t *testing.T) {
	w := onSQLite(t, Config{})
	asked, answer := make(chan struct{}), make(chan struct{})
	check := w.cfg.Check
	w.cfg.Check = func(ctx context.Context, url string) error {
		if strings.HasPrefix(url, "http://slow.example") {
			close(asked)
			<-answer
			return &guard.Error{Reason: guard.ReasonTimeout}
		}
		return check(ctx, url)
	}
	slow := make(chan error)
	go func() {
		_, err := w.Update(t.Context(), Key{"slow", DefaultID}, Change{URL: ptr("http://slow.example/")})
		slow <- err
	}()
	<-asked
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(publicURL)}))
	close(answer)
	var bad refusal.Problems
	if err := <-slow; !errors.As(err, &bad) || bad[0].Field != "url" {
		t.Errorf("looked up too slowly: %v", err)
	}
}

// A caller that cancels during a change leaves a consistent state.
func TestCallerCancelsDuringChange(t *testing.T) {
	w := onSQLite(t, Config{})
	ctx, leave := context.WithCancel(t.Context())
	w.dispatcher.before = leave
	requireNoError[*Webhook](t)(w.Update(ctx, shop, Change{URL: ptr(publicURL)}))
	if len(w.dispatcher.targets) != 1 {
		t.Error("switched on, and the dispatcher does not know")
	}
	if _, err := w.Update(ctx, shop, Change{URL: ptr("")}); !errors.Is(err, context.Canceled) {
		t.Errorf("left before: %v", err)
	}
	if got := requireNoError[*Webhook](t)(w.Get(t.Context(), shop)); !got.Active {
		t.Errorf("left before, and changed all the same: %+v", got)
	}
}

func TestRotation(t *testing.T) {
	w := onSQLite(t, Config{})
	w.clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ctx, hook := t.Context(), requireNoError[*Webhook](t)
	first, second := "first-secret-0000", "second-secret-000"
	hook(w.Update(ctx, shop, Change{URL: ptr(publicURL)}))
	if got := hook(w.RotateSecret(ctx, shop, first, time.Hour)); !slices.Equal(got.secrets(w.clock), []string{first}) {
		t.Errorf("the first: %v", got.secrets(w.clock))
	}
	got := hook(w.RotateSecret(ctx, shop, second, time.Hour))
	if !slices.Equal(got.secrets(w.clock), []string{second, first}) {
		t.Errorf("rotated: %v", got.secrets(w.clock))
	}
	if again := hook(w.RotateSecret(ctx, shop, second, time.Hour)); !reflect.DeepEqual(again.secrets(w.clock), got.secrets(w.clock)) {
		t.Errorf("the same call again: %v", again.secrets(w.clock))
	}
	if late := got.secrets(w.clock.Add(time.Hour)); !slices.Equal(late, []string{second}) {
		t.Errorf("an hour later: %v", late)
	}
	if got = hook(w.Update(ctx, shop, Change{Secret: ptr(Masked)})); len(got.secrets(w.clock)) != 2 {
		t.Errorf("masked means unchanged: %v", got.secrets(w.clock))
	}
	if got = hook(w.RotateSecret(ctx, shop, "", 0)); len(got.Secret) < 32 || len(got.secrets(w.clock)) != 1 {
		t.Errorf("made up, at once: %v", got.secrets(w.clock))
	}
	if got = hook(w.Update(ctx, shop, Change{Secret: ptr("")})); got.secrets(w.clock) != nil {
		t.Errorf("removed: %v", got.secrets(w.clock))
	}
}

// The dispatcher's filter contains only events that the format supports.
func TestFilters(t *testing.T) {
	w := onSQLite(t, Config{})
	for _, c := range []struct {
		format Format
		events []string
		want   dispatch.Filter
	}{
		{FormatNative, []string{"*"}, dispatch.Filter{Events: []string{"*"}}},
		{FormatNative, []string{"*", "Presence"}, dispatch.Filter{Events: []string{"*", "Presence"}, Signals: true}},
		{FormatNative, []string{"MessageStatus", "Message"}, dispatch.Filter{Events: []string{"MessageStatus", "Message"}}},
		{FormatWuzapi, []string{"MessageStatus", "Message"}, dispatch.Filter{Events: []string{"Message"}}},
		{FormatWuzapiJSON, []string{"ChatPresence"}, dispatch.Filter{Events: []string{"ChatPresence"}, Signals: true}},
		{FormatWuzapi, []string{"*"}, dispatch.Filter{Events: wuzapi.Types(), Signals: true}},
	} {
		requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{URL: ptr(publicURL), Format: &c.format, Events: c.events}))
		if got := w.dispatcher.targets[targetID(shop)].Filter; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %v: %+v, want %+v", c.format, c.events, got, c.want)
		}
	}
}

// A rejected change names each invalid field and has no effect.
func TestBadFields(t *testing.T) {
	w := onSQLite(t, Config{})
	ctx := t.Context()
	before := requireNoError[*Webhook](t)(w.Update(ctx, shop, Change{URL: ptr(publicURL)}))
	for name, c := range map[string]struct {
		change Change
		want   []string
	}{
		"url without scheme":   {Change{URL: ptr("example.com/x")}, []string{"url"}},
		"url of another kind":  {Change{URL: ptr("ftp://example.com/x")}, []string{"url"}},
		"url that is no URL":   {Change{URL: ptr("http://[::1/%zz")}, []string{"url"}},
		"url with credentials": {Change{URL: ptr("https://user:secret-of-user@93.184.216.34/")}, []string{"url"}},
		"private url":          {Change{URL: ptr("http://10.0.0.1/")}, []string{"url"}},
		"metadata url":         {Change{URL: ptr("http://169.254.169.254/latest")}, []string{"url"}},
		"url by number":        {Change{URL: ptr("http://2130706433/")}, []string{"url"}},
		"url without an end":   {Change{URL: ptr(publicURL + strings.Repeat("x", DefaultMaxURL))}, []string{"url"}},
		"no events":            {Change{Events: []string{}}, []string{"events"}},
		"unknown event":        {Change{Events: []string{"Message", "Massage"}}, []string{"events/1"}},
		"too many events":      {Change{Events: slices.Repeat([]string{"Message"}, maxEvents+1)}, []string{"events"}},
		"unknown format":       {Change{Format: ptr(Format("xml"))}, []string{"format"}},
		"short secret":         {Change{Secret: ptr("secret-15-bytes")}, []string{"secret"}},
		"long secret":          {Change{Secret: ptr(strings.Repeat("s", maxSecret+1))}, []string{"secret"}},
		"long name":            {Change{Name: ptr(strings.Repeat("ü", maxName+1))}, []string{"name"}},
		"long token":           {Change{BodyToken: ptr(strings.Repeat("t", maxToken+1))}, []string{"body_token"}},
		"token of two lines":   {Change{BodyToken: ptr("token\nHost: else")}, []string{"body_token"}},
		"active without url":   {Change{URL: ptr(""), Active: ptr(true)}, []string{"active"}},
		"several":              {Change{Secret: ptr("x"), Format: ptr(Format("x"))}, []string{"format", "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Update(ctx, shop, c.change)
			var bad refusal.Problems
			errors.As(err, &bad)
			var fields []string
			for _, problem := range bad {
				fields = append(fields, problem.Field)
				if problem.Text == "" {
					t.Errorf("no problem text for %s", problem.Field)
				}
			}
			if !slices.Equal(fields, c.want) {
				t.Fatalf("invalid fields %v (%v), want %v", fields, err, c.want)
			}
			if strings.Contains(err.Error(), "secret-of-user") || strings.Contains(err.Error(), "secret-15-bytes") {
				t.Errorf("the text repeats a secret: %v", err)
			}
			if after := requireNoError[*Webhook](t)(w.Get(ctx, shop)); !reflect.DeepEqual(after, before) {
				t.Errorf("changed to %+v", after)
			}
		})
	}
	if _, err := w.RotateSecret(ctx, shop, "short", 0); err == nil {
		t.Error("a short secret was accepted")
	}
}
