package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// transportFault is a fault of a transport, with the session named after it and its expected reports.
type transportFault struct {
	name, transport string
	settings        object // of transport.updateSettings, or of webhook.create
	event           string // data of its events; empty = a short text
	stranger        string // the session receives messages with this text, from the sandbox, after the restart

	// While it lasts: the text in the status, the reason as one word, the counted meaning of failures, and whether
	// events become dead letters.
	text, reason, meaning string
	dead                  bool
	mend                  func() // nil = nothing to repair

	inbox func() []arrival // everything received so far
	check func(a arrival) error
}

// arrival is an event that was received.
type arrival struct {
	Offset    uint64
	Truncated bool
	raw       string
}

func arrived(body string) (a arrival) {
	_ = json.Unmarshal([]byte(body), &a)
	a.raw = body
	return a
}

// Faults of transports that exist before the server starts: the server is up, the fault is in the status of the
// transport, in the list of deliveries and in the metrics, other sessions get their events, and after the repair all
// events have arrived, in order and once.
func TestFaultyTransports(t *testing.T) {
	w := newBadWorld(t)
	list := w.troubles()
	args := []string{
		"-allow-hosts", "127.0.0.1", "-database", filepath.Join(t.TempDir(), "test.db"), "-secret", strings.Repeat("test-secret-", 4), "-delivery-probe-every", "200ms", "-delivery-backoff", "10ms",
		"-delivery-backoff-max", "100ms", "-log-level", "info", "-calls-per-second", "100000", "-call-burst", "100000",
	}
	s := startServer(t, args...)
	for i := range list {
		s.begin(&list[i])
	}
	s.badPatterns()
	s.stop()
	s = startServer(t, args...)
	const events = 3
	for i := range list {
		if c := &list[i]; c.stranger != "" {
			s.writeTo(c, events)
		} else {
			s.happens(c, 1)
			s.happens(c, 2)
		}
	}
	held, meanings := map[string]int{}, map[string]bool{}
	for i := range list {
		c := &list[i]
		if c.mend != nil && !c.dead {
			held[c.transport]++
		}
		if c.meaning != "" {
			meanings[fmt.Sprintf(`waystation_delivery_failures_total{transport="%s",meaning="%s"}`, c.transport, c.meaning)] = true
		}
		testkit.Eventually(t, c.name+": the status", func() bool {
			status := s.status(c)
			return strings.Contains(status, c.text) && (c.reason == "" || strings.Contains(status, `"reason":"`+c.reason+`"`))
		})
		switch {
		case c.mend == nil:
		case c.dead:
			testkit.Eventually(t, c.name+": dead letters", func() bool { return s.deadLetters(c) == events })
		default:
			testkit.Eventually(t, c.name+": the list of deliveries", func() bool { return strings.Contains(s.pending(c), c.text) })
		}
	}
	testkit.Eventually(t, "the figures", func() bool {
		_, figures, _ := scrape(t, s.url("/metrics"), s.token)
		for name := range meanings {
			if figures[name] == 0 {
				return false
			}
		}
		for transport, n := range held {
			if figures[`waystation_delivery_breakers_open{transport="`+transport+`"}`] != float64(n) {
				return false
			}
		}
		return figures[`waystation_broker_messages_total{transport="redis",outcome="truncated"}`] == 2
	})
	if response, body := send(t, http.MethodGet, s.url("/health"), "", nil); response.StatusCode != http.StatusOK {
		t.Errorf("/health: %s %s", response.Status, body)
	}
	for i := range list {
		c := &list[i]
		t.Run(c.name, func(t *testing.T) {
			if n := len(c.inbox()); c.mend != nil && n > 0 {
				t.Errorf("%d events came all the same", n)
			}
			if n := s.deadLetters(c); n > 0 && !c.dead {
				t.Errorf("%d dead letters", n)
			}
			if c.mend != nil {
				c.mend()
			}
			if c.dead {
				s.must("archive.replay", object{"session_ids": []string{c.name}, "status": "dead_letter"})
			}
			var got []arrival
			testkit.Eventually(t, "all events", func() bool { got = c.inbox(); return len(got) >= events })
			var offsets []uint64
			for _, a := range got {
				offsets = append(offsets, a.Offset)
				if !utf8.ValidString(a.raw) {
					t.Errorf("not UTF-8: %q", a.raw)
				}
				if c.check != nil {
					if err := c.check(a); err != nil {
						t.Error(err)
					}
				}
			}
			if !slices.IsSorted(offsets) || len(slices.Compact(offsets)) != events {
				t.Errorf("offsets of %+v", got)
			}
		})
	}
	testkit.Eventually(t, "the end of all troubles in the figures", func() bool {
		_, figures, _ := scrape(t, s.url("/metrics"), s.token)
		for transport := range held {
			if figures[`waystation_delivery_breakers_open{transport="`+transport+`"}`] != 0 || figures[`waystation_delivery_lag_events{transport="`+transport+`"}`] != 0 {
				return false
			}
		}
		return true
	})
	if w.followed.Load() {
		t.Error("a redirect was followed")
	}
	if log := s.logged.String(); strings.Contains(log, secretOfTest) {
		t.Error("a password is in the log")
	}
}

