package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/server/config"
)

// limit explains a limit in the reply of conn.hello. Limits that are settings name the setting, whose test TestEveryBoundIsReachedByATest of
// server/config checks; the others name the file of the test or the script that reaches them, and the text that sets or reports the limit there.
type limit struct{ meaning, setting, file, text string }

var limitMeanings = map[string]limit{
	"frame_bytes":         {"bytes of a frame; before `conn.hello` `-max-hello-frame` applies", "max-frame", "", ""},
	"depth":               {"levels of JSON", "", "rpc/testdata/invalid.txt", `"limit_depth":32`},
	"batch":               {"requests in a batch", "", "rpc/testdata/batch.txt", `"limit":50`},
	"batch_reply_bytes":   {"bytes of the reply to a batch", "", "rpc/batch_size_test.go", "MaxBatchReply: limit"},
	"reply_bytes":         {"bytes of a result; page lists that could be larger", "", "rpc/testdata/errors.txt", `"limit_bytes":1048576`},
	"kept_reply_bytes":    {"bytes of a result that is kept for an idempotency key", "max-kept-reply", "", ""},
	"in_flight":           {"calls running on the connection", "calls-in-flight", "", ""},
	"session_in_flight":   {"calls running on a session, over all connections", "session-calls-in-flight", "", ""},
	"calls_per_second":    {"calls per second in the long run", "calls-per-second", "", ""},
	"call_burst":          {"calls at once", "call-burst", "", ""},
	"timeout_ms":          {"time of a call without `timeout_ms`", "call-timeout", "", ""},
	"max_timeout_ms":      {"largest `timeout_ms`", "", "rpc/limits_test.go", `{"_meta":{"timeout_ms":120001}}`},
	"filters":             {"filters of the connection", "", "server/socket/events_test.go", "make([]any, 33)"},
	"window_events":       {"events that may be unacknowledged with manual ack, per session", "", "server/socket/limits_test.go", "WindowEvents: 5"},
	"window_bytes":        {"their bytes", "", "server/socket/limits_test.go", "WindowBytes: 1"},
	"session_connections": {"connections of a session token", "max-session-connections", "", ""},
}

// The page of the protocol has every limit that conn.hello reports, with its default.
func TestReferenceOfLimits(t *testing.T) {
	s := startServer(t)
	limits := dial(t, s.url("/v1/ws"), s.token, nil).hello["limits"].(object)
	var out strings.Builder
	out.WriteString("| limit | default | meaning | setting |\n|---|--:|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		m, ok := limitMeanings[name]
		if !ok {
			t.Errorf("the limit %s has no meaning in limitMeanings", name)
		}
		setting := ""
		if m.setting == "" {
			source, err := os.ReadFile(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(m.file)))
			if err != nil || m.text == "" || !strings.Contains(string(source), m.text) {
				t.Errorf("no test reaches the limit %s: %q does not contain %q, %v", name, m.file, m.text, err)
			}
		} else {
			setting = "`-" + m.setting + "`"
			if !slices.Contains(config.Names(), m.setting) {
				t.Errorf("%s: there is no setting %s", name, m.setting)
			}
		}
		value, err := json.Marshal(limits[name])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", name, value, m.meaning, setting)
	}
	for name := range limitMeanings {
		if _, known := limits[name]; !known {
			t.Errorf("conn.hello reports no limit %s", name)
		}
	}
	doctest.CheckSection(t, "docs/protocol.md", "limits", out.String())
}

// Texts of the server that name a page name one that exists.
func TestTextsNamePagesThatExist(t *testing.T) {
	found := 0
	for _, dir := range []string{"server", "bridge", "rpc", "transports"} {
		for _, page := range regexp.MustCompile(`docs/[a-zA-Z/-]+\.md`).FindAllString(sourcesBelow(t, dir), -1) {
			found++
			if _, err := os.Stat(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(page))); err != nil {
				t.Errorf("a text below %s names %s: %v", dir, page, err)
			}
		}
	}
	if found == 0 {
		t.Error("no text names a page")
	}
	for _, dir := range []string{"server", "bridge", "rpc", "transports"} {
		if match := regexp.MustCompile(`"[^"\n]*see (?:the )?README`).FindString(sourcesBelow(t, dir)); match != "" {
			t.Errorf("a text below %s sends readers to the README, which is two screens: %s", dir, match)
		}
	}
}
