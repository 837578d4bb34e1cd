package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// databaseHealth returns the status of /v1/health and its report about the database.
func (s *testServer) databaseHealth() (status int, of struct{ Status, Error string }) {
	s.t.Helper()
	response, err := plainHTTP.Get(s.url("/v1/health"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct {
		Services map[string]struct{ Status, Error string }
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, body.Services["database"]
}

// fileMetric returns the line of the metric about the database file.
func (s *testServer) fileMetric() string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url("/metrics"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := plainHTTP.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "waystation_database_file_in_place ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// checkDatabaseHealth compares the health and the metric with the expected state.
func (s *testServer) checkDatabaseHealth(when string, inPlace bool) {
	s.t.Helper()
	wantStatus, want, metric := http.StatusOK, "healthy", "waystation_database_file_in_place 1"
	if !inPlace {
		wantStatus, want, metric = http.StatusServiceUnavailable, "unhealthy", "waystation_database_file_in_place 0"
	}
	status, of := s.databaseHealth()
	if status != wantStatus || of.Status != want || !inPlace && !strings.Contains(of.Error, "removed, moved or replaced") {
		s.t.Errorf("%s: /v1/health is %d, the database %+v", when, status, of)
	}
	if got := s.fileMetric(); got != metric {
		s.t.Errorf("%s: metric %q", when, got)
	}
}

const fileLostLine = "the database file is not in place"

func TestHealthReportsAReplacedDatabaseFile(t *testing.T) {
	for _, c := range []struct {
		name             string
		replace, restore func(path string) error
	}{
		{"removed", os.Remove, nil},
		{"log removed", func(path string) error { return os.Remove(path + "-wal") }, nil},
		{"replaced by a copy", func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path+".copy", data, 0o600)
			}
			if err == nil {
				err = os.Rename(path+".copy", path)
			}
			return err
		}, nil},
		{
			"moved away and back",
			func(path string) error { return os.Rename(path, path+".away") },
			func(path string) error { return os.Rename(path+".away", path) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := keptConfig(t)
			s := runServer(t, cfg)
			path, _ := cfg.DatabasePath()
			s.call("session.create", object{"session_id": "before"})
			s.checkDatabaseHealth("before", true)
			if err := c.replace(path); err != nil {
				t.Fatal(err)
			}
			s.checkDatabaseHealth("replaced", false)
			s.checkDatabaseHealth("still replaced", false)
			reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "session.create", object{"session_id": "meanwhile"})
			if reply.Error == nil || reply.Error.Data.Reason != "storage" {
				t.Errorf("a session that the restart would lose was created: %+v", reply)
			}
			if n := strings.Count(s.logged.String(), fileLostLine); n != 1 || !strings.Contains(s.logged.String(), "ERROR") {
				t.Errorf("the log has %d lines about it", n)
			}
			if c.restore == nil {
				return
			}
			if err := c.restore(path); err != nil {
				t.Fatal(err)
			}
			s.checkDatabaseHealth("back", true)
			s.call("session.create", object{"session_id": "after"})
			s.stop()
			s = runServer(t, cfg)
			for _, id := range []string{"before", "after"} {
				s.call("session.get", object{"session": id})
			}
		})
	}
}

func TestHealthOfDatabasesWithoutAFile(t *testing.T) {
	for name, address := range map[string]string{"in memory": ":memory:", "postgres": dbtest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "-database", address)
			s.checkDatabaseHealth("running", true)
			if strings.Contains(s.logged.String(), fileLostLine) {
				t.Error("the log has a line about a file")
			}
		})
	}
}