// begin creates the session with its faulty transport, and causes a first event.
func (s *testServer) begin(c *transportFault) {
	s.t.Helper()
	s.must("session.create", object{"session_id": c.name})
	params := object{"session": c.name}
	for name, value := range c.settings {
		params[name] = value
	}
	if c.transport == "webhook" {
		params["name"], params["events"] = "w", []string{"*"}
		s.must("webhook.create", params)
	} else {
		params["transport"] = c.transport
		s.must("transport.updateSettings", params)
	}
	if c.stranger == "" {
		s.happens(c, 0)
	}
}

// writeTo pairs the session with an account that receives messages of a third party.
func (s *testServer) writeTo(c *transportFault, messages int) {
	s.t.Helper()
	const number = "15550100007"
	owner, err := s.app.network.Local.AddAccount(sandbox.AccountOptions{Number: number})
	if err != nil {
		s.t.Fatal(err)
	}
	stranger, err := s.app.network.Local.AddAccount(sandbox.AccountOptions{Number: "15550100008"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.call("session.connect", object{"session": c.name})
	testkit.Eventually(s.t, "pairing code", func() bool { return s.state(c.name) == "pairing" })
	s.call("sandbox.scanQrCode", object{"account": number, "session": c.name})
	testkit.Eventually(s.t, "connection", func() bool { return s.state(c.name) == "connected" })
	for range messages {
		if _, err := stranger.Send(s.t.Context(), owner.JID(), sandbox.Text(c.stranger)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *testServer) happens(c *transportFault, n int) {
	s.t.Helper()
	data := fmt.Sprintf(`{"n":%d}`, n)
	if c.event != "" {
		data = c.event
	}
	if _, err := s.app.journal.Append(context.Background(), c.name, journal.Record{Type: "Message", Data: json.RawMessage(data)}); err != nil {
		s.t.Fatal(c.name, err)
	}
}

// badPatterns sets settings that cannot be parsed on some transports; they are rejected and change nothing.
func (s *testServer) badPatterns() {
	s.t.Helper()
	for _, c := range []struct {
		session, transport, field string
		change                    object
	}{
		{"redis-utf8", "redis", "/options/stream", object{"options": object{"stream": "{session"}}},
		{"redis-utf8", "redis", "/options/channel", object{"options": object{"channel": "{event_type"}}},
		{"redis-utf8", "redis", "/events/0", object{"events": []string{"Mess("}}},
		{"amqp-arguments", "amqp", "/options/queue", object{"options": object{"queue": "q.{nobody}"}}},
		{"amqp-arguments", "amqp", "/options/routing_key", object{"options": object{"routing_key": "a}"}}},
		{"sqs-rights", "sqs", "/url", object{"url": "way-{session.fifo"}},
	} {
		before := s.settings(c.session, c.transport)
		params := object{"session": c.session, "transport": c.transport}
		for name, value := range c.change {
			params[name] = value
		}
		reply := rpctest.PostCall(s.t, s.url("/v1/rpc"), s.token, "transport.updateSettings", params)
		if reply.Error == nil || reply.Error.Data.Reason != "invalid_params" || !strings.Contains(string(reply.Error.Data.Details), `"`+c.field+`"`) {
			s.t.Errorf("%v: %+v", c.change, reply.Error)
		}
		if after := s.settings(c.session, c.transport); after != before {
			s.t.Errorf("%v: now %s", c.change, after)
		}
	}
}

func (s *testServer) settings(session, transport string) string {
	s.t.Helper()
	text, err := json.Marshal(s.call("transport.getSettings", object{"session": session, "transport": transport})["settings"])
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// status returns the status that the transport's method reports.
func (s *testServer) status(c *transportFault) string {
	s.t.Helper()
	if c.transport == "webhook" {
		return string(s.must("webhook.list", object{"session": c.name}).Result)
	}
	return string(s.must("transport.getSettings", object{"session": c.name, "transport": c.transport}).Result)
}

func (s *testServer) pending(c *transportFault) string {
	s.t.Helper()
	return string(s.must("delivery.list", object{"session_ids": []string{c.name}, "status": "pending"}).Result)
}

func (s *testServer) deadLetters(c *transportFault) int {
	s.t.Helper()
	total, _ := s.call("archive.list", object{"session_ids": []string{c.name}, "status": "dead_letter"})["total"].(float64)
	return int(total)
}
