package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/database/dbtest"
)

// A peer writes while the server is killed again and again: the journal ends with
// every message exactly once, under offsets without a hole.
func TestKilledServerLosesNoMessage(t *testing.T) {
	for _, c := range []struct {
		name     string
		database func(t *testing.T) string
	}{
		{"sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "waystation.db") }},
		{"postgres", func(t *testing.T) string { return dbtest.Postgres(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			killWhileReceiving(t, c.database(t), 500, 5)
		})
	}
}

func killWhileReceiving(t *testing.T, database string, messages, kills int) {
	const session, own, peer = "kill", "15550100001", "15550100002"
	network, root := startSandbox(t)
	dataDir, addr := t.TempDir(), freeAddress(t)
	server := startServer(t, addr, network, root, dataDir, database)
	pair(t, server, network, session, own)
	must(t, network.addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)

	// The peer sends in five stretches; somewhere inside each the server dies.
	stretch := messages / kills
	for k := range kills {
		killAfter := rand.IntN(stretch * 3 / 4)
		killed := make(chan struct{})
		for i := range stretch {
			if i == killAfter {
				go func() { defer close(killed); server.kill() }()
			}
			must(t, network.addr, "sandbox.send", object{
				"account": peer, "to": own, "content": object{"type": "text", "text": fmt.Sprintf("m-%d", k*stretch+i)},
			}, nil)
		}
		<-killed
		server = startServer(t, addr, network, root, dataDir, database)
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
	t.Logf("%d messages, %d kills, %d events in the journal", messages, kills, len(all))
	checkNetwork(t, network)
}
