package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// scrape gets a page of metrics; the keys are names with labels.
func scrape(t *testing.T, url, token string) (status int, samples map[string]float64, page string) {
	t.Helper()
	response, raw := send(t, http.MethodGet, url, token, nil)
	samples = map[string]float64{}
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, samples, string(raw)
	}
	if kind := response.Header.Get("Content-Type"); kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("a page of %s", kind)
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		n, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if _, twice := samples[line[:at]]; err != nil || twice {
			t.Errorf("%q: twice %v, %v", line, twice, err)
		}
		samples[line[:at]] = n
	}
	return response.StatusCode, samples, string(raw)
}

func TestMetrics(t *testing.T) {
	s := startServer(t, "-metrics-listen", "127.0.0.1:0")
	s.deliverTo("shop-with-a-name", "other")
	own := "http://" + s.app.metricsAddr.String()
	session := s.call("session.create", object{"session_id": "third"})["token"].(string)
	for token, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, session: http.StatusForbidden, s.token: http.StatusOK} {
		if status, _, _ := scrape(t, s.url("/metrics"), token); status != want {
			t.Errorf("status %d, want %d", status, want)
		}
	}
	if status, _, _ := scrape(t, own+"/health", ""); status != http.StatusNotFound {
		t.Errorf("/health of the listener for metrics: %d", status)
	}

	_, before, _ := scrape(t, own+"/metrics", "")
	dial(t, s.url("/v1/ws"), s.token, nil)
	s.news("shop-with-a-name", 3)
	s.news("other", 2)
	s.call("delivery.list", nil)
	rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "delivery.list", object{"limit": 0})
	rpctest.PostCall(t, s.url("/v1/rpc"), "", "delivery.list", nil)
	rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "message.sendText", object{"session": "third", "to": "+4915112345678", "text": "hello"})
	testkit.Eventually(t, "deliveries", func() bool { return s.call("archive.list", nil)["total"] == 5.0 })
	var after map[string]float64
	var page string
	changed := map[string]float64{
		`waystation_deliveries_total{transport="test",outcome="delivered"}`:      5,
		`waystation_deliveries_total{transport="test",outcome="dead_letter"}`:    0,
		`waystation_delivery_attempts_total{transport="test"}`:                   5,
		`waystation_delivery_retries_total{transport="test"}`:                    0,
		`waystation_delivery_lag_events{transport="test"}`:                       0,
		`waystation_delivery_lag_seconds{transport="test"}`:                      0,
		`waystation_journal_appended_total`:                                      5,
		`waystation_delivery_duration_seconds_count{transport="test"}`:           5,
		`waystation_call_duration_seconds_bucket{namespace="message",le="+Inf"}`: 1,
		`waystation_call_duration_seconds_count{namespace="message"}`:            1,
		`waystation_message_ack_duration_seconds_count`:                          0,
		`waystation_calls_total{method="delivery.list",outcome="ok"}`:            1,
		`waystation_calls_total{method="delivery.list",outcome="refused"}`:       2,
		`waystation_calls_total{method="message.sendText",outcome="whatsapp"}`:   1,
		`waystation_messages_sent_total`:                                         0,
		`waystation_sockets`:                                                     1,
		`waystation_sessions{state="created"}`:                                   0,
		`waystation_journal_failing`:                                             0,
	}
	testkit.Eventually(t, "the figures", func() bool {
		_, after, page = scrape(t, own+"/metrics", "")
		for name, by := range changed {
			if after[name]-before[name] != by {
				return false
			}
		}
		return true
	})
	for _, name := range []string{"waystation_journal_commits_total", "waystation_socket_written_bytes_total", "waystation_journal_append_duration_seconds_count", `waystation_call_duration_seconds_sum{namespace="delivery"}`} {
		if after[name] <= before[name] {
			t.Errorf("%s stays at %v", name, after[name])
		}
	}
	for _, name := range []string{"go_goroutines", "go_memstats_heap_objects_bytes", "waystation_disk_free_bytes", `waystation_sessions{state="created"}`, `waystation_delivery_targets{transport="test"}`} {
		if after[name] <= 0 {
			t.Errorf("%s is %v", name, after[name])
		}
	}
	if strings.Contains(page, "shop-with-a-name") || regexp.MustCompile(`4915112345678`).MatchString(page) {
		t.Error("the page names a session or a number")
	}
	// A second, unreachable target adds samples of values, not of names.
	if len(after)-len(before) > 6 {
		t.Errorf("%d samples more", len(after)-len(before))
	}
}

func TestHealthOfDiskAndJournal(t *testing.T) {
	s := startServer(t)
	health := func() (int, string) {
		response, raw := send(t, http.MethodGet, s.url("/v1/health"), "", nil)
		var h struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, h.Status
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := s.app.db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what, want string) {
		t.Helper()
		status, text := health()
		if text != want || (status == http.StatusOK) != (want != "unhealthy") {
			t.Errorf("%s: %d %s, want %s", what, status, text, want)
		}
	}
	check("at first", "healthy")
	// Like a database that accepts no writes.
	exec(`CREATE TRIGGER full_log BEFORE INSERT ON journal_events BEGIN SELECT RAISE(ABORT, 'full'); END`)
	exec(`CREATE TRIGGER full_facts BEFORE UPDATE ON server_facts BEGIN SELECT RAISE(ABORT, 'full'); END`)
	check("before anybody noticed", "healthy")
	record := journal.Record{Type: "News", Data: json.RawMessage(`{}`)}
	if _, err := s.app.journal.Append(t.Context(), "shop", record); err == nil {
		t.Fatal("the append went through")
	}
	check("a commit failed", "unhealthy")
	if figure := s.call("server.getHealth", nil)["services"].(object)["journal"].(object); figure["error"] != "events cannot be stored" {
		t.Errorf("journal: %v", figure)
	}
	if _, samples, _ := scrape(t, s.url("/metrics"), s.token); samples["waystation_journal_failing"] != 1 {
		t.Error("the figure says nothing of it")
	}
	exec(`DROP TRIGGER full_facts`)
	check("writes go through", "healthy")
	exec(`DROP TRIGGER full_log`)
	if _, err := s.app.journal.Append(t.Context(), "shop", record); err != nil {
		t.Fatal(err)
	}
	if s.app.journal.Stats().Failing {
		t.Error("still failing")
	}
}

func TestFullDisk(t *testing.T) {
	s := startServer(t, "-min-disk-free", "9000000000000000000")
	response, raw := send(t, http.MethodGet, s.url("/v1/health"), "", nil)
	if response.StatusCode != http.StatusOK || !strings.Contains(string(raw), `"status":"degraded"`) || !strings.Contains(string(raw), "nearly full") {
		t.Errorf("%d %s", response.StatusCode, raw)
	}
	// Events are the first that do not fit: the small write of a probe succeeds.
	if _, err := s.app.db.Exec(t.Context(), `CREATE TRIGGER full_log BEFORE INSERT ON journal_events BEGIN SELECT RAISE(ABORT, 'full'); END`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.app.journal.Append(t.Context(), "shop", journal.Record{Type: "News", Data: json.RawMessage(`{}`)}); err == nil {
		t.Fatal("the append went through")
	}
	response, raw = send(t, http.MethodGet, s.url("/v1/health"), "", nil)
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(raw), `"status":"unhealthy"`) {
		t.Errorf("events cannot be stored: %d %s", response.StatusCode, raw)
	}
}
