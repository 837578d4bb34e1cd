package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/server/cli"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// receiver is the receiver of a global webhook.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []string // session and n of events of the type Message
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		var e struct {
			Session, Type string
			Data          struct{ N string }
		}
		if json.Unmarshal(body, &e) == nil && e.Type == "Message" {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, e.Session+e.Data.N)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// expect waits until exactly the wanted events have arrived, of each session in order.
func (r *receiver) expect(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		got = slices.Sorted(slices.Values(r.got))
		r.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("got %v, want %v", got, want)
}

func (s *testServer) message(session, n string) {
	s.t.Helper()
	_, err := s.app.journal.Append(context.Background(), session, journal.Record{Type: "Message", Data: json.RawMessage(`{"n":"` + n + `"}`)})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *testServer) must(method string, params object) rpctest.Reply {
	s.t.Helper()
	reply := rpctest.PostCall(s.t, s.url("/v1/rpc"), s.token, method, params)
	if reply.Error != nil {
		s.t.Fatalf("%s: %+v", method, reply.Error)
	}
	return reply
}

// Global transports from a file: they cover existing and new sessions, sessions are left out from their next event
// on, a signal and a call reload the file, an invalid one changes nothing, and all of it survives a restart.
func TestGlobalTransportsFromAFile(t *testing.T) {
	hook := newReceiver(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	on := "GLOBAL_WEBHOOK_ENABLED=true\nGLOBAL_WEBHOOK_URL=" + hook.URL + "\nGLOBAL_WEBHOOK_SECRET=hunter2hunter2hunter2"
	// The target is unreachable: the server starts all the same, and reports it.
	away := "GLOBAL_REDIS_ENABLED=true\nGLOBAL_REDIS_URL=redis://me:hunter3@127.0.0.1:1/"
	write(on, away)
	database := filepath.Join(dir, "test.db")
	args := []string{"-allow-hosts", "127.0.0.1", "-env-file", file, "-database", database, "-secret", strings.Repeat("test-secret-", 4)}
	s := startServer(t, args...)
	s.must("session.create", object{"session_id": "a"})
	s.must("session.create", object{"session_id": "b", "settings": object{"skip_global": []string{"webhook"}}})
	s.message("a", "1")
	s.message("b", "1")
	s.must("session.updateSettings", object{"session": "a", "skip_global": []string{"webhook", "redis"}})
	s.must("session.updateSettings", object{"session": "b", "skip_global": []string{}})
	s.message("a", "2")
	s.message("b", "2")
	hook.expect(t, "a1", "b2")
	tested := string(s.must("transport.testGlobal", nil).Result)
	if !strings.Contains(tested, `"connection_status":"disconnected"`) || !strings.Contains(tested, `"http_status":200`) || strings.Contains(tested, "hunter") {
		t.Errorf("trial %s", tested)
	}

	health := s.call("server.getHealth", nil)
	if want := (object{"webhook": object{"state": "connected"}, "redis": object{"state": "failing", "reason": "unreachable"}}); health["status"] != "healthy" || !reflect.DeepEqual(health["transports"], want) {
		t.Errorf("health %v", health)
	}

	write(on, away, "GLOBAL_WEBHOOK_REQUESTS=7")
	s.must("transport.reloadGlobal", nil)
	if stats := s.call("transport.getGlobalStats", nil)["transports"].(object)["webhook"].(object); stats["max_concurrency"] != 7.0 || stats["available_slots"] != 7.0 {
		t.Errorf("stats %v", stats)
	}

	// Disabled by a call, enabled again by a signal: it begins with the events of that moment.
	write(away)
	s.must("transport.reloadGlobal", nil)
	s.message("b", "3")
	write(on, away)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); s.app.outlets.Globals().Webhook == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the signal did nothing")
		}
	}
	s.must("transport.reloadGlobal", nil) // has the turn after the signal's
	s.message("b", "4")
	hook.expect(t, "a1", "b2", "b4")

	for text, want := range map[string]string{
		"GLOBAL_WEBHOOK_REQUESTS=0":                                  "GLOBAL_WEBHOOK_REQUESTS",
		"GLOBAL_WEBHOOK_FILES=both":                                  "GLOBAL_WEBHOOK_FILES",
		"GLOBAL_WEBHOOK_FILES=multipart":                             "global-webhook-files",
		"GLOBAL_WEBHOOK_FORMAT=waakg\nGLOBAL_WEBHOOK_FILES=inline":   "global-webhook-files",
		"GLOBAL_S3_ENABLED=1\nGLOBAL_S3_SECRET_KEY=hunter2":          "global-s3-bucket",
		"GLOBAL_S3_ENDPOINT=ftp://hunter2":                           "global-s3-endpoint",
		"GLOBAL_WEBHOOK_URL=":                                        "global-webhook-url",
		"GLOBAL_REDIS_ENABLED=maybe":                                 "GLOBAL_REDIS_ENABLED",
		away + "\nGLOBAL_REDIS_STREAM={hunter}x":                     "global-redis-stream",
		away + "\nGLOBAL_REDIS_OPTIONS={\"max_len\":\"x\"}":          "global-redis-options (max_len)",
		away + "\nGLOBAL_REDIS_OPTIONS=[1]":                          "global-redis-options",
		away + "\nGLOBAL_REDIS_EVENTS=Mesage":                        "global-redis-events",
		"GLOBAL_RABBITMQ_ENABLED=1\nGLOBAL_RABBITMQ_URL=http://h":    "global-rabbitmq-url",
		"GLOBAL_SQS_ENABLED=1\nGLOBAL_SQS_URL=bad queue":             "global-sqs-url",
		"GLOBAL_RABBITMQ_ENABLED=1\nGLOBAL_RABBITMQ_EXCHANGE_TYPE=x": "global-rabbitmq-exchange-type",
	} {
		write(on, text)
		reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "transport.reloadGlobal", nil)
		if reply.Error == nil || !strings.Contains(reply.Error.Message, want) || strings.Contains(reply.Error.Message, "hunter2") || strings.Contains(reply.Error.Message, "hunter3") {
			t.Errorf("%q: %+v", text, reply.Error)
		}
	}
	s.message("b", "5")
	hook.expect(t, "a1", "b2", "b4", "b5")
	if log := s.logged.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "hunter3") {
		t.Error("a secret is in the log")
	}

	// A start with invalid settings fails with the reason; one with valid settings resumes where the last run ended.
	s.stop()
	write(on, "GLOBAL_SQS_ENABLED=true")
	cfg, _, err := config.Parse(append([]string{"-listen", "127.0.0.1:0", "-data-dir", dir, "-sandbox", "-session", "none"}, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = newApp(t.Context(), cfg, cli.NewLogger(&testkit.Buffer{}, cfg), io.Discard); err == nil || !strings.Contains(err.Error(), "global-sqs-url") {
		t.Fatalf("error %v", err)
	}
	write(on)
	s = startServer(t, args...)
	s.message("a", "6")
	s.message("b", "6")
	hook.expect(t, "a1", "b2", "b4", "b5", "b6")
	s.must("session.delete", object{"session": "b"})
	var cursors int
	if err := s.app.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_cursors WHERE session='b'`).Scan(&cursors); err != nil || cursors != 0 {
		t.Errorf("%d cursors of a deleted session, %v", cursors, err)
	}
}

// A Redis that is down at the start does not prevent it: the status reports it, and the events arrive later.
func TestBrokerAwayAtTheStart(t *testing.T) {
	cache := brokertest.Redis(t, brokertest.RedisOptions{})
	url := cache.URL()
	cache.Kill()
	s := startServer(t, "-global-redis-enabled", "-global-redis-url", url, "-global-redis-stream", "events", "-delivery-probe-every", "100ms", "-delivery-backoff", "10ms")
	s.must("session.create", object{"session_id": "a"})
	health := func() (status any, redis any) {
		h := s.call("server.getHealth", nil)
		return h["status"], h["transports"].(object)["redis"]
	}
	if _, redis := health(); !reflect.DeepEqual(redis, object{"state": "idle"}) {
		t.Errorf("health before the first event: %v", redis)
	}
	for _, n := range []string{"1", "2", "3"} {
		s.message("a", n)
	}
	stats := func() string { return string(s.must("transport.getGlobalStats", nil).Result) }
	testkit.Eventually(t, "an error in the stats", func() bool {
		text := stats()
		at := strings.Index(text, `"redis":{`)
		return strings.Contains(text[at:], `"connected":false`) && strings.Contains(text[at:], `"last_error":"`)
	})
	if status, redis := health(); status != "healthy" || !reflect.DeepEqual(redis, object{"state": "failing", "reason": "unreachable"}) {
		t.Errorf("health without Redis: %v, %v", status, redis)
	}
	cache.Start(t)
	out := &arrivals{got: map[string][]uint64{}}
	read := readStream(t, cache, out)
	testkit.Eventually(t, "all events", func() bool {
		read()
		return slices.Contains(out.of("redis"), 3)
	})
	if got := slices.Compact(out.of("redis")); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if text := stats(); !strings.Contains(text, `"published_count":3`) {
		t.Errorf("stats %s", text)
	}
	response, err := plainHTTP.Get(s.url("/v1/health"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); !strings.Contains(string(body), `"transports":{"redis":{"state":"connected"}}`) {
		t.Errorf("GET /v1/health: %s", body)
	}
}

// Connections to brokers cache no more names than the operator allows, and deliver all the same.
func TestMaxBrokerNames(t *testing.T) {
	s := startServer(t, "-max-broker-names", "2", "-global-rabbitmq-enabled", "-global-rabbitmq-url", brokertest.RabbitMQ(t).URL(),
		"-global-rabbitmq-queue", "max-broker-names-{session}", "-global-rabbitmq-options", `{"exchange":"","exclusive":true,"durable":false}`)
	sessions := []string{"a", "b", "c", "d", "e"}
	for _, session := range sessions {
		s.must("session.create", object{"session_id": session})
		s.message(session, "1")
	}
	testkit.Eventually(t, "all messages", func() bool {
		figures, _ := s.app.outlets.Stats("amqp")
		if figures.ActiveQueues > 2 {
			t.Fatalf("%d queues are remembered", figures.ActiveQueues)
		}
		return figures.Published >= uint64(len(sessions))
	})
}

// More changes of a flag than the server stores are rejected, with the field's name, and change nothing.
func TestTooManySkips(t *testing.T) {
	s := startServer(t, "-max-skips", "1")
	s.must("session.create", object{"session_id": "a"})
	set := func(list ...string) rpctest.Reply {
		t.Helper()
		s.message("a", "x") // changes without an event in between need no storage
		return rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "session.updateSettings", object{"session": "a", "skip_global": append([]string{}, list...), "skip_groups": len(list) > 0})
	}
	for _, list := range [][]string{{"websocket"}, {}} {
		if reply := set(list...); reply.Error != nil {
			t.Fatalf("%v: %+v", list, reply.Error)
		}
	}
	reply := set("websocket")
	if reply.Error == nil || reply.Error.Code != rpc.CodeConflict || string(reply.Error.Data.Details) != `{"field":"skip_global"}` {
		t.Errorf("got %+v", reply.Error)
	}
	settings := s.call("session.getSettings", object{"session": "a"})["settings"].(object)
	if list := settings["skip_global"].([]any); len(list) != 0 || settings["skip_groups"] != false || s.app.deliver.Skips("a", "websocket") {
		t.Errorf("a refused change was made in part: %v", settings)
	}
	// The others have limits of their own.
	if reply = set("redis"); reply.Error != nil {
		t.Errorf("redis: %+v", reply.Error)
	}
}

