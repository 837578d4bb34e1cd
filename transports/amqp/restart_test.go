package amqp

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/brokertest"
)

// The broker is killed, disconnected and rejecting in the middle: each session's events arrive in order, none is missing, few are repeated.
func TestRestart(t *testing.T) {
	const sessions, each = 10, 300
	server := brokertest.RabbitMQ(t)
	proxy := brokertest.NewProxy(t, server.Addr())
	cfg := config(t, server.URLAt(proxy.Addr))
	cfg.Queue = name(t, "all")
	s := open(t, cfg)
	run := brokertest.NewRun(t, s, sessions)
	for round := range 3 {
		run.Append(each/3, 50)
		switch round {
		case 0:
			proxy.Cut()
		case 1:
			server.Kill()
			server.Start(t)
		case 2:
			proxy.Refuse()
			proxy.Accept(t)
		}
	}
	run.Await(sessions * each)
	var ledger brokertest.Ledger
	messages, err := channel(t, server).ConsumeWithContext(t.Context(), cfg.Queue, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	brokertest.Eventually(t, "all events", func() bool {
		drain(messages, &ledger)
		return ledger.Total() >= sessions*each
	})
	duplicates := ledger.Check(t, sessions, each)
	t.Logf("%d events, %d came twice", sessions*each, duplicates)
	if duplicates > sessions*3 { // one a lane and trouble
		t.Errorf("%d duplicates", duplicates)
	}
}

func drain(messages <-chan amqp.Delivery, ledger *brokertest.Ledger) {
	for {
		select {
		case m := <-messages:
			enter(ledger, &m)
		default:
			return
		}
	}
}
