package redis

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
)

// An entry has plain fields that any client can read.
func TestEntry(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL(), Stream: "events:{session}:{event_type}"})
	d := event("shop", 7)
	if err := s.deliver(t, d); err != nil {
		t.Fatal(err)
	}
	d.Replay = true
	if err := s.deliver(t, d); err != nil {
		t.Fatal(err)
	}
	entries, err := reader(t, server).XRange(t.Context(), "events:shop:Message", "-", "+").Result()
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	for field, want := range map[string]string{
		"id": "id-shop-7", "session": "shop", "offset": "7", "type": "Message", "time": "2026-01-01T00:00:00.123Z", "payload": string(d.Body),
	} {
		if got := entries[0].Values[field]; got != want {
			t.Errorf("%s: %v, want %s", field, got, want)
		}
	}
	if _, marked := entries[0].Values["replay"]; marked || entries[1].Values["replay"] != "true" {
		t.Errorf("replay: %v, %v", entries[0].Values["replay"], entries[1].Values["replay"])
	}
	var payload map[string]any
	if err := json.Unmarshal([]byte(entries[1].Values["payload"].(string)), &payload); err != nil || payload["replay"] != true || payload["id"] != "id-shop-7" {
		t.Errorf("%v, %v", payload, err)
	}
	if got := s.Stats(); got.Published != 2 || !got.Connected || got.LastPublish.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestChannel(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL(), Channel: "{session}.{event_type}"})
	listener := reader(t, server).Subscribe(t.Context(), "shop.Message")
	defer listener.Close()
	if _, err := listener.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := event("shop", 1)
	if err := s.deliver(t, d); err != nil {
		t.Fatal(err)
	}
	if m, err := listener.ReceiveMessage(t.Context()); err != nil || m.Payload != string(d.Body) {
		t.Fatal(m, err)
	}
	if n := reader(t, server).DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys, want none", n)
	}
}

// Streams are trimmed in whole nodes of 100 entries.
func TestTrimming(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL(), MaxLen: 100})
	for i := range uint64(1000) {
		if err := s.deliver(t, event("shop", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := reader(t, server).XLen(t.Context(), "waystation:shop").Val(); n < 100 || n > 300 {
		t.Errorf("%d entries of a stream for about 100", n)
	}
}

func TestOversizedAndNotUTF8(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL(), MaxBytes: 1000})
	large := event("shop", 1)
	large.Event.Data = []byte(`{"text":"` + strings.Repeat("x", 2000) + `"}`)
	large.Body = large.Event.Body()
	broken := event("shop", 2)
	broken.Body = []byte("{\"text\":\"a\xff\xfeb\"}")
	for _, d := range []struct {
		text string
		err  error
	}{{"large", s.deliver(t, large)}, {"broken", s.deliver(t, broken)}} {
		if d.err != nil {
			t.Fatal(d.text, d.err)
		}
	}
	entries := reader(t, server).XRange(t.Context(), "waystation:shop", "-", "+").Val()
	want := []string{
		`{"session":"shop","offset":1,"id":"id-shop-1","type":"Message","time":"2026-01-01T00:00:00.123Z","truncated":true}`,
		"{\"text\":\"a\ufffdb\"}",
	}
	for i, w := range want {
		if got := entries[i].Values["payload"]; got != w {
			t.Errorf("%v, want %s", got, w)
		}
	}
	if got := s.Stats().Truncated; got != 1 {
		t.Errorf("%d truncated", got)
	}
}

