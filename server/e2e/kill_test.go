package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestKilledServerLosesNoMessage kills the server repeatedly while a peer writes: at the end the journal has
// every message exactly once, with consecutive offsets, and a named consumer that
// ran the whole time has received each at least once and in order.
func TestKilledServerLosesNoMessage(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) { killWhileReceiving(t, database, 2000, 12) })
}

func killWhileReceiving(t *testing.T, database string, messages, kills int) {
	const session, own, peer = "kill", "15550100001", "15550100002"
	network, root := startSandbox(t)
	dataDir, addr := t.TempDir(), freeAddress(t)
	server := startServer(t, addr, network, root, dataDir, database)
	pair(t, server, network, session, own)
	must(t, network.addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)

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
					server.kill()
				}()
			}
			must(t, network.addr, "sandbox.send", object{
				"account": peer, "to": own, "content": object{"type": "text", "text": fmt.Sprintf("m-%d", k*stretch+i)},
			}, nil)
		}
		<-killed
		server = startServer(t, addr, network, root, dataDir, database)
		reader.stored(t) // fails when it went back
		eventually(t, 60*time.Second, "the session is connected again", func() bool { return connected(server, session) })
	}

	seen := map[string]int{}
	counted := 0
	all := history(t, server, session, 60*time.Second, func(all []event) bool {
		for ; counted < len(all); counted++ {
			if e := all[counted]; e.Type == "Message" && !e.Data.FromMe {
				seen[e.Data.Text]++
			}
		}
		return len(seen) >= messages
	})
	for i, e := range all {
		if e.Offset != uint64(i+1) {
			t.Fatalf("event %d has offset %d: a hole", i, e.Offset)
		}
	}
	for i := range messages {
		if n := seen[fmt.Sprintf("m-%d", i)]; n != 1 {
			t.Errorf("message m-%d is in the journal %d times", i, n)
		}
	}
	ids := reader.await(t, len(all))
	for i, e := range all {
		if ids[i] != e.ID {
			t.Errorf("event %d is %s in the journal; the consumer received %s", e.Offset, e.ID, ids[i])
		}
	}
	offset := reader.stored(t)
	if offset > reader.asked {
		t.Errorf("the stored cursor is at %d, and %d were acknowledged", offset, reader.asked)
	}
	t.Logf("%d messages, %d kills, %d events in the journal; the consumer connected %d times, had %d events more than once and is stored at %d",
		messages, kills, len(all), reader.hellos, reader.repeated, offset)
	checkNetwork(t, network)
}
