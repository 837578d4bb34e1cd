package sqs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
)

// A server is killed while events flow and restarts with its queues: each has every event once and in order, including unanswered ones.
func TestKilled(t *testing.T) {
	const sessions, each, kills = 10, 120, 3
	server := brokertest.SQS(t)
	s := created(t, "way-{session}.fifo", server.URL())
	run := brokertest.NewRun(t, s, sessions)
	for i := range uint64(kills) {
		run.Append(each/kills, 50)
		brokertest.Eventually(t, "some events", func() bool { return run.Stats()[0].Delivered > i*sessions*each/kills })
		server.Kill()
		server.Start(t)
	}
	run.Await(sessions * each)
	var ledger brokertest.Ledger
	brokertest.Eventually(t, "all events", func() bool {
		for i := range sessions {
			s.read(t, fmt.Sprintf("way-session-%d.fifo", i), &ledger)
		}
		return ledger.Total() >= sessions*each
	})
	if twice := ledger.Check(t, sessions, each); twice != 0 {
		t.Errorf("%d events came twice", twice)
	}
}

// A server is killed and restarts without its queues. Events are held until the queues exist again, created by the sink or by the operator, and then
// arrive in order; earlier messages had been received.
func TestKilledWithoutQueues(t *testing.T) {
	const sessions, each = 4, 40
	for name, create := range map[string]bool{"made by the sink": true, "made by the operator": false} {
		t.Run(name, func(t *testing.T) {
			server := brokertest.SQS(t)
			queue := func(i int) string { return fmt.Sprintf("way-session-%d.fifo", i) }
			direct := created(t, "unused", server.URL())
			cfg := setup("way-{session}.fifo", server.URL())
			cfg.Create = create
			s := open(t, cfg)
			prepare := func() {
				if create {
					return
				}
				for i := range sessions {
					if _, err := direct.createQueue(t.Context(), queue(i)); err != nil {
						t.Fatal(err)
					}
				}
			}
			var ledger brokertest.Ledger
			take := func(want int) {
				t.Helper()
				brokertest.Eventually(t, fmt.Sprintf("%d events", want), func() bool {
					for i := range sessions {
						direct.read(t, queue(i), &ledger)
					}
					return ledger.Total() >= want
				})
			}

			prepare()
			run := brokertest.NewRun(t, s, sessions)
			run.Append(each, 50)
			take(sessions * each)
			run.Await(sessions * each)

			server.Kill()
			run.Append(each, 50)
			brokertest.Eventually(t, "a server that is away", func() bool { return run.Stats()[0].Failures["unreachable"] >= 5 })
			if st := s.Stats(); st.Connected || st.Reason != broker.ReasonUnreachable {
				t.Errorf("%+v", st)
			}
			server.Forget(t)
			server.Start(t)
			if !create {
				brokertest.Eventually(t, "refusals", func() bool { return run.Stats()[0].Failures["refused"] >= 5 })
				if st := s.Stats(); !st.Connected || st.Reason != broker.ReasonMissing || !strings.Contains(st.LastError, "the queue is not there") {
					t.Errorf("%+v", st)
				}
				if delivered := run.Stats()[0].Delivered; delivered != sessions*each {
					t.Errorf("%d deliveries while there is no queue", delivered-sessions*each)
				}
			}
			prepare()
			take(2 * sessions * each)
			run.Await(2 * sessions * each)
			if twice := ledger.Check(t, sessions, 2*each); twice != 0 {
				t.Errorf("%d events came twice", twice)
			}
		})
	}
}
