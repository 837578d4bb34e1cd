package amqp

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/brokertest"
)

// limited is a sink of a user with the password of the same name, and how often it connected.
func limited(t *testing.T, server *brokertest.RabbitMQServer, user, host string, cfg Config) (*Sink, *atomic.Int64) {
	dials := new(atomic.Int64)
	cfg.URL = "amqp://" + user + ":" + user + "@" + server.Addr() + "/" + host
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return open(t, cfg), dials
}

// A user without a right for one session, or for all: the error reports it, other sessions continue over the same connection, and waiting events
// arrive in order when the right is granted.
func TestRights(t *testing.T) {
	const sessions, each = 4, 50
	server := brokertest.RabbitMQ(t)
	for _, c := range []struct {
		name, code   string
		lacking      func(names string) brokertest.Rights
		all          bool // no session has the right
		reconnecting bool // a message is refused, for which the broker closes the channel
	}{
		{name: "declare", code: "403", lacking: func(names string) brokertest.Rights {
			return brokertest.Rights{Configure: "^" + names + "(exchange|session-[^0].*)$", Write: brokertest.All, Read: brokertest.All}
		}},
		{name: "bind", code: "403", all: true, lacking: func(string) brokertest.Rights {
			return brokertest.Rights{Configure: brokertest.All, Write: brokertest.All, Read: brokertest.None}
		}},
		{name: "anything", code: "403", all: true, lacking: func(string) brokertest.Rights {
			return brokertest.Rights{Configure: brokertest.None, Write: brokertest.None, Read: brokertest.None}
		}},
		{name: "publish", code: "403", reconnecting: true, lacking: func(string) brokertest.Rights {
			return brokertest.Rights{Configure: brokertest.All, Write: brokertest.All, Read: brokertest.All, Keys: `^whatsapp\.session-[^0]`}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time goes by in rabbitmqctl
			names := name(t, "")
			rights := c.lacking(strings.ReplaceAll(names, ".", `\.`))
			rights.Exchange = names + "exchange"
			server.SetUser(t, c.name, rights)
			s, dials := limited(t, server, c.name, "", config(t, ""))
			run := brokertest.NewRun(t, s, sessions)
			run.Append(each, 50)
			free := (sessions - 1) * each
			if c.all {
				free = 0
			}
			run.Await(free)
			brokertest.Eventually(t, "refusals", func() bool { return run.Stats()[0].Failures["refused"] >= 10 })
			if st := run.Stats()[0]; st.DeadLetters != 0 || st.OpenBreakers == 0 || st.Delivered != uint64(free) || st.Failures["unreachable"] != 0 {
				t.Errorf("%+v", st)
			}
			if st := s.Stats(); !strings.Contains(st.LastError, c.code) || !st.Connected {
				t.Errorf("%+v", st)
			}
			if n := dials.Load(); n > 2 || n > 1 && !c.reconnecting {
				t.Errorf("connected %d times", n)
			}
			all := brokertest.Rights{Configure: brokertest.All, Write: brokertest.All, Read: brokertest.All, Exchange: names + "exchange", Keys: brokertest.All}
			server.SetUser(t, c.name, all)
			run.Await(sessions * each)
			var ledger brokertest.Ledger
			ch := channel(t, server)
			for i := range sessions {
				queue := names + "session-" + string(rune('0'+i)) + ".Message"
				t.Cleanup(func() { // existing objects may be used without a right to declare them
					if _, err := channel(t, server).QueueDelete(queue, false, false, false); err != nil {
						t.Error(err)
					}
				})
				for m, more, err := ch.Get(queue, true); more; m, more, err = ch.Get(queue, true) {
					if err != nil {
						t.Fatal(err)
					}
					enter(&ledger, &m)
				}
			}
			if twice := ledger.Check(t, sessions, each); twice > sessions {
				t.Errorf("%d events came twice", twice)
			}
		})
	}
}