// The four forms of addresses, with users of their own.
func TestAddresses(t *testing.T) {
	t.Run("user", func(t *testing.T) {
		server := brokertest.Redis(t, brokertest.RedisOptions{User: "way", Password: "s3cret"})
		s := open(t, Config{URL: server.URL()})
		if err := s.deliver(t, event("shop", 1)); err != nil {
			t.Fatal(err)
		}
		report, err := s.Test(t.Context(), "shop")
		if err != nil || strings.Contains(report.Address, "s3cret") || !strings.Contains(report.Address, "way:***@127.0.0.1") {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("tls", func(t *testing.T) {
		server := brokertest.Redis(t, brokertest.RedisOptions{TLS: true, User: "way", Password: "s3cret"})
		s := open(t, Config{URL: server.URL(), TLS: broker.TLS{CAFile: server.CAFile}})
		if err := s.deliver(t, event("shop", 1)); err != nil {
			t.Fatal(err)
		}
		stranger := open(t, Config{URL: server.URL()})
		if err := stranger.deliver(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", brokertest.Meaning(err), err)
		}
	})
	t.Run("sentinel", func(t *testing.T) {
		server := brokertest.Redis(t, brokertest.RedisOptions{})
		watcher := brokertest.Sentinel(t, server, 0)
		s := open(t, Config{URL: "redis+sentinel://" + watcher.Addr() + "/main/0"})
		if err := s.deliver(t, event("shop", 1)); err != nil {
			t.Fatal(err)
		}
		if n := reader(t, server).XLen(t.Context(), "waystation:shop").Val(); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
	t.Run("cluster", func(t *testing.T) {
		nodes := brokertest.Cluster(t, 2, 0)
		s := open(t, Config{URL: "redis+cluster://" + nodes[0].Addr() + "," + nodes[1].Addr()})
		if _, err := s.Test(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if err := s.deliver(t, event(strconv.Itoa(i), 1)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		first, second := reader(t, nodes[0]).DBSize(t.Context()).Val(), reader(t, nodes[1]).DBSize(t.Context()).Val()
		if first == 0 || second == 0 || first+second != 50 {
			t.Errorf("%d and %d streams of 50", first, second)
		}
	})
}

// The reply of Redis decides whether an event is at fault.
func TestRefusals(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{User: "way", Password: "s3cret"})
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "way", Password: "s3cret", DisableIdentity: true})
	defer admin.Close()
	do := func(args ...any) {
		t.Helper()
		if err := admin.Do(context.Background(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	do("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+@read", "+@connection")
	do("SET", "taken", "1")
	at := func(user string) string { return "redis://" + user + "@" + server.Addr() }
	for name, c := range map[string]struct {
		cfg           Config
		outcome, text string
		test          bool // Test sees it too
		reason        broker.Reason
	}{
		"no password":    {Config{URL: "redis://" + server.Addr()}, "unreachable", "password", true, broker.ReasonCredentials},
		"wrong password": {Config{URL: at("way:wrong")}, "unreachable", "refuses the user or the password", true, broker.ReasonCredentials},
		"no right":       {Config{URL: at("reader:s3cret")}, "refused", "refuses the command", true, broker.ReasonCredentials},
		"taken":          {Config{URL: at("way:s3cret"), Stream: "taken"}, "refused", "another kind of data", false, broker.ReasonRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c.cfg)
			err := s.deliver(t, event("shop", 1))
			if brokertest.Meaning(err) != c.outcome || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v", brokertest.Meaning(err), err)
			}
			if got := s.Stats(); got.LastError == "" || got.Failed != 1 || got.Reason != c.reason {
				t.Errorf("%+v", got)
			}
			if _, err := s.Test(t.Context(), "shop"); (err != nil) != c.test {
				t.Errorf("the test of the connection says %v", err)
			}
		})
	}
	t.Run("out of memory", func(t *testing.T) {
		do("CONFIG", "SET", "maxmemory", "1")
		defer do("CONFIG", "SET", "maxmemory", "0")
		s := open(t, Config{URL: at("way:s3cret")})
		if err := s.deliver(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("%s: %v", brokertest.Meaning(err), err)
		}
		if _, err := s.Test(t.Context(), "shop"); err == nil {
			t.Error("the test of the connection sees nothing of it")
		}
	})
}

func TestNobodyThere(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	server.Kill()
	s := open(t, Config{URL: server.URL()})
	if err := s.deliver(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || s.Stats().Connected {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
}

// A Redis that stands still costs its own lanes a timeout, and another Redis nothing.
func TestStall(t *testing.T) {
	const timeout = 2 * time.Second
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	proxy := brokertest.NewProxy(t, server.Addr())
	stalled := open(t, Config{URL: server.URLAt(proxy.Addr), Timeout: timeout})
	other := open(t, Config{URL: server.URL(), Stream: "other"})
	if err := stalled.deliver(t, event("shop", 1)); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			began := time.Now()
			err := stalled.deliver(t, event(strconv.Itoa(i), 1))
			if took := time.Since(began); brokertest.Meaning(err) != "unreachable" || took > 10*timeout {
				t.Errorf("after %v %s: %v", took, brokertest.Meaning(err), err)
			}
		})
	}
	began := time.Now()
	if err := other.deliver(t, event("shop", 1)); err != nil || time.Since(began) > timeout {
		t.Errorf("the other took %v: %v", time.Since(began), err)
	}
	all.Wait()
	proxy.Flow()
	brokertest.Eventually(t, "the end of the stall", func() bool { return stalled.deliver(t, event("shop", 2)) == nil })
}

// A caller that gives up is let go at once, although the pipeline is still under way.
func TestContext(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	proxy := brokertest.NewProxy(t, server.Addr())
	proxy.Stall()
	const timeout = 20 * time.Second
	s := open(t, Config{URL: server.URLAt(proxy.Addr), Timeout: timeout})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	d := event("shop", 1)
	if _, err := s.Deliver(ctx, targetOf(d), d); brokertest.Meaning(err) != "unreachable" || time.Since(began) > timeout*9/10 {
		t.Errorf("after %v %v", time.Since(began), err)
	}
	proxy.Flow() // so that Close need not wait for the pipeline
}

func TestValidate(t *testing.T) {
	good := "redis://127.0.0.1"
	for field, c := range map[string][]Config{
		"url": {
			{},
			{URL: "http://127.0.0.1"},
			{URL: "redis://"},
			{URL: "redis://h:99999"},
			{URL: "redis://a,b"},
			{URL: "redis://h/x"},
			{URL: "redis://u:p%ss@h"},
			{URL: "redis+sentinel://h"},
			{URL: "redis+cluster://a,b/1"},
			{URL: "redis://h?x=1"},
			{URL: "redis://us er:s3cret@h:port"},
		},
		"stream":     {{URL: good, Stream: "{nobody}"}, {URL: good, Stream: "a{"}, {URL: good, Stream: "a}"}, {URL: good, Stream: "a\xff"}},
		"channel":    {{URL: good, Channel: "{session"}},
		"max_len":    {{URL: good, MaxLen: 1 << 50}},
		"timeout":    {{URL: good, Timeout: -1}, {URL: good, Timeout: time.Minute + 1}},
		"pipelines":  {{URL: good, Pipelines: -1}},
		"max_halves": {{URL: good, MaxHalves: -1}},
		"replicas":   {{URL: good, Replicas: -1}, {URL: "redis+cluster://h", Replicas: 1}},
	} {
		for _, cfg := range c {
			err := cfg.Validate()
			if got := brokertest.Problems(err); len(got) != 1 || !got[field] {
				t.Errorf("%+v: %v, want a problem of %s", cfg, err, field)
			} else if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats the password: %v", err)
			}
		}
	}
	for _, address := range []string{
		good, "rediss://u:p%40@h:1/3", "redis+sentinel://u:p@a:1,b/main/2", "rediss+cluster://:p@a:1,[::1]:2", "redis://[::1]:7000/", "redis://:p%2F%23@h",
	} {
		if err := (Config{URL: address, Stream: "{{x}}:{session}", Channel: "{event_type}"}).Validate(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{URL: "rediss://h", TLS: broker.TLS{CAFile: notPEM}}); !brokertest.Problems(err)["tls_ca_file"] {
		t.Errorf("%v", err)
	}
}
