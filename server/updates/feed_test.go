package updates

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
)

func serveFeed(t *testing.T, status int, body func() string) (address string, requests *int) {
	t.Helper()
	requests = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*requests++
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body())
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		current, body, latest, page string
		available                   bool
	}{
		"a release":        {"v1.2.3", `{"tag_name":"v1.10.0","html_url":"https://example.com/r"}`, "v1.10.0", "https://example.com/r", true},
		"a list":           {"1.2.3", `[{"version":"1.2.4","url":"https://example.com/l"},{"version":"1.2.9"}]`, "1.2.4", "https://example.com/l", true},
		"the same":         {"v1.2.3", `{"tag_name":"1.2.3"}`, "1.2.3", "", false},
		"an older one":     {"v1.2.3", `{"tag_name":"v1.2.3-rc.1"}`, "v1.2.3-rc.1", "", false},
		"no own version":   {"dev", `{"tag_name":"v1.2.3"}`, "v1.2.3", "", false},
		"a page of no web": {"v1.0.0", `{"tag_name":"v1.2.3","html_url":"javascript:alert(1)"}`, "v1.2.3", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serveFeed(t, 200, func() string { return c.body })
			got, err := New(address, c.current, http.DefaultClient).Check(t.Context())
			page := ""
			if got.ReleaseURL != nil {
				page = *got.ReleaseURL
			}
			if err != nil || got.LatestVersion != c.latest || page != c.page || got.UpdateAvailable != c.available || got.CurrentVersion != c.current {
				t.Errorf("%+v, page %q, %v", got, page, err)
			}
		})
	}
}

func TestCheckAsksSeldom(t *testing.T) {
	body := `{"tag_name":"v2.0.0"}`
	address, requests := serveFeed(t, 200, func() string { return body })
	f := New(address, "v1.0.0", http.DefaultClient)
	now := time.Now()
	f.now = func() time.Time { return now }
	check := func(wantRequests int) error {
		t.Helper()
		_, err := f.Check(t.Context())
		if *requests != wantRequests {
			t.Errorf("%d requests, want %d", *requests, wantRequests)
		}
		return err
	}
	_, _ = check(1), check(1)
	now = now.Add(answerFor)
	body = "<html>"
	if err := check(2); err == nil {
		t.Error("a page is taken for a release")
	}
	now = now.Add(failureFor - 1)
	if err := check(2); err == nil {
		t.Error("the failure is forgotten")
	}
	now = now.Add(1)
	body = `{"tag_name":"v3.0.0"}`
	if err := check(3); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"status":     {404, "", "status 404"},
		"empty list": {200, "[]", "no release"},
		"no version": {200, "{}", "no version"},
		"too large":  {200, `{"tag_name":"` + strings.Repeat("1", maxBody) + `"}`, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serveFeed(t, c.status, func() string { return c.body })
			_, err := New(address+"/?token=secret", "v1.0.0", http.DefaultClient).Check(t.Context())
			var failed *rpc.Error
			if !errors.As(err, &failed) || !failed.Retryable || !strings.Contains(failed.Message, c.want) || strings.Contains(failed.Message, "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
	// A caller that leaves says nothing about the feed.
	address, _ := serveFeed(t, 200, func() string { return `{"tag_name":"v2.0.0"}` })
	f := New(address, "v1.0.0", http.DefaultClient)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Check(gone); err == nil {
		t.Error("a call that was cancelled has an answer")
	}
	if _, err := f.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
