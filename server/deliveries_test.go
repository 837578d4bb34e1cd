package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// taker is a sink that accepts everything.
type taker struct{}

func (taker) Deliver(context.Context, dispatch.Target, *dispatch.Delivery) (int, error) {
	return 0, nil
}

// deliverTo makes a transport of the test deliver the events of sessions.
func (s *testServer) deliverTo(sessions ...string) {
	s.t.Helper()
	if err := s.app.deliver.AddSink("test", taker{}, dispatch.Policy{}); err != nil {
		s.t.Fatal(err)
	}
	for _, session := range sessions {
		s.call("session.create", object{"session_id": session})
		target := dispatch.Target{Transport: "test", ID: "to-" + session, Session: session, Filter: dispatch.Filter{Events: []string{"News"}}}
		if err := s.app.deliver.PutTargets(s.t.Context(), target); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *testServer) news(session string, n int) {
	s.t.Helper()
	for range n {
		if _, err := s.app.journal.Append(s.t.Context(), session, journal.Record{Type: "News", Data: json.RawMessage(`{}`)}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// sse is an event of a stream.
type sse struct {
	id, name string
	data     object
}

// follow opens GET /v1/deliveries.
func (s *testServer) follow(query, token, lastID string) (status int, next func() sse, stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url("/v1/deliveries"+query), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := plainHTTP.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(response.Body)
	return response.StatusCode, func() (e sse) {
			s.t.Helper()
			for lines.Scan() {
				name, value, _ := strings.Cut(lines.Text(), ": ")
				switch name {
				case "id":
					e.id = value
				case "event":
					e.name = value
				case "data":
					if err := json.Unmarshal([]byte(value), &e.data); err != nil {
						s.t.Fatal(err)
					}
				case "":
					if e.data != nil {
						return e
					}
				}
			}
			s.t.Fatalf("the stream ended: %v", lines.Err())
			return e
		}, func() {
			cancel()
			_ = response.Body.Close()
		}
}

// A stream ends with the credential that opened it, and shows no data of a session created under the same id.
func TestStreamEndsWithItsCredential(t *testing.T) {
	const first, second = "first-token-of-the-shop", "second-token-of-the-shop"
	s := startServer(t, "-session", "none")
	s.call("session.create", object{"session_id": "shop", "token": first})
	for _, c := range []struct {
		token string
		end   func()
	}{
		{first, func() { s.call("session.update", object{"session": "shop", "token": second}) }},
		{second, func() { s.call("session.delete", object{"session": "shop"}) }},
	} {
		status, next, stop := s.follow("?include_payload=true", c.token, "")
		all, nextOfAll, stopAll := s.follow("", s.token, "")
		if status != http.StatusOK || all != http.StatusOK {
			t.Fatalf("%d, %d", status, all)
		}
		if e := next(); e.name != "watching" {
			t.Errorf("began with %+v", e)
		}
		nextOfAll()
		c.end()
		if e := next(); e.name != "close" || e.data["data"].(object)["reason"] != "unauthenticated" {
			t.Errorf("ended with %+v", e)
		}
		testkit.Eventually(t, "the admin's stream alone is open", func() bool { return s.app.deliver.Watches() == 1 })
		stop()
		stopAll()
		testkit.Eventually(t, "no stream is open", func() bool { return s.app.deliver.Watches() == 0 })
	}
}

func TestDeliveriesStream(t *testing.T) {
	s := startServer(t)
	s.deliverTo("shop", "other")
	_, next, stop := s.follow("?session_ids=shop", s.token, "")
	if e := next(); e.name != "watching" || e.data["replayed_count"] != 0.0 {
		t.Errorf("began with %+v", e)
	}
	s.news("other", 1)
	s.news("shop", 3)
	first := next()
	if first.name != "" || first.id != fmt.Sprint(first.data["delivery_id"]) || first.data["session_id"] != "shop" || first.data["transport"] != "test" {
		t.Errorf("got %+v", first)
	}
	stop()
	// limit is for the first request: deliveries since then are complete.
	_, next, stop = s.follow("?session_ids=shop&limit=1", s.token, first.id)
	if e := next(); e.name != "watching" {
		t.Errorf("began with %+v", e)
	}
	for i := range 2 {
		if e := next(); e.data["offset"] != first.data["offset"].(float64)+float64(i)+1 {
			t.Errorf("number %d: %+v after %+v", i, e, first)
		}
	}
	// The stream reports the shutdown of the server.
	ended := make(chan struct{})
	go func() { s.stop(); close(ended) }()
	if e := next(); e.name != "close" || e.data["data"].(object)["reason"] != "shutting_down" {
		t.Errorf("ended with %+v", e)
	}
	stop()
	<-ended
}

func TestWatchTokens(t *testing.T) {
	s := startServer(t)
	s.deliverTo("shop", "other")
	s.news("shop", 1)
	s.news("other", 1)
	testkit.Eventually(t, "deliveries", func() bool { return s.call("archive.list", nil)["total"] == 2.0 })

	made := s.call("delivery.createWatchToken", object{"filter": object{"session_ids": []string{"shop"}, "limit": 10}})
	token := made["token"].(string)
	if made["ttl_seconds"] != 300.0 || !strings.HasSuffix(made["stream_url"].(string), "/v1/deliveries?watch_token="+token) {
		t.Errorf("made %v", made)
	}
	wide := s.call("delivery.createWatchToken", nil)["token"].(string)
	renewed := s.call("delivery.createWatchToken", object{"renew_token": wide, "filter": object{"event": "News"}})["token"].(string)
	strange := rpctest.PostCall(t, s.url("/v1/rpc"), "", "delivery.createWatchToken", object{"renew_token": wide})
	if strange.Error != nil {
		t.Errorf("renewed without the admin's token: %+v", strange.Error)
	}
	failed := s.call("delivery.createWatchToken", object{"filter": object{"failed_only": true}})["token"].(string)
	q := func(token, more string) string { return "?watch_token=" + url.QueryEscape(token) + more }
	for range 2 { // it may be used repeatedly
		_, next, stop := s.follow(q(token, "&session_ids=shop"), "", "")
		if e := next(); e.data["replayed_count"] != 1.0 {
			t.Errorf("began with %+v", e)
		}
		if e := next(); e.data["session_id"] != "shop" {
			t.Errorf("got %+v", e)
		}
		stop()
	}
	session := s.call("session.create", object{"session_id": "third"})["token"].(string)
	for _, c := range []struct {
		name, query, token, lastID string
		status                     int
	}{
		{"nobody", "", "", "", http.StatusUnauthorized},
		{"unknown", q("x", ""), "", "", http.StatusUnauthorized},
		{"two", q(token, "&watch_token=x"), "", "", http.StatusUnauthorized},
		{"the admin's token in the query", "?token=" + s.token, "", "", http.StatusUnauthorized},
		{"another session", q(token, "&session_ids=other"), "", "", http.StatusForbidden},
		{"another limit", q(token, "&limit=11"), "", "", http.StatusForbidden},
		{"another event", q(renewed, "&event=Message"), "", "", http.StatusForbidden},
		{"what did not fail", q(failed, "&status=delivered"), "", "", http.StatusForbidden},
		{"a session's own token", "?session_ids=shop", session, "", http.StatusForbidden},
		{"bad status", "?status=dead", s.token, "", http.StatusBadRequest},
		{"bad number", "?since_id=x", s.token, "", http.StatusBadRequest},
		{"bad flag", "?failed_only=maybe", s.token, "", http.StatusBadRequest},
		{"bad time", "?since=yesterday", s.token, "", http.StatusBadRequest},
		{"twice", "?limit=1&limit=2", s.token, "", http.StatusBadRequest},
		{"unknown name", "?colour=red", s.token, "", http.StatusBadRequest},
		{"not UTF-8", "?event=%ff", s.token, "", http.StatusBadRequest},
		{"bad id", "", s.token, "newest", http.StatusBadRequest},
	} {
		status, _, stop := s.follow(c.query, c.token, c.lastID)
		stop()
		if status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, status, c.status)
		}
	}
	for _, c := range []struct {
		params object
		reason string
	}{
		{object{"renew_token": "x"}, "unauthenticated"},
		{object{"renew_token": token}, "forbidden"},
		{object{"renew_token": renewed, "filter": object{}}, "invalid_params"},
		{object{"filter": object{"session_ids": []string{"nobody"}}}, "not_found"},
	} {
		if r := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "delivery.createWatchToken", c.params); r.Error == nil || r.Error.Data.Reason != c.reason {
			t.Errorf("%v: %+v, want %s", c.params, r.Error, c.reason)
		}
	}
	// It is valid for nothing else.
	if r := rpctest.PostCall(t, s.url("/v1/rpc"), wide, "delivery.list", nil); r.Error == nil || r.Status != http.StatusUnauthorized {
		t.Errorf("as a token: %+v", r)
	}
	if status, _ := s.upgrade("?ticket="+wide, nil); status != http.StatusUnauthorized {
		t.Errorf("as a ticket: %d", status)
	}
	s.call("session.delete", object{"session": "shop"})
	status, _, stop := s.follow(q(token, ""), "", "")
	if stop(); status != http.StatusUnauthorized {
		t.Errorf("after its session: %d", status)
	}
}

func TestWatchOnSocket(t *testing.T) {
	s := startServer(t)
	s.deliverTo("shop")
	c := dial(t, s.url("/v1/ws"), s.token, nil)
	c.send(object{"jsonrpc": "2.0", "id": "watch", "method": "delivery.watch", "params": object{}})
	for c.read()["method"] != "delivery.watching" {
		continue
	}
	s.news("shop", 2)
	for got := 0; got < 2; {
		if frame := c.read(); frame["method"] == "delivery.update" {
			got++
		}
	}
	c.send(object{"jsonrpc": "2.0", "id": "end", "method": "conn.cancel", "params": object{"id": "watch"}})
	for {
		if frame := c.read(); frame["id"] == "watch" {
			if problem, _ := frame["error"].(object); problem["code"] != -32007.0 {
				t.Errorf("ended with %v", frame)
			}
			break
		}
	}
	testkit.Eventually(t, "the watch ends", func() bool { return s.app.deliver.Watches() == 0 })
}

func (c *socketClient) send(frame object) {
	c.t.Helper()
	raw, err := json.Marshal(frame)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, raw); err != nil {
		c.t.Fatal(err)
	}
}

