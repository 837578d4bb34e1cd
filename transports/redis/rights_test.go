package redis

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

// A user without a right for one session's names, or the right to write at all: the error reports it, other sessions continue, and waiting events
// arrive once, in order, when the right is granted.
func TestRights(t *testing.T) {
	const (
		sessions, each = 3, 50
		connect        = "on >s3cret resetkeys resetchannels -@all +@connection "
		first          = "waystation:session-0"
		others         = "waystation:session-[^0]*"
	)
	server := brokertest.Redis(t, brokertest.RedisOptions{User: "root", Password: "root"})
	for name, c := range map[string]struct {
		lacking, given string // rules of the user
		channels, all  bool   // a channel is written to as well; no session has the right
	}{
		"command":     {lacking: "~* &* +publish", given: "~* &* +xadd", all: true},
		"key":         {lacking: "~" + others + " +xadd", given: "~* +xadd"},
		"channel":     {lacking: "~* &" + others + " +xadd +publish", given: "~* &* +xadd +publish", channels: true},
		"any channel": {lacking: "~* &* +xadd", given: "~* &* +xadd +publish", channels: true, all: true},
	} {
		t.Run(name, func(t *testing.T) {
			server.Do(t, "FLUSHALL")
			server.Do(t, "ACL SETUSER limited "+connect+c.lacking)
			cfg := Config{URL: "redis://limited:s3cret@" + server.Addr(), Stream: DefaultStream}
			if c.channels {
				cfg.Channel = DefaultStream
			}
			s := open(t, cfg)
			run := brokertest.NewRun(t, s, sessions)
			run.Append(each, 50)
			free := (sessions - 1) * each
			if c.all {
				free = 0
			}
			run.Await(free)
			brokertest.Eventually(t, "refusals", func() bool { return run.Stats()[0].Failures["refused"] >= 5 })
			if st := run.Stats()[0]; st.DeadLetters != 0 || st.OpenBreakers == 0 || st.Delivered != uint64(free) || st.Failures["unreachable"] != 0 {
				t.Errorf("%+v", st)
			}
			if st := s.Stats(); !strings.Contains(st.LastError, "NOPERM") || strings.Contains(st.LastError, "s3cret") || !st.Connected {
				t.Errorf("%+v", st)
			}
			server.Do(t, "ACL SETUSER limited "+connect+c.given)
			run.Await(sessions * each)
			admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "root", Password: "root", DisableIdentity: true})
			defer admin.Close()
			var ledger brokertest.Ledger
			follow(t, admin, sessions, &ledger, func() bool { return ledger.Total() >= sessions*each })
			if twice := ledger.Check(t, sessions, each); twice != 0 {
				t.Errorf("%d events are there twice", twice)
			}
			if n := admin.XLen(t.Context(), first).Val(); n != each {
				t.Errorf("%d entries, want %d", n, each)
			}
			if st := run.Stats()[0]; st.OpenBreakers != 0 || st.DeadLetters != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// A sink remembers of so many sessions that an event is in their stream and not in their channel. One that it had to forget is
// in the stream twice.
func TestMaxHalves(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{User: "root", Password: "root"})
	server.Do(t, "ACL SETUSER limited on >s3cret ~* &* -@all +@connection +xadd")
	s := open(t, Config{URL: "redis://limited:s3cret@" + server.Addr(), Stream: "{session}", Channel: "{session}", MaxHalves: 2})
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "root", Password: "root", DisableIdentity: true})
	defer admin.Close()
	for i, step := range []struct {
		session string
		entries int64
	}{{"a", 1}, {"b", 1}, {"a", 1}, {"b", 1}, {"c", 1}, {"c", 1}, {"a", 2}, {"a", 2}, {"c", 1}} {
		to := dispatch.Target{Transport: Transport, ID: step.session, Session: step.session}
		if _, err := s.Deliver(t.Context(), to, event(step.session, 1)); brokertest.Meaning(err) != "refused" {
			t.Fatalf("%d: %v", i, err)
		}
		if n := admin.XLen(t.Context(), step.session).Val(); n != step.entries {
			t.Errorf("%d: the stream of %s has %d entries, want %d", i, step.session, n, step.entries)
		}
	}
}

// A test of the connection finds a right that is missing, for the session that asks, and publishes nothing.
func TestRightsAreTested(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{User: "root", Password: "root"})
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "root", Password: "root", DisableIdentity: true})
	defer admin.Close()
	heard := admin.PSubscribe(t.Context(), "*")
	defer heard.Close()
	if _, err := heard.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rules string
		taken bool
	}{
		"all":             {"~waystation:shop* &waystation:shop* +xadd +publish +multi +discard", true},
		"another stream":  {"~waystation:other &* +xadd +publish +multi +discard", false},
		"another channel": {"~* &waystation:other +xadd +publish +multi +discard", false},
		"no PUBLISH":      {"~* &* +xadd +multi +discard", false},
		"no transactions": {"~* &* +xadd +publish", true},
	} {
		server.Do(t, "ACL SETUSER limited reset on >s3cret -@all +@connection "+c.rules)
		s := open(t, Config{URL: "redis://limited:s3cret@" + server.Addr(), Stream: DefaultStream, Channel: DefaultStream})
		if _, err := s.Test(t.Context(), "shop"); (err == nil) != c.taken || err != nil && brokertest.Meaning(err) != "refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := admin.Publish(t.Context(), "end", "").Err(); err != nil {
		t.Fatal(err)
	}
	if m, err := heard.ReceiveMessage(t.Context()); err != nil || m.Channel != "end" {
		t.Errorf("published to %v, %v", m, err)
	}
	if n := admin.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}
