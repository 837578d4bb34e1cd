package chaos

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestLoadWebhookIsolation measures the time from an event's commit to its receiver, while another session's webhook on the same host answers, and
// while it never answers. Rounds of both alternate, so that other load on the machine affects both; it may still affect one of
// them only, so a failed comparison is repeated up to two times.
func TestLoadWebhookIsolation(t *testing.T) {
	if !testkit.FullSize() {
		t.Skip("needs full speed; make load runs it")
	}
	const sessions, rounds, tries, perRound, peer = 50, 4, 3, 1000, "15550409999"
	network, root := e2etest.StartSandbox(t)
	server := e2etest.StartServer(t, testkit.FreeAddress(t), network, root, t.TempDir(), filepath.Join(t.TempDir(), "waystation.db"), e2etest.HookSettings...)
	receiver := newHooks(t)
	receiver.start(t)
	for i := range sessions {
		pairWithHook(t, server, network, hookSession(i), hookNumber(i), receiver.url(hookSession(i)))
	}
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)
	last := hookSession(sessions - 1)
	round := func(m receiverMood) (lags []time.Duration) {
		receiver.setMoodAt(last, m)
		seen := map[string]int{}
		for i := range sessions - 1 {
			seen[hookSession(i)] = len(receiver.taken(hookSession(i)))
		}
		pace := time.NewTicker(time.Second / 100)
		defer pace.Stop()
		for i := range perRound {
			<-pace.C
			e2etest.MustCall(t, network.Addr, "sandbox.send", object{
				"account": peer, "to": hookNumber(i % sessions), "content": object{"type": "text", "text": "Hello"},
			}, nil)
		}
		for name, before := range seen {
			testkit.Within(t, 30*time.Second, name+" is told", func() bool { return len(receiver.taken(name)) >= before+perRound/sessions })
			for _, one := range receiver.taken(name)[before:] {
				lags = append(lags, one.lag)
			}
		}
		return lags
	}
	round(well) // the first messages open sessions and connections
	for range tries {
		lags := map[receiverMood][]time.Duration{}
		for range rounds {
			for _, m := range []receiverMood{well, hanging} {
				lags[m] = append(lags[m], round(m)...)
				receiver.setMoodAt(last, well)
			}
		}
		for _, list := range lags {
			slices.Sort(list)
		}
		p50 := func(m receiverMood) time.Duration { return lags[m][len(lags[m])/2] }
		p99 := func(m receiverMood) time.Duration { return lags[m][len(lags[m])*99/100] }
		t.Logf("delivery lag of %d sessions: p50 %.1f ms, p99 %.1f ms; while the webhook of another hangs: p50 %.1f ms, p99 %.1f ms (%d and %d events)",
			sessions-1, ms(p50(well)), ms(p99(well)), ms(p50(hanging)), ms(p99(hanging)), len(lags[well]), len(lags[hanging]))
		if p99(hanging) <= p99(well)*3/2+time.Millisecond { // ids count milliseconds
			return
		}
	}
	t.Errorf("a webhook that hangs delays the others, %d times", tries)
}