// A client that does not read delays no other, and gets all of it later.
func TestSlowWatcher(t *testing.T) {
	s := startServer(t)
	s.deliverTo("shop")
	c := dial(t, s.url("/v1/ws"), s.token, nil)
	c.send(object{"jsonrpc": "2.0", "id": "watch", "method": "delivery.watch", "params": object{"include_payload": true}})
	for c.read()["method"] != "delivery.watching" {
		continue
	}
	const events = 120 // of 60 KB: more than the sockets between them hold
	data := json.RawMessage(`{"text":"` + strings.Repeat("x", 60<<10) + `"}`)
	records := slices.Repeat([]journal.Record{{Type: "News", Data: data}}, 10)
	for range events / len(records) {
		if _, err := s.app.journal.Append(t.Context(), "shop", records...); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "all deliveries", func() bool { return s.call("archive.list", object{"limit": 1})["total"] == float64(events) })
	for last, got := 0.0, 0; got < events; {
		frame := c.read()
		if frame["method"] != "delivery.update" {
			continue
		}
		delivery := frame["params"].(object)["delivery"].(object)
		if id := delivery["delivery_id"].(float64); last != 0 && id != last+1 || delivery["payload"] == nil {
			t.Fatalf("%v after %v", id, last)
		} else {
			last = id
		}
		got++
	}
}
