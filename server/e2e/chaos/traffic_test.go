package chaos

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// traffic is a phone that writes to the sessions hookSession(0) and following, one after the other.
type traffic struct {
	network  *e2etest.Process
	sessions int
	messages int // written, or being written
}

const trafficPeer = "15550409999"

func newTraffic(t *testing.T, network *e2etest.Process, sessions int) *traffic {
	t.Helper()
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": trafficPeer, "push_name": "Peer"}, nil)
	return &traffic{network: network, sessions: sessions}
}

// write sends messages evenly over a period; wait returns after the last one.
func (m *traffic) write(t *testing.T, messages int, over time.Duration) (wait func()) {
	first := m.messages
	m.messages += messages
	var writing sync.WaitGroup
	writing.Go(func() {
		each := time.NewTicker(over / time.Duration(messages))
		defer each.Stop()
		for i := first; i < first+messages; i++ {
			<-each.C
			err := e2etest.CallMethod(m.network.Addr, "sandbox.send", object{
				"account": trafficPeer, "to": hookNumber(i % m.sessions), "content": object{"type": "text", "text": fmt.Sprintf("m-%d", i)},
			}, nil)
			if err != nil {
				t.Errorf("message %d: %v", i, err)
				return
			}
		}
	})
	return writing.Wait
}

// writeDuring sends messages while one trouble after the other happens, and kills the server after each of the first ones. restart kills the server and
// starts it again.
func (m *traffic) writeDuring(t *testing.T, messages, rounds, kills int, phase time.Duration, troubles []func(), restart func()) {
	t.Helper()
	written := m.write(t, messages, time.Duration(rounds)*2*phase)
	for round := range rounds {
		troubles[round%len(troubles)]()
		if round < kills {
			pause(rand.N(phase / 15)) // during the delivery of the backlog
			restart()
		}
	}
	written()
}

// journals returns every session's whole journal, up to the last message that was written to it.
func (m *traffic) journals(t *testing.T, server *e2etest.Process) (journals map[string][]e2etest.Event, total int) {
	t.Helper()
	journals = map[string][]e2etest.Event{}
	for i := range m.sessions {
		name := hookSession(i)
		testkit.Within(t, time.Minute, name+" is connected again", func() bool { return e2etest.IsConnected(server, name) })
		want, texts := (m.messages-i+m.sessions-1)/m.sessions, map[string]bool{}
		journals[name] = e2etest.ReadHistory(t, server, name, 2*time.Minute, func(all []e2etest.Event) bool {
			if len(all) > 0 {
				if e := all[len(all)-1]; e.Type == "Message" && !e.Data.FromMe {
					texts[e.Data.Text] = true
				}
			}
			return len(texts) >= want
		})
		total += len(journals[name])
	}
	return journals, total
}
