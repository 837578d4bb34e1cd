package chaos

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestKilledServerLosesNoMessage kills the server repeatedly while a peer writes: at the end the journal has
// every message exactly once, with consecutive offsets, and a named consumer that
// ran the whole time has received each at least once and in order.
func TestKilledServerLosesNoMessage(t *testing.T) {
	dbtest.OnEach(t, func(t *testing.T, database string) { killWhileReceiving(t, database, 2000, 12) })
}

func killWhileReceiving(t *testing.T, database string, messages, kills int) {
	const session, own, peer = "kill", "15550100001", "15550100002"
	network, root := e2etest.StartSandbox(t)
	dataDir, addr := t.TempDir(), testkit.FreeAddress(t)
	server := e2etest.StartServer(t, addr, network, root, dataDir, database)
	e2etest.PairSession(t, server, network, session, own)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)

	reader := consume(t, server, "reader", session)

	// The peer sends in stretches; the server is killed during each of them.
	stretch := (messages + kills - 1) / kills
	for k := range kills {
		killAfter := rand.IntN(stretch * 3 / 4)
		moment := rand.N(50 * time.Millisecond)
		killed := make(chan struct{})
		for i := range min(stretch, messages-k*stretch) {
			if i == killAfter {
				go func() {
					defer close(killed)
					<-time.After(moment)
					server.Kill()
				}()
			}
			e2etest.MustCall(t, network.Addr, "sandbox.send", object{
				"account": peer, "to": own, "content": object{"type": "text", "text": fmt.Sprintf("m-%d", k*stretch+i)},
			}, nil)
		}
		<-killed
		server = e2etest.StartServer(t, addr, network, root, dataDir, database)
		reader.stored(t) // fails when it went back
		testkit.Within(t, 60*time.Second, "the session is connected again", func() bool { return e2etest.IsConnected(server, session) })
	}

	all := reader.checkJournal(t, server, session, messages, 60*time.Second)
	offset := reader.stored(t)
	if offset > reader.asked {
		t.Errorf("the stored cursor is at %d, and %d were acknowledged", offset, reader.asked)
	}
	t.Logf("%d messages, %d kills, %d events in the journal; the consumer connected %d times, had %d events more than once and is stored at %d",
		messages, kills, len(all), reader.hellos, reader.repeated, offset)
	e2etest.CheckNetwork(t, network)
}
