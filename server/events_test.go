package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// followStream opens an event stream and calls f with the id and data of each message until f returns false.
func followStream(t *testing.T, url string, header http.Header, f func(id, event, data string) (enough bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := (&http.Client{Transport: plainHTTP.Transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	var id, event, data string
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if data != "" && f(id, event, data) {
				return
			}
			event, data = "", ""
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
}

// A page follows a session with a ticket, and resumes after a restart of the server: the ids stay valid.
func TestEventStreamOverARestart(t *testing.T) {
	cfg := keptConfig(t)
	s := runServer(t, cfg)
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	var last string
	ticket := s.newTicket(token, "")
	followStream(t, s.url("/v1/events?sessions=shop&ticket="+ticket), nil, func(id, event, data string) bool {
		last = id
		return event == "hello"
	})
	connected := s.call("session.connect", object{"session": "shop"})
	if connected == nil {
		t.Fatal("no answer")
	}
	first := 0.0
	follow := func(s *testServer) {
		t.Helper()
		header := http.Header{"Token": {token}, "Last-Event-ID": {last}}
		followStream(t, s.url("/v1/events"), header, func(id, event, data string) bool {
			var ev struct {
				Session string
				Offset  float64
			}
			if event != "" {
				return false
			}
			if err := json.Unmarshal([]byte(data), &ev); err != nil || ev.Session != "shop" || ev.Offset != first+1 {
				t.Fatalf("%v in %s, after %v", err, data, first)
			}
			first, last = ev.Offset, id
			return true
		})
	}
	follow(s)
	s.call("session.disconnect", object{"session": "shop"})
	s.stop()
	s = runServer(t, cfg)
	follow(s)
	if strings.Contains(s.logged.String(), ticket) {
		t.Error("the ticket is in the log")
	}
}

// Retention keeps no more of a session's events than the operator allows.
func TestRetainEvents(t *testing.T) {
	s := startServer(t, "-retain-events", "3")
	s.must("session.create", object{"session_id": "a"})
	for range 8 {
		s.message("a", "x")
	}
	if err := s.app.journal.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log, err := s.app.journal.Log(t.Context(), "a"); err != nil || log.Head-log.Oldest != 2 {
		t.Errorf("%+v, %v", log, err)
	}
}
