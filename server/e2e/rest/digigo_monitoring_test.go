package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

func digigoMonitoring() []restCase {
	return []restCase{
		{operation: "GET /admin/events/history", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.archived(t, dead)
			return restAct{
				as: admins(), values: resttest.Values{"user_id": w.Caller.ID, "event_type": "Message", "only_failed": true, "since_id": id - 1, "limit": 1},
				calls: []restCall{{"delivery.list", object{"session_ids": []string{w.Caller.ID}, "event": "Message", "failed_only": true, "since_id": id - 1, "limit": 1}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "events/0/id", "0/deliveries/0/delivery_id")
					out.is(t, "failed", "events/0/status", "0/deliveries/0/status")
					out.is(t, w.Caller.ID, "events/0/user_id", "0/deliveries/0/session_id")
				},
			}
		}},
		{operation: "GET /admin/events/stream", stream: digigoStream, prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{as: admins(), values: resttest.Values{"user_id": w.Caller.ID}}
		}},
		{operation: "GET /admin/events/stats", prepare: func(t *testing.T, w *restWorld) restAct {
			w.archived(t, dead)
			w.open(t, "/digigo/admin/events/stream?user_id="+w.Caller.ID, http.Header{"Authorization": {e2etest.AdminToken}})
			return restAct{
				as: admins(), calls: []restCall{{"delivery.getStats", nil}},
				effect: func(t *testing.T, out outcome) {
					clients, _ := out.at("clients", "0/watchers").([]any)
					if len(clients) == 0 {
						t.Error("the open stream is no client")
					}
				},
			}
		}},
		{operation: "POST /admin/events/prune", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.archived(t, "delivered")
			return restAct{
				as: admins(), calls: []restCall{{"delivery.prune", object{"older_than_hours": 48}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, 48, "retention_h", "0/older_than_hours")
					if !w.hasEntry(id) {
						t.Error("an entry of now is gone")
					}
				},
			}
		}},
		{operation: "POST /admin/events/session", prepare: func(t *testing.T, w *restWorld) restAct {
			id := w.archived(t, dead)
			filter := object{"session_ids": []string{w.Caller.ID}, "event": "Message", "failed_only": true}
			return restAct{
				as: admins(), calls: []restCall{{"delivery.createWatchToken", object{"filter": filter}}},
				values: resttest.Values{
					"filters.user_id": w.Caller.ID, "filters.event_type": "Message", "filters.only_failed": true, "filters.limit": resttest.Absent,
					"filters.since_id": resttest.Absent,
				},
				effect: func(t *testing.T, out outcome) {
					query := url.Values{"session": {e2etest.TextOf(out.at("session_token", "0/token"))}, "user_id": {w.Caller.ID}, "since_id": {fmt.Sprint(id - 1)}}
					e2etest.CheckSame(t, "history", object{"events": []object{{"id": id, "status": "failed"}}}, w.get(t, "/digigo/admin/events/history", query))
				},
			}
		}},
	}
}

// get sends a GET request without a token, except those in the query.
func (w *restWorld) get(t *testing.T, path string, query url.Values) any {
	t.Helper()
	c := resttest.Client{HTTP: e2etest.Client, Base: "http://" + w.Server.Addr}
	answer, err := c.Do(t.Context(), &resttest.Request{Method: http.MethodGet, Path: path, Query: query})
	if err != nil {
		t.Fatal(err)
	}
	return answer.JSON()
}

// sse is a stream of server-sent events.
type sse struct {
	lines *bufio.Scanner
	kind  string
}

// open opens a stream that ends with the test.
func (w *restWorld) open(t *testing.T, path string, header http.Header) *sse {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), e2etest.FeedWait)
	t.Cleanup(stop)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.Server.Addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	response, err := e2etest.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", path, response.StatusCode)
	}
	return &sse{bufio.NewScanner(response.Body), response.Header.Get("Content-Type")}
}

// next returns the next event.
func (s *sse) next(t *testing.T) (id, event string, data map[string]any) {
	t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				t.Fatal(err)
			}
		case "":
			if data != nil {
				return id, event, data
			}
		}
	}
	t.Fatalf("the stream ended: %v", s.lines.Err())
	return "", "", nil
}

// digigoStream follows deliveries with the admin token and with a session token, starting at a stored delivery, and resumes
// from the last id.
func digigoStream(t *testing.T, r *restRun, mount string) {
	w := r.w
	first := w.archived(t, dead)
	admin := http.Header{"Authorization": {e2etest.AdminToken}}
	query := fmt.Sprintf("user_id=%s&only_failed=true", w.Caller.ID)
	stream := w.open(t, fmt.Sprintf("%s/admin/events/stream?%s&since_id=%v", mount, query, first-1), admin)
	if stream.kind != "text/event-stream" {
		t.Errorf("content type %s", stream.kind)
	}
	is := func(s *sse, want float64) {
		t.Helper()
		id, event, data := s.next(t)
		if id != fmt.Sprint(want) || event != "Message" {
			t.Errorf("id %s, event %s, instead of %v", id, event, want)
		}
		e2etest.CheckSame(t, "event", object{"id": want, "user_id": w.Caller.ID, "event_type": "Message", "status": "failed", "attempts": 1}, data)
		payload, _ := data["payload"].(map[string]any)
		if e2etest.TextOf(data["created_at"]) == "" || e2etest.TextOf(data["updated_at"]) == "" || !strings.Contains(e2etest.TextOf(payload["raw"]), "for the archive") {
			t.Errorf("incomplete: %v", data)
		}
	}
	is(stream, first)
	var made struct {
		URL string `json:"stream_url"`
	}
	answer := r.send(t, mount, e2etest.AdminToken, &resttest.Request{
		Method: http.MethodPost, Path: "/admin/events/session", Body: fmt.Appendf(nil, `{"filters":{"user_id":%q,"only_failed":true}}`, w.Caller.ID),
	})
	if err := json.Unmarshal(answer.Body, &made); err != nil || !strings.HasPrefix(made.URL, mount+"/admin/events/stream?") {
		t.Fatalf("%v %s", err, answer.Body)
	}
	limited := w.open(t, made.URL, nil)
	second := w.archived(t, dead)
	is(stream, second)
	is(limited, second)
	again := http.Header{"Authorization": {e2etest.AdminToken}, "Last-Event-Id": {fmt.Sprint(first)}}
	is(w.open(t, mount+"/admin/events/stream?"+query, again), second)
}