// A user with the least rights can do everything: it declares its own objects, or uses ones declared by another user.
func TestLeastRights(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	own, theirs, noQueue := config(t, ""), config(t, ""), config(t, "")
	own.Queue, theirs.Queue, noQueue.Queue = name(t, "own.queue"), name(t, "queue"), ""
	own.Exchange = name(t, "own.exchange")
	made := theirs
	made.URL, made.MaxLength = server.URL(), 7
	open(t, made).must(t, event("shop", 1))
	only := func(what string) string { return "^" + strings.ReplaceAll(name(t, what), ".", `\.`) }
	for user, c := range map[string]struct {
		cfg    Config
		rights brokertest.Rights
	}{
		"declares": {own, brokertest.Rights{Configure: only("own"), Write: only("own"), Read: only("own")}},
		"binds":    {theirs, brokertest.Rights{Configure: brokertest.None, Write: only(""), Read: only("")}},
		"writes":   {noQueue, brokertest.Rights{Configure: brokertest.None, Write: only("exchange"), Read: brokertest.None}},
	} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			server.SetUser(t, user, c.rights)
			s, _ := limited(t, server, user, "", c.cfg)
			s.must(t, event("shop", 1))
			if report, err := s.Test(t.Context(), "shop"); err != nil || !report.ExchangeExists || !report.QueueExists && c.cfg.Queue != "" {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// A test of the connection finds a right to publish that is missing, for the session that asks, and publishes nothing.
func TestRightsAreTested(t *testing.T) {
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.Queue = name(t, "queue")
	open(t, cfg).must(t, event("shop", 1))
	c := channel(t, server)
	get(t, c, cfg.Queue)
	all := brokertest.Rights{Configure: brokertest.All, Write: brokertest.All, Read: brokertest.All, Exchange: cfg.Exchange, Keys: `^whatsapp\.shop`}
	none := all
	none.Write = brokertest.None
	for user, rights := range map[string]brokertest.Rights{"may": all, "may-not": none} {
		server.SetUser(t, user, rights)
		s, _ := limited(t, server, user, "", cfg)
		for session, want := range map[string]bool{"shop": user == "may", "office": false} {
			if _, err := s.Test(t.Context(), session); (err == nil) != want || err != nil && (brokertest.Meaning(err) != "refused" || !strings.Contains(err.Error(), "403")) {
				t.Errorf("%s, %s: %v", user, session, err)
			}
		}
	}
	if m, more, err := c.Get(cfg.Queue, true); more || err != nil {
		t.Errorf("%+v was published, %v", m, err)
	}
	if _, err := c.QueueDelete(cfg.Queue, false, false, false); err != nil {
		t.Error(err)
	}
}

// An exchange or a queue deleted under a running sink is declared again with the next events.
func TestDeletedWhileRunning(t *testing.T) {
	const sessions, each = 4, 30
	server := brokertest.RabbitMQ(t)
	cfg := config(t, server.URL())
	cfg.Queue = name(t, "queue")
	s := open(t, cfg)
	run := brokertest.NewRun(t, s, sessions)
	run.Append(each, 50)
	run.Await(sessions * each)
	c := channel(t, server)
	for round, remove := range []func() error{
		func() error { return c.ExchangeDelete(cfg.Exchange, false, false) },
		func() error { _, err := c.QueuePurge(cfg.Queue, false); return err },
		func() error { _, err := c.QueueDelete(cfg.Queue, false, false, false); return err },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		run.Append(each, 50)
		run.Await((round + 2) * sessions * each)
	}
	got := map[string]int{}
	for m, more, err := c.Get(cfg.Queue, true); more; m, more, err = c.Get(cfg.Queue, true) {
		if err != nil {
			t.Fatal(err)
		}
		got[m.MessageId]++
	}
	if len(got) != sessions*each {
		t.Errorf("%d events in the queue that was made anew, want %d", len(got), sessions*each)
	}
	t.Logf("failures %v", run.Stats()[0].Failures)
}

// A virtual host that is created later receives the waiting events.
func TestVirtualHostMadeLater(t *testing.T) {
	const each = 10
	server := brokertest.RabbitMQ(t)
	s, _ := limited(t, server, "guest", "later", config(t, ""))
	run := brokertest.NewRun(t, s, 1)
	run.Append(each, 50)
	brokertest.Eventually(t, "an error", func() bool {
		st := s.Stats()
		return !st.Connected && strings.Contains(st.LastError, "530") && run.Stats()[0].OpenBreakers == 1
	})
	server.Control(t, "eval", `rabbit_vhost:add(<<"later">>, <<"test">>), ok = rabbit_auth_backend_internal:set_permissions(<<"guest">>,<<"later">>,<<".*">>,<<".*">>,<<".*">>,<<"test">>).`)
	run.Await(each)
	server.Control(t, "delete_vhost", "later")
}

func enter(ledger *brokertest.Ledger, m *amqp.Delivery) {
	ledger.Add(m.Headers["session"].(string), uint64(m.Headers["offset"].(int64)), m.MessageId)
}
