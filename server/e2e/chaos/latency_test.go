package chaos

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestLoadLatency measures the time from the peer's sending of a message to its event on a client's socket: through the network's
// encryption, whatsmeow, the stores and the journal, which have written it to disk by then.
func TestLoadLatency(t *testing.T) {
	testkit.MeasuresSpeed(t)
	const session, own, peer, limit = "latency", "15550120001", "15550120002", 250 * time.Millisecond
	messages := testkit.ChooseSize(120, 400)
	network, root := e2etest.StartSandbox(t)
	server := e2etest.StartServer(t, testkit.FreeAddress(t), network, root, t.TempDir(), filepath.Join(t.TempDir(), "waystation.db"))
	e2etest.PairSession(t, server, network, session, own)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)
	feed := e2etest.FollowEvents(t, server, session)
	took := make([]time.Duration, messages)
	pace := time.NewTicker(time.Second / 40) // the network's rate limit is 50 calls a second
	defer pace.Stop()
	for i := range took {
		<-pace.C
		text := fmt.Sprintf("latency-%d", i)
		began := time.Now()
		e2etest.MustCall(t, network.Addr, "sandbox.send", object{"account": peer, "to": own, "content": object{"type": "text", "text": text}}, nil)
		feed.Await(t, "Message", object{"text": text})
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	p50, p99 := took[messages/2], took[messages*99/100]
	t.Logf("%d messages, at most 40 a second: p50 %.1f ms, p99 %.1f ms", messages, ms(p50), ms(p99))
	if p50 > limit {
		t.Errorf("half of the messages take more than %s", limit)
	}
	e2etest.CheckNetwork(t, network)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