// Concurrent changes of single flags lose none, by calls and by the routes of a document.
func TestSkipFlagsAtTheSameMoment(t *testing.T) {
	s := startServer(t, "-calls-per-second", "100000", "-call-burst", "100000")
	token := s.call("session.create", object{"session_id": "a"})["token"].(string)
	byMethod := func(flag string) func(on bool) string {
		return func(on bool) string {
			reply := rpctest.PostCall(t, s.url("/v1/rpc"), token, "session.updateSettings", object{"skip_global_flags": object{flag: on}})
			if reply.Error != nil {
				return reply.Error.Message
			}
			return ""
		}
	}
	byRoute := func(flag string) func(on bool) string {
		return func(on bool) string {
			body := fmt.Sprintf(`{"%s":%t}`, flag, on)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/digigo/session/globaltransports/config"), strings.NewReader(body))
			if err != nil {
				return err.Error()
			}
			request.Header.Set("token", token)
			response, err := plainHTTP.Do(request)
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			answer, _ := io.ReadAll(response.Body)
			if response.StatusCode != http.StatusOK || !strings.Contains(string(answer), body[1:len(body)-1]) {
				return string(answer)
			}
			return ""
		}
	}
	const rounds = 20
	var all sync.WaitGroup
	for _, set := range []func(on bool) string{
		byMethod("webhook"), byMethod("redis"), byMethod("media_storage"), byRoute("skipGlobalRabbitMQ"), byRoute("skipGlobalSQS"), byRoute("skipGlobalWebSocket"),
	} {
		all.Go(func() {
			for i := range rounds {
				if problem := set(i%2 == 1); problem != "" {
					t.Error(problem)
					return
				}
			}
		})
	}
	all.Wait()
	got := s.call("session.getSettings", object{"session": "a"})["settings"].(object)["skip_global"]
	if fmt.Sprint(got) != "[amqp media_storage redis sqs webhook websocket]" {
		t.Errorf("a change was lost: %v", got)
	}
	reply := rpctest.PostCall(t, s.url("/v1/rpc"), token, "session.updateSettings", object{"skip_global_flags": object{"pigeon": true}})
	if reply.Error == nil || reply.Error.Code != rpc.CodeInvalidParams || !strings.Contains(string(reply.Error.Data.Details), "/skip_global_flags/pigeon") {
		t.Errorf("an outlet that is none: %+v", reply.Error)
	}
	rpctest.MustCall[object](t, s.url("/v1/rpc"), token, "session.updateSettings", object{"skip_global_flags": object{"redis": nil}})
	if got = s.call("session.getSettings", object{"session": "a"})["settings"].(object)["skip_global"]; !slices.Contains(got.([]any), any("redis")) {
		t.Errorf("null changed a flag: %v", got)
	}
}
