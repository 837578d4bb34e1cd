package socket

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// streamMessage is one message of an event stream.
type streamMessage struct {
	ID, Event, Data string
}

// eventStream is a client's end of a stream.
type eventStream struct {
	t      testing.TB
	body   io.Closer
	lines  *bufio.Reader
	lastID string // as stored by an EventSource
	retry  string
	beats  int
}

func (w *world) tryStream(header http.Header, query string) *http.Response {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http"+strings.TrimPrefix(w.url, "ws")+"/v1/events"+query, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header = header
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

// stream opens a stream, at an id unless that is empty, and reads its hello.
func (w *world) stream(token, query, id string) (*eventStream, streamHello) {
	w.t.Helper()
	header := http.Header{"Authorization": {"Bearer " + token}}
	if id != "" {
		header.Set("Last-Event-ID", id)
	}
	response := w.tryStream(header, query)
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		body, _ := io.ReadAll(response.Body)
		w.t.Fatalf("status %d, %s", response.StatusCode, body)
	}
	s := &eventStream{t: w.t, body: response.Body, lines: bufio.NewReader(response.Body), lastID: id}
	w.t.Cleanup(s.close)
	var hello streamHello
	s.named("hello", &hello)
	return s, hello
}

func (s *eventStream) close() { _ = s.body.Close() }

// next reads a message; ok is false at the end of the stream.
func (s *eventStream) next() (m streamMessage, ok bool) {
	s.t.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return m, false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			m.ID, s.lastID = value, value
		case "event":
			m.Event = value
		case "data":
			m.Data = value
		case "retry":
			s.retry = value
		case "":
			if line == "\n" && m.Data != "" {
				return m, true
			}
			if line != "\n" {
				s.beats++
			}
		default:
			s.t.Fatalf("line %q", line)
		}
	}
}

func (s *eventStream) named(event string, params any) streamMessage {
	s.t.Helper()
	m, ok := s.next()
	if !ok || m.Event != event {
		s.t.Fatalf("want %s, got %+v", event, m)
	}
	if err := json.Unmarshal([]byte(m.Data), params); err != nil {
		s.t.Fatalf("%v in %s", err, m.Data)
	}
	return m
}

// events expects durable events from one offset to another.
func (s *eventStream) events(session string, from, to uint64) {
	s.t.Helper()
	for want := from; want <= to; want++ {
		var ev eventBody
		if m := s.named("", &ev); ev.Session != session || ev.Offset != want || m.ID == "" {
			s.t.Fatalf("want %s %d, got %+v", session, want, m)
		}
	}
}
